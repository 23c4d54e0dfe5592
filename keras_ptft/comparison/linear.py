"""The run of a linear model, beside those that are trained."""

import pathlib

from keras_ptft.comparison.baseline import linear_baseline
from keras_ptft.config import Config
from keras_ptft.experiment import builders, run_dir
from keras_ptft.experiment.loading import load_dataset
from keras_ptft.experiment.pretrained import load_origin
from keras_ptft.experiment.results import RunResult
from keras_ptft.training.timer import Timer


def fit(config: Config) -> RunResult:
    """Fits the linear baseline on the data of a training.

    Args:
        config: the training; what it says of models is not used.

    Returns:
        What `result.json` in the run folder holds.

    Raises:
        UserError: there is no linear model for such data.
    """
    start = load_origin(config)
    weights = start.weights if start else None
    folder = pathlib.Path(config.runs_dir) / config.name
    origin = {"parent": start.fingerprint if start else ""}
    if result := run_dir.open_run(folder, config, origin):
        return result
    timer = Timer()
    with timer("data"):
        loaded = load_dataset(config, None, config.on_leak, weights)
        objective = builders.build_objective(config, loaded.dataset.info)
    provenance = builders.provenance("linear", loaded.dataset, **origin)
    with run_dir.exclusive_run(folder, config, provenance), timer("train"):
        baseline = linear_baseline(loaded.dataset, objective)
    result = RunResult(
        run=folder.name,
        stage="linear",
        objective=config.objective,
        data=loaded.account.as_dict(),
        leaks=loaded.leaks.as_dict(),
        plan={"reason": baseline.description},
        trained_parameters=baseline.parameters,
        seconds=timer.seconds,
        metrics={"test": dict(baseline.metrics)},
    )
    result.write(folder)
    return result
