"""The data and the model of a federated training, built once a process."""

import dataclasses
from collections.abc import Mapping

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.experiment import builders, from_weights
from keras_ptft.experiment.frozen import frozen_inputs
from keras_ptft.experiment.lessons import taught_data
from keras_ptft.experiment.loading import Loaded
from keras_ptft.experiment.naming import stage_of
from keras_ptft.experiment.phases import Cut
from keras_ptft.experiment.pretrained import Pretrained, load_pretrained
from keras_ptft.federated.partition import column_of
from keras_ptft.federated.settings import FederateConfig
from keras_ptft.objectives import Objective
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.tuning import Tuning, whole


@dataclasses.dataclass(frozen=True)
class Shared:
    """What all clients of a process train.

    Attributes:
        loaded: the data.
        objective: what the model is trained for.
        body: the backbone.
        model: backbone and head.
        trained: the part after what is frozen.
        tuning: what of it is trained, and what runs before it.
        sources: "train" and "validation" as the trained part takes them.
        built: what began from pretrained weights; None: random ones.
    """

    loaded: Loaded
    objective: Objective
    body: keras.Model
    model: keras.Model
    trained: keras.Model
    tuning: Tuning
    sources: Mapping[str, Source]
    built: from_weights.Built | None


@dataclasses.dataclass(frozen=True)
class Given:
    """Objects that were handed over, or loaded already.

    Attributes:
        dataset: in place of the setting.
        backbone: likewise.
        pretrained: what weights are taken from, as `origin` loads it.
    """

    dataset: Dataset | None = None
    backbone: keras.Model | None = None
    pretrained: Pretrained | None = None


NOTHING = Given()
"""No objects: all is as the settings say."""


def origin(config: Config, backbone: keras.Model | None) -> Pretrained | None:
    """Loads the weights that a training starts from; None: random ones."""
    is_new = stage_of(config) == "pretrain" and not config.init_from
    return None if is_new else load_pretrained(config, backbone)


def build(config: Config, asked: FederateConfig, given: Given) -> Shared:
    """Builds data and model as the stages do.

    Args:
        config: the settings.
        asked: says which column is read to divide by.
        given: objects in place of settings.
    """
    builders.prepare(config)
    pretrained = given.pretrained or origin(config, given.backbone)
    loaded, lesson = taught_data(
        stage_of(config),
        config,
        given.dataset,
        None,
        pretrained,
        by=column_of(asked.partition),
    )
    data = loaded.dataset
    built = None
    with get_strategy(config.strategy).scope():
        if pretrained is not None:
            models = {
                "pretrained": pretrained.backbone,
                "given": given.backbone,
            }
            built = from_weights.build(config, data, pretrained, models, lesson)
            objective, body, model = built.objective, built.body, built.model
            cut = built.phases.last
        else:
            objective = builders.build_objective(config, data.info)
            body = builders.build_backbone(
                config, data, objective, given=given.backbone
            )
            model = builders.assemble(body, objective)
            cut = Cut(None, model, whole(model))
    frozen = frozen_inputs(config, cut.prefix, objective, data.splits)
    return Shared(
        loaded,
        objective,
        body,
        model,
        cut.suffix,
        frozen.before(cut.tuning),
        frozen.sources,
        built,
    )
