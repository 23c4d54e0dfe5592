"""The program's story: pretrain a model, then fine-tune it.

Each stage reads from top to bottom: data, model, training, evaluation,
export. `builders` makes the objects from the settings, `conclude` scores and
publishes what was trained.
"""

import dataclasses
import functools
import logging
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.errors import UserError
from keras_ptft.experiment import builders, run_dir
from keras_ptft.experiment.conclude import conclude
from keras_ptft.experiment.exporting import publish
from keras_ptft.experiment.feature_probe import feature_probes
from keras_ptft.experiment.forgetting import check_forgetting
from keras_ptft.experiment.frozen import frozen_inputs
from keras_ptft.experiment.loading import GIVEN, Loaded, load_dataset
from keras_ptft.experiment.phases import (
    Phases,
    Tune,
    check_unfreeze,
    fine_tune,
)
from keras_ptft.experiment.pretrained import Pretrained, load_pretrained
from keras_ptft.experiment.probing import check_probe
from keras_ptft.experiment.results import (
    RunResult,
    ScratchResult,
    TrainingResult,
)
from keras_ptft.experiment.teachers import (
    Teacher,
    answering,
    labelled_by,
    load_teacher,
)
from keras_ptft.experiment.training import train
from keras_ptft.experiment.tuning import OF_UNFROZEN, check_tuning, tune
from keras_ptft.models.feature_model import feature_model
from keras_ptft.objectives import OBJECTIVES, Objective
from keras_ptft.objectives.objective import TeacherFacts
from keras_ptft.training.callbacks import Watchers
from keras_ptft.training.distribution import strategies
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.distribution.worker_run_dir import worker_run_dir
from keras_ptft.training.timer import Timer
from keras_ptft.transfer import audit
from keras_ptft.transfer.adapter import merge_adapter, save_adapter
from keras_ptft.transfer.fates import layer_fates
from keras_ptft.transfer.loading import TransferReport
from keras_ptft.transfer.unfrozen import unfreeze

_LOG = logging.getLogger("keras_ptft")

# what a training that starts from random weights has no use for
_OF_WEIGHTS = (
    "init_from",
    "from_scratch",
    "probe",
    "unfreeze",
    "forgetting",
    *OF_UNFROZEN,
)

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


class _Lesson(NamedTuple):
    """What answers for the data of a run; None: nobody teaches."""

    facts: TeacherFacts | None
    teacher: keras.Model | None


class _Built(NamedTuple):
    """What is trained on from pretrained weights."""

    objective: Objective
    body: keras.Model
    model: keras.Model
    transfer: TransferReport
    phases: Phases


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
        folder = folder_of(stage.__name__, config)
        with worker_run_dir(strategy, folder) as runs_dir:
            if not strategies.is_chief(strategy):
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
    _check_pretraining(config)
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
        loaded, lesson = _taught_data("pretrain", config, dataset, teacher)
        data = loaded.dataset
    with timer("build"), get_strategy(config.strategy).scope():
        objective = builders.build_objective(config, data.info, lesson.facts)
        body = builders.build_backbone(config, data, objective, given=backbone)
        model = builders.assemble(body, objective)
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
    _check_finetuning(config)
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
        loaded, lesson = _taught_data(
            stage, config, dataset, teacher, pretrained
        )
        data = loaded.dataset
    with timer("build"), get_strategy(config.strategy).scope():
        built = _build(config, data, pretrained, models, lesson)
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
    transferred = _transferred(built.transfer, built.model, built.phases)
    with timer("save"):
        _save(folder, config, built)
    result = _result(stage, folder, config, loaded, trained, teacher)
    result = result.replace(transfer=transferred, audit=audited)
    if config.compare_scratch:
        scratch = _from_scratch(config, data, folder, models, lesson)
        result = result.replace(scratch=scratch)
    return conduct.end(folder, config, loaded, built.objective, result, timer)


def _check_pretraining(config: Config) -> None:
    """Finds errors that show before anything is loaded or written."""
    if config.init_from and builders.pretrains(config):
        _check_from_weights(config)
        return
    for name in filter(config.is_set, _OF_WEIGHTS):
        raise UserError(
            f"--{name}={getattr(config, name)} {_belongs(name, config)}."
        )
    builders.check(config)


def _belongs(name: str, config: Config) -> str:
    """What a setting of pretrained weights is for, and the remedy."""
    if builders.pretrains(config):
        return (
            "is for pretrained weights: name them by --init_from, or leave it "
            "out"
        )
    remedy = "belongs to fine-tuning: use finetune, or leave it out"
    if name != "init_from":
        return remedy
    names = [n for n, kind in OBJECTIVES.items() if not kind.servable]
    return f"{remedy}, or go on pretraining by --objective={', '.join(names)}"


