"""Predicting: from a model's file and a file of inputs to labels.

All predict by the same weights, so that the mean of the highest
probabilities, which stands for a loss, has to agree.
"""

import dataclasses
import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.common import (
    KERAS,
    OURS,
    PYTORCH,
    Lazy,
    Outcome,
    Row,
    Work,
    keras,
    layers,
    nn,
    ours,
    timed,
    torch,
)

keras_ptft = Lazy("keras_ptft")

_BATCH = 256
_LENGTH = 16
_COLUMNS = 20
_FILTERS = 100
# of the kernels in the order of the layers, as Keras has them
_IMAGES = [(3, 3, 1, 32), (3, 3, 32, 64), (3, 3, 64, 64), (576, 64), (64, 10)]
_TEXTS = [(k, 128, _FILTERS) for k in (3, 4, 5)] + [(300, 10)]
_TABLE = [(_COLUMNS, 128), (128, 64), (64, 10)]


def our_images(work: Work) -> Outcome:
    """An array file."""
    run = ours.Run(work, backbone="cnn")
    return _ours(work, run, _weights(work, _IMAGES), _array)


def keras_images(work: Work) -> Outcome:
    """The same file."""
    inputs = keras.Input((28, 28, 1))
    pooled = [layers.MaxPooling2D(2) for _ in range(2)] + [layers.Flatten()]
    parts = [layers.Rescaling(1 / 255)]
    for filters, after in zip((32, 64, 64), pooled, strict=True):
        parts += [layers.Conv2D(filters, 3, activation="relu"), after]
    parts += [layers.Dense(64, activation="relu"), layers.Dense(10)]
    model = keras.Sequential([inputs, *parts])
    return _keras(work, model, _weights(work, _IMAGES), _array, np.load)


