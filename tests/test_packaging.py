"""What a fresh clone needs: the lock, the Makefile, and no machine's trace."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import keras_ptft

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = pathlib.Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKS = ["requirements-oldest.lock", "requirements.lock"]

needs_make = pytest.mark.skipif(
    not shutil.which("make"), reason="there is no make"
)


def run(*command, cwd, **environment):
    # a make that runs the tests hands its own settings down
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHON")
    }
    return subprocess.run(
        command,
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def git(*arguments):
    """Lines that git prints, or a skip where this is no repository."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git repository")
    return run("git", *arguments, cwd=ROOT).stdout.splitlines()


def own_files():
    return git("ls-files", "--cached", "--others", "--exclude-standard")


def found(pattern, names):
    """Lines with `pattern` in those of the files that hold text."""
    hits = []
    for name in names:
        try:
            lines = (ROOT / name).read_text("utf-8").splitlines()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        hits += [f"{name}: {li}" for li in lines if re.search(pattern, li)]
    return hits


def test_no_file_names_a_package_index():
    assert found(r"pypi\.org|python[h]osted", own_files()) == []


def test_no_file_names_a_folder_of_one_machine():
    names = [name for name in own_files() if not name.startswith("tests/")]
    pattern = r"(?<![\w.~$})/-])/(work|root|home|tmp)\b"
    assert found(pattern, names) == []


def entries(lock):
    """Each requirement of a lock with all that its lines say."""
    text = (ROOT / lock).read_text("utf-8")
    return re.findall(r"^\S.*(?:\n .*)*", text, re.MULTILINE)


def versions(lock):
    """Name → the versions that a lock has of it."""
    found = {}
    for entry in entries(lock):
        locked = Requirement(entry.partition("\\")[0])
        version = Version(str(locked.specifier).removeprefix("=="))
        found.setdefault(locked.name, []).append(version)
    return found


