"""Which TensorFlow and Keras there are, before they are imported.

Several distributions hold the package `tensorflow`: the plain one, one
without CUDA, one for TPUs. pip does not know that: it installs a second one
over the files of the first. So this reads the metadata of what is installed,
which takes a few milliseconds, and says in one line what is wrong.
"""

import contextlib
import functools
import importlib
import json
import os
import platform
import re
import shlex
from collections.abc import Iterator, Mapping
from importlib import metadata, util
from types import ModuleType
from typing import NamedTuple

from keras_ptft import __version__
from keras_ptft.errors import UserError


class Framework(NamedTuple):
    """A package that this one stands on.

    Attributes:
        title: its name for people.
        module: its name in Python, and of its plain distribution.
        wanted: its versions, as `pyproject.toml` has them.
        special: other distributions with the same files.
        instead: which of these to take, and when.
    """

    title: str
    module: str
    wanted: str
    special: tuple[str, ...]
    instead: str = ""

    @property
    def requirement(self) -> str:
        """The plain distribution, as a word of a shell."""
        return shlex.quote(f"{self.module}{self.wanted}")


TENSORFLOW = Framework(
    "TensorFlow",
    "tensorflow",
    ">=2.19,<2.22",
    (
        "tensorflow-tpu",
        "tensorflow-cpu",
        "tensorflow-gpu",
        "tensorflow-rocm",
        "tensorflow-macos",
        "tensorflow-intel",
        "tensorflow-aarch64",
        "tensorflow-cpu-aws",
        "intel-tensorflow",
        "tf-nightly",
        "tf-nightly-cpu",
        "tf-nightly-tpu",
    ),
    ", or tensorflow-cpu without CUDA, or tensorflow-tpu on a TPU",
)
KERAS = Framework("Keras", "keras", ">=3.12,<4", ("keras-nightly",))


@functools.cache
def check() -> None:
    """Raises a UserError unless TensorFlow and Keras can be used."""
    for fault in faults():
        raise UserError(fault)


def faults() -> Iterator[str]:
    """Yields a line for each thing that is wrong, with its remedy."""
    for fault in (_fault(TENSORFLOW), _fault(KERAS), _legacy(), _backend()):
        if fault:
            yield fault


def load(module: str) -> ModuleType:
    """Imports a module that needs TensorFlow.

    Args:
        module: its whole name.

    Raises:
        UserError: TensorFlow, Keras or another requirement is missing, or is
            not as it must be.
    """
    check()
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if missing := missing_requirements():
            raise UserError(missing) from error
        raise


def versions() -> str:
    """Returns the versions of this package and of what it stands on."""
    below = (_told(_installed(f), f) for f in (TENSORFLOW, KERAS))
    told = ", ".join([*below, f"Python {platform.python_version()}"])
    return f"keras-ptft {__version__} ({told})"


def requirements() -> list[str]:
    """Returns what this package asks for, as its metadata have it.

    Returns:
        Requirements with their markers, extras too; none where it is run
        from a checkout that is not installed.
    """
    try:
        return metadata.requires("keras_ptft") or []
    except metadata.PackageNotFoundError:
        return []


