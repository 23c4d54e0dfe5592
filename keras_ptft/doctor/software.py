"""Python, the packages and what the environment says to them."""

import importlib.metadata
import locale
import os
import platform
import re
import sys
from collections.abc import Iterator

from keras_ptft import environment
from keras_ptft.doctor.finding import Finding, failed, ok, warning
from keras_ptft.doctor.settings import DoctorConfig
from keras_ptft.errors import UserError
from keras_ptft.training.distribution.cluster import several_workers

_PACKAGE = "keras_ptft"
# characters in a line of the page
_LONGEST = 58
# of Terraform, and what the program sets itself
_OF_OTHERS = ("TF_CLI_", "TF_VAR_", "TF_CPP_MIN_LOG_LEVEL")
# extras for those who develop the package, and CUDA, of which "GPU" tells
_NOT_TOLD = {"dev", "docs", "bench", "gpu"}
_PREFIXES = (
    *("CUDA_", "KERAS_", "NVIDIA_VISIBLE_", "OMP_", "SLURM_JOB_"),
    *("TF_", "TFDS_", "TPU_", "COLAB_TPU_", "XLA_"),
)
_REQUIREMENT = re.compile(r"([\w.-]+)[^;]*;.*extra == ['\"]([\w.-]+)['\"]")
# name → (what it must not be, the remedy)
_SLOW = {
    "CUDA_VISIBLE_DEVICES": (
        lambda value: value in ("", "-1"),
        "it hides all GPUs: unset it to use them",
    ),
    "TF_ENABLE_ONEDNN_OPTS": (
        lambda value: value == "0",
        "convolutions and products are slower without oneDNN: unset it",
    ),
}


def python(config: DoctorConfig) -> Iterator[Finding]:
    """The interpreter, and the system that it runs on."""
    del config
    version = platform.python_version()
    text = f"{version}, {sys.executable}, {platform.platform(terse=True)}"
    facts = {"version": version, "machine": platform.machine()}
    if sys.maxsize < 2**32:
        yield failed(f"{text}, 32 bits", "install a Python of 64 bits", **facts)
    else:
        yield ok(text, **facts)


def packages(config: DoctorConfig) -> Iterator[Finding]:
    """The versions that are imported, and what distributions they are of."""
    del config
    if missing := environment.missing_requirements():
        yield failed(missing, "most commands stop without them")
    if wrong := list(environment.faults()):
        for fault in wrong:
            yield failed(fault, "till then nothing below imports TensorFlow")
        return
    import keras
    import tensorflow as tf

    from keras_ptft import __version__

    named = importlib.metadata.packages_distributions()
    distributions = sorted(set(named.get("tensorflow", ())))
    yield ok(
        f"keras_ptft {__version__}, TensorFlow {tf.__version__} of "
        f"{', '.join(distributions) or 'no distribution'}, Keras "
        f"{keras.__version__} on {keras.backend.backend()}",
        keras_ptft=__version__,
        tensorflow=tf.__version__,
        keras=keras.__version__,
        distributions=distributions,
    )


def extras(config: DoctorConfig) -> Iterator[Finding]:
    """Optional packages, and what to type for those that are missing."""
    del config
    if not (wanted := _extras()):
        yield ok("not known: keras_ptft is not installed, but run as it is")
    for extra, names in wanted.items():
        versions = {name: environment.version_of(name) for name in names}
        missing = [name for name, found in versions.items() if not found]
        told = ", ".join(f"{n} {v}" for n, v in versions.items() if v)
        if missing:
            lacking = f"without {', '.join(missing)}"
            told = f"{'; '.join(filter(None, (told, lacking)))}"
            told += f', if you need it: pip install "{_PACKAGE}[{extra}]"'
        yield ok(f"{extra}: {told}", extra=extra, missing=missing)


def variables(config: DoctorConfig) -> Iterator[Finding]:
    """Variables of the environment that TensorFlow and Keras listen to."""
    del config
    found = sorted(
        name
        for name in os.environ
        if name.startswith(_PREFIXES) and not name.startswith(_OF_OTHERS)
    )
    for name in found:
        value = os.environ[name]
        text = " ".join(map(_cut, f"{name}={value}".split()))
        if name == "TF_CONFIG":
            yield _cluster(text, value)
        elif name in _SLOW and _SLOW[name][0](value):
            yield warning(text, _SLOW[name][1], name=name, value=value)
        else:
            yield ok(text, name=name, value=value)
    if not found:
        yield ok("none is set that TensorFlow or Keras listen to")


def encoding(config: DoctorConfig) -> Iterator[Finding]:
    """How texts, labels and paths are written."""
    del config
    facts = {
        "files": locale.getpreferredencoding(False),
        "paths": sys.getfilesystemencoding(),
        "locale": os.environ.get("LC_ALL") or os.environ.get("LANG") or "C",
    }
    text = (
        f"files {facts['files']}, paths {facts['paths']}, locale "
        f"{facts['locale']}"
    )
    names = {facts["files"].lower(), facts["paths"].lower()}
    if names <= {"utf-8", "utf8"}:
        yield ok(text, **facts)
    else:
        remedy = "names of files and labels may break: export PYTHONUTF8=1"
        yield warning(text, remedy, **facts)


def _cluster(text: str, value: str) -> Finding:
    """Of a variable with which every command is one of several workers."""
    facts = {"name": "TF_CONFIG", "value": value}
    try:
        several = several_workers({"TF_CONFIG": value})
    except UserError as error:
        return failed(str(error), "unset TF_CONFIG to train alone", **facts)
    if several:
        text += ", so trainings wait for the other workers"
    return ok(text, **facts)


def _cut(word: str) -> str:
    """A word that fits the page; TF_CONFIG names every machine."""
    return word if len(word) <= _LONGEST else f"{word[: _LONGEST - 3]}..."


def _extras() -> dict[str, list[str]]:
    """The optional packages of each extra, as the package asks for them."""
    found: dict[str, list[str]] = {}
    for requirement in environment.requirements():
        match = _REQUIREMENT.match(requirement)
        if match and match[2] not in _NOT_TOLD:
            found.setdefault(match[2], []).append(match[1])
    return found
