"""Everything that contestants use of keras_ptft, with its defaults."""

import pathlib
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks import data as examples
from benchmarks.common import Outcome, Work, timed
from keras_ptft import Config
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.cache_folder import CacheFolder
from keras_ptft.data.core.dataset import Dataset, Loading, Source
from keras_ptft.data.sources.image_files import FolderSource
from keras_ptft.data.sources.image_folder import folder as image_folder
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.data.text.tokenizers.vocabulary import SPECIAL
from keras_ptft.data.text.window_source import TokenWindowSource
from keras_ptft.experiment import builders
from keras_ptft.experiment.frozen import Frozen, frozen_inputs
from keras_ptft.experiment.training import train
from keras_ptft.objectives.saved import write_objective
from keras_ptft.transfer.cut import split


class Run:
    """Data, objective and model, made as the stages of keras_ptft do.

    Args:
        work: the examples; their number of epochs and their seed.
        data: in place of the examples.
        base: a user's backbone, in place of one that the settings name.
        settings: of `Config`.
    """

    def __init__(
        self,
        work: Work,
        data: Dataset | None = None,
        base: keras.Model | None = None,
        **settings: Any,
    ) -> None:
        data = data or dataset(source(work.inputs, work.labels), work.classes)
        settings |= {"normalization": "unit", "export_to": ""}
        config = Config(batch_size=work.batch_size, epochs=work.epochs)
        self.config = config.replace(seed=work.seed, **settings)
        self.sources, self.info = data.splits, data.info
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
        frozen = frozen_inputs(*parts)
        if frozen.prefix is not None:
            raise RuntimeError(f"{folder} has no room for the features")
        self.sources = frozen.sources

    def score(self) -> float:
        """Returns the loss of the examples."""
        return self.objective.score(self.model, self.sources["train"])["loss"]

    def train(self, folder: pathlib.Path | None = None) -> Outcome:
        """Trains the model, with checkpoints where there is a folder."""
        start = time.perf_counter()
        parts = self.config, self.model, self.objective, Frozen(self.sources)
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

    def save(self, folder: pathlib.Path) -> pathlib.Path:
        """Writes the model as a run does; returns its file."""
        write_objective(folder, self.config.objective, self.info)
        self.model.save(folder / "model.keras")
        return folder / "model.keras"


def dataset(
    train: Source, classes: int, tokenizer: Tokenizer | None = None
) -> Dataset:
    """Returns a data set of training examples, with classes "0", "1", ..."""
    return Dataset({"train": train}, tuple(map(str, range(classes))), tokenizer)


def source(inputs: np.ndarray, labels: np.ndarray) -> Source:
    """Images, tokens, numbers or image files, without hashes of content."""
    hashes = np.arange(len(labels), dtype=np.uint64)
    if inputs.ndim == 1:
        files = list(map(pathlib.Path, inputs))
        return FolderSource(files, labels, hashes, examples.SIDE)
    name = {"uint8": "image", "int32": "tokens"}.get(str(inputs.dtype))
    return ArraySource(inputs, labels, hashes, name or "vector")


def photos(work: Work, side: int, cache: str) -> Dataset:
    """The folder that photos are in, which a folder keeps decoded."""
    root = pathlib.Path(work.inputs[0]).parent.parent
    kept = CacheFolder.of_runs(cache, 4.0)
    loading = Loading(image_size=side, cache=kept)
    return image_folder(loading, str(root))


def texts(work: Work) -> Dataset:
    """Ids of tokens, of texts that are padded to one length."""
    given = tokenizer(work.inputs, work.inputs.shape[1])
    return dataset(source(work.inputs, work.labels), work.classes, given)


def windows(work: Work) -> Dataset:
    """Running text, of the windows that rivals are given."""
    length = work.inputs.shape[1] - 1
    ids = np.append(work.inputs[:, :-1], work.inputs[-1, -1])
    given = tokenizer(work.inputs, length, "characters")
    return dataset(TokenWindowSource(ids, length), 0, given)


def differing(work: Work) -> Dataset:
    """Texts for an objective that leaves words out: they differ in length."""
    data = texts(work)
    data.splits["train"].spec = tf.TensorSpec((None,), tf.int32, "tokens")
    return data


def tokenizer(
    ids: np.ndarray, length: int, setting: str = "words"
) -> Tokenizer:
    """Returns a tokenizer of tokens without names that matter."""
    counts = np.bincount(ids.ravel())
    names = (*SPECIAL, *map(str, range(len(SPECIAL), len(counts))))
    return Tokenizer(setting, names, counts, length)


def words(vocabulary: Sequence[str], length: int) -> Tokenizer:
    """Returns a tokenizer of words."""
    return Tokenizer.given("words", (*SPECIAL, *vocabulary), length)
