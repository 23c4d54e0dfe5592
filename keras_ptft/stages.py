"""The program's story: pretrain a model, then fine-tune it.

Each stage reads from top to bottom: data, model, training, evaluation,
export. `parts` makes what it needs from the settings; `outcome` scores and
publishes what it made.
"""

import logging
import pathlib
import re
from typing import Any

import keras

from keras_ptft import parts
from keras_ptft.config import Config
from keras_ptft.data.dataset import Dataset
from keras_ptft.errors import UserError
from keras_ptft.outcome import conclude, publish, score
from keras_ptft.training import runs, runtime
from keras_ptft.training.clock import Clock
from keras_ptft.transfer import audit, loading
from keras_ptft.transfer.cut import split

_LOG = logging.getLogger("keras_ptft")


@runtime.restoring_precision
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
    parts.check(config)
    folder, result = runs.open_run(_folder("pretrain", config), config)
    if result is not None:
        return publish(folder, config, result)
    clock = Clock()
    parts.prepare(config)

    with clock("data"):
        dataset, leaks = parts.load_dataset(config, on_leak="warn")
    with clock("build"), runtime.strategy(config.strategy).scope():
        objective = parts.make_objective(config, dataset)
        backbone = parts.build_backbone(config, dataset)
        model = parts.add_head(backbone, objective)
    with runs.claimed(folder, config), clock("train"):
        parts.record(folder, dataset)
        training = parts.train(
            config, model, objective, dataset.splits, folder=folder
        )
    with clock("save"):
        runs.save_model(folder / "backbone.keras", backbone)
        runs.save_model(folder / "model.keras", model)

    result = {"stage": "pretrain", "leaks": leaks, **training}
    return conclude(folder, config, dataset, result, clock)


@runtime.restoring_precision
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
    parts.check(config)
    path = runs.find_backbone(config.init_from, config.runs_dir)
    pretrained = loading.load_backbone(path)
    parent = audit.fingerprint(pretrained)
    folder, result = runs.open_run(
        _folder("finetune", config), config, parent=parent
    )
    if result is not None:
        return publish(folder, config, result)
    clock = Clock()
    parts.prepare(config)

    with clock("data"):
        dataset, leaks = parts.load_dataset(config, config.on_leak)
        loading.check_input(pretrained, dataset.spec)
    with clock("build"), runtime.strategy(config.strategy).scope():
        objective = parts.make_objective(config, dataset)
        backbone = parts.build_backbone(config, dataset, pretrained)
        transfer = loading.transfer_weights(
            pretrained, backbone, least=config.min_transferred
        )
        _LOG.info("%s.", transfer)
        model = parts.add_head(backbone, objective)
        prefix, suffix = split(model, backbone, config.freeze)
        before = audit.fingerprints(prefix)
    with clock("features"):
        streamed, inputs = parts.frozen_inputs(config, prefix, dataset.splits)
    with runs.claimed(folder, config), clock("train"):
        parts.record(folder, dataset, parent=parent)
        training = parts.train(
            config, suffix, objective, inputs, prefix=streamed, folder=folder
        )
    audited = audit.audit(before, prefix)
    with clock("save"):
        runs.save_model(folder / "backbone.keras", backbone)
        runs.save_model(folder / "model.keras", model)

    result = {"stage": "finetune", "leaks": leaks, **training}
    result |= {"transfer": transfer.as_dict(), "audit": audited}
    if config.compare_scratch:
        result["scratch"] = _from_scratch(config, dataset, pretrained)
    return conclude(folder, config, dataset, result, clock)


def _from_scratch(
    config: Config, dataset: Dataset, pretrained: keras.Model
) -> dict[str, Any]:
    """Trains and scores the fine-tuned architecture from random weights."""
    _LOG.info("From scratch, on the same budget:")
    clock = Clock()
    parts.prepare(config)
    with runtime.strategy(config.strategy).scope():
        objective = parts.make_objective(config, dataset)
        backbone = parts.build_backbone(config, dataset, pretrained)
        model = parts.add_head(backbone, objective)
    with clock("train"):
        training = parts.train(config, model, objective, dataset.splits)
    metrics = score(model, dataset.splits["test"], dataset.label_names)
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
