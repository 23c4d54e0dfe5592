"""The program's story: pretrain a model, then fine-tune it.

Each stage reads from top to bottom: data, model, training, evaluation,
export. `builders` makes the objects from the settings, `conclude` scores and
publishes what was trained.
"""

import dataclasses
import functools
import logging
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.experiment import builders, from_weights, run_dir
from keras_ptft.experiment.conclude import conclude
from keras_ptft.experiment.exporting import publish
from keras_ptft.experiment.feature_probe import feature_probes
from keras_ptft.experiment.frozen import frozen_inputs
from keras_ptft.experiment.lessons import Lesson, taught_data
from keras_ptft.experiment.loading import GIVEN, Loaded
from keras_ptft.experiment.naming import folder_of, stage_of
from keras_ptft.experiment.phases import fine_tune
from keras_ptft.experiment.pretrained import load_pretrained
from keras_ptft.experiment.privacy import check_private_training
from keras_ptft.experiment.remote_runs import at_hand
from keras_ptft.experiment.results import (
    RunResult,
    ScratchResult,
    TrainingResult,
)
from keras_ptft.experiment.stage_checks import (
    check_finetuning,
    check_pretraining,
)
from keras_ptft.experiment.teachers import Teacher, load_teacher
from keras_ptft.experiment.training import train
from keras_ptft.objectives import Objective
from keras_ptft.remote.mirrored import mirrored
from keras_ptft.training.callbacks import Watchers
from keras_ptft.training.distribution import strategies
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.distribution.worker_run_dir import worker_run_dir
from keras_ptft.training.timer import Timer
from keras_ptft.transfer import audit
from keras_ptft.transfer.unfrozen import unfreeze

_LOG = logging.getLogger("keras_ptft")

_Stage = Callable[..., RunResult]

End = Callable[
    [pathlib.Path, Config, Loaded, Objective, RunResult, Timer], RunResult
]
"""What is done with a model that was trained, as `conclude` does it."""


@dataclasses.dataclass(frozen=True)
class Conduct:
    """Who watches a stage, and what comes after its training.

    Attributes:
        end: scores, reports and exports what was trained.
        callbacks: others that watch the training.
    """

    end: End = conclude
    callbacks: Sequence[keras.callbacks.Callback] = ()


ALONE = Conduct()
"""That of a run which is part of nothing."""


def is_chief(config: Config) -> bool:
    """Returns whether this process writes and reports for all workers."""
    return strategies.is_chief(get_strategy(config.strategy))


def _in_every_worker(stage: _Stage) -> _Stage:
    """Makes a stage run in each worker of a job, and the chief write."""

    @functools.wraps(stage)
    def wrapped(config: Config, **objects: Any) -> RunResult:
        for name in ("dataset", "backbone"):
            if objects.get(name) is not None:
                config = config.replace(**{name: GIVEN})
        # before TensorFlow does anything else, and after what needs none
        strategy = get_strategy(config.strategy)
        chief = strategies.is_chief(strategy)
        config = at_hand(config, writes=chief)
        folder = folder_of(stage.__name__, config)
        with (
            mirrored(folder, writes=chief),
            worker_run_dir(strategy, folder) as runs_dir,
        ):
            if not chief:
                config = config.replace(runs_dir=str(runs_dir), export_to="")
            return stage(config, **objects)

    return wrapped


@strategies.restoring_precision
@_in_every_worker
def pretrain(
    config: Config,
    *,
    dataset: Dataset | None = None,
    backbone: keras.Model | None = None,
    conduct: Conduct = ALONE,
) -> RunResult:
    """Trains a backbone and a head, from random weights or from known ones.

    With `init_from` pretraining goes on, for an objective whose models answer
    no requests. All is trained then, unless `freeze` says otherwise.

    Args:
        config: the settings.
        dataset: a data set of your own, in place of `config.dataset`.
        backbone: a functional model from inputs to features, in place of
            `config.backbone`; a copy of it is trained, from its weights;
            with `init_from`, as in `finetune`.
        conduct: for a run that is one of a search.

    Returns:
        What `result.json` in the run folder holds.

    Raises:
        UserError: a setting, a file or the run folder is not as it must be.
    """
    check_pretraining(config)
    if config.init_from:
        return _from_weights("pretrain", config, dataset, backbone, conduct)
    teacher = load_teacher(config)
    origin = _origin("", backbone, teacher)
    folder = folder_of("pretrain", config)
    if result := run_dir.open_run(folder, config, origin):
        return publish(folder, config, result, given=dataset)
    timer = Timer()
    builders.prepare(config)
    with timer("data"):
        loaded, lesson = taught_data("pretrain", config, dataset, teacher)
        data = loaded.dataset
    with timer("build"), get_strategy(config.strategy).scope():
        objective = builders.build_objective(config, data.info, lesson.facts)
        body = builders.build_backbone(config, data, objective, given=backbone)
        model = builders.assemble(body, objective)
    check_private_training(config, model, data.splits["train"])
    probes = feature_probes(config, body, data)
    provenance = builders.provenance("pretrain", data, **origin)
    with run_dir.exclusive_run(folder, config, provenance), timer("train"):
        builders.record(folder, config, data, loaded.leaks)
        trained = train(
            config,
            model,
            objective,
            frozen_inputs(config, None, objective, data.splits, lesson.teacher),
            folder=folder,
            watchers=Watchers(scoring=probes, watching=conduct.callbacks),
        )
    with timer("save"):
        run_dir.save_models(folder, body, model)
    result = _result("pretrain", folder, config, loaded, trained, teacher)
    return conduct.end(folder, config, loaded, objective, result, timer)


