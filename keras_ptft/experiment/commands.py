"""What a trained run is good for: scores, exports, predictions."""

import dataclasses
import logging
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import keras

from keras_ptft import files
from keras_ptft.config import FIELDS, Config, PredictConfig, check_names
from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.errors import UserError
from keras_ptft.evaluation.report.attacks import tell_attacks
from keras_ptft.experiment import attacks, builders, run_dir
from keras_ptft.experiment.by_column import score_groups
from keras_ptft.experiment.exporting import export_run
from keras_ptft.experiment.loading import (
    GIVEN,
    load_to_score,
    reload_dataset,
)
from keras_ptft.experiment.publication import check_export_settings
from keras_ptft.experiment.results import RunResult, read_result
from keras_ptft.experiment.run_files import FLAGS_FILE, NON_IDENTITY_FIELDS
from keras_ptft.experiment.training_examples import training_examples
from keras_ptft.experiment.weights import Weights
from keras_ptft.models.saved import load_model
from keras_ptft.models.structure import named_inputs
from keras_ptft.objectives import Objective
from keras_ptft.objectives.objective import Answers
from keras_ptft.objectives.saved import read_objective
from keras_ptft.remote.mirrored import mirrored, opened
from keras_ptft.serving.generation.sampling import Sampling
from keras_ptft.serving.inference.answered import Answered, gathered
from keras_ptft.serving.inference.predictor import (
    Predictor,
    load_model_or_export,
)
from keras_ptft.serving.inference.progress import told
from keras_ptft.serving.inference.resolve import ModelFiles, find_model
from keras_ptft.serving.inference.results import (
    Answer,
    Generated,
    Results,
)
from keras_ptft.serving.inference.writers import (
    WRITERS,
    check_outputs,
    written,
)
from keras_ptft.serving.inputs.in_memory import Given, as_given
from keras_ptft.serving.inputs.options import InputOptions
from keras_ptft.serving.inputs.skipped import Skipped
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.transfer.loading import check_input

_LOG = logging.getLogger("keras_ptft")


@dataclasses.dataclass(frozen=True)
class Scores:
    """What a run's model is worth on data.

    Attributes:
        folder: the run folder.
        metrics: as `result.json` has them.
        name: what `result.json` calls them: "test", followed by the settings
            that differ from the run's; "test of changed data" where the
            run's own are no longer what they were. With a column, "by" and
            its name follow. Of an attack "attack", followed by it.
    """

    folder: pathlib.Path
    metrics: dict[str, Any]
    name: str

    def write(self) -> None:
        """Adds the scores to `result.json`, and attacks to the reports.

        Raises:
            UserError: the run folder cannot be written.
        """
        with mirrored(self.folder):
            _, _, result = complete_run(self.folder)
            scored = {**result.metrics, self.name: self.metrics}
            result.replace(metrics=scored).write(self.folder)
            tell_attacks(self.folder, scored)


def evaluate(
    run: str | os.PathLike,
    *,
    dataset: Dataset | str | None = None,
    by: str = "",
    attack: str = "",
    **changes: Any,
) -> dict[str, Any]:
    """Scores a run's model, and adds the scores to its `result.json`.

    Args:
        run: as in `score`.
        dataset: as in `score`.
        by: as in `score`.
        attack: as in `score`.
        changes: as in `score`.

    Returns:
        The metrics.

    Raises:
        UserError: see `score`; or the run folder cannot be written.
    """
    scores = score(run, dataset=dataset, by=by, attack=attack, **changes)
    scores.write()
    return scores.metrics


