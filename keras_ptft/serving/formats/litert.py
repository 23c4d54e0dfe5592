"""LiteRT, once TensorFlow Lite: phones and other small devices."""

import dataclasses
import pathlib
import re
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.serving.formats.format import Conversion, NoEquivalent, Run
from keras_ptft.serving.signatures.signature import Arrays, write_saved_model

# of the converter's error
_MISSING = re.compile(r"(?:Select|Custom) ops: ([\w, ]+)")
# what it says of an operation, after a page of where that is
_REFUSED = re.compile(r"'tf\.\w+' op [^\n]+")


def convert(given: Conversion, path: pathlib.Path) -> None:
    """Writes a model with LiteRT's own operations alone.

    Those of TensorFlow, which LiteRT can be built with, are tens of MB more
    for an app, and are not in the package.

    Args:
        given: the model. One of texts, whose length is free, takes one at a
            time: LiteRT reshapes arrays with one free axis, not with two.
        path: of the file.

    Raises:
        NoEquivalent: an operation is not LiteRT's.
    """
    with tempfile.TemporaryDirectory() as place:
        converter = tf.lite.TFLiteConverter.from_saved_model(
            _source(given, place), signature_keys=["serving_default"]
        )
        _QUANTIZE[given.quantize](converter, given)
        path.write_bytes(_converted(converter))


def load(path: pathlib.Path) -> Run:
    """Returns what runs a model, on one thread as on a phone.

    Args:
        path: of the file.
    """
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path)).get_signature_runner()
    shapes = [
        tuple(details["shape_signature"])
        for details in runner.get_input_details().values()
    ]
    alone = all(shape[0] == 1 for shape in shapes)

    def run(inputs: Arrays) -> Arrays:
        count = len(next(iter(inputs.values())))
        size = 1 if alone else max(count, 1)
        parts = [
            runner(**{k: v[i : i + size] for k, v in inputs.items()})
            for i in range(0, count, size)
        ]
        return {
            k: np.concatenate([part[k] for part in parts]) for k in parts[0]
        }

    return run


def _source(given: Conversion, place: str) -> str:
    """The folder of a SavedModel whose inputs have one free axis at most."""
    free = [
        list(spec.shape).count(None) for spec in given.signature.inputs.values()
    ]
    if max(free) < 2:
        return str(given.saved_model)
    one = {
        name: tf.TensorSpec([1, *spec.shape[1:]], spec.dtype, name)
        for name, spec in given.signature.inputs.items()
    }
    write_saved_model(place, [dataclasses.replace(given.signature, inputs=one)])
    return place


def _converted(converter: Any) -> bytes:
    try:
        with warnings.catch_warnings():
            # its own calibration calls an interpreter that it deprecates
            warnings.simplefilter("ignore")
            found: bytes = converter.convert()
    except Exception as error:
        if missing := _MISSING.findall(str(error)):
            raise NoEquivalent(", ".join(missing).split(", ")) from error
        if refused := _REFUSED.search(str(error)):
            raise ValueError(refused[0]) from error
        raise
    return found


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
