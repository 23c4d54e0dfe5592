"""What can be seen of the Dockerfile without building an image."""

import pathlib
import re
import subprocess
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = pathlib.Path(__file__).parent.parent
TEXT = (ROOT / "Dockerfile").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
GPU_LOCK = (ROOT / "requirements-gpu.lock").read_text("utf-8")
STAGES = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", TEXT, re.MULTILINE)


def test_what_is_copied_is_there_and_not_ignored():
    copied = re.findall(r"^COPY (.+) \S+$", TEXT, re.MULTILINE)
    names = {name for words in copied for name in words.split()} - {"."}
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    sent = {line[2:] for line in ignored if line.startswith("!/")}
    assert names <= sent
    assert all((ROOT / name).exists() for name in sent)
    # what a wheel is built of, see test_wheel.py
    assert {"flags", "keras_ptft", "setup.py", "LICENSE", "README.md"} <= sent


def test_its_python_is_one_that_the_project_runs_on():
    known = [name for _, name in STAGES]
    bases = {image for image, _ in STAGES if image not in known}
    assert len(bases) == 1
    version = re.match(r"python:(3\.\d+)-slim", bases.pop())[1]
    assert version in SpecifierSet(PROJECT["requires-python"])


def test_stages_that_are_named_exist():
    named = re.findall(r"from=(\w+)", TEXT)
    assert set(named) <= {name for _, name in STAGES}


def test_it_runs_as_a_user_and_takes_the_words_of_the_command():
    last = TEXT.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (?!root|0)\w+$", last, re.MULTILINE)
    assert 'ENTRYPOINT ["keras-ptft"]' in last


def wanted(extra):
    """What the Python in the Dockerfile prints."""
    code = re.search(r"<<'PYTHON'\n(.*?)^PYTHON$", TEXT, re.DOTALL | re.M)[1]
    done = subprocess.run(
        [sys.executable, "-c", code, extra],
        capture_output=True,
        cwd=ROOT,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is of 3.11")
def test_it_installs_the_requirements_and_those_of_an_extra():
    base = PROJECT["dependencies"]
    extras = PROJECT["optional-dependencies"]
    assert wanted("") == base
    assert wanted("gpu") == [*base, *extras["gpu"]]
    assert wanted("text,tune") == [*base, *extras["text"], *extras["tune"]]


@pytest.mark.skipif(
    f"tensorflow=={metadata.version('tensorflow')} " not in LOCK,
    reason="the lock is of another TensorFlow than this one",
)
def test_every_wheel_with_cuda_is_locked():
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", GPU_LOCK, re.MULTILINE))
    asked = [
        requirement
        for requirement in map(Requirement, metadata.requires("tensorflow"))
        if 'extra == "and-cuda"' in str(requirement.marker)
    ]
    assert len(asked) > 5
    for requirement in asked:
        assert locked[requirement.name] in requirement.specifier


def test_the_lock_with_cuda_has_nothing_else_and_every_hash():
    entries = re.findall(r"^\S.*(?:\n .*)*", GPU_LOCK, re.MULTILINE)
    for entry in entries:
        assert re.match(r"nvidia-\S+==\S+ ", entry), entry
        assert "--hash=sha256:" in entry, entry
