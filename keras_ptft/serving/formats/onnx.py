"""ONNX, for ONNX Runtime and whatever else reads it."""

import contextlib
import logging
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.serving.formats.format import Conversion, NoEquivalent, Run
from keras_ptft.serving.signatures.signature import Arrays, Signature


def convert(given: Conversion, path: pathlib.Path) -> None:
    """Writes a model with operations of the standard alone.

    Args:
        given: the model.
        path: of the file.

    Raises:
        NoEquivalent: an operation is not ONNX's.
    """
    with _quiet():
        model = _converted(given.signature)
        _QUANTIZE[given.quantize](model, given, path)


def load(path: pathlib.Path) -> Run:
    """Returns what runs a model with ONNX Runtime, on all cores.

    Args:
        path: of the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # errors alone: it warns of what it optimises
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    def run(inputs: Arrays) -> Arrays:
        values = session.run(names, dict(inputs))
        return dict(zip(names, values, strict=True))

    return run


class _Examples:
    """Calibration data as ONNX Runtime asks for them, one by one."""

    def __init__(self, examples: Sequence[Arrays]) -> None:
        self._rest = iter(examples)

    def get_next(self) -> dict[str, Any] | None:
        """Returns the inputs of the next example, or None after the last."""
        found = next(self._rest, None)
        return None if found is None else dict(found)


def _converted(signature: Signature) -> Any:
    """The model as an `onnx.ModelProto`, whose names are the signature's."""
    import tf2onnx.convert

    specs = [
        tf.TensorSpec(spec.shape, spec.dtype, name)
        for name, spec in signature.inputs.items()
    ]
    function = tf.function(
        signature.function, input_signature=specs, autograph=False
    )
    concrete = function.get_concrete_function()
    # what follows them are constants of the graph, not inputs
    inputs = [tensor.name for tensor in concrete.inputs[: len(specs)]]
    outputs = {t.name: name for name, t in concrete.structured_outputs.items()}
    graph = tf2onnx.tf_loader.from_function(concrete, inputs, [*outputs])
    model, _ = tf2onnx.convert.from_graph_def(
        graph,
        input_names=inputs,
        output_names=[*outputs],
        tensors_to_rename={
            **dict(zip(inputs, signature.inputs, strict=True)),
            **outputs,
        },
        # each a function, and arguments of it
        custom_op_handlers={"Erfc": (_write_erfc, [])},
    )
    if missing := set(_unknown(model)):
        raise NoEquivalent(missing)
    return model


def _write_erfc(graph: Any, node: Any, name: str, args: Sequence[Any]) -> Any:
    """Writes erfc(x), of which `keras.activations.gelu` is made, as 1 - erf(x).

    ONNX has the latter alone, and tf2onnx knows no other way.
    """
    from tf2onnx import utils

    del args
    dtype = utils.map_onnx_to_numpy_type(graph.get_dtype(node.input[0]))
    one = graph.make_const(utils.make_name(name), np.array(1, dtype))
    erf = graph.make_node("Erf", node.input, op_name_scope=name)
    node.type = "Sub"
    graph.replace_inputs(node, [one.output[0], erf.output[0]])
    return node


def _unknown(model: Any) -> Iterator[str]:
    """Operations that tf2onnx left as they were, for it goes on then."""
    import onnx

    for node in model.graph.node:
        if not node.domain and not onnx.defs.has(node.op_type):
            yield node.op_type


def _as_it_is(model: Any, given: Conversion, path: pathlib.Path) -> None:
    del given
    path.write_bytes(model.SerializeToString())


def _dynamic(model: Any, given: Conversion, path: pathlib.Path) -> None:
    """Stores weights in 8 bits, and finds ranges while it runs."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    del given
    with _prepared(model) as source:
        # convolutions have a kernel for unsigned weights alone
        quantize_dynamic(source, path, weight_type=QuantType.QUInt8)


def _int8(model: Any, given: Conversion, path: pathlib.Path) -> None:
    """Computes in 8 bits, with ranges of the calibration examples."""
    from onnxruntime.quantization import QuantType, quantize_static

    with _prepared(model) as source:
        quantize_static(
            source,
            path,
            _Examples(given.calibration),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


_QUANTIZE: dict[str, Callable[[Any, Conversion, pathlib.Path], None]] = {
    "none": _as_it_is,
    "dynamic": _dynamic,
    "int8": _int8,
}


@contextlib.contextmanager
def _prepared(model: Any) -> Iterator[pathlib.Path]:
    """Folds and fuses operations, as quantization wants them."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as place:
        plain, path = (pathlib.Path(place, f"{i}.onnx") for i in range(2))
        plain.write_bytes(model.SerializeToString())
        quant_pre_process(str(plain), str(path), skip_symbolic_shape=True)
        yield path


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leaves out what both packages log: errors are raised here."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
