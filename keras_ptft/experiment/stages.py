"""The program's story: pretrain a model, then fine-tune it.

Each stage reads from top to bottom: data, model, training, evaluation,
export. `parts` makes what it needs from the settings; `outcome` scores and
publishes what it made.
"""

import functools
import logging
import pathlib
import re
from collections.abc import Callable
from typing import Any

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.errors import UserError
from keras_ptft.evaluation.scores import score
from keras_ptft.experiment import builders, run_dir, trainer
from keras_ptft.experiment.commands import conclude, publish
from keras_ptft.training.distribution import strategies
from keras_ptft.training.distribution.worker_run_dir import worker_run_dir
from keras_ptft.training.timer import Timer
from keras_ptft.transfer import audit, loading

_LOG = logging.getLogger("keras_ptft")

_Stage = Callable[[Config], dict[str, Any]]


def is_chief(config: Config) -> bool:
    """Whether this process writes and speaks for all workers of a job."""
    return strategies.is_chief(strategies.get_strategy(config.strategy))


def _in_every_worker(stage: _Stage) -> _Stage:
    """Makes a stage run in each worker of a job, and the chief write."""

    @functools.wraps(stage)
    def wrapped(config: Config) -> dict[str, Any]:
        # before TensorFlow does anything else, and after what needs none
        strategy = strategies.get_strategy(config.strategy)
        folder = _folder(stage.__name__, config)
        with worker_run_dir(strategy, folder) as runs_dir:
            if not strategies.is_chief(strategy):
                config = config.replace(runs_dir=str(runs_dir), export_to="")
            return stage(config)

    return wrapped


@strategies.restoring_precision
@_in_every_worker
def pretrain(config: Config) -> dict[str, Any]:
    """Trains a backbone and a head from random weights.

    Args:
        config: the settings; `init_from` must be empty.

    Returns:
        What `result.json` in the run folder holds.

    Raises:
        UserError: a setting, a file or the run folder is not as it must be.
    """
    if config.init_from:
        raise UserError(
            f"--init_from={config.init_from} belongs to fine-tuning: use "
            "finetune, or leave it out."
        )
    builders.check(config)
    folder, result = run_dir.open_run(_folder("pretrain", config), config)
    if result is not None:
        return publish(folder, config, result)
    clock = Timer()
    builders.prepare(config)

    with clock("data"):
        # what stands in two splits matters when the weights are used
        on_leak = "drop" if config.on_leak == "drop" else "warn"
        dataset, leaks = builders.load_dataset(config, on_leak)
    with clock("build"), strategies.get_strategy(config.strategy).scope():
        objective = builders.make_objective(config, dataset)
        backbone = builders.build_backbone(config, dataset, objective)
        model = builders.assemble(backbone, objective)
    origin = builders.origin(dataset)
    with run_dir.exclusive_run(folder, config, origin), clock("train"):
        builders.record(folder, dataset, leaks)
        training = trainer.train(
            config, model, objective, dataset.splits, folder=folder
        )
    with clock("save"):
        run_dir.save_model(folder / "backbone.keras", backbone)
        run_dir.save_model(folder / "model.keras", model)

    result = {"stage": "pretrain", "leaks": leaks.as_dict(), **training}
    return conclude(folder, config, dataset, result, clock, leaks.shown)


@strategies.restoring_precision
@_in_every_worker
def finetune(config: Config) -> dict[str, Any]:
    """Trains what is not frozen of a pretrained backbone, and a new head.

    Args:
        config: the settings; `init_from` says where the weights come from.

    Returns:
        What `result.json` in the run folder holds.

    Raises:
        UserError: a setting, a file or the run folder is not as it must be.
        RuntimeError: a frozen variable has changed.
    """
    builders.check(config)
    path = run_dir.find_backbone(config.init_from, config.runs_dir)
    pretrained = loading.load_backbone(path)
    parent = audit.fingerprint(pretrained)
    folder, result = run_dir.open_run(
        _folder("finetune", config), config, parent=parent
    )
    if result is not None:
        return publish(folder, config, result)
    clock = Timer()
    builders.prepare(config)

    with clock("data"):
        dataset, leaks = builders.load_dataset(config, config.on_leak, path)
        loading.check_input(pretrained, dataset.spec)
    with clock("build"), strategies.get_strategy(config.strategy).scope():
        objective = builders.make_objective(config, dataset)
        backbone = builders.build_backbone(
            config, dataset, objective, pretrained
        )
        transfer = loading.transfer_weights(
            pretrained, backbone, least=config.min_transferred
        )
        _LOG.info("%s.", transfer)
        model = builders.assemble(backbone, objective)
        prefix, suffix = builders.cut(config, model, backbone, objective)
        before = audit.fingerprints(prefix)
    with clock("features"):
        streamed, inputs = trainer.frozen_inputs(config, prefix, dataset.splits)
    origin = builders.origin(dataset, parent)
    with run_dir.exclusive_run(folder, config, origin), clock("train"):
        builders.record(folder, dataset, leaks)
        training = trainer.train(
            config, suffix, objective, inputs, prefix=streamed, folder=folder
        )
    audited = audit.audit(before, prefix)
    with clock("save"):
        run_dir.save_model(folder / "backbone.keras", backbone)
        run_dir.save_model(folder / "model.keras", model)

    result = {"stage": "finetune", "leaks": leaks.as_dict(), **training}
    result |= {"transfer": transfer.as_dict(), "audit": audited}
    if config.compare_scratch:
        result["scratch"] = _from_scratch(
            config, dataset, pretrained, folder / run_dir.SCRATCH
        )
    return conclude(folder, config, dataset, result, clock, leaks.shown)


def _from_scratch(
    config: Config,
    dataset: Dataset,
    pretrained: keras.Model,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Trains and scores the fine-tuned architecture from random weights."""
    _LOG.info("From scratch, on the same budget:")
    clock = Timer()
    builders.prepare(config)
    with strategies.get_strategy(config.strategy).scope():
        objective = builders.make_objective(config, dataset)
        backbone = builders.build_backbone(
            config, dataset, objective, pretrained
        )
        model = builders.assemble(backbone, objective)
    with clock("train"):
        training = trainer.train(
            config, model, objective, dataset.splits, folder=folder
        )
    metrics = score(
        model, objective, dataset.splits["test"], dataset.label_names
    )
    return {
        "seconds": clock.seconds,
        "metrics": {"test": metrics},
        **training,
    }


def _folder(stage: str, config: Config) -> pathlib.Path:
    """The run folder; without a name it is stage-model-dataset."""
    model = config.backbone or pathlib.Path(config.init_from).stem or "cnn"
    dataset = pathlib.Path(config.dataset).stem
    words = (stage, model, dataset)
    name = config.name or "-".join(map(_plain, words))
    return pathlib.Path(config.runs_dir) / name


def _plain(text: str) -> str:
    """Text as part of a file name, without the settings of a call."""
    return re.sub(r"[^\w.-]+", "_", text.split("(")[0]).strip("_")
