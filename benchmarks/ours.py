"""Everything that the benchmarks use of keras_ptft, with its defaults."""

import json
import math
import os
import pathlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from benchmarks import common
from benchmarks.common import Outcome, Work, timed
from benchmarks.plain_keras import encoder, mobilenet_base
from keras_ptft import Config
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset, Source, take
from keras_ptft.data.pipeline.batching import training_batches
from keras_ptft.data.sources.image_files import FolderSource
from keras_ptft.data.sources.tfds.images import read_split
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.experiment import builders
from keras_ptft.experiment.training import frozen_inputs, train
from keras_ptft.training.checkpointing.callback import CheckpointCallback
from keras_ptft.transfer.cut import split

WORDS = {"width": 100, "window": 5, "negatives": 5, "subsample": 1e-3}
_FEW = "cnn(filters=(8, 8), pool=4, dense=16)"
# the backbone of each kind of growth
_GROWTH = {"arrays": "mlp", "files": _FEW, "decoded": _FEW}
_GROWTH["features"] = "cnn(filters=(32,), pool=2)"
_IMPORTS = (
    "from time import perf_counter as now; start = now(); "
    "import tensorflow, keras; middle = now(); "
    "import keras_ptft; keras_ptft.pretrain; "
    "print(middle - start, now() - middle)"
)
_RECIPES = "flags/pretrain_cnn_digits.flags", "flags/finetune_cnn_digits.flags"


class _Run:
    """Data, objective and model, made as the stages of keras_ptft do."""

    def __init__(
        self,
        work: Work,
        data: Dataset | None = None,
        base: keras.Model | None = None,
        **settings: Any,
    ) -> None:
        data = data or _dataset(_source(work.inputs, work.labels))
        settings |= {"normalization": "unit", "export_to": ""}
        config = Config(batch_size=common.BATCH_SIZE, epochs=work.epochs)
        self.config = config.replace(seed=work.seed, **settings)
        self.sources = data.splits
        builders.prepare(self.config)
        self.objective = builders.build_objective(self.config, data.info)
        parts = self.config, data, self.objective
        self.backbone = builders.build_backbone(*parts, given=base)
        self.model = builders.assemble(self.backbone, self.objective)

    def cache_features(self, folder: str) -> None:
        """Replaces the sources by features, and the model by what is left."""
        config = self.config.replace(runs_dir=folder)
        freeze = builders.freeze_of(config)
        prefix, self.model = split(self.model, self.backbone, freeze)
        parts = config, prefix, self.objective, self.sources
        left, self.sources = frozen_inputs(*parts)
        if left is not None:
            raise RuntimeError(f"{folder} has no room for the features")

    def score(self) -> float:
        """Returns the loss of the examples."""
        return self.objective.score(self.model, self.sources["train"])["loss"]

    def train(self, folder: pathlib.Path | None = None) -> Outcome:
        """Trains the model, with checkpoints where there is a folder."""
        start = time.perf_counter()
        parts = self.config, self.model, self.objective, self.sources
        history = train(*parts, folder=folder).history
        total = time.perf_counter() - start
        seconds, losses = ([r[k] for r in history] for k in ("seconds", "loss"))
        return Outcome(seconds, losses, total, self.model.count_params())

    def train_frozen(self) -> Outcome:
        """Computes features and trains on them."""
        # in a new folder, or only the first turn would compute them
        with tempfile.TemporaryDirectory() as folder:
            cached = timed(1, lambda: self.cache_features(folder))
            outcome = self.train()
        outcome.total += cached.total
        return outcome


def mlp(work: Work) -> Outcome:
    """An MLP on raw pixels, SGD with momentum."""
    sgd = {"optimizer": "sgd(momentum=0.9)", "learning_rate": 0.01}
    return _Run(work, backbone="mlp", **sgd).train()


def cnn(work: Work) -> Outcome:
    """A CNN on raw pixels, Adam."""
    return _Run(work, backbone="cnn").train()


