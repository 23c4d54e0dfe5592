"""One training on data of some size, in a process of its own."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from benchmarks.memory import Memory
from benchmarks.ours import TASK
from benchmarks.work import BATCH_SIZE, Watch
from keras_ptft.config import Config
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.sources.image_folder import FolderSource
from keras_ptft.data.sources.tfds.images import read_split
from keras_ptft.experiment import builders, trainer
from keras_ptft.models import BACKBONES
from keras_ptft.models.normalization import unit
from keras_ptft.objectives.classification import classification
from keras_ptft.transfer.cut import split

_SIZE = 96
_MNIST = tf.TensorSpec((28, 28, 1), tf.uint8, "image")
_PHOTO = tf.TensorSpec((_SIZE, _SIZE, 3), tf.uint8, "image")


@dataclasses.dataclass(frozen=True)
class Grown:
    """What a training on data of some size took.

    Attributes:
        data: MB of the examples as they are trained on.
        epoch: seconds of the second of two epochs.
        ahead: seconds of what is computed once before; 0: nothing.
    """

    data: float
    epoch: float
    ahead: float = 0.0


@dataclasses.dataclass(frozen=True)
class Kind:
    """A way that examples are held.

    Attributes:
        spec: of an example.
        backbone: settings of the CNN, or None: an MLP.
        grow: (backbone, model, inputs, labels) → Grown; there are more
            labels than inputs, which are to be repeated.
    """

    spec: tf.TensorSpec
    backbone: dict[str, Any] | None
    grow: Callable[..., Grown]


def grow(
    kind: str, material: str, examples: int, times: int
) -> dict[str, float]:
    """Trains on repeated examples, and watches time and memory.

    Args:
        kind: a row of KINDS.
        material: the file with "inputs" and "labels".
        examples: how many of them.
        times: how often they are repeated; 0: only builds the model.

    Returns:
        The fields of `Grown`, if anything was trained, and of `Memory`.
    """
    keras.utils.set_random_seed(0)
    row, grown = KINDS[kind], None
    with Memory() as memory:
        name = "mlp" if row.backbone is None else "cnn"
        scaling = unit(row.spec, None)
        backbone = BACKBONES[name](row.spec, scaling, **row.backbone or {})
        model = builders.assemble(backbone, classification(TASK))
        if times:
            with np.load(material) as data:
                inputs = data["inputs"][:examples]
                labels = np.tile(data["labels"][:examples], times)
            grown = row.grow(backbone, model, inputs, labels)
    taken = {"resident": memory.resident, "allocated": memory.allocated}
    return (dataclasses.asdict(grown) if grown else {}) | taken


def arrays(
    backbone: keras.Model,
    model: keras.Model,
    inputs: np.ndarray,
    labels: np.ndarray,
) -> Grown:
    """All examples in memory."""
    del backbone
    inputs = np.concatenate([inputs] * (len(labels) // len(inputs)))
    size = inputs.nbytes / 1e6
    return Grown(size, _train(model, _source(inputs, labels)))


def files(
    backbone: keras.Model,
    model: keras.Model,
    inputs: np.ndarray,
    labels: np.ndarray,
) -> Grown:
    """Image files, decoded at each step."""
    del backbone
    paths = [pathlib.Path(path) for path in np.resize(inputs, len(labels))]
    source = FolderSource(paths, labels, _hashes(labels), _SIZE)
    return Grown(
        sum(path.stat().st_size for path in paths) / 1e6, _train(model, source)
    )


def features(
    backbone: keras.Model,
    model: keras.Model,
    inputs: np.ndarray,
    labels: np.ndarray,
) -> Grown:
    """Outputs of a frozen convolution on mapped images, computed once."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config(runs_dir=folder, feature_cache_gb=100.0)
        prefix, suffix = split(model, backbone, "pool1")
        source = _source(_mapped(inputs, len(labels), folder), labels)
        watch = Watch()
        left, cached = trainer.frozen_inputs(config, prefix, {"train": source})
        ahead = watch.seconds()
        if left is not None:
            raise RuntimeError(f"{folder} has no room for the features.")
        written = pathlib.Path(folder, ".features").iterdir()
        size = sum(path.stat().st_size for path in written)
        return Grown(size / 1e6, _train(suffix, cached["train"]), ahead)


def decoded(
    backbone: keras.Model,
    model: keras.Model,
    inputs: np.ndarray,
    labels: np.ndarray,
) -> Grown:
    """Image files of TensorFlow Datasets, decoded once into a mapped file."""
    del backbone
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(np.resize(inputs, len(labels))):
            place = pathlib.Path(folder, "train", str(labels[number]))
            place.mkdir(parents=True, exist_ok=True)
            place.joinpath(f"{number}.jpg").symlink_to(path)
        builder, watch = tfds.ImageFolder(folder), Watch()
        source = read_split(builder, "train", _PHOTO.shape, memory_limit=0)
        ahead = watch.seconds()
        size = len(source) * _PHOTO.shape.num_elements()
        return Grown(size / 1e6, _train(model, source), ahead)


_FEW = {"filters": (8, 8), "pool": 4, "dense": 16}
KINDS = {
    "arrays": Kind(_MNIST, None, arrays),
    "files": Kind(_PHOTO, _FEW, files),
    "decoded": Kind(_PHOTO, _FEW, decoded),
    "features": Kind(_MNIST, {"filters": (32,), "pool": 2}, features),
}


def _train(model: keras.Model, source: Source) -> float:
    """Seconds of the second of two epochs."""
    config = Config(batch_size=BATCH_SIZE, epochs=2, jit_compile="false")
    objective = classification(TASK)
    trained = trainer.train(config, model, objective, {"train": source})
    return trained["history"][1]["seconds"]


def _mapped(inputs: np.ndarray, examples: int, folder: str) -> np.memmap:
    """Inputs repeated in a file, so that only the features may grow."""
    path, shape = pathlib.Path(folder, "inputs.npy"), inputs.shape[1:]
    rows = np.lib.format.open_memmap(
        path, "w+", inputs.dtype, (examples, *shape)
    )
    for start in range(0, examples, len(inputs)):
        rows[start : start + len(inputs)] = inputs
    rows.flush()
    return np.load(path, mmap_mode="r")


def _source(inputs: np.ndarray, labels: np.ndarray) -> ArraySource:
    return ArraySource(inputs, labels, _hashes(labels))


def _hashes(labels: np.ndarray) -> np.ndarray:
    """Of examples that are never compared."""
    return np.arange(len(labels), dtype=np.uint64)
