"""Pretrain a Keras model once, fine-tune it, prove that it helped, serve it.

The stages take settings, one by one or as a `Config`, and return a `Run`; the
packages below them take plain arguments:

    import keras_ptft

    run = keras_ptft.pretrain(dataset="digits", epochs=5)
    print(run.metrics["test"]["accuracy"])
"""

import importlib
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

# public name to the module that defines it, imported when first used:
# TensorFlow takes seconds, and not every use needs it
_PUBLIC = {
    "Config": "keras_ptft.config",
    "PredictConfig": "keras_ptft.config",
    "CompareConfig": "keras_ptft.comparison.settings",
    "TuneConfig": "keras_ptft.search.settings",
    "FederateConfig": "keras_ptft.federated.settings",
    "Dataset": "keras_ptft.data",
    "ArraySource": "keras_ptft.data.core.array_source",
    "Run": "keras_ptft.experiment.run",
    "RunResult": "keras_ptft.experiment.results",
    "UserError": "keras_ptft.errors",
    "load_adapter": "keras_ptft.transfer.adapter",
    "load_run": "keras_ptft.experiment.run",
    "pretrain": "keras_ptft.experiment.library",
    "finetune": "keras_ptft.experiment.library",
    "compare": "keras_ptft.comparison.compare",
    "tune": "keras_ptft.search.tune",
    "federate": "keras_ptft.federated.federate",
    "evaluate": "keras_ptft.experiment.scoring",
    "export": "keras_ptft.experiment.exporting",
    "predict": "keras_ptft.experiment.predicting",
    "promote": "keras_ptft.serving.versioning.releases",
    "rollback": "keras_ptft.serving.versioning.rollback",
    "monitor": "keras_ptft.experiment.monitoring",
    "replay": "keras_ptft.experiment.replay",
    "register": "keras_ptft.extensions",
    "Metric": "keras_ptft.evaluation.metrics",
}

# their modules need no TensorFlow
_SETTINGS = ("config", "settings", "errors")

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_imported(_PUBLIC[name]), name)


def _imported(module: str) -> ModuleType:
    if module.endswith(_SETTINGS):
        return importlib.import_module(module)
    from keras_ptft import environment, notebook

    if notebook.in_notebook():
        notebook.prepare(module)
    return environment.load(module)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
