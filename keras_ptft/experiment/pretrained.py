"""The backbone that a fine-tuning starts from, wherever it comes from."""

import dataclasses
import logging
import re

import keras

from keras_ptft.config import Config
from keras_ptft.experiment import run_dir
from keras_ptft.experiment.weights import Weights, image_shape
from keras_ptft.models.pretrained import PRETRAINED
from keras_ptft.registry import lookup
from keras_ptft.remote.places import told
from keras_ptft.transfer import audit
from keras_ptft.transfer.loading import load_backbone

_LOG = logging.getLogger("keras_ptft")


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A pretrained backbone and where it came from.

    Attributes:
        backbone: the model.
        fingerprint: of its weights.
        weights: what is known of its data; None: it was handed over.
    """

    backbone: keras.Model
    fingerprint: str
    weights: Weights | None = None


def load_pretrained(config: Config, given: keras.Model | None) -> Pretrained:
    """Loads the backbone that `init_from` names.

    That is a run or a file, or else a row of PRETRAINED.

    Args:
        config: the settings.
        given: a backbone that was handed over, used where `init_from` is
            empty.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    if given is not None and not config.init_from:
        return Pretrained(given, audit.fingerprint(given))
    if is_known_model(config):
        return _known(config)
    path = run_dir.find_backbone(config.init_from, config.runs_dir, PRETRAINED)
    backbone = load_backbone(path)
    weights = Weights.beside(path, backbone)
    return Pretrained(backbone, audit.fingerprint(backbone), weights)


def load_origin(config: Config) -> Pretrained | None:
    """Loads what a fine-tuning starts from; of other trainings nothing."""
    return load_pretrained(config, None) if config.init_from else None


def named_anywhere(config: Config) -> Config:
    """Returns settings whose models are found from any folder of runs.

    Raises:
        UserError: there is nothing of the name `init_from` or `teacher`.
    """
    init_from, teacher, runs_dir = (
        config.init_from,
        config.teacher,
        config.runs_dir,
    )
    if init_from and not is_known_model(config):
        found = run_dir.find_backbone(init_from, runs_dir, PRETRAINED)
        init_from = told(found)
    if teacher and not is_known_name(teacher, runs_dir):
        teacher = told(run_dir.locate(teacher, runs_dir))
    return config.replace(init_from=init_from, teacher=teacher)


def is_known_model(config: Config) -> bool:
    """Returns whether `init_from` names a row of PRETRAINED.

    A run or a file of that name comes first.
    """
    return is_known_name(config.init_from, config.runs_dir)


def is_known_name(name: str, runs_dir: str) -> bool:
    """Returns whether a name is that of a row of PRETRAINED.

    Args:
        name: with the settings of the row, if there are any.
        runs_dir: a run in this folder, or a file, comes first.
    """
    called = re.fullmatch(r"(\w+)([(:].*)?", name, re.DOTALL)
    if called is None or called[1] not in PRETRAINED:
        return False
    return not run_dir.exists(name, runs_dir)


def _known(config: Config) -> Pretrained:
    entry = lookup(PRETRAINED, config.init_from, "pretrained model")
    known = entry(config.image_size)
    _LOG.info("Weights of %s: %s.", entry.name, known.origin)
    size, channels = image_shape(known.backbone)
    weights = Weights(
        config.init_from,
        reading=known.reading,
        image_size=size,
        channels=channels,
        resize=known.resize,
    )
    fingerprint = audit.fingerprint(known.backbone)
    return Pretrained(known.backbone, fingerprint, weights)
