"""The model that --teacher names, whose answers another learns."""

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.config import Config
from keras_ptft.data.core.account import account
from keras_ptft.data.core.checks import uncovered
from keras_ptft.data.core.dataset import Dataset, DerivedSource, Source
from keras_ptft.errors import UserError
from keras_ptft.experiment import run_dir
from keras_ptft.experiment.loading import Loaded
from keras_ptft.experiment.pretrained import is_known_name, load_pretrained
from keras_ptft.experiment.weights import Weights
from keras_ptft.models.feature_model import feature_model
from keras_ptft.models.other_images import for_images, takes_images
from keras_ptft.models.saved import load_model
from keras_ptft.models.structure import InputSpec, input_spec
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.objectives.objective import TeacherFacts
from keras_ptft.objectives.saved import (
    LABELS_FILE,
    needs_labels,
    objective_type,
    read_objective,
)
from keras_ptft.registry import lookup
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.forward import outputs_of
from keras_ptft.transfer import audit

_LOG = logging.getLogger("keras_ptft")


@dataclasses.dataclass(frozen=True)
class Teacher:
    """A trained model that teaches.

    Attributes:
        model: from the inputs that it was trained on to its answers.
        fingerprint: of its weights.
        weights: what is known of its data.
        facts: what an objective has to know of it.
    """

    model: keras.Model
    fingerprint: str
    weights: Weights
    facts: TeacherFacts

    def told(self) -> dict[str, str]:
        """Returns what `result.json` says of it."""
        return {"name": self.facts.name, "fingerprint": self.fingerprint}

    def audit(self) -> None:
        """Checks that the training has left it as it was.

        Raises:
            RuntimeError: a weight has changed.
        """
        if audit.fingerprint(self.model) != self.fingerprint:
            raise RuntimeError("The weights of the teacher have changed.")


def check_teacher(config: Config) -> None:
    """Finds errors that show before anything is loaded.

    Raises:
        UserError: an objective without its teacher, or the reverse.
    """
    taught = [n for n, kind in OBJECTIVES.items() if kind.teacher == "model"]
    is_taught = lookup(OBJECTIVES, config.objective, "objective").name in taught
    if is_taught and not config.teacher:
        raise UserError(
            f"--objective={config.objective} learns from another model: name "
            "it by --teacher, a run, a .keras file or a known model."
        )
    if config.teacher and not is_taught:
        raise UserError(
            f"--teacher={config.teacher} has nothing to teach --objective="
            f"{config.objective}: use --objective={' or '.join(taught)}, or "
            "leave it out."
        )


def load_teacher(config: Config) -> Teacher | None:
    """Loads the model that the settings name, under their strategy.

    Returns:
        None where there is no teacher.

    Raises:
        UserError: no such model, or it has no such answers.
    """
    if not config.teacher:
        return None
    gives = objective_type(config.objective).teacher_gives
    with get_strategy(config.strategy).scope():
        teacher = _LOADERS[gives](config)
    teacher.model.trainable = False
    return teacher


def answering(teacher: Teacher, dataset: Dataset) -> keras.Model:
    """Returns the model that answers for the inputs of a data set.

    Images of another size are resized in its graph, and grey ones become
    colour where it takes colour.

    Args:
        teacher: as it was loaded.
        dataset: the data of the run.

    Raises:
        UserError: it takes other inputs.
    """
    ours, theirs = dataset.spec, input_spec(teacher.model)
    _tell_resize(teacher, dataset)
    if _shapes(ours) == _shapes(theirs):
        return teacher.model
    is_one = isinstance(ours, tf.TensorSpec)
    if is_one and takes_images(teacher.model, ours):
        _LOG.info(
            "The teacher %s takes images, %s: those of the data, %s, are "
            "converted in its graph.",
            teacher.facts.name,
            _described(theirs),
            _described(ours),
        )
        return for_images(teacher.model, ours)
    raise UserError(
        f"--teacher={teacher.facts.name} takes {_described(theirs)}, and the "
        f"data are {_described(ours)}: choose a teacher of such inputs."
    )


