"""Pretrain a Keras model once, fine-tune it, prove that it helped, serve it.

The stages take a `Config`; the packages below them take plain arguments:

    import keras_ptft

    config = keras_ptft.Config(dataset="mnist", epochs=5)
    result = keras_ptft.pretrain(config)
    print(result.metrics["test"]["accuracy"])
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# public name to the module that defines it, imported when first used:
# TensorFlow takes seconds, and not every use needs it
_PUBLIC = {
    "Config": "keras_ptft.config",
    "PredictConfig": "keras_ptft.config",
    "CompareConfig": "keras_ptft.comparison.settings",
    "TuneConfig": "keras_ptft.search.settings",
    "Dataset": "keras_ptft.data",
    "ArraySource": "keras_ptft.data.core.array_source",
    "RunResult": "keras_ptft.experiment.results",
    "UserError": "keras_ptft.errors",
    "load_adapter": "keras_ptft.transfer.adapter",
    "pretrain": "keras_ptft.experiment.stages",
    "finetune": "keras_ptft.experiment.stages",
    "compare": "keras_ptft.comparison.compare",
    "tune": "keras_ptft.search.tune",
    "evaluate": "keras_ptft.experiment.commands",
    "export": "keras_ptft.experiment.commands",
    "predict": "keras_ptft.experiment.commands",
    "promote": "keras_ptft.serving.versioning.releases",
    "rollback": "keras_ptft.serving.versioning.rollback",
    "monitor": "keras_ptft.experiment.monitoring",
    "replay": "keras_ptft.experiment.replay",
    "register": "keras_ptft.extensions",
    "Metric": "keras_ptft.evaluation.metrics",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