def score(
    run: str | os.PathLike,
    *,
    dataset: Dataset | str | None = None,
    by: str = "",
    attack: str = "",
    **changes: Any,
) -> Scores:
    """Scores a run's model on its test split, or on other data.

    Of other data with a test split this is scored, of others all. They may
    lack some of the model's classes. Or it tries whether the model gives away
    what it was trained on.

    Args:
        run: a complete run folder, or its URL.
        dataset: in place of the run's, the name of another data set, or one
            of your own.
        by: column of a table; each of its values is scored on its own too,
            as metric "by", see `score_groups`.
        attack: an entry of ATTACKS, in place of scores; `dataset` is that of
            the run then, where it was handed over.
        changes: settings of the data that differ from the run's.

    Raises:
        UserError: the run is not complete, or the data do not fit it.
    """
    if attack:
        return _attacked(run, attack, dataset, {"by": by, **changes})
    return _scored(run, dataset, by, changes)


def _scored(
    run: str | os.PathLike,
    dataset: Dataset | str | None,
    by: str,
    changes: dict[str, Any],
) -> Scores:
    """What a run's model is worth on data."""
    if isinstance(dataset, str):
        changes, dataset = {"dataset": dataset, **changes}, None
    _check_changes("evaluate", "data", changes)
    folder, before, result = complete_run(run)
    config = before.replace(**changes)
    own = config.dataset == (before.dataset if dataset is None else GIVEN)
    trained = read_objective(folder).info
    # a model without labels may read more than its backbone does
    backbone = load_model(folder / run_dir.BACKBONE_FILE)
    weights = Weights.beside(folder / run_dir.MODEL_FILE, backbone)
    loaded, accounted, train = load_to_score(
        config,
        dataset,
        weights,
        trained,
        as_test=not own,
        classes=changes.get("classes", ""),
        by=by,
    )
    check_input(backbone, loaded.spec)
    info = loaded.info.as_trained(trained)
    objective = builders.build_objective(config, info)
    model = _model(folder, config, objective)
    test = loaded.splits["test"]
    # where nothing is changed, training examples are loaded already
    known = train if own and not changes else None
    given = dataset if own else None
    recall = partial(training_examples, before, given, weights, known)
    scored = result.metrics.get("test", {})
    metrics = _metrics(objective, model, test, scored, by, recall)
    name = " ".join(["test", *_changed(changes)])
    if not own:
        metrics["data"] = accounted.as_dict()
    elif not changes and _has_changed(folder, config, test):
        name = "test of changed data"
    return Scores(folder, metrics, f"{name} by {by}" if by else name)


def _attacked(
    run: str | os.PathLike,
    attack: str,
    dataset: Dataset | str | None,
    others: Mapping[str, Any],
) -> Scores:
    """What an attack on a run's training examples comes to."""
    if isinstance(dataset, str):
        others = {"dataset": dataset, **others}
    for name in (name for name, value in others.items() if value):
        raise UserError(
            f"--attack={attack} is about what the run was trained on, got "
            f"--{name}={others[name]}: leave it out."
        )
    folder, config, result = complete_run(run)
    objective = read_objective(folder)
    attacks.check(attack, config)
    model = _model(folder, config, objective)
    attacked = attacks.Attacked(folder, config, result, objective, model)
    given = None if isinstance(dataset, str) else dataset
    found = attacks.attack(attack, attacked, given)
    return Scores(folder, found, f"attack {attack}")


def export(
    run: str | os.PathLike,
    export_to: str = "",
    *,
    dataset: Dataset | None = None,
    **changes: Any,
) -> pathlib.Path | str:
    """Publishes a run's model as the next version in a folder.

    Args:
        run: a complete run folder, or its URL.
        export_to: folder of versions, or its URL; empty: as the run's
            settings say, or else `saved_models/` and the run's name.
        dataset: the data set of the run, where it was handed over.
        changes: settings of the export that differ from the run's.

    Returns:
        The folder of the new version, or its URL.

    Raises:
        UserError: the run is not complete, the folder is not writable, or a
            setting is not of the export.
    """
    _check_changes("export", "export", changes)
    folder, before, result = complete_run(run)
    # what breaks clients is accepted for one version, not for all of a run
    config = before.replace(**({"breaking": False} | changes))
    target = export_to or config.export_to or f"saved_models/{folder.name}"
    config = config.replace(export_to=target)
    check_export_settings(config)
    path = folder / run_dir.MODEL_FILE
    model = load_model(path)
    loaded = reload_dataset(config, dataset, Weights.beside(path, model))
    with mirrored(folder):
        exported = export_run(folder, config, result, model, loaded)
    if files.is_url(exported.path):
        return exported.path
    return pathlib.Path(exported.path)


