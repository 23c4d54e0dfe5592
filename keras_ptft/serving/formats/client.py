"""Answers texts with the model beside this file, without TensorFlow.

    pip install numpy tokenizers onnxruntime
    python client.py "a text" "another text"

`onnxruntime` reads model.onnx; `ai-edge-litert` model.tflite and `openvino`
model.xml, of which the first that is there is taken.
"""

import json
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def encode(texts: Sequence[str], folder: pathlib.Path = HERE) -> np.ndarray:
    """Returns what the model takes, int32 of shape (texts, tokens).

    Args:
        texts: of any length; they are cut off and padded as in training.
        folder: of tokenizer.json.
    """
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    found = [text.ids for text in tokenizer.encode_batch(list(texts))]
    # texts without a token become padding
    width = max(1, *map(len, found))
    return np.array([ids + [0] * (width - len(ids)) for ids in found], np.int32)


def answer(ids: np.ndarray, folder: pathlib.Path = HERE) -> dict[str, Any]:
    """Returns the model's outputs by name, each with a row a text.

    Args:
        ids: as `encode` returns them.
        folder: of the model.
    """
    for name, run in _RUNTIMES.items():
        if (folder / name).exists():
            return run(folder / name, {"tokens": ids})
    raise FileNotFoundError(f"none of {', '.join(_RUNTIMES)} in {folder}")


def labels_of(outputs: dict[str, Any], folder: pathlib.Path = HERE) -> list:
    """Returns the most probable label of each text, or else all outputs.

    Args:
        outputs: as `answer` returns them.
        folder: that labels.json stands above of.
    """
    path = folder.parent / "labels.json"
    names = json.loads(path.read_text("utf-8")) if path.exists() else []
    scores: Any = outputs.get("probabilities")
    # thresholds choose labels, where a text may have several
    one_each = "probabilities" in outputs and "chosen" not in outputs
    if not one_each or scores.shape[1:] != (len(names),):
        columns = (values.tolist() for values in outputs.values())
        rows = zip(*columns, strict=True)
        return [dict(zip(outputs, row, strict=True)) for row in rows]
    return [names[index] for index in scores.argmax(1)]


def _with_onnx(path: pathlib.Path, inputs: dict[str, Any]) -> dict[str, Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def _with_litert(path: pathlib.Path, inputs: dict[str, Any]) -> dict[str, Any]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path)).get_signature_runner()
    (name, rows), *_ = inputs.items()
    parts = [runner(**{name: rows[i : i + 1]}) for i in range(len(rows))]
    return {k: np.concatenate([part[k] for part in parts]) for k in parts[0]}


def _with_openvino(
    path: pathlib.Path, inputs: dict[str, Any]
) -> dict[str, Any]:
    import openvino

    model = openvino.Core().compile_model(str(path), "CPU")
    found = model(inputs)
    return {port.any_name: found[port] for port in model.outputs}


_RUNTIMES: dict[str, Callable[..., dict[str, Any]]] = {
    "model.onnx": _with_onnx,
    "model.tflite": _with_litert,
    "model.xml": _with_openvino,
}


def main(texts: Sequence[str]) -> None:
    """Prints an answer a line.

    Args:
        texts: at least one.
    """
    if not texts:
        sys.exit(__doc__)
    labels = labels_of(answer(encode(texts)))
    for text, label in zip(texts, labels, strict=True):
        print(f"{label}\t{text}")


if __name__ == "__main__":
    main(sys.argv[1:])