def frozen(work: Work) -> Outcome:
    """The CNN, frozen up to its last convolution."""
    return _Run(work, backbone="cnn", freeze="conv3").train_frozen()


def mobilenet(work: Work) -> Outcome:
    """A head on a user's Keras model, MobileNetV2 on raw pixels."""
    keras.utils.set_random_seed(work.seed)
    inputs = keras.Input(common.PHOTO, dtype="uint8", name="image")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    base = keras.Model(inputs, mobilenet_base()(scaled), name="backbone")
    return _Run(work, base=base, freeze="all").train_frozen()


def folder(work: Work) -> Outcome:
    """Shuffled batches of decoded photos."""
    sizes = {"batch_size": common.BATCH_SIZE, "seed": work.seed}
    source = _source(work.inputs, work.labels)
    batches = iter(training_batches(source, lambda *batch: batch, **sizes))
    steps = range(len(work.labels) // common.BATCH_SIZE)
    return common.read_pixels(
        work.epochs, lambda: (next(batches)[0] for _ in steps)
    )


def transformer(work: Work, jit_compile: str = "auto") -> Outcome:
    """A user's whole Keras model, a Transformer encoder."""
    keras.utils.set_random_seed(work.seed)
    training = _Run(work, base=encoder(), jit_compile=jit_compile)
    training.model = training.backbone
    return training.train()


def word2vec(work: Work, jit_compile: str = "auto") -> Outcome:
    """Skip-gram with negative sampling on a bag of embeddings."""
    training = _skipgram(work, learning_rate=0.01, jit_compile=jit_compile)
    outcome = training.train()
    outcome.losses[1] = training.score()
    return outcome


def nats_per_pair(
    work: Work, vectors: np.ndarray, context: np.ndarray
) -> float:
    """Returns the skip-gram loss of words' vectors, as centre and context."""
    trained = _skipgram(work)
    trained.model.get_layer("embedding_table").set_weights([vectors])
    trained.model.get_layer("context").set_weights([context])
    return trained.score()


def _skipgram(work: Work, **settings: Any) -> _Run:
    counts = np.bincount(work.inputs.ravel())
    words = tuple(map(str, range(len(counts))))
    source = _source(work.inputs, work.labels)
    # the objective leaves words out, so texts differ in length
    source.spec = tf.TensorSpec((None,), tf.int32, "tokens")
    tokenizer = Tokenizer("words", words, counts, common.LENGTH)
    settings["backbone"] = f"embedding(width={WORDS['width']})"
    sampling = (f"{k}={v}" for k, v in WORDS.items() if k != "width")
    settings["objective"] = f"skipgram({', '.join(sampling)})"
    return _Run(work, _dataset(source, tokenizer), **settings)


def _dataset(source: Source, tokenizer: Tokenizer | None = None) -> Dataset:
    names = tuple(map(str, range(common.CLASSES)))
    return Dataset({"train": source}, names, tokenizer)


def _source(inputs: np.ndarray, labels: np.ndarray) -> Source:
    """Images, tokens or image files, without hashes of their content."""
    hashes = np.arange(len(labels), dtype=np.uint64)
    if inputs.ndim == 1:
        files = list(map(pathlib.Path, inputs))
        return FolderSource(files, labels, hashes, common.PHOTO[0])
    name = "image" if inputs.dtype == np.uint8 else "tokens"
    return ArraySource(inputs, labels, hashes, name)


def grow(kind: str, path: str, examples: int, times: int) -> dict[str, float]:
    """Trains on examples of a file, repeated, and measures time and memory.

    Returns:
        The memory, see `common.peak_memory`; unless `times` is 0, where the
        model is built and not trained, also "data", MB of the examples as
        they are trained on, "ahead", seconds of what is computed once, and
        "epoch", seconds of the second of two.
    """
    settings = {"backbone": _GROWTH[kind], "freeze": "pool1"}
    settings |= {"jit_compile": "false", "feature_cache_gb": 100.0}
    shape = common.PHOTO if kind in ("files", "decoded") else (28, 28, 1)
    count, ahead, files = times * examples, 0.0, []
    with common.peak_memory() as taken, tempfile.TemporaryDirectory() as folder:
        if not times:
            nothing = np.zeros((1, *shape), np.uint8), np.zeros(1, np.int64)
            _Run(Work(*nothing, epochs=2), **settings)
            return taken
        inputs, labels = common.read(path, examples)
        every = np.arange(count) % examples
        if kind == "decoded":
            split = pathlib.Path(folder, "train")
            common.link(inputs[every], labels[every], split)
            builder, start = tfds.ImageFolder(folder), time.perf_counter()
            source = read_split(builder, "train", shape, memory_limit=0)
            ahead = time.perf_counter() - start
        elif kind == "features":
            source = take(_source(inputs, labels), every)
        else:
            source = _source(inputs[every], labels[every])
            files = inputs[every] if kind == "files" else []
        work, data = Work(inputs, labels, epochs=2), _dataset(source)
        training = _Run(work, data, **settings)
        if kind == "features":
            ahead = timed(1, lambda: training.cache_features(folder)).total
            files = pathlib.Path(folder, ".features").iterdir()
        size = sum(map(os.path.getsize, files)) or count * math.prod(shape)
        epoch = training.train().seconds[1]
    return taken | {"data": size / 1e6, "ahead": ahead, "epoch": epoch}


def save(every: str, path: str, examples: int, seed: int) -> dict[str, float]:
    """Trains the CNN of the table for three epochs, and saves as given.

    Returns:
        "epoch", seconds of the median epoch after the first, and "saving",
        seconds an epoch of the callback that saves.
    """
    work = Work(*common.read(path, examples), epochs=3, seed=seed)
    settings = {"checkpoint_every": every, "jit_compile": "false"}
    training, saving = _Run(work, backbone="cnn", **settings), []

    def clocked(method: Callable) -> Callable:
        return lambda *given, **named: saving.append(
            timed(1, lambda: method(*given, **named)).total
        )

    names = "on_train_batch_end", "on_epoch_end"
    patched = {n: clocked(getattr(CheckpointCallback, n)) for n in names}
    clocks = mock.patch.multiple(CheckpointCallback, **patched)
    with clocks, tempfile.TemporaryDirectory() as folder:
        seconds = training.train(pathlib.Path(folder)).seconds
    return {"epoch": median(seconds[1:]), "saving": sum(saving) / work.epochs}


def start_up() -> dict[str, float]:
    """Measures imports, and a run of two stages on the bundled digits.

    Returns:
        Seconds, which `template.md` explains: those of `result.json`, and of
        its training those of epochs and what first ones take beyond others.
    """
    program = [sys.executable, "-m", "keras_ptft"]
    helped = timed(1, lambda: common.run([*program, "--help"])).total
    printed = common.run([sys.executable, "-c", _IMPORTS]).split()
    seconds = Counter(tensorflow=float(printed[0]), imports=float(printed[1]))
    with tempfile.TemporaryDirectory() as folder:
        options = f"--runs_dir={folder}", "--export_to=", "--nocompare_scratch"
        command = [*program, "run", *_RECIPES, *options]
        whole = timed(1, lambda: common.run(command)).total
        for path in pathlib.Path(folder).glob("*/result.json"):
            result = json.loads(path.read_text(encoding="utf-8"))
            first, *later = (row["seconds"] for row in result["history"])
            usual = median(later)
            seconds.update(result["seconds"])
            seconds.update(epochs=usual + sum(later), tracing=first - usual)
    inside = seconds["epochs"] + seconds["tracing"]
    seconds["rest"] = whole + inside - seconds.total()
    seconds["outside"] = seconds["train"] - inside
    return {**seconds, "help": helped, "all": whole}
