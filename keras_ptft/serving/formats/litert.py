"""LiteRT, once TensorFlow Lite: phones and other small devices."""

import pathlib
import re
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_ptft.serving.formats.format import Conversion, NoEquivalent, Run
from keras_ptft.serving.signatures.signature import Arrays

# of the converter's error
_MISSING = re.compile(r"(?:Select|Custom) ops: ([\w, ]+)")


def convert(given: Conversion, path: pathlib.Path) -> None:
    """Writes a model with LiteRT's own operations alone.

    Those of TensorFlow, which LiteRT can be built with, are tens of MB more
    for an app, and are not in the package.

    Args:
        given: the model.
        path: of the file.

    Raises:
        NoEquivalent: an operation is not LiteRT's.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(given.saved_model), signature_keys=["serving_default"]
    )
    _QUANTIZE[given.quantize](converter, given)
    try:
        path.write_bytes(converter.convert())
    except Exception as error:
        if found := _MISSING.findall(str(error)):
            raise NoEquivalent(", ".join(found).split(", ")) from error
        raise


def load(path: pathlib.Path) -> Run:
    """Returns what runs a model, on one thread as on a phone.

    Args:
        path: of the file.
    """
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path)).get_signature_runner()

    def run(inputs: Arrays) -> Arrays:
        found: Arrays = runner(**inputs)
        return found

    return run


def _as_it_is(converter: Any, given: Conversion) -> None:
    """Leaves all numbers in float32."""


def _dynamic(converter: Any, given: Conversion) -> None:
    """Stores weights in 8 bits; what flows between them is float32."""
    del given
    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def _int8(converter: Any, given: Conversion) -> None:
    """Computes in 8 bits, but for operations that have no such kernel.

    Inputs and outputs keep their types: clients send what they would send
    to the SavedModel.
    """
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter(given.calibration)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ]


def _float16(converter: Any, given: Conversion) -> None:
    """Stores weights in 16 bits."""
    del given
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


_QUANTIZE: dict[str, Callable[[Any, Conversion], None]] = {
    "none": _as_it_is,
    "dynamic": _dynamic,
    "int8": _int8,
    "float16": _float16,
}