def labelled_by(
    config: Config, teacher: Teacher, model: keras.Model, loaded: Loaded
) -> Loaded:
    """Gives data without labels those that a teacher gives.

    Args:
        config: the settings.
        teacher: as it was loaded.
        model: answers for the inputs of the data.
        loaded: the data of the run; those with labels stay as they are.

    Raises:
        UserError: the objective needs labels.
    """
    names, dataset = teacher.facts.label_names, loaded.dataset
    if dataset.label_names or not names:
        return loaded
    if needs_labels(config.objective):
        free = objective_type(config.objective).label_free.items()
        remedy = ", ".join(f"{name}={value}" for name, value in free)
        raise UserError(
            f"--objective={config.objective} learns labels too, and the data "
            f"have none: set {remedy} to learn from the teacher alone."
        )
    splits = {
        name: _Labelled(source, outputs_of(model, source).argmax(axis=1))
        for name, source in dataset.splits.items()
    }
    dataset = dataclasses.replace(dataset, splits=splits, label_names=names)
    note = (
        "there are no labels: each example has the one that "
        f"{teacher.facts.name} gives it, so scores say how often both agree"
    )
    _LOG.info("  note: %s.", note)
    dataset = dataset.noting(note, *uncovered(dataset))
    accounted = dataclasses.replace(account(dataset), notes=dataset.notes)
    return dataclasses.replace(loaded, dataset=dataset, account=accounted)


class _Labelled(DerivedSource):
    """The examples of a source, with labels."""

    def __init__(self, source: Source, labels: np.ndarray) -> None:
        super().__init__(source)
        self.labels = labels

    def targets(self, indices: tf.Tensor) -> tf.Tensor:
        return Source.targets(self, indices)


def _with_logits(config: Config) -> Teacher:
    """Loads a classifier."""
    name = config.teacher
    if is_known_name(name, config.runs_dir):
        raise UserError(
            f"--teacher={name} gives features, and --objective="
            f"{config.objective} learns from a classifier: fine-tune it on "
            "such data and give that run, or use --objective=feature_matching."
        )
    path = run_dir.locate(name, config.runs_dir)
    path = path / run_dir.MODEL_FILE if path.is_dir() else path
    if not path.with_name(LABELS_FILE).exists():
        raise UserError(
            f"--teacher={name} must say which labels its logits are for, and "
            f"there is no {LABELS_FILE} beside it: write them there, as "
            '["cat", "dog"], or give a run.'
        )
    objective = read_objective(path.parent)
    if not objective.calibrates:
        raise UserError(
            f"--teacher={name} was trained for {type(objective).__name__}, "
            f"and --objective={config.objective} learns from a classifier: "
            "give a run of --objective=classification."
        )
    model, labels = load_model(path), objective.info.label_names
    if model.layers[-1].name != "logits" or (
        model.output_shape[1:] != (len(labels),)
    ):
        raise UserError(
            f"--teacher={name} must end in a layer 'logits' of {len(labels)} "
            f"outputs, one for each label, got {model.layers[-1].name!r} of "
            f"shape {model.output_shape[1:]}: give a run, or its model.keras."
        )
    return _teacher(name, model, Weights.beside(path, model), labels)


def _with_features(config: Config) -> Teacher:
    """Loads a backbone, as fine-tuning does; a known one at its own size."""
    name = config.teacher
    named = config.replace(init_from=name, image_size=0)
    known = load_pretrained(named, None)
    model = feature_model(known.backbone, "features")
    if len(model.output_shape) != 2 or known.weights is None:
        raise UserError(
            f"--teacher={name} must give a vector of each example, got shape "
            f"{model.output_shape[1:]}: choose another."
        )
    return _teacher(name, model, known.weights, ())


_LOADERS = {"logits": _with_logits, "features": _with_features}


def _teacher(
    name: str, model: keras.Model, weights: Weights, labels: tuple[str, ...]
) -> Teacher:
    facts = TeacherFacts(name, model.output_shape[-1], labels)
    return Teacher(model, audit.fingerprint(model), weights, facts)


def _tell_resize(teacher: Teacher, dataset: Dataset) -> None:
    """Tells where photos are cut otherwise than those the teacher knows."""
    ours, theirs = dataset.image_form.resize, teacher.weights.resize
    if teacher.weights.image_size and theirs and ours != theirs:
        _LOG.warning(
            "%s was trained on images resized by --resize=%s, these are by "
            "%s: the same would give better answers.",
            teacher.facts.name,
            theirs,
            ours,
        )


def _shapes(spec: InputSpec) -> Any:
    if isinstance(spec, Mapping):
        return {name: _shapes(part) for name, part in spec.items()}
    return tuple(spec.shape), spec.dtype


def _described(spec: InputSpec) -> str:
    if isinstance(spec, Mapping):
        return " and ".join(f"{k} of {_described(v)}" for k, v in spec.items())
    shape = "×".join(
        "any" if side is None else str(side) for side in spec.shape
    )
    return f"{spec.dtype.name} of shape {shape or 'one'}"