def wanted(python="3.13"):
    """Name → what the project and its development ask for on a Python."""
    asked = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    requirements = map(Requirement, asked)
    return {
        requirement.name.lower().replace("_", "-"): requirement.specifier
        for requirement in requirements
        if not requirement.marker
        or requirement.marker.evaluate({"python_version": python})
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_exact_and_hashed(lock):
    assert len(entries(lock)) > 50
    for entry in entries(lock):
        assert re.match(r"[a-z0-9-]+==\S+ ", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_lock_holds_what_the_project_asks_for():
    locked = versions("requirements.lock")
    for name, specifier in wanted().items():
        assert name in locked, f"{name} is not locked: make lock"
        assert all(map(specifier.contains, locked[name])), name


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_builds_the_rest(lock):
    assert {"setuptools", "wheel"} <= set(versions(lock))


def test_the_lock_of_the_oldest_holds_the_lowest_that_is_asked_for():
    locked = versions("requirements-oldest.lock")
    for name, specifier in wanted(python="3.10").items():
        (lowest,) = (
            Version(part.version).release
            for part in specifier
            if part.operator == ">="
        )
        (version,) = locked[name]
        assert version.release[: len(lowest)] == lowest, name


def test_the_files_that_the_project_names_are_there():
    assert (ROOT / PROJECT["readme"]).is_file()
    for name in PROJECT["license-files"]:
        assert "Apache License" in (ROOT / name).read_text("utf-8")


def test_the_version_is_that_of_the_package():
    assert "version" in PROJECT["dynamic"]
    version = keras_ptft.__version__
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {version}\n" in citation


def test_what_runs_write_is_not_committed():
    names = ["runs/a/flags.flags", "saved_models/digits/1/saved_model.pb"]
    names += [".venv/bin/python", ".venv-oldest/bin/python"]
    names += ["keras_ptft/__pycache__/a.pyc"]
    assert git("check-ignore", "--no-index", *names) == names
    kept = ["saved_models/README.md", "flags/a.flags", "requirements.lock"]
    assert git("check-ignore", "--no-index", *kept) == []


def fake_python(folder, first):
    """A python3 in `folder` that runs `first` before any code it is given."""
    folder.mkdir(exist_ok=True)
    script = folder / "python3"
    script.write_text(
        f"#!/bin/sh\ncase $1 in\n"
        f"-c) exec '{sys.executable}' -c '{first}\n'\"$2\" ;;\n"
        f"-V) echo Python 3.11.0 ;;\n"
        f"*) echo chatter; echo 'Error: no space left' >&2; exit 1 ;;\n"
        f"esac\n"
    )
    script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


VERSION = "import sys; sys.version_info = {}; "
VERSION += 'import platform; platform.python_version = lambda: "{}"'
NO_VENV = (
    "missing or broken: install it (Debian: apt install python3-venv), or "
    "choose another Python"
)


@needs_make
@pytest.mark.parametrize(
    "first, said",
    [
        (VERSION.format((3, 9, 18), "3.9.18"), "3.13, and python3 is 3.9.18:"),
        (VERSION.format((3, 14, 0), "3.14.0"), "3.13, and python3 is 3.14.0:"),
        (VERSION.format((2, 7, 18), "2.7.18"), "3.13, and python3 is 2.7.18:"),
        ("raise SystemExit(127)", "3.13, and python3 is missing:"),
        ('import sys; sys.modules["venv"] = None', NO_VENV),
        ('import sys; sys.modules["ensurepip"] = None', NO_VENV),
        ("import ensurepip; ensurepip.version = None", NO_VENV),
        (
            'import sys, platform; sys.platform = "darwin"; '
            'platform.machine = lambda: "x86_64"',
            "needs TensorFlow, and there is none for an Intel Python on macOS",
        ),
    ],
)
def test_unfit_python_gets_one_line(first, said, tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    path = fake_python(tmp_path / "bin", first)
    done = run("make", "check-python", cwd=tmp_path, PATH=path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "keras_ptft needs" in done.stderr and said in done.stderr
    assert done.stdout == ""


@needs_make
def test_fit_python_is_let_be(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    path = fake_python(tmp_path / "bin", "pass")
    done = run("make", "check-python", cwd=tmp_path, PATH=path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture
def clone(tmp_path):
    """A folder with a space that `make` takes for completely installed."""
    folder = tmp_path / "my clone"
    (folder / ".venv/bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        (folder / name).write_bytes((ROOT / name).read_bytes())
        os.utime(folder / name, (1000, 1000))
    fake_python(folder / ".venv/bin", "pass")
    os.rename(folder / ".venv/bin/python3", folder / ".venv/bin/python")
    mark = f"{os.path.realpath(folder)} Python 3.11.0\n"
    (folder / ".venv/.locked").write_text(mark)
    os.utime(folder / ".venv/.locked", (2000, 2000))
    (folder / ".venv/.installed").touch()
    return folder


def plan(clone, *arguments, first="pass"):
    """What `make test` would do: install the lock, then the package."""
    path = fake_python(clone.parent / "bin", first)
    done = run("make", "-n", "test", *arguments, cwd=clone, PATH=path)
    assert done.returncode == 0, done.stderr
    assert "-m pytest" in done.stdout
    return "rm -rf .venv" in done.stdout, "-e ." in done.stdout


@needs_make
def test_a_complete_install_is_kept(clone):
    assert plan(clone) == (False, False)
    # by whatever Python it was made
    assert plan(clone, first="raise SystemExit(127)") == (False, False)


@needs_make
@pytest.mark.parametrize("name", [".venv", ".venv/.locked", ".venv/bin"])
def test_a_half_made_install_is_made_anew(clone, name):
    path = clone / name
    path.unlink() if path.is_file() else shutil.rmtree(path)
    assert plan(clone) == (True, True)


@needs_make
@pytest.mark.parametrize(
    "name, again",
    [
        ("requirements.lock", (True, True)),
        ("pyproject.toml", (False, True)),
        ("Makefile", (False, False)),
    ],
)
def test_a_change_installs_what_it_touches(clone, name, again):
    (clone / name).touch()
    future = (clone / ".venv/.installed").stat().st_mtime + 10
    os.utime(clone / name, (future, future))
    assert plan(clone) == again


@needs_make
def test_another_folder_or_interpreter_installs_anew(clone):
    assert plan(clone, f"PYTHON={sys.executable}") == (True, True)
    moved = clone.rename(clone.parent / "moved")
    assert plan(moved) == (True, True)


@needs_make
def test_the_oldest_versions_need_the_oldest_python(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    first = VERSION.format((3, 12, 1), "3.12.1")
    path = fake_python(tmp_path / "bin", first)
    done = run("make", "test-oldest", "PYTHON=python3", cwd=tmp_path, PATH=path)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    said = "needs Python 3.10 for its oldest versions, and python3 is 3.12.1:"
    assert said in line


@needs_make
def test_the_oldest_versions_have_an_install_of_their_own(clone):
    first = VERSION.format((3, 10, 13), "3.10.13")
    path = fake_python(clone.parent / "bin", first)
    command = ["make", "-n", "test-oldest", "PYTHON=python3", "ARGS=-k config"]
    done = run(*command, cwd=clone, PATH=path)
    assert done.returncode == 0, done.stderr
    assert "-r requirements-oldest.lock" in done.stdout
    assert "rm -rf .venv-oldest" in done.stdout
    assert "-k config" in done.stdout
    assert ".venv/" not in done.stdout


@needs_make
def test_a_venv_that_fails_says_why(clone):
    shutil.rmtree(clone / ".venv")
    path = fake_python(clone.parent / "bin", "pass")
    done = run("make", "test", cwd=clone, PATH=path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "No .venv could be made with python3: Error: no space left"
    )
    assert not (clone / ".venv").exists()
