"""The formats that a version can hold."""

import importlib.util
from collections.abc import Mapping

from keras_ptft.errors import UserError
from keras_ptft.registry import nearest
from keras_ptft.serving.formats import litert, onnx, openvino
from keras_ptft.serving.formats.format import (
    NO_QUANTIZATION,
    SAVED_MODEL,
    Format,
)

FORMATS: dict[str, Format] = {
    "litert": Format(
        ("model.tflite",),
        {"ai_edge_litert": "ai-edge-litert"},
        ("dynamic", "int8", "float16"),
        litert.convert,
        litert.load,
    ),
    "onnx": Format(
        ("model.onnx",),
        {"onnxruntime": "onnxruntime", "onnx": "onnx", "tf2onnx": "tf2onnx"},
        ("dynamic", "int8"),
        onnx.convert,
        onnx.load,
    ),
    "openvino": Format(
        ("model.xml", "model.bin"),
        {"openvino": "openvino"},
        ("float16",),
        openvino.convert,
        openvino.load,
    ),
}


def chosen(formats: str, quantize: str) -> Mapping[str, Format]:
    """Returns the formats that are written beside the SavedModel.

    Args:
        formats: their names with commas between, in any order.
        quantize: what --quantize is.

    Raises:
        UserError: there is no such format, its package is missing, or it
            cannot be quantized so.

    Example:

    >>> list(chosen("saved_model", "none"))
    []
    """
    names = [name.strip() for name in formats.split(",")]
    found = {}
    for name in dict.fromkeys(names):
        if name == SAVED_MODEL:
            continue
        if name not in FORMATS:
            every = (SAVED_MODEL, *FORMATS)
            raise UserError(
                f"--formats must be names of {', '.join(every)} with commas "
                f"between, got {name!r}{nearest(name, every)}."
            )
        _check_quantize(name, quantize)
        _check_packages(name)
        found[name] = FORMATS[name]
    if quantize != NO_QUANTIZATION and not found:
        raise UserError(
            f"--quantize={quantize} is for other formats than the SavedModel, "
            "and --formats names none: add one, as --formats=litert, or leave "
            "--quantize out."
        )
    return found


def _check_quantize(name: str, quantize: str) -> None:
    known = (NO_QUANTIZATION, *FORMATS[name].quantizations)
    if quantize not in known:
        raise UserError(
            f"--quantize={quantize} is not for the format {name}, which takes "
            f"{', '.join(known)}: use one of these, or leave {name} out of "
            "--formats."
        )


def _check_packages(name: str) -> None:
    for module, package in FORMATS[name].packages.items():
        if importlib.util.find_spec(module) is None:
            raise UserError(
                f"--formats={name} must have the package {package}, but it is "
                'not installed: pip install "keras_ptft[formats]", or leave '
                f"{name} out."
            )
