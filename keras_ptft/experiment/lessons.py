"""The data of a run, and what answers for them if it is taught."""

from typing import NamedTuple

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.experiment.loading import Loaded, load_dataset
from keras_ptft.experiment.pretrained import Pretrained
from keras_ptft.experiment.teachers import Teacher, answering, labelled_by
from keras_ptft.objectives.objective import TeacherFacts
from keras_ptft.training.distribution.strategies import get_strategy


class Lesson(NamedTuple):
    """What answers for the data of a run; None: nobody teaches."""

    facts: TeacherFacts | None
    teacher: keras.Model | None


def taught_data(
    stage: str,
    config: Config,
    given: Dataset | None,
    teacher: Teacher | None,
    pretrained: Pretrained | None = None,
    *,
    by: str = "",
) -> tuple[Loaded, Lesson]:
    """Loads the data of a run, and what answers for them if it is taught.

    Args:
        stage: "pretrain" or "finetune".
        config: the settings.
        given: a data set that was handed over; None: as `config` says.
        teacher: answers for the examples; None: nobody.
        pretrained: where the weights come from; None: they are random.
        by: column of a table whose values are read too; empty: none.
    """
    on_leak = _on_leak(stage, config)
    weights = pretrained.weights if pretrained is not None else None
    if teacher is None:
        loaded = load_dataset(config, given, on_leak, weights, by=by)
        return loaded, Lesson(None, None)
    loaded = load_dataset(
        config, given, on_leak, weights, teacher.weights, by=by
    )
    with get_strategy(config.strategy).scope():
        model = answering(teacher, loaded.dataset)
    loaded = labelled_by(config, teacher, model, loaded)
    return loaded, Lesson(teacher.facts, model)


def _on_leak(stage: str, config: Config) -> str:
    """What to do about examples that are in two splits."""
    if stage == "pretrain" and not config.teacher and config.on_leak == "fail":
        # they matter when the weights are used
        return "warn"
    return config.on_leak
