"""A run goes to a URL and comes back, whatever stops it on the way."""

import itertools
import json
import os
import pathlib
import shutil

import pytest

from keras_ptft.errors import UserError
from keras_ptft.remote import mirrored as opening
from keras_ptft.remote import storage
from keras_ptft.remote.errors import (
    NotPushedError,
    RemoteError,
    TakenOverError,
)
from keras_ptft.remote.listing import listed
from keras_ptft.remote.mirrored import mirrored, opened, push
from keras_ptft.remote.places import local
from tests.remote.conftest import content, write

BEGUN = {"flags.flags": b"--epochs=3", "checkpoints/step-1.npz": b"one"}


class Killed(BaseException):
    """Ends a push as a kill does: nothing is done about it."""


@pytest.fixture
def begin(bucket, on):
    """(files) → pushes a run of them."""
    on("first")

    def run(**files):
        folder = pathlib.Path(local(bucket)) / "x"
        with mirrored(folder):
            write(folder, **files)
            push(folder, claim=True)
        return folder

    return run


def first_state(begin):
    one = {"flags.flags": "--epochs=3", "checkpoints__step-1.npz": "one"}
    return begin(**one)


def bucket_of(bucket):
    return pathlib.Path(bucket.removeprefix("file://"))


def test_a_run_is_on_another_machine_as_it_was(on, bucket, begin, caplog):
    os.utime(first_state(begin) / "flags.flags", (1e9, 1e9))
    begin()
    on("second")
    caplog.clear()
    folder = opened(f"{bucket}/x")
    assert content(folder) == BEGUN
    assert (folder / "flags.flags").stat().st_mtime != 0
    assert caplog.messages[0].startswith(f"Pulled {bucket}/x: 2 files, 0.0 MB")
    caplog.clear()
    assert opened(folder / "flags.flags") == folder / "flags.flags"
    assert caplog.messages == []


def test_what_is_gone_or_damaged_here_is_pulled_again(bucket, begin):
    folder = first_state(begin)
    (folder / "flags.flags").write_text("--epochs=4")
    (folder / "more").touch()
    shutil.rmtree(folder / "checkpoints")
    assert content(opened(f"{bucket}/x")) == BEGUN


def test_what_changes_replaces_nothing(bucket, begin):
    folder = first_state(begin)
    before = content(bucket_of(bucket) / "x" / "objects")
    begin(**{"checkpoints__step-1.npz": None, "checkpoints__step-2.npz": "two"})
    after = content(bucket_of(bucket) / "x" / "objects")
    assert sorted(after.values()) == [b"--epochs=3", b"two"]
    assert len(before.keys() & after.keys()) == 1
    assert not (folder / "checkpoints" / "step-1.npz").exists()