def predict(
    model: str | os.PathLike,
    inputs: Any,
    **settings: Any,
) -> list[Any]:
    """Predicts labels for images, arrays, tables or texts, or more text.

    Args:
        model: as in `predict_rows`.
        inputs: as in `predict_rows`.
        settings: as in `predict_rows`.

    Returns:
        For each input that has an answer a `Prediction`, or what else the
        objective answers with; a `Generated` for each text if these are
        continued.

    Raises:
        UserError: see `predict_rows`.
    """
    return list(predict_rows(model, inputs, **settings))


def predict_rows(
    model: str | os.PathLike,
    inputs: Any,
    **settings: Any,
) -> Results:
    """Predicts as `predict` does, while inputs are read.

    Settings are checked at once, and inputs as they come.

    Args:
        model: a run folder or its URL, a `.keras` file or an export.
        inputs: files and folders; for a model of texts also texts; or
            examples in memory, see `as_given`.
        settings: as `PredictConfig` has them. What they name is written
            meanwhile, and is there once the last result is taken.

    Returns:
        The results, which are to be closed where not all are taken.

    Raises:
        UserError: the model or an input cannot be read, or a file cannot be
            written.
    """
    config = PredictConfig(**settings)
    paths = {name: getattr(config, name) for name in WRITERS}
    outputs = {name: path for name, path in paths.items() if path}
    given = as_given(inputs)
    check_outputs(outputs, given if isinstance(given, list) else ())
    found = find_model(opened(model), is_complete=_is_complete_or_no_run)
    skipped = Skipped()
    batches: Iterator[Sequence[Any]]
    if config.generate:
        batches = iter([_generate(found, given, config)])
    else:
        batches = _predict(found, given, config, skipped)
    return Results(written(told(batches), outputs), skipped)


def load_answering(
    model: str | os.PathLike,
) -> tuple[Objective, Predictor]:
    """Returns what answers inputs, and what its model was trained for.

    Args:
        model: as in `predict_rows`.

    Raises:
        UserError: the model cannot be read, or answers no requests.
    """
    return _loaded(find_model(model, is_complete=_is_complete_or_no_run))


def predict_arrays(
    answering: tuple[Objective, Predictor], inputs: Any, **settings: Any
) -> Answered:
    """Predicts as `predict` does, and keeps all that the model answers.

    Args:
        answering: as `load_answering` returns it.
        inputs: as in `predict_rows`.
        settings: those of `PredictConfig` that read inputs and give labels.

    Raises:
        UserError: an input cannot be read.
    """
    objective, _ = answering
    config = PredictConfig(**settings)
    answered = _answered(answering, as_given(inputs), config, Skipped())
    return gathered(answered, objective.info.label_names)


def _loaded(found: ModelFiles) -> tuple[Objective, Predictor]:
    loaded = load_model_or_export(found)
    objective = read_objective(found.extra)
    return objective, objective.predictor(loaded)


def _predict(
    found: ModelFiles, inputs: Given, config: PredictConfig, skipped: Skipped
) -> Iterator[Sequence[Answer]]:
    for answers, _ in _answered(_loaded(found), inputs, config, skipped):
        yield answers