def torch_images(work: Work) -> Outcome:
    """The same file."""

    class Network(nn.Sequential):
        def forward(self, images: Any) -> Any:
            return super().forward(images.permute(0, 3, 1, 2) / 255.0)

    class Flattened(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.permute(0, 2, 3, 1).flatten(1)

    parts = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2)]
    parts += [nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    parts += [nn.Conv2d(64, 64, 3), nn.ReLU(), Flattened()]
    model = Network(*parts, nn.Linear(576, 64), nn.ReLU(), nn.Linear(64, 10))
    return _torch(work, model, _weights(work, _IMAGES), _array, np.load)


def our_texts(work: Work) -> Outcome:
    """A file of a text a line; the model makes ids of words."""
    words = _words(work)
    ids = Work(_ids(work.inputs, words), work.labels, work.epochs, work.seed)
    given = ours.words(words, _LENGTH)
    data = ours.dataset(ours.source(ids.inputs, ids.labels), 10, given)
    run = ours.Run(ids, data, backbone="textcnn")
    return _ours(work, run, _text_weights(work), _lines)


def keras_texts(work: Work) -> Outcome:
    """The same file; Python makes ids of words."""
    words = _words(work)
    inputs = keras.Input((_LENGTH,), dtype="int32")
    mask = keras.ops.cast(inputs > 0, "float32")[..., None]
    x = layers.Embedding(len(words) + 4, 128)(inputs) * mask
    convolved = [
        layers.Conv1D(_FILTERS, side, padding="same", activation="relu")(x)
        for side in (3, 4, 5)
    ]
    x = layers.GlobalMaxPooling1D()(layers.Concatenate()(convolved) * mask)
    model = keras.Model(inputs, layers.Dense(10)(x))
    weights = _text_weights(work)
    return _keras(work, model, weights, _lines, _reader(words))


def torch_texts(work: Work) -> Outcome:
    """The same file; Python makes ids of words."""
    words = _words(work)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(len(words) + 4, 128)
            self.convolutions = nn.ModuleList(
                nn.Conv1d(128, _FILTERS, side, padding="same")
                for side in (3, 4, 5)
            )
            self.head = nn.Linear(3 * _FILTERS, 10)

        def forward(self, tokens: Any) -> Any:
            mask = (tokens > 0).float()[:, None]
            x = self.embedding(tokens).transpose(1, 2) * mask
            x = [convolve(x) for convolve in self.convolutions]
            return self.head((torch.cat(x, 1).relu() * mask).amax(2))

    weights = _text_weights(work)
    return _torch(work, Network(), weights, _lines, _reader(words))


def our_table(work: Work) -> Outcome:
    """A CSV file of numbers."""
    run = ours.Run(work, backbone="mlp")
    run.info = dataclasses.replace(run.info, columns=tuple(_names()))
    return _ours(work, run, _weights(work, _TABLE), _csv)


def keras_table(work: Work) -> Outcome:
    """The same file."""
    hidden = [layers.Dense(units, activation="relu") for units in (128, 64)]
    inputs = keras.Input((_COLUMNS,))
    model = keras.Sequential([inputs, *hidden, layers.Dense(10)])
    return _keras(work, model, _weights(work, _TABLE), _csv, _rows)


def torch_table(work: Work) -> Outcome:
    """The same file."""
    hidden = nn.Linear(_COLUMNS, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU()
    model = nn.Sequential(*hidden, nn.Linear(64, 10))
    return _torch(work, model, _weights(work, _TABLE), _csv, _rows)


def _ours(
    work: Work, run: Any, weights: Sequence[np.ndarray], write: Callable
) -> Outcome:
    run.model.set_weights(weights)
    with tempfile.TemporaryDirectory() as folder:
        model, path = run.save(pathlib.Path(folder)), write(work, folder)

        def epoch() -> float:
            answers = keras_ptft.predict(model, [path])
            return float(np.mean([answer.probability for answer in answers]))

        return timed(work.epochs, epoch)


def _keras(
    work: Work,
    model: Any,
    weights: Sequence[np.ndarray],
    write: Callable,
    read: Callable,
) -> Outcome:
    model.set_weights(weights)
    with tempfile.TemporaryDirectory() as folder:
        saved, path = pathlib.Path(folder, "model.keras"), write(work, folder)
        model.save(saved)

        def epoch() -> float:
            loaded = keras.saving.load_model(saved)
            logits = loaded.predict(read(path), batch_size=_BATCH, verbose=0)
            return _mean_highest(logits)

        return timed(work.epochs, epoch)


def _torch(
    work: Work,
    model: Any,
    weights: Sequence[np.ndarray],
    write: Callable,
    read: Callable,
) -> Outcome:
    with torch.no_grad():
        for parameter, array in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(_for_torch(array, parameter)))
    with tempfile.TemporaryDirectory() as folder:
        saved, path = pathlib.Path(folder, "model.pt"), write(work, folder)
        torch.save(model.state_dict(), saved)

        def epoch() -> float:
            model.load_state_dict(torch.load(saved))
            inputs = torch.from_numpy(read(path))
            with torch.inference_mode():
                logits = [model(some) for some in inputs.split(_BATCH)]
            return _mean_highest(torch.cat(logits).numpy())

        model.eval()
        return timed(work.epochs, epoch)


def _mean_highest(logits: np.ndarray) -> float:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return float((powers.max(1) / powers.sum(1)).mean())


def _weights(work: Work, shapes: Sequence[tuple]) -> list[np.ndarray]:
    """Kernels and biases of layers, as Keras orders them."""
    random, weights = np.random.default_rng(work.seed), []
    for shape in shapes:
        deviation = (2.0 / np.prod(shape[:-1])) ** 0.5
        kernel = deviation * random.standard_normal(shape, np.float32)
        weights += [kernel, np.zeros(shape[-1], np.float32)]
    return weights


def _text_weights(work: Work) -> list[np.ndarray]:
    random, size = np.random.default_rng(work.seed), len(_words(work)) + 4
    vectors = random.standard_normal((size, 128), np.float32)
    return [vectors, *_weights(work, _TEXTS)]


def _for_torch(array: np.ndarray, parameter: Any) -> np.ndarray:
    """A kernel with its outputs first, then its inputs; others as they are."""
    if array.shape != tuple(parameter.shape):
        order = [array.ndim - 1, array.ndim - 2, *range(array.ndim - 2)]
        array = array.transpose(order)
    return np.ascontiguousarray(array)


def _words(work: Work) -> list[str]:
    return sorted({word for text in work.inputs for word in text.split()})


def _ids(texts: Sequence[str], words: Sequence[str]) -> np.ndarray:
    """Ids of words, after four special ones, padded with 0."""
    ids: Mapping[str, int] = {word: i for i, word in enumerate(words, 4)}
    found = np.zeros((len(texts), _LENGTH), np.int32)
    for row, text in zip(found, texts, strict=True):
        some = text.split()[:_LENGTH]
        row[: len(some)] = [ids.get(word, 1) for word in some]
    return found


def _reader(words: Sequence[str]) -> Callable[[str], np.ndarray]:
    def read(path: str) -> np.ndarray:
        return _ids(pathlib.Path(path).read_text().splitlines(), words)

    return read


def _array(work: Work, folder: str) -> str:
    np.save(path := f"{folder}/inputs.npy", work.inputs)
    return path


def _lines(work: Work, folder: str) -> str:
    path = pathlib.Path(folder, "inputs.txt")
    path.write_text("\n".join(work.inputs))
    return str(path)


def _csv(work: Work, folder: str) -> str:
    path, header = f"{folder}/inputs.csv", ",".join(_names())
    np.savetxt(path, work.inputs, "%.4f", ",", header=header, comments="")
    return path


def _rows(path: str) -> np.ndarray:
    return np.loadtxt(path, np.float32, delimiter=",", skiprows=1)


def _names() -> list[str]:
    return [f"column{index}" for index in range(_COLUMNS)]


ROWS = {
    "predict_images": Row(
        "predict, CNN 32-64-64, images of an .npy file",
        *("images", 10_000, 3),
        {OURS: our_images, PYTORCH: torch_images, KERAS: keras_images},
    ),
    "predict_texts": Row(
        "predict, convolutions of 3, 4 and 5 tokens, lines of a .txt file",
        *("sentences", 10_000, 3),
        {OURS: our_texts, PYTORCH: torch_texts, KERAS: keras_texts},
    ),
    "predict_table": Row(
        "predict, MLP 20-128-64-10, rows of a .csv file",
        *("numbers", 10_000, 3),
        {OURS: our_table, PYTORCH: torch_table, KERAS: keras_table},
    ),
}
