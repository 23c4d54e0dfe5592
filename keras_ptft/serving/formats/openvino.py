"""OpenVINO, for processors of Intel."""

import pathlib
import re
from typing import Any

from keras_ptft.serving.formats.format import Conversion, NoEquivalent, Run
from keras_ptft.serving.signatures.signature import Arrays

# of the error of `read_model`, which lists operations or the lack of a rule
_MISSING = re.compile(r"-- (?:No [a-z ]+: )?([A-Z]\w+(?:, \w+)*)")


def convert(given: Conversion, path: pathlib.Path) -> None:
    """Writes a model's graph, and its weights beside it as `.bin`.

    `read_model` reads a SavedModel itself; `convert_model` of the same
    package would, too, and report its use over the network.

    Args:
        given: the model; "float16" is how its weights are stored.
        path: of the `.xml` file.

    Raises:
        NoEquivalent: an operation is not OpenVINO's.
    """
    import openvino

    try:
        model = openvino.Core().read_model(str(given.saved_model))
    except RuntimeError as error:
        if found := _MISSING.findall(str(error)):
            raise NoEquivalent(", ".join(found).split(", ")) from error
        raise
    outputs = [*given.signature.cases[0].outputs]
    _name(model.inputs, [*given.signature.inputs])
    _name(model.outputs, outputs)
    halves = given.quantize == "float16"
    openvino.save_model(model, str(path), compress_to_fp16=halves)


def load(path: pathlib.Path) -> Run:
    """Returns what runs a model in float32, on all cores.

    Args:
        path: of the `.xml` file.
    """
    import openvino

    # some processors would compute in bfloat16
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(str(path), "CPU", exact)

    def run(inputs: Arrays) -> Arrays:
        found = model(dict(inputs))
        return {port.any_name: found[port].copy() for port in model.outputs}

    return run


def _name(ports: list[Any], names: list[str]) -> None:
    """Leaves each port the one name that the signature has for it."""
    for port in ports:
        known = {name.partition(":")[0] for name in port.names}
        (name,) = known & set(names) if len(ports) > 1 else names
        port.get_tensor().set_names({name})
