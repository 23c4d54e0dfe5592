"""Shadow models: a run's recipe on random halves of what it may have seen."""

import dataclasses
import logging
import pathlib
import shutil
import time
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_ptft import files
from keras_ptft.config import FIELDS, Config
from keras_ptft.data.core.dataset import Dataset, Source, fingerprint, take
from keras_ptft.data.core.joined import JoinedSource
from keras_ptft.errors import UserError
from keras_ptft.evaluation.measure import measure
from keras_ptft.experiment import run_dir, stages
from keras_ptft.experiment.attacks.target import Attacked, Suspects, of_texts
from keras_ptft.experiment.loading import GIVEN, Loaded
from keras_ptft.experiment.results import RunResult
from keras_ptft.experiment.several import standing_alone
from keras_ptft.models.saved import load_model
from keras_ptft.objectives import Objective
from keras_ptft.streams import only_warnings
from keras_ptft.training.timer import Timer

_LOG = logging.getLogger("keras_ptft")

_PLAN_FILE = "plan.json"
# what chose examples, which are chosen already, or only tells of them
_OF_CHOICE = (
    "overwrite",
    "classes",
    "untrained_classes",
    "train_examples",
    "train_per_class",
    "train_fraction",
    "group_column",
    "group_pattern",
    "stratify",
    "folds",
    "fold",
    "probe_every",
    "profile_steps",
    "calibrate",
)


class Shadows(NamedTuple):
    """What shadow models make of examples.

    Attributes:
        confidences: float32 of shape (models, examples).
        within: whether each model was trained on each example, likewise.
    """

    confidences: np.ndarray
    within: np.ndarray


