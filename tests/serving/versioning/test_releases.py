import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tensorflow.core.protobuf import saved_model_pb2

from keras_ptft import files
from keras_ptft.errors import DiskError, UserError
from keras_ptft.serving.versioning.labels import version_labels
from keras_ptft.serving.versioning.releases import promote, settle
from keras_ptft.serving.versioning.rollback import rollback
from keras_ptft.serving.versioning.versions import FACTS, publish, versions
from tests.serving.small_versions import graph, publish_small, write_version

LOOKS = 1000
# each process publishes a copy of a version and labels it, eight times
PUBLISHING = """
import pathlib, shutil, sys
from keras_ptft.serving.versioning.releases import settle
from keras_ptft.serving.versioning.versions import new_folder, publish
base, version = map(pathlib.Path, sys.argv[1:])
for _ in range(8):
    partial = new_folder(base)
    shutil.copytree(version, partial, dirs_exist_ok=True)
    settle(base, int(publish(partial, base).name), keep=4)
"""
# killed once a version is published, or once one is renamed to be removed
KILLED = """
import os, pathlib, shutil, signal, sys
from keras_ptft.serving.versioning import releases, versions
base, version, function = sys.argv[1:]
base = pathlib.Path(base)
def killed(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if function == "rmtree":
    shutil.rmtree = killed
else:
    releases.update_labels = killed
partial = versions.new_folder(base)
versions.copy_into(partial, pathlib.Path(version))
path = versions.publish(partial, base)
releases.settle(base, int(path.name), keep=1)
"""


def numbers(base):
    return [int(path.name) for path in versions(base)]


def release_of(path):
    return files.read_json(path / FACTS)["release"]