@strategies.restoring_precision
@_in_every_worker
def finetune(
    config: Config,
    *,
    dataset: Dataset | None = None,
    backbone: keras.Model | None = None,
    conduct: Conduct = ALONE,
) -> RunResult:
    """Trains a new head and the unfrozen part of a pretrained backbone.

    Args:
        config: the settings; `init_from` says where the weights come from.
        dataset: as in `pretrain`.
        backbone: a functional model from inputs to features. Without
            `init_from` it is the pretrained backbone; with it, the
            architecture that the weights are loaded into.
        conduct: as in `pretrain`.

    Returns:
        What `result.json` in the run folder holds.

    Raises:
        UserError: see `pretrain`.
        RuntimeError: a frozen variable has changed.
    """
    check_finetuning(config)
    return _from_weights("finetune", config, dataset, backbone, conduct)


def _from_weights(
    stage: str,
    config: Config,
    dataset: Dataset | None,
    backbone: keras.Model | None,
    conduct: Conduct,
) -> RunResult:
    """Trains on from pretrained weights, for either stage."""
    pretrained = load_pretrained(config, backbone)
    teacher = load_teacher(config)
    origin = _origin(pretrained.fingerprint, backbone, teacher)
    folder = folder_of(stage, config)
    if result := run_dir.open_run(folder, config, origin):
        return publish(folder, config, result, given=dataset)
    timer = Timer()
    builders.prepare(config)
    models = {"pretrained": pretrained.backbone, "given": backbone}
    with timer("data"):
        loaded, lesson = taught_data(
            stage, config, dataset, teacher, pretrained
        )
        data = loaded.dataset
    with timer("build"), get_strategy(config.strategy).scope():
        built = from_weights.build(config, data, pretrained, models, lesson)
    check_private_training(config, built.model, data.splits["train"])
    probes = feature_probes(config, built.body, data)
    provenance = builders.provenance(stage, data, **origin)
    with run_dir.exclusive_run(folder, config, provenance):
        builders.record(folder, config, data, loaded.leaks)
        trained, audited = fine_tune(
            config,
            built.phases,
            built.objective,
            data.splits,
            folder=folder,
            timer=timer,
            watchers=Watchers(scoring=probes, watching=conduct.callbacks),
        )
    transferred = from_weights.transferred(config, built)
    with timer("save"):
        from_weights.save(folder, config, built)
    result = _result(stage, folder, config, loaded, trained, teacher)
    result = result.replace(transfer=transferred, audit=audited)
    if config.compare_scratch:
        scratch = _from_scratch(config, data, folder, models, lesson)
        result = result.replace(scratch=scratch)
    return conduct.end(folder, config, loaded, built.objective, result, timer)


def _from_scratch(
    config: Config,
    dataset: Dataset,
    folder: pathlib.Path,
    models: Mapping[str, keras.Model | None],
    lesson: Lesson,
) -> ScratchResult:
    """Trains and scores the fine-tuned architecture from random weights."""
    _LOG.info("From scratch, on the same budget:")
    timer = Timer()
    builders.prepare(config)
    with get_strategy(config.strategy).scope():
        objective = builders.build_objective(config, dataset.info, lesson.facts)
        body = builders.build_backbone(config, dataset, objective, **models)
        model = builders.assemble(body, objective)
        unfreeze(model)
    teacher, splits = lesson.teacher, dataset.splits
    with timer("train"):
        trained = train(
            config,
            model,
            objective,
            frozen_inputs(config, None, objective, splits, teacher),
            folder=folder / run_dir.SCRATCH,
        )
    test = objective.score_splits(model, dataset)["test"]
    return ScratchResult(
        seconds=timer.seconds, metrics={"test": test}, **vars(trained)
    )


def _result(
    stage: str,
    folder: pathlib.Path,
    config: Config,
    loaded: Loaded,
    trained: TrainingResult,
    teacher: Teacher | None,
) -> RunResult:
    if teacher is not None:
        teacher.audit()
    return RunResult(
        run=folder.name,
        stage=stage,
        objective=config.objective,
        data=loaded.account.as_dict(),
        leaks=loaded.leaks.as_dict(),
        teacher=teacher.told() if teacher is not None else None,
        **vars(trained),
    )


def _origin(
    parent: str, backbone: keras.Model | None, teacher: Teacher | None
) -> dict[str, str]:
    """The fingerprints of the models that a run is made of, by name."""
    found = {"parent": parent, "federated": ""}
    if backbone is not None:
        found["backbone"] = audit.fingerprint(backbone)
    if teacher is not None:
        found["teacher"] = teacher.fingerprint
    return found


def training_of(config: Config) -> Callable[..., RunResult]:
    """Returns the stage that trains as the settings say."""
    return finetune if stage_of(config) == "finetune" else pretrain
