"""What is told of the TensorFlow and the Keras that are installed."""

import os
import pathlib
import subprocess
import sys

import pytest

import keras_ptft
from keras_ptft import environment
from keras_ptft.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = pathlib.Path(__file__).parent.parent
GOOD = {"tensorflow": "2.21.0", "keras": "3.15.1"}
SETTINGS = ("KERAS_BACKEND", "TF_USE_LEGACY_KERAS", "KERAS_HOME")


def install(folder, name, version, module=None, requires=()):
    """What pip leaves behind: the metadata, and the files of a module."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [f"Requires-Dist: {requirement}" for requirement in requires]
    head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    (info / "METADATA").write_text("\n".join([*head, *lines]) + "\n")
    if module:
        (folder / module).mkdir(exist_ok=True)
        (folder / module / "__init__.py").touch()


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Gives a function that installs distributions where nothing else is."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for module in ("tensorflow", "keras"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    environment.check.cache_clear()

    def place(versions, files=("tensorflow", "keras")):
        for name, version in versions.items():
            install(tmp_path, name, version)
        for module in files:
            (tmp_path / module).mkdir()
            (tmp_path / module / "__init__.py").touch()

    yield place
    environment.check.cache_clear()


def told():
    (fault,) = environment.faults()
    assert "\n" not in fault
    with pytest.raises(UserError) as caught:
        environment.check()
    assert str(caught.value) == fault
    return fault


@pytest.mark.parametrize(
    "versions",
    [
        GOOD,
        {"tensorflow": "2.19.0", "keras": "3.12.0"},
        {"tensorflow-cpu": "2.20.1", "keras": "3.15.1"},
        {"tensorflow-tpu": "2.20.0", "keras": "3.15.1"},
        {"tf-nightly": "2.23.0.dev20261026", "keras-nightly": "3.16.0.dev1"},
        # built from source, under a name of its own or none
        {"keras": "3.15.1"},
        {"my-tensorflow": "2.21.0", "keras": "3.15.1"},
    ],
    ids=" ".join,
)
def test_what_can_be_used_is_let_be(packages, versions):
    packages(versions)
    assert list(environment.faults()) == []
    environment.check()


def test_two_distributions(packages):
    packages({**GOOD, "tensorflow-tpu": "2.20.0"})
    assert told() == (
        "Expected one TensorFlow, got tensorflow-tpu 2.20.0 and TensorFlow "
        "2.21.0, whose files lie over each other: pip uninstall -y "
        "tensorflow-tpu tensorflow && pip install --no-deps "
        "tensorflow-tpu==2.20.0"
    )


def test_of_two_distributions_one_that_fits_is_kept(packages):
    packages({**GOOD, "tensorflow-intel": "2.18.0"})
    assert told().endswith("pip install --no-deps tensorflow==2.21.0")


def test_two_old_distributions(packages):
    packages({"keras": "3.15.1", "tensorflow": "2.9", "tensorflow-gpu": "2.9"})
    assert told().endswith("pip install --no-deps 'tensorflow>=2.19,<2.22'")


def test_none(packages):
    packages({"keras": "3.15.1"}, files=["keras"])
    assert told() == (
        "keras_ptft needs TensorFlow, and none is installed: pip install "
        "'tensorflow>=2.19,<2.22', or tensorflow-cpu without CUDA, or "
        "tensorflow-tpu on a TPU"
    )


def test_no_keras(packages):
    packages({"tensorflow": "2.21.0"}, files=["tensorflow"])
    assert told().endswith("installed: pip install 'keras>=3.12,<4'")


def test_files_that_another_one_took_along(packages, tmp_path):
    packages(GOOD, files=["keras"])
    # what is left is empty, but can be imported
    (tmp_path / "tensorflow" / "python").mkdir(parents=True)
    assert told() == (
        "The files of tensorflow 2.21.0 are gone, as where another TensorFlow "
        "was uninstalled: pip install --force-reinstall --no-deps "
        "tensorflow==2.21.0"
    )


@pytest.mark.parametrize(
    "name, version",
    [
        ("tensorflow", "2.18.1"),
        ("tensorflow", "2.22.0"),
        ("tensorflow-cpu", "2.9.3"),
        ("tf-nightly", "2.17.0.dev20240401"),
    ],
)
def test_an_older_or_newer_one(packages, name, version):
    packages({name: version, "keras": "3.15.1"})
    assert told() == (
        f"keras_ptft needs TensorFlow >=2.19,<2.22, got {name} {version}: "
        f"pip install '{name}>=2.19,<2.22'"
    )


@pytest.mark.parametrize("version", ["2.15.0", "3.9.2", "4.0.0"])
def test_another_keras(packages, version):
    packages({"tensorflow": "2.21.0", "keras": version})
    assert told() == (
        f"keras_ptft needs Keras >=3.12,<4, got keras {version}: pip install "
        "'keras>=3.12,<4'"
    )


@pytest.mark.parametrize("value", ["1", "True", "true"])
def test_keras_2_by_a_variable(packages, monkeypatch, value):
    packages(GOOD)
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", value)
    assert told().endswith("unset TF_USE_LEGACY_KERAS")


def test_another_backend_by_a_variable(packages, monkeypatch):
    packages(GOOD)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert told() == (
        "Expected Keras on TensorFlow, got the backend jax from "
        "KERAS_BACKEND: export KERAS_BACKEND=tensorflow"
    )


def test_another_backend_by_the_file_of_keras(packages, monkeypatch, tmp_path):
    packages(GOOD)
    file = tmp_path / "home" / "keras.json"
    file.parent.mkdir()
    file.write_text('{"backend": "torch"}')
    assert f"the backend torch from {file}: export" in told()
    # the variable comes first, as it does for Keras
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert list(environment.faults()) == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"floatx": "float32"}'])
def test_a_file_of_keras_that_says_nothing(packages, tmp_path, text):
    packages(GOOD)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "keras.json").write_text(text)
    assert list(environment.faults()) == []


def test_the_versions_are_those_of_the_project():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    wanted = tomllib.loads(text)["project"]["dependencies"]
    for framework in (environment.TENSORFLOW, environment.KERAS):
        assert f"{framework.module}{framework.wanted}" in wanted


def test_this_environment_can_be_used():
    assert list(environment.faults()) == []
    assert environment.missing_requirements() == ""


def test_what_was_left_out_is_named_when_it_is_needed(packages, tmp_path):
    packages({**GOOD, "numpy": "2.0"})
    needed = ["tensorflow>=2.19", "keras>=3", "numpy>=1", "safetensors>=0.4"]
    extra = 'optuna>=4; extra == "tune"'
    install(tmp_path, "keras_ptft", "0.1.0", requires=[*needed, extra])
    (tmp_path / "needs_it.py").write_text("import safetensors_of_nobody")
    with pytest.raises(UserError) as caught:
        environment.load("needs_it")
    assert str(caught.value) == (
        "keras_ptft needs packages that are not installed: pip install "
        "'safetensors>=0.4'"
    )


def test_a_module_that_is_missing_for_another_reason(packages, tmp_path):
    packages(GOOD)
    install(tmp_path, "keras_ptft", "0.1.0", requires=["keras>=3"])
    (tmp_path / "needs_that.py").write_text("import nobody_has_this")
    with pytest.raises(ModuleNotFoundError, match="nobody_has_this"):
        environment.load("needs_that")


def test_versions_name_a_special_distribution(packages):
    packages({"tensorflow-tpu": "2.20.0", "keras": "3.15.1"})
    python = ".".join(map(str, sys.version_info[:3]))
    assert environment.versions() == (
        f"keras-ptft {keras_ptft.__version__} (tensorflow-tpu 2.20.0, Keras "
        f"3.15.1, Python {python})"
    )


def test_versions_of_nothing(packages):
    packages({}, files=[])
    assert "(no TensorFlow, no Keras, Python " in environment.versions()


@pytest.mark.parametrize(
    "code",
    [
        "sys.exit(main(['pretrain', '--name=x']))",
        "keras_ptft.pretrain",
        "keras_ptft.Config(); keras_ptft.UserError",
    ],
)
def test_a_program_stops_before_it_imports_tensorflow(tmp_path, code):
    install(tmp_path, "tensorflow-tpu", "2.20.0")
    before = "import sys, keras_ptft; from keras_ptft.main import main\n"
    watch = f"try:\n    {code}\n"
    watch += "finally:\n    print('tensorflow' in sys.modules)"
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", before + watch],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        text=True,
        check=False,
    )
    assert done.stdout == "False\n"
    is_harmless = "Config" in code
    assert ("Expected one TensorFlow" in done.stderr) != is_harmless
    if "main" in code:
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