def halves(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draws the half of the examples that each shadow model is trained on.

    Every other model has what the one before has not, so that each example
    is in half of them. Classes are divided alike.

    Args:
        labels: the class of each example.
        count: of the models, even.
        seed: each draws others.

    Returns:
        bool of shape (count, examples).

    Example:

    >>> halves(np.array([0, 0, 1, 1]), 4, 0).sum(axis=0).tolist()
    [2, 2, 2, 2]
    """
    numbers = np.random.default_rng(seed)
    within = np.zeros((count, len(labels)), bool)
    for model in range(0, count, 2):
        for label in np.unique(labels):
            found = numbers.permutation(np.flatnonzero(labels == label))
            # of an odd number, either half may be the larger one
            middle = (len(found) + int(numbers.integers(2))) // 2
            within[model, found[:middle]] = True
        within[model + 1] = ~within[model]
    return within


def confidence(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Computes log(p / (1 - p)) of the true class, without rounding.

    Args:
        labels: int64 of shape (batch,).
        logits: of shape (batch, classes).

    Returns:
        float32 of shape (batch,).

    Example:

    >>> logits = tf.math.log([[0.2, 0.8]])
    >>> round(float(confidence(tf.constant([1]), logits)[0]), 4)  # log(4)
    1.3863
    """
    logits = tf.cast(logits, tf.float32)
    is_true = tf.one_hot(
        labels, logits.shape[-1], on_value=True, off_value=False
    )
    others = tf.where(is_true, logits.dtype.min, logits)
    own = tf.gather(logits, labels, axis=-1, batch_dims=1)
    return own - tf.reduce_logsumexp(others, axis=-1)


def confidences(
    model: keras.Model, objective: Objective, source: Source
) -> tuple[np.ndarray, dict[str, Any]]:
    """Computes the confidence of each example, and the metrics of all.

    Args:
        model: of a classifier.
        objective: what it was trained for.
        source: the examples.

    Returns:
        float32 of shape (examples,), and metrics as `measure` has them.
    """

    def keep(targets: Any, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"confidence": confidence(targets, outputs)}

    metrics, kept = measure(model, objective, source, keep)
    return kept["confidence"], metrics


def train_shadows(
    attacked: Attacked, suspects: Suspects, count: int, seed: int
) -> Shadows:
    """Trains shadow models, or reads what those that are trained answered.

    They are trained on the training examples of the run and the test examples
    that are asked about, in the folder `shadows` of the run, one after the
    other. Of each its answers are kept until all are there.

    Args:
        attacked: the run.
        suspects: who is asked about.
        count: of the models, even.
        seed: of what each is trained on.

    Raises:
        UserError: an object was handed over that cannot be made again.
    """
    config = _recipe(attacked)
    pool = _pool(suspects)
    within = halves(pool.labels, count, seed)
    _check_halves(config, within)
    folder = attacked.folder / run_dir.SHADOWS
    _prepare(folder, config, pool, within)
    found = []
    started, trained = time.monotonic(), 0
    for number, own in enumerate(within):
        path = folder / f"{number:03}.npy"
        if not path.exists():
            settings = config.replace(
                name=f"{number:03}",
                runs_dir=str(folder),
                seed=(attacked.config.seed + 1 + seed * count + number) % 2**31,
            )
            _train(settings, suspects.dataset, pool, own)
            trained += 1
            each = (time.monotonic() - started) / trained
            left = each * (count - number - 1)
            _LOG.info(
                "Shadow model %d of %d: %.1f s each, about %.0f s left.",
                number + 1,
                count,
                each,
                left,
            )
        found.append(np.load(path, allow_pickle=False))
    return Shadows(np.stack(found), within)


def remove_shadows(attacked: Attacked) -> None:
    """Removes what shadow models answered."""
    shutil.rmtree(attacked.folder / run_dir.SHADOWS, ignore_errors=True)


def _recipe(attacked: Attacked) -> Config:
    """The settings of the run, for examples that are chosen already."""
    config = attacked.config
    if config.backbone == GIVEN:
        raise UserError(
            "Shadow models need the backbone of the run, which was handed "
            "over as an object: use --attack=loss."
        )
    resets = {name: FIELDS[name].default for name in _OF_CHOICE}
    # what both are told of was dealt with, and each half has the other
    resets |= {"on_leak": "warn", "near_copies": False}
    # one process trains what several workers have
    if config.strategy == "multi_worker":
        resets["strategy"] = "auto"
    return standing_alone(config).replace(**resets)


def _check_halves(config: Config, within: np.ndarray) -> None:
    size = config.batch_size * config.gradient_accumulation
    if within.sum(axis=1).min() >= size:
        return
    raise UserError(
        f"Shadow models are trained on halves of {within.shape[1]:,} examples, "
        f"which must hold a step of --batch_size={size}, as the run has it: "
        "use --attack=loss, or a run with smaller batches."
    )


def _pool(suspects: Suspects) -> Source:
    """All training examples, then the test examples that are asked about."""
    splits = suspects.dataset.splits
    others = take(of_texts(splits["test"]), suspects.others)
    return JoinedSource([of_texts(splits["train"]), others])


def _prepare(
    folder: pathlib.Path, config: Config, pool: Source, within: np.ndarray
) -> None:
    """Keeps what an interrupted attack left, if it was the same one."""
    plan = {
        "settings": config.to_flags(),
        "examples": fingerprint(pool),
        "halves": np.packbits(within).tobytes().hex(),
    }
    path = folder / _PLAN_FILE
    if path.exists() and files.read_json(path) == plan:
        files.remove_leftovers(folder)
        done = len(list(folder.glob("*.npy")))
        _LOG.info("Resuming the attack: %d shadow models are trained.", done)
        return
    shutil.rmtree(folder, ignore_errors=True)
    files.write_json(path, plan)


def _train(
    config: Config, dataset: Dataset, pool: Source, within: np.ndarray
) -> None:
    """Trains a shadow model, and writes what it answers."""
    parts = {"train": np.flatnonzero(within), "test": np.flatnonzero(~within)}
    splits: dict[str, Source] = {
        name: take(pool, indices) for name, indices in parts.items()
    }
    if "validation" in dataset.splits:
        splits["validation"] = of_texts(dataset.splits["validation"])
    given = dataclasses.replace(
        dataset,
        splits=splits,
        tokenizer=None,
        left_out=(),
        notes=(),
        found=None,
        drawn=(),
    )
    folder = pathlib.Path(config.runs_dir)

    def end(
        run: pathlib.Path,
        config: Config,
        loaded: Loaded,
        objective: Objective,
        result: RunResult,
        timer: Timer,
    ) -> RunResult:
        del timer
        model = load_model(run / run_dir.MODEL_FILE)
        answers = np.zeros(len(within), np.float32)
        for name, indices in parts.items():
            source = loaded.dataset.splits[name]
            answers[indices], _ = confidences(model, objective, source)
        with files.replacing(folder / f"{config.name}.npy") as partial:
            np.save(partial, answers)
        return result

    with only_warnings():
        stage = stages.training_of(config)
        stage(config, dataset=given, conduct=stages.Conduct(end=end))
    shutil.rmtree(folder / config.name)
    # graphs of earlier models would fill the memory
    keras.backend.clear_session()