def _check_finetuning(config: Config) -> None:
    """Finds errors that show before anything is loaded or written."""
    if builders.pretrains(config):
        raise UserError(
            f"--objective={config.objective} trains features, to be "
            "fine-tuned later: use pretrain, which takes --init_from too, or "
            "an --objective that answers, as classification."
        )
    if config.probe_every:
        raise UserError(
            f"--probe_every={config.probe_every} judges a backbone that is "
            "pretrained: use pretrain, or leave it out."
        )
    _check_from_weights(config)


def _check_from_weights(config: Config) -> None:
    builders.check(config)
    check_probe(config)
    check_unfreeze(config)
    check_tuning(config)
    check_forgetting(config)


def _taught_data(
    stage: str,
    config: Config,
    given: Dataset | None,
    teacher: Teacher | None,
    pretrained: Pretrained | None = None,
) -> tuple[Loaded, _Lesson]:
    """Loads the data of a run, and what answers for them if it is taught."""
    on_leak = _on_leak(stage, config)
    weights = pretrained.weights if pretrained is not None else None
    if teacher is None:
        loaded = load_dataset(config, given, on_leak, weights)
        return loaded, _Lesson(None, None)
    loaded = load_dataset(config, given, on_leak, weights, teacher.weights)
    with get_strategy(config.strategy).scope():
        model = answering(teacher, loaded.dataset)
    loaded = labelled_by(config, teacher, model, loaded)
    return loaded, _Lesson(teacher.facts, model)


def _on_leak(stage: str, config: Config) -> str:
    """What to do about examples that are in two splits."""
    if stage == "pretrain" and not config.teacher and config.on_leak == "fail":
        # they matter when the weights are used
        return "warn"
    return config.on_leak


def _build(
    config: Config,
    data: Dataset,
    pretrained: Pretrained,
    models: Mapping[str, keras.Model | None],
    lesson: _Lesson,
) -> _Built:
    """Makes all that is trained, with the pretrained weights in it."""
    objective = builders.build_objective(config, data.info, lesson.facts)
    body = builders.build_backbone(config, data, objective, **models)
    transfer = builders.transfer(config, pretrained, body)
    model = builders.assemble(body, objective)
    features = feature_model(body, objective.feature_layer)
    tuned = _tune(config, features, pretrained, transfer)
    phases = Phases(config, model, features, tuned, lesson.teacher)
    return _Built(objective, body, model, transfer, phases)


def _save(folder: pathlib.Path, config: Config, built: _Built) -> None:
    if config.lora != "none":
        _save_adapter(folder, built.body, built.model, built.phases)
    run_dir.save_models(folder, built.body, built.model)


def _tune(
    config: Config,
    features: keras.Model,
    pretrained: Pretrained,
    transfer: TransferReport,
) -> Tune:
    """What decides how each part of a model is trained."""
    return functools.partial(
        tune,
        config,
        backbone=features,
        pretrained=pretrained.backbone,
        transferred=transfer.matched,
    )


def _transferred(
    transfer: TransferReport, model: keras.Model, phases: Phases
) -> dict[str, Any]:
    """What `result.json` says of the pretrained weights."""
    trained = phases.current.tuning.variables
    layers = layer_fates(model, transfer.matched, trained)
    return {**transfer.as_dict(), "layers": layers}


def _save_adapter(
    folder: pathlib.Path,
    body: keras.Model,
    model: keras.Model,
    phases: Phases,
) -> None:
    """Saves low-rank matrices alone, then merges them into the weights."""
    path = folder / run_dir.ADAPTER_FILE
    save_adapter(path, body, model, phases.last.tuning.frozen)
    merge_adapter(model)


def _from_scratch(
    config: Config,
    dataset: Dataset,
    folder: pathlib.Path,
    models: Mapping[str, keras.Model | None],
    lesson: _Lesson,
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
    found = {"parent": parent}
    if backbone is not None:
        found["backbone"] = audit.fingerprint(backbone)
    if teacher is not None:
        found["teacher"] = teacher.fingerprint
    return found


def training_of(config: Config) -> Callable[..., RunResult]:
    """Returns the stage that trains as the settings say."""
    return finetune if stage_of(config) == "finetune" else pretrain


def stage_of(config: Config) -> str:
    """Returns the name of the stage that trains as the settings say.

    Fine-tuning starts from weights, and its models answer requests. All
    else is pretraining, also where it starts from weights.
    """
    tunes = config.init_from and not builders.pretrains(config)
    return "finetune" if tunes else "pretrain"


def name_of(config: Config) -> str:
    """Returns what the run of some settings is called."""
    return config.name or folder_of(stage_of(config), config).name


def folder_of(stage: str, config: Config) -> pathlib.Path:
    """The run folder; without a name it is stage-model-dataset."""
    model = config.backbone or config.init_from or "cnn"
    words = (stage, model, config.dataset)
    name = config.name or "-".join(map(_plain, words))
    return pathlib.Path(config.runs_dir) / name


def _plain(text: str) -> str:
    """Text as part of a file name, without folders and settings of a call."""
    name = pathlib.Path(text.split("(")[0]).stem
    return re.sub(r"[^\w.-]+", "_", name).strip("_")