def _answered(
    answering: tuple[Objective, Predictor],
    inputs: Given,
    config: PredictConfig,
    skipped: Skipped,
) -> Iterator[tuple[Sequence[Answer], Answers]]:
    """Yields the answers to each batch, for people and for programs."""
    objective, predictor = answering
    options = InputOptions(
        columns=objective.info.columns,
        text_column=config.text_column,
        image_form=objective.info.image_form,
        skipped=skipped if config.skip_bad_images else None,
    )
    for names, batch in predictor.batches(inputs, options):
        outputs = predictor.run(batch)
        yield objective.decode(names, outputs, config.reject_below), outputs


def _generate(
    found: ModelFiles, inputs: Given, config: PredictConfig
) -> list[Generated]:
    if not isinstance(inputs, list):
        raise UserError("--generate continues texts: give a list of them.")
    if found.keras_file is None:
        raise UserError(
            f"No language model in {found.saved_model}, which --generate "
            "needs: give a run folder or .keras file of "
            "--objective=next_token."
        )
    sampling = Sampling(
        tokens=config.generate,
        temperature=config.temperature,
        top_k=config.top_k,
        seed=config.seed,
    )
    model = load_model(found.keras_file)
    objective = read_objective(found.extra)
    texts = [os.fspath(word) for word in inputs]
    column = config.text_column or ",".join(objective.info.columns)
    return objective.generate(model, texts, sampling, column)


def _check_changes(verb: str, group: str, changes: dict[str, Any]) -> None:
    check_names(changes)
    for name in changes:
        if FIELDS[name].metadata["group"] != group:
            raise UserError(
                f"{verb} takes settings of the {group} alone, got --{name}: "
                "leave it out."
            )


def _model(
    folder: pathlib.Path, config: Config, objective: Objective
) -> keras.Model:
    """The model of a run, on the devices that it is scored on."""
    # one process scores what several workers have trained
    strategy = "auto" if config.strategy == "multi_worker" else config.strategy
    with get_strategy(strategy).scope():
        model = load_model(folder / run_dir.MODEL_FILE)
    _check_inputs(folder, model, objective)
    return model


def _metrics(
    objective: Objective,
    model: keras.Model,
    test: Source,
    before: Mapping[str, Any],
    by: str,
    train: Callable[[], Source | None],
) -> dict[str, Any]:
    """Scores of some examples, and of each group of them if asked for."""
    recalled = objective.recall(model, train)
    metrics = objective.score_again(model, test, before, recalled)
    if by:
        metrics["by"] = score_groups(
            objective, model, test, before, by, recalled
        )
    return metrics


def _has_changed(folder: pathlib.Path, config: Config, test: Source) -> bool:
    """Whether a run's own test split is another one now, which is told."""
    if run_dir.was_scored_on(folder, test):
        return False
    _LOG.warning(
        "The test split of %s has changed since %s was trained.",
        config.dataset,
        folder,
    )
    return True


def _check_inputs(
    folder: pathlib.Path, model: keras.Model, objective: Objective
) -> None:
    names = named_inputs(model)
    if missing := set(objective.extra_inputs) - set(names):
        raise UserError(
            f"The model in {folder} must have an input {missing.pop()!r}, got "
            f"{', '.join(sorted(names))}, as version 0.1 wrote it: run the "
            "stage again under another --name."
        )


def _changed(changes: dict[str, Any]) -> list[str]:
    return [
        f"{name}={value}"
        for name, value in changes.items()
        if name not in NON_IDENTITY_FIELDS
    ]


def complete_run(
    run: str | os.PathLike,
) -> tuple[pathlib.Path, Config, RunResult]:
    """Returns the folder, the settings and the result of a run.

    Args:
        run: its folder, or its URL.

    Raises:
        UserError: it is no run folder, or the run has not ended.
    """
    folder = opened(run)
    config = run_dir.read_config(folder)
    result = read_result(folder)
    if result is None:
        raise UserError(f"The run in {run} is not complete: run it to its end.")
    return folder, config, result


def _is_complete_or_no_run(folder: pathlib.Path) -> bool:
    is_run = (folder / FLAGS_FILE).is_file()
    return not is_run or run_dir.is_complete(folder)