def test_the_version_before_is_served_again(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    for name in "abc":
        publish_small(tmp_path, source={"run": name})
    path = rollback(tmp_path)
    assert path == tmp_path / "4" and numbers(tmp_path) == [1, 2, 3, 4]
    assert caplog.messages == [
        f"Published version 2 once more, as {path}; version 3 stays."
    ]
    assert files.read_json(path / FACTS)["source"] == {"run": "b"}
    assert release_of(path) == {"canary": False, "rollback_of": 2}
    assert (path / "saved_model.pb").read_bytes() == graph()
    assert sorted(p.name for p in path.iterdir()) == [
        "assets.extra",
        "saved_model.pb",
        "variables",
    ]
    # that it shares with its origin, which tells what it told
    assert (path / "saved_model.pb").stat().st_nlink == 2
    assert release_of(tmp_path / "2") == {"canary": False}


def test_a_server_is_started_for_the_version_that_is_served_again(tmp_path):
    scores = {"inputs": {"image": {"dtype": "uint8", "shape": [None]}}}
    client = {"signatures": {"serving_default": scores | {"outputs": []}}}
    for most in (7, 64):
        publish_small(tmp_path, client=client, intake={"largest_batch": most})
    code = (
        "import sys\n"
        "from keras_ptft.serving.versioning.rollback import rollback\n"
        "rollback(sys.argv[1]); print('tensorflow' in sys.modules)"
    )
    command = [sys.executable, "-c", code, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    # a larger batch would be refused
    batching = (tmp_path / "serving/batching.config").read_text()
    assert "max_batch_size { value: 7 }" in batching
    assert "python 3/assets" in (tmp_path / "serving/README.md").read_text()


def test_what_was_rolled_back_does_not_come_again(tmp_path):
    for _ in range(3):
        publish_small(tmp_path)
    assert release_of(rollback(tmp_path))["rollback_of"] == 2
    assert release_of(rollback(tmp_path))["rollback_of"] == 1
    with pytest.raises(UserError, match=r"before version 1, found none: name"):
        rollback(tmp_path)
    # unless it is named; a copy of a copy is one of the first
    assert release_of(rollback(tmp_path, to=3))["rollback_of"] == 3
    assert release_of(rollback(tmp_path, to=4))["rollback_of"] == 2
    publish_small(tmp_path)
    assert release_of(rollback(tmp_path))["rollback_of"] == 2
    assert numbers(tmp_path) == list(range(1, 10))


def test_a_canary_is_given_up_for_the_stable_one(tmp_path):
    publish_small(tmp_path)
    publish_small(tmp_path)
    publish_small(tmp_path, canary=True)
    path = rollback(tmp_path)
    assert release_of(path) == {"canary": False, "rollback_of": 2}
    assert version_labels(tmp_path) == {"stable": 4, "canary": 4}
    # a canary that never was stable is passed over
    publish_small(tmp_path)
    assert release_of(rollback(tmp_path))["rollback_of"] == 2
    assert version_labels(tmp_path) == {"stable": 6, "canary": 6}


def test_what_the_clients_of_the_newest_lose_is_said(tmp_path, caplog):
    contract = {"signatures": {"a": {"inputs": {}, "outputs": {}}}}
    publish_small(tmp_path, contract={"signatures": {}})
    publish_small(tmp_path, contract=contract)
    rollback(tmp_path)
    assert (
        f"Clients of {tmp_path / '2'} will find: signature 'a' is missing."
        in caplog.text
    )


def test_without_hard_links_files_are_copied(tmp_path, monkeypatch):
    publish_small(tmp_path)
    publish_small(tmp_path)

    def refused(*_, **__):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    path = rollback(tmp_path)
    assert (path / "saved_model.pb").read_bytes() == graph()
    assert (path / "saved_model.pb").stat().st_nlink == 1


@pytest.mark.parametrize(
    "to, told",
    [
        (7, r"--to=7 must be a version in \S+, found 1, 2, 3: choose"),
        (3, r"--to=3 must be an older version than the newest"),
        (1, r"Expected saved_model.pb in \S+/1, found none: choose another"),
    ],
)
def test_a_version_that_cannot_be_served_is_an_error(tmp_path, to, told):
    (tmp_path / "1").mkdir()
    for _ in range(2):
        publish_small(tmp_path)
    with pytest.raises(UserError, match=told):
        rollback(tmp_path, to=to)
    assert numbers(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("action", [promote, rollback], ids=["up", "back"])
def test_a_folder_without_versions_is_an_error(tmp_path, action):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match=r"found none in .*--export_to"):
            action(path)
    publish_small(tmp_path)
    with pytest.raises(UserError, match=f"one version, name {tmp_path}"):
        action(tmp_path / "1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    publish_small(tmp_path)
    publish_small(tmp_path)
    tmp_path.chmod(0o500)
    with pytest.raises(DiskError, match="Permission denied"):
        rollback(tmp_path)


def test_older_versions_are_removed_and_no_labelled_one(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(4):
        publish_small(tmp_path, keep=3)
    assert numbers(tmp_path) == [2, 3, 4]
    assert caplog.messages == [
        f"Removed {tmp_path / '1'}, by --keep_versions=3."
    ]
    promote(tmp_path)
    for _ in range(3):
        publish_small(tmp_path, keep=1, canary=True)
    # stable, and the canary
    assert numbers(tmp_path) == [4, 7]
    promote(tmp_path)
    assert publish_small(tmp_path, keep=2) == 8
    assert numbers(tmp_path) == [7, 8]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"7", "8", "versions.json"}


def test_what_is_no_version_of_a_model_is_not_removed(tmp_path):
    (tmp_path / "1").write_text("a file")
    (tmp_path / "2").mkdir()
    for _ in range(3):
        publish_small(tmp_path, keep=1)
    assert numbers(tmp_path) == [1, 2, 5]


def test_the_published_version_stays_if_another_overtakes_it(tmp_path):
    first = publish_small(tmp_path, settled=False)
    second = publish_small(tmp_path, settled=False)
    settle(tmp_path, first, keep=1)
    assert numbers(tmp_path) == [first, second]


def look(base):
    """Reads all that a server finds, which is whole or gone."""
    for name in os.listdir(base):
        if not name.isdigit():
            continue
        try:
            content = (base / name / "saved_model.pb").read_bytes()
            index = (base / name / "variables/variables.index").read_bytes()
            facts = json.loads((base / name / FACTS).read_text("utf-8"))
        except FileNotFoundError:
            # its number is never taken again
            assert not (base / name).exists()
            continue
        saved_model_pb2.SavedModel.FromString(content)
        assert content == graph() and index == b"index"
        assert "canary" in facts["release"]


def change(base, step):
    """Publishes, tries, promotes, rolls back or removes."""
    publish_small(base, keep=3, canary=step % 3 == 0)
    if step % 4 == 0:
        promote(base)
    if step % 5 == 0:
        rollback(base)


def test_a_server_that_looks_all_the_time_finds_whole_versions(tmp_path):
    publish_small(tmp_path)
    publish_small(tmp_path)
    stopped, looks = threading.Event(), 0

    def publisher():
        step = 0
        while not stopped.is_set() and (step < 24 or looks < LOOKS):
            step += 1
            change(tmp_path, step)
        return step

    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(publisher)
        try:
            while not publishing.done():
                look(tmp_path)
                looks += 1
        finally:
            stopped.set()
        steps = publishing.result()
    assert looks >= LOOKS and steps >= 24
    # those that had no label in the end, and the labels
    assert len(numbers(tmp_path)) <= 5
    assert set(version_labels(tmp_path).values()) <= set(numbers(tmp_path))


def test_two_processes_publish_at_once(tmp_path):
    base = tmp_path / "base"
    publish_small(base)
    promote(base)
    version = write_version(tmp_path / "version")
    words = [sys.executable, "-c", PUBLISHING, str(base), str(version)]
    both = [subprocess.Popen(words) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert numbers(base)[-1] == 17
    assert version_labels(base) == {"stable": 17, "canary": 17}
    assert files.read_json(base / "versions.json")["newest"] == 17
    assert not [path for path in base.iterdir() if path.name[0] == "."]
    publish_small(base, keep=4)
    assert numbers(base) == [15, 16, 17, 18]


@pytest.mark.parametrize("function", ["rmtree", "update_labels"])
def test_killed_after_publishing(tmp_path, function):
    publish_small(tmp_path)
    publish_small(tmp_path)
    promote(tmp_path)
    words = [sys.executable, "-c", KILLED, str(tmp_path), str(tmp_path / "2")]
    done = subprocess.run([*words, function], check=False)
    assert done.returncode == -signal.SIGKILL
    # what is published is stable, whether or not that was written
    assert version_labels(tmp_path) == {"stable": 3, "canary": 3}
    left = [path.name for path in tmp_path.iterdir() if path.name[0] == "."]
    assert len(left) == (1 if function == "rmtree" else 0)
    look(tmp_path)
    assert publish_small(tmp_path, keep=2) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "3",
        "4",
        "versions.json",
    ]


def test_a_copy_that_was_not_published_is_removed(tmp_path, monkeypatch):
    publish_small(tmp_path)
    publish_small(tmp_path)

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("keras_ptft.serving.versioning.rollback.publish", full)
    with pytest.raises(DiskError, match="No space left on device"):
        rollback(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]
    shutil.copytree(tmp_path / "1", tmp_path / "draft")
    assert publish(tmp_path / "draft", tmp_path).name == "3"