def version_of(distribution: str) -> str:
    """Returns the version of what is installed, or nothing.

    Example:

    >>> version_of("no-such-distribution")
    ''
    """
    try:
        return str(metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return ""


def keras_home() -> str:
    """Returns the folder where Keras keeps its settings and files."""
    home = os.environ.get("KERAS_HOME", os.path.join("~", ".keras"))
    return os.path.expanduser(home)


def missing_requirements() -> str:
    """Returns a line about what is required and not installed, or nothing.

    It leaves the frameworks out. Packages are missing where `pip install
    --no-deps` has kept a second TensorFlow away.
    """
    missing = [
        requirement
        for requirement in requirements()
        if "extra ==" not in requirement and _is_missing(requirement)
    ]
    if not missing:
        return ""
    return (
        "keras_ptft needs packages that are not installed: pip install "
        f"{shlex.join(missing)}"
    )


def _is_missing(requirement: str) -> bool:
    name = re.split(r"[^\w.-]", requirement)[0]
    if name in (TENSORFLOW.module, KERAS.module):
        return False
    return not version_of(name)


def _fault(framework: Framework) -> str:
    """What is wrong with a framework, or nothing."""
    installed = _installed(framework)
    if len(installed) > 1:
        return _several(framework, installed)
    if not _has_files(framework.module):
        return _missing(framework, installed)
    for name, version in installed.items():
        if not _fits(framework, name, version):
            return (
                f"keras_ptft needs {framework.title} {framework.wanted}, got "
                f"{name} {version}: pip install "
                f"{shlex.quote(f'{name}{framework.wanted}')}"
            )
    # one that was built from source may have another name, or none
    return ""


def _installed(framework: Framework) -> dict[str, str]:
    """The distributions that hold a framework, with their versions."""
    names = (*framework.special, framework.module)
    found = {name: version_of(name) for name in names}
    return {name: version for name, version in found.items() if version}


def _several(framework: Framework, installed: Mapping[str, str]) -> str:
    """A remedy that keeps the special one, since someone asked for it."""
    fitting = [
        f"{name}=={version}"
        for name, version in installed.items()
        if _fits(framework, name, version)
    ]
    kept = fitting[0] if fitting else framework.requirement
    return (
        f"Expected one {framework.title}, got {_told(installed, framework)}, "
        "whose files lie over each other: pip uninstall -y "
        f"{' '.join(installed)} && pip install --no-deps {kept}"
    )


def _missing(framework: Framework, installed: Mapping[str, str]) -> str:
    for name, version in installed.items():
        return (
            f"The files of {name} {version} are gone, as where another "
            f"{framework.title} was uninstalled: pip install "
            f"--force-reinstall --no-deps {name}=={version}"
        )
    return (
        f"keras_ptft needs {framework.title}, and none is installed: pip "
        f"install {framework.requirement}{framework.instead}"
    )


def _has_files(module: str) -> bool:
    """Whether a module can be imported; an empty folder is none."""
    try:
        spec = util.find_spec(module)
    except ValueError:
        # it is imported, and says nothing of where it is from
        return True
    return spec is not None and spec.origin is not None


def _fits(framework: Framework, name: str, version: str) -> bool:
    low, high = map(_numbers, framework.wanted.split(","))
    # who takes a nightly build wants one that is newer than all others
    below = "nightly" in name or _numbers(version) < high
    return low <= _numbers(version) and below


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


def _told(installed: Mapping[str, str], framework: Framework) -> str:
    titles = {framework.module: framework.title}
    told = (f"{titles.get(n, n)} {v}" for n, v in installed.items())
    return " and ".join(told) or f"no {framework.title}"


def _legacy() -> str:
    if os.environ.get("TF_USE_LEGACY_KERAS") not in ("true", "True", "1"):
        return ""
    return (
        "TF_USE_LEGACY_KERAS asks TensorFlow for Keras 2, expected Keras 3: "
        "unset TF_USE_LEGACY_KERAS"
    )


def _backend() -> str:
    backend, origin = os.environ.get("KERAS_BACKEND"), "KERAS_BACKEND"
    if not backend:
        backend, origin = _configured_backend()
    if backend in ("", "tensorflow"):
        return ""
    return (
        f"Expected Keras on TensorFlow, got the backend {backend} from "
        f"{origin}: export KERAS_BACKEND=tensorflow"
    )


def _configured_backend() -> tuple[str, str]:
    """The backend in the file where Keras looks, and its path."""
    path = os.path.join(keras_home(), "keras.json")
    with (
        contextlib.suppress(OSError, ValueError, AttributeError),
        open(path, encoding="utf-8") as file,
    ):
        return str(json.load(file).get("backend", "")), path
    return "", path