def killed_at(monkeypatch, count):
    """Kills what writes to the URL for the `count`th time, half done."""
    left = itertools.count(count - 1, -1)
    plain = {
        name: getattr(storage.Storage, name)
        for name in ("_write", "remove", "rename")
    }

    def half_written(self, name, chunks):
        if next(left):
            return plain["_write"](self, name, chunks)
        whole = b"".join(chunks)
        plain["_write"](self, name, iter([whole[: len(whole) // 2]]))
        raise Killed

    def killing(name):
        def call(*args):
            if next(left):
                return plain[name](*args)
            raise Killed

        return call

    monkeypatch.setattr(storage.Storage, "_write", half_written)
    for name in ("remove", "rename"):
        monkeypatch.setattr(storage.Storage, name, killing(name))


def pushed_until(on, bucket, count):
    """Pushes a second state, killed at a write; whether it was."""
    on("first")
    folder = pathlib.Path(local(bucket)) / "x"
    with pytest.MonkeyPatch.context() as patch:
        # a kill leaves no time for a last push
        patch.setattr(opening, "_push_failed", lambda _: None)
        killed_at(patch, count)
        try:
            with mirrored(folder):
                write(folder, **{"result.json": "{}", "history.csv": "2"})
                write(folder, **{"checkpoints__step-1.npz": None})
                push(folder, claim=True)
        except Killed:
            return True
    return False


def test_a_push_that_dies_leaves_one_state_or_the_other(
    on, bucket, begin, tmp_path
):
    before = BEGUN | {"history.csv": b"1"}
    after = {n: b for n, b in before.items() if "step" not in n}
    after |= {"result.json": b"{}", "history.csv": b"2"}
    seen = []
    for count in itertools.count(1):
        for name in ("bucket", "first", "second", "third"):
            shutil.rmtree(tmp_path / name, ignore_errors=True)
        on("first")
        first_state(begin)
        begin(**{"history.csv": "1"})
        if not pushed_until(on, bucket, count):
            break
        on("second")
        seen.append(content(opened(f"{bucket}/x")))
        assert seen[-1] in (before, after), count
        # the same command, where it was killed
        on("first")
        folder = pathlib.Path(local(bucket)) / "x"
        with mirrored(folder):
            assert content(folder) == after
            push(folder, claim=True)
        on("third")
        assert content(opened(f"{bucket}/x")) == after
        kept = content(bucket_of(bucket) / "x" / "objects").values()
        assert sorted(kept) == sorted(after.values())
    # 2 uploads, the manifest and its renaming, 2 objects that are gone
    assert len(seen) >= 6
    assert seen[0] == before and seen[-1] == after


def test_who_begins_last_goes_on(on, bucket, begin, caplog):
    folder = first_state(begin)
    taken = pytest.raises(TakenOverError, match="expected one machine at a")
    with taken, mirrored(folder):
        write(folder, **{"checkpoints__step-2.npz": "mine"})
        push(folder)
        write(folder, **{"checkpoints__step-3.npz": "also mine"})
        on("second")
        with mirrored(pathlib.Path(local(bucket)) / "x"):
            second = pathlib.Path(local(bucket)) / "x"
            assert content(second)["checkpoints/step-2.npz"] == b"mine"
            push(second, claim=True)
            write(second, **{"checkpoints__step-3.npz": "theirs"})
        on("first")
        push(folder)
    caplog.clear()
    with mirrored(folder):
        assert content(folder)["checkpoints/step-3.npz"] == b"theirs"
    (aside,) = (folder.parent / ".aside").iterdir()
    assert content(aside)["checkpoints/step-3.npz"] == b"also mine"
    assert str(aside) in "".join(caplog.messages)


def test_a_push_that_fails_is_tried_again(on, bucket, begin, caplog):
    folder, place = first_state(begin), bucket_of(bucket)
    with mirrored(folder):
        place.rename(place.with_name("away"))
        place.touch()
        write(folder, **{"history.csv": "1"})
        caplog.clear()
        push(folder)
        (message,) = caplog.messages
        assert message.startswith(
            "Not pushed, to be tried again at the next checkpoint: Cannot "
        )
        place.unlink()
        place.with_name("away").rename(place)
        push(folder)
    on("second")
    assert content(opened(f"{bucket}/x"))["history.csv"] == b"1"


def test_the_last_push_decides(on, bucket, begin):
    folder, place = first_state(begin), bucket_of(bucket)
    with pytest.raises(NotPushedError) as caught, mirrored(folder):
        write(folder, **{"history.csv": "1"})
        place.rename(place.with_name("away"))
        place.touch()
    assert caught.value.exit_code == 1
    assert str(caught.value).startswith(f"The run is in {folder} and not in ")
    assert str(caught.value).endswith("The same command pushes it.")
    place.unlink()
    place.with_name("away").rename(place)
    with mirrored(folder):
        assert content(folder)["history.csv"] == b"1"
    on("second")
    assert content(opened(f"{bucket}/x"))["history.csv"] == b"1"


def test_a_run_that_was_cleared_here_is_gone_there(bucket, begin):
    folder = first_state(begin)
    with pytest.raises(ValueError, match="wrong"), mirrored(folder):
        shutil.rmtree(folder)
        raise ValueError("wrong")
    assert content(bucket_of(bucket)) == {}
    with pytest.raises(UserError, match=f"No run at {bucket}/x: expected"):
        opened(f"{bucket}/x")


def test_what_is_below_a_run(on, bucket, begin):
    first_state(begin)
    on("second")
    path = opened(f"{bucket}/x/checkpoints/step-1.npz")
    assert path.read_bytes() == b"one"
    assert path.parent.parent == opened(f"{bucket}/x")


def manifest_of(bucket):
    return bucket_of(bucket) / "x" / "manifest.json"


@pytest.mark.parametrize(
    "name", ["../../y", "/etc/x", "a//b", "a/../b", "", "a\\b", "a/./b"]
)
def test_a_manifest_that_leads_elsewhere(on, bucket, begin, tmp_path, name):
    first_state(begin)
    path = manifest_of(bucket)
    found = json.loads(path.read_text())
    found["files"][name] = found["files"].pop("flags.flags")
    path.write_text(json.dumps(found))
    on("second")
    with pytest.raises(UserError, match="somebody else wrote this manifest"):
        opened(f"{bucket}/x")
    assert not any(p.is_file() for p in (tmp_path / "second").rglob("flags*"))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 2, "files": {}}', "null", "\0"]
)
def test_something_else_than_a_manifest(on, bucket, begin, text):
    first_state(begin)
    manifest_of(bucket).write_text(text)
    on("second")
    with pytest.raises(UserError, match=r"Cannot read .*manifest\.json: exp"):
        opened(f"{bucket}/x")


def test_a_damaged_object(on, bucket, begin):
    first_state(begin)
    (path,) = (bucket_of(bucket) / "x" / "objects").glob("*step-1*")
    path.write_text("two")
    on("second")
    with pytest.raises(RemoteError, match="expected the 3 bytes that were"):
        opened(f"{bucket}/x")
    assert b"two" not in content(on("second")).values()


def test_a_missing_object(on, bucket, begin):
    first_state(begin)
    (path,) = (bucket_of(bucket) / "x" / "objects").glob("*step-1*")
    path.unlink()
    on("second")
    with pytest.raises(RemoteError, match="found some missing; push the run"):
        opened(f"{bucket}/x")


def test_a_pull_while_another_machine_pushes(on, bucket, begin, monkeypatch):
    first_state(begin)
    stale = storage.Storage.read

    def read_before_a_push(self, name):
        content = stale(self, name)
        monkeypatch.setattr(storage.Storage, "read", stale)
        on("first")
        begin(
            **{"checkpoints__step-1.npz": None, "checkpoints__step-2.npz": "2"}
        )
        on("second")
        return content

    on("second")
    folder = pathlib.Path(local(bucket)) / "x"
    monkeypatch.setattr(storage.Storage, "read", read_before_a_push)
    with mirrored(folder, writes=False):
        assert content(folder) == {
            "flags.flags": b"--epochs=3",
            "checkpoints/step-2.npz": b"2",
        }


def test_in_memory(on):
    folder = pathlib.Path(local("ram://bucket/runs")) / "x"
    with mirrored(folder):
        write(folder, **{"flags.flags": "--epochs=3", "empty": ""})
    on("second")
    found = content(opened("ram://bucket/runs/x"))
    assert found == {"flags.flags": b"--epochs=3", "empty": b""}


@pytest.mark.usefixtures("on")
def test_a_local_folder_is_left_alone(tmp_path):
    folder = tmp_path / "runs" / "x"
    with mirrored(folder):
        write(folder, flags="")
        push(folder, claim=True)
    assert content(tmp_path) == {"runs/x/flags": b""}
    assert opened(folder) == folder


@pytest.mark.parametrize(
    "url, remedy",
    [
        ("s3://b/runs", "import tensorflow_io before"),
        ("gopher://b/runs", "gs://"),
    ],
)
def test_a_file_system_that_tensorflow_does_not_know(url, remedy):
    with pytest.raises(RemoteError) as caught:
        storage.check_url(url, "runs_dir")
    assert str(caught.value).startswith(f"--runs_dir={url}: Expected a URL of")
    assert remedy in str(caught.value)


def test_a_url_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    url = f"file://{tmp_path}/file/runs"
    with pytest.raises(RemoteError) as caught:
        storage.check_url(url, "runs_dir")
    told = str(caught.value)
    assert told.startswith(f"--runs_dir={url}: Cannot write {url}: expected a")
    assert told.endswith("Check the URL, your credentials and the network.")
    storage.check_url(f"file://{tmp_path}/runs", "runs_dir")
    assert content(tmp_path / "runs") == {}


def test_a_file_beside_the_runs_is_no_run(bucket, begin):
    first_state(begin)
    (bucket_of(bucket) / "README.txt").write_text("mine")
    with listed(bucket, {"flags.flags"}) as place:
        assert [path.name for path in place.iterdir()] == ["x"]
    with pytest.raises(UserError, match="No run at file://"):
        opened(f"{bucket}/README.txt")


def test_what_was_set_aside_is_opened_and_not_pushed(bucket, begin):
    folder = first_state(begin)
    with mirrored(folder):
        write(folder, **{"history.csv": "mine"})
        aside = folder.parent / ".aside" / "x-1"
        shutil.copytree(folder, aside)
    with mirrored(opened(aside)):
        write(aside, **{"result.json": "{}"})
    assert [path.name for path in bucket_of(bucket).iterdir()] == ["x"]
