"""A wheel that runs anywhere, and the files from which it is built."""

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile

import pytest

from keras_ptft import __version__, files

ROOT = pathlib.Path(__file__).parent.parent
INFO = f"keras_ptft-{__version__}.dist-info"
SMALL = ["--epochs=4", "--explain=false", "--compare_scratch=false"]
SMALL += ["--near_copies=false"]

pytestmark = pytest.mark.slow


def run(*command, cwd, **environment):
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def copied(folder):
    """A checkout beside which somebody has worked."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("keras_ptft", "flags"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("setup.py", "MANIFEST.in", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    shutil.copy(ROOT / "LICENSE", folder)
    for name in ("runs/x/result.json", "tests/test_x.py", "flags/.x.swp"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of a wheel that was built from an sdist, and of that."""
    pytest.importorskip("build")
    folder = copied(tmp_path_factory.mktemp("checkout"))
    run(
        *(sys.executable, "-m", "build", "--no-isolation", "--outdir=dist"),
        cwd=folder,
    )
    return folder / "dist"


def expected():
    """What a package holds, as the repository has it."""
    package = (path for path in (ROOT / "keras_ptft").rglob("*"))
    names = {
        path.relative_to(ROOT).as_posix()
        for path in package
        if path.is_file() and "__pycache__" not in path.parts
    }
    recipes = (path.name for path in (ROOT / "flags").glob("*.flags"))
    return names, set(recipes)


def test_the_wheel_holds_the_package_and_the_recipes_alone(built):
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"keras_ptft-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"{INFO}/METADATA").decode()
    package, recipes = expected()
    package |= {f"keras_ptft/flags/{name}" for name in recipes}
    assert {n for n in names if not n.startswith(f"{INFO}/")} == package
    assert f"{INFO}/licenses/LICENSE" in names
    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nProvides-Extra: gpu\n" in metadata


def test_the_sdist_holds_what_the_wheel_is_built_of_alone(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = [m.name for m in archive.getmembers() if m.isfile()]
    names = {name.partition("/")[2] for name in members}
    package, recipes = expected()
    package |= {f"flags/{name}" for name in recipes}
    beside = {n for n in names - package if not n.startswith("keras_ptft.egg")}
    assert package <= names
    assert beside == {
        *("LICENSE", "MANIFEST.in", "PKG-INFO", "README.md"),
        *("pyproject.toml", "setup.cfg", "setup.py"),
    }


def test_the_installed_wheel_runs_the_digits_anywhere(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    target, empty = tmp_path / "target", tmp_path / "empty"
    empty.mkdir()
    run(
        *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index"),
        *("--no-compile", "--target", target, wheel),
        cwd=tmp_path,
    )
    # before the checkout, which may be installed as editable
    path = os.pathsep.join([str(target), sysconfig.get_path("purelib")])
    program = [sys.executable, target / "bin" / "keras-ptft"]
    where = "import keras_ptft; print(keras_ptft.__file__)"
    done = run(sys.executable, "-c", where, cwd=empty, PYTHONPATH=path)
    assert pathlib.Path(done.stdout.strip()).is_relative_to(target)
    done = run(*program, "run", "digits", *SMALL, cwd=empty, PYTHONPATH=path)
    assert done.stderr == ""
    for name in ("pretrain_cnn_digits", "finetune_cnn_digits"):
        result = files.read_json(empty / "runs" / name / "result.json")
        assert result["metrics"]["test"]["accuracy"] > 0.4
        assert (empty / "runs" / name / "report.html").is_file()
    version = empty / "saved_models" / "digits" / "1"
    assert (version / "saved_model.pb").is_file()
    assert (version / "assets.extra" / "client.py").is_file()
    assert (version.parent / "serving" / "serve.sh").is_file()
