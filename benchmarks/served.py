"""What the benchmarks of serving serve: models, exports and requests."""

import importlib.util
import os
import pathlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.common import Lazy, keras, tf

arrays, signature, text, formats, write, tokenizers, known, warmup = (
    Lazy(f"keras_ptft.{name}")
    for name in (
        "serving.signatures.arrays",
        "serving.signatures.signature",
        "serving.signatures.text",
        "serving.formats.table",
        "serving.formats.write",
        "data.text.tokenizers",
        "models.pretrained",
        "serving.bundle.warmup",
    )
)
answers = Lazy("keras_ptft.serving.signatures.answers")
c_api = Lazy("keras_ptft.serving.verification.c_api")
stored = Lazy("keras_ptft.serving.verification.cases")

MODEL = "model"
"""The name that it is served by."""
MAIN = "serving_default"
"""The signature that is asked."""
BATCHES = 1, 8, 64, 512
"""Rows of a request."""
# of calls that are not counted, and of those of one batch size
_WARM, _SECONDS = 5, 5.0
_CLASSES = 10
_WARMUP = 1, 32


def markdown(
    title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]
) -> str:
    """Returns a table below its title.

    Args:
        title: a line.
        heads: of the columns.
        rows: as many cells as heads each.
    """
    every = [heads, ["---"] * len(heads), *rows]
    lines = [f"| {' | '.join(cells)} |" for cells in every]
    return "\n".join([title, "", *lines])


def prepare_images(folder: str, names: Sequence[str]) -> None:
    """Writes a CNN 32-64-64 of 28 x 28 pixels, and random images."""
    conv, pool = keras.layers.Conv2D, keras.layers.MaxPooling2D
    x = inputs = keras.Input((28, 28, 1), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255)(x)
    for filters in (32, 64):
        x = pool(2)(conv(filters, 3, activation="relu")(x))
    x = keras.layers.Flatten()(conv(64, 3, activation="relu")(x))
    x = keras.layers.Dense(64, activation="relu")(x)
    model = keras.Model(inputs, keras.layers.Dense(_CLASSES)(x))
    shape = max(BATCHES), 28, 28, 1
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    numbers = _numbers(model, arrays.class_scores(model), images)
    _write(folder, model, [numbers], numbers, names)
    _keep(folder, images, images, name="image")


def prepare_texts(folder: str, names: Sequence[str]) -> None:
    """Writes MiniLM with a head of 10 classes, and texts of 12 words.

    Its export has signatures of strings, of their ids, and of the tokenizer
    alone.
    """
    found = known.PRETRAINED["all_minilm_l6_v2"](0)
    logits = keras.layers.Dense(_CLASSES)(found.backbone.output)
    model = keras.Model(found.backbone.input, logits)
    reading = found.reading
    tokenizer = tokenizers.Tokenizer.given(
        reading.tokenizer, reading.vocabulary, reading.sequence_length
    )
    words = [word for word in reading.vocabulary if word.isalpha()]
    drawn = np.random.default_rng(0).choice(words, (max(BATCHES), 12))
    requests = np.array([" ".join(row).encode() for row in drawn], object)
    ids = tokenizer(tf.constant(requests)).to_tensor().numpy()
    scores = signature.traced_once(arrays.class_scores(model))
    numbers = _numbers(model, scores, ids)
    of_texts = {
        MAIN: answers.text_answer(scores, tokenizer),
        "tokenizer": lambda texts: {"ids": text.ids_of(texts, tokenizer)},
    }
    cases = signature.cases({"text": requests[:64]}, {})
    served = [
        signature.Signature(name, function, {"text": text.TEXT}, cases)
        for name, function in of_texts.items()
    ]
    (spec,) = numbers.inputs.values()
    tokens = signature.Signature("tokens", scores, {"tokens": spec}, ())
    _write(folder, model, [*served, tokens], numbers, names)
    _keep(folder, requests.astype(bytes), ids, name=model.inputs[0].name)


ROWS: dict[str, tuple[str, Callable[[str, Sequence[str]], None]]] = {
    "images": ("CNN 32-64-64, 28 x 28 pixels", prepare_images),
    "texts": ("MiniLM, 12 words", prepare_texts),
}
"""What is served: its title, and what writes it into a folder."""


def prepare(row: str, folder: str, names: Sequence[str]) -> None:
    """Writes what a row serves, also in the named formats."""
    ROWS[row][1](folder, names)


def export_of(folder: str) -> str:
    """Returns where `prepare` writes the export, version 1 of MODEL."""
    return f"{folder}/{MODEL}/1"


def c_session(folder: str) -> Any:
    """Returns the export as TensorFlow's library has it, without Python."""
    return c_api.Session(c_library(), export_of(folder))


def c_library() -> Any:
    """Loads TensorFlow's library."""
    spec = importlib.util.find_spec("tensorflow")
    return c_api.load_library(os.path.dirname(str(spec and spec.origin)))


def rows_of(folder: str, name: str) -> np.ndarray:
    """Returns `requests`, `inputs` of the model, or the `name` of these."""
    with np.load(f"{folder}/inputs.npz") as file:
        rows: np.ndarray = file[name]
    return rows.astype(object) if rows.dtype.kind == "S" else rows


def warm_up(folder: str) -> list[tuple[str, Mapping[str, np.ndarray]]]:
    """Returns the requests that a server warms up with (no TensorFlow)."""
    cases = stored.read_cases(f"{folder}/warmup.npz")
    return [
        (name, inputs) for name, found in cases.items() for inputs, _ in found
    ]


def milliseconds(answer: Callable[[], Any], calls: int) -> list[float]:
    """Returns the milliseconds of calls, for at most 5 s, after a few more."""
    for _ in range(_WARM):
        answer()
    seconds: list[float] = []
    while len(seconds) < calls and sum(seconds) < _SECONDS:
        start = time.perf_counter()
        answer()
        seconds.append(time.perf_counter() - start)
    return [1e3 * each for each in seconds]


def _numbers(model: Any, scores: Any, inputs: np.ndarray) -> Any:
    """The signature that takes what a model takes."""
    answer = arrays.endpoint(model, scores)
    specs = arrays.input_specs(model)
    given = dict.fromkeys(specs, inputs[:1])
    expected = arrays.expected_outputs(answer, given)
    return signature.Signature(
        MAIN, answer, specs, signature.cases(given, expected)
    )


def _write(
    folder: str,
    model: Any,
    served: Sequence[Any],
    numbers: Any,
    names: Sequence[str],
) -> None:
    """Writes a model, its export, and formats of the export's numbers."""
    model.save(f"{folder}/model.keras")
    export = pathlib.Path(export_of(folder))
    signature.write_saved_model(export, served)
    rows = {name: formats.FORMATS[name] for name in names}
    write.write_formats(
        pathlib.Path(folder), numbers, rows, quantize="none", calibration=()
    )
    extra = export / "assets.extra"
    extra.mkdir(exist_ok=True)
    warmup.write_warmup(extra, MODEL, served[:1], _WARMUP)
    parts = [[request.inputs, {}] for request in warmup.read_warmup(extra)]
    stored.write_cases(f"{folder}/warmup.npz", {MAIN: parts})


def _keep(
    folder: str, requests: np.ndarray, inputs: np.ndarray, *, name: str
) -> None:
    """Keeps the rows of requests, and what the model takes, by its name."""
    np.savez(
        f"{folder}/inputs.npz", requests=requests, inputs=inputs, name=name
    )
