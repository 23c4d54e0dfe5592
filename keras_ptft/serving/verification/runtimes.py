"""Runtimes beside this TensorFlow that exports can be proved in.

No TensorFlow here: a runtime imports what it needs when it loads an export,
in a process of its own (see `runtime_worker`).
"""

import dataclasses
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from keras_ptft.errors import UserError, first_line
from keras_ptft.registry import nearest
from keras_ptft.serving.verification.c_api import (
    Session,
    find_libraries,
    load_library,
)
from keras_ptft.serving.verification.cases import Answer, Arrays, Mismatch
from keras_ptft.serving.verification.wire import Endpoint, read_signatures

# processors that compute in bfloat16 would round to 3 digits
_EXACT = {"INFERENCE_PRECISION_HINT": "f32"}


@dataclasses.dataclass(frozen=True)
class Loaded:
    """An export that a runtime has loaded.

    Attributes:
        version: of the runtime.
        answers: signature name to what computes it.
        left_out: name of each other signature to why the runtime has not
            got it.
    """

    version: str
    answers: Mapping[str, Answer]
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Runtime:
    """What can run an export.

    Attributes:
        title: what it is called.
        load: loads the SavedModel in a folder.
        tolerance: the largest |value - expected| / max(1, |expected|).
        modules: what has to be installed.
    """

    title: str
    load: Callable[[str], Loaded]
    tolerance: float
    modules: tuple[str, ...] = ()


def runtime_of(word: str) -> Runtime:
    """Returns a runtime by its name, or TensorFlow by the folder of a wheel.

    Args:
        word: a name in RUNTIMES, or a folder.

    Raises:
        UserError: it is neither, or not installed.
    """
    if word not in RUNTIMES:
        return _of_folder(word)
    runtime = RUNTIMES[word]
    missing = [
        name
        for name in runtime.modules
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise UserError(
            f"--prove_with={word} needs {' and '.join(missing)}, not "
            'installed: pip install "keras_ptft[formats]".'
        )
    return runtime


def _of_folder(folder: str) -> Runtime:
    if not os.path.isdir(folder):
        raise UserError(
            f"--prove_with must name {', '.join(RUNTIMES)} or the folder of "
            f"an unpacked TensorFlow wheel, got {folder!r}"
            f"{nearest(folder, RUNTIMES)}."
        )
    find_libraries(folder)
    return dataclasses.replace(
        RUNTIMES["c_api"], load=partial(_c_api, library=folder)
    )


def _c_api(export: str, library: str = "") -> Loaded:
    """TensorFlow's library as TensorFlow Serving uses it, without Python."""
    loaded = load_library(library or _installed_tensorflow())
    session = Session(loaded, export)
    answers = {name: partial(session.run, name) for name in session.signatures}
    return Loaded(loaded.TF_Version().decode(), answers)


def _installed_tensorflow() -> str:
    """The folder of the package, which is not imported."""
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or spec.origin is None:
        raise Mismatch("TensorFlow is not installed")
    return os.path.dirname(spec.origin)


def _openvino(export: str) -> Loaded:
    """OpenVINO's own reader of SavedModels."""
    import openvino

    # without its build
    version = openvino.__version__.partition("-")[0]
    endpoints = read_signatures(export)
    left_out = {
        name: "OpenVINO reads serving_default alone"
        for name in endpoints
        if name != "serving_default"
    }
    endpoint = endpoints["serving_default"]
    reason = "OpenVINO has no strings" if endpoint.has_strings else ""
    if not reason:
        try:
            compiled = openvino.Core().compile_model(export, "CPU", _EXACT)
        # its errors have no other class in common
        except Exception as error:
            reason = first_line(error)
    if reason:
        left_out["serving_default"] = reason
        return Loaded(version, {}, left_out)

    def answer(inputs: Arrays) -> Arrays:
        return {
            _one_of(port.get_names(), endpoint.outputs): values
            for port, values in compiled(dict(inputs)).items()
        }

    return Loaded(version, {"serving_default": answer}, left_out)


def _onnx(export: str) -> Loaded:
    """ONNX Runtime, for which tf2onnx converts each signature."""
    import onnxruntime

    answers: dict[str, Answer] = {}
    left_out = {}
    for name, endpoint in read_signatures(export).items():
        reason, model = "tf2onnx converts no strings", b""
        if not endpoint.has_strings:
            reason, model = _to_onnx(export, name)
        try:
            if not reason:
                session = onnxruntime.InferenceSession(
                    model, providers=["CPUExecutionProvider"]
                )
                answers[name] = partial(_run_onnx, session, endpoint)
        # such as an operation that tf2onnx left as it was
        except Exception as error:
            reason = first_line(error)
        if reason:
            left_out[name] = reason
    return Loaded(onnxruntime.__version__, answers, left_out)


def _to_onnx(export: str, name: str) -> tuple[str, bytes]:
    """Why a signature cannot be converted, or else the model."""
    command = [sys.executable, "-m", "tf2onnx.convert", "--tag", "serve"]
    command += ["--saved-model", export, "--signature_def", name]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.onnx")
        done = subprocess.run(
            [*command, "--output", os.fspath(path)],
            capture_output=True,
            text=True,
        )
        if not done.returncode:
            return "", path.read_bytes()
    last = (done.stderr.strip().splitlines() or ["it was killed"])[-1]
    return f"tf2onnx cannot convert it: {last}", b""


def _run_onnx(session: Any, endpoint: Endpoint, inputs: Arrays) -> Arrays:
    names = list(endpoint.outputs)
    outputs = session.run(names, dict(inputs))
    return dict(zip(names, outputs, strict=True))


def _one_of(found: Iterable[str], names: Iterable[str]) -> str:
    """Which of the names of a tensor is that of an output."""
    (name,) = set(found) & set(names)
    return name


RUNTIMES = {
    "c_api": Runtime("TensorFlow's C API", _c_api, 1e-5),
    # they add in another order than TensorFlow, and approximate exponentials
    # otherwise: 2.5e-5 was seen
    "openvino": Runtime("OpenVINO", _openvino, 1e-4, ("openvino",)),
    "onnx": Runtime("ONNX Runtime", _onnx, 1e-4, ("tf2onnx", "onnxruntime")),
}
"""Name in `--prove_with` to a runtime."""
