"""What a trained run, a model or an export answers."""

import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from keras_ptft.config import PredictConfig
from keras_ptft.errors import UserError
from keras_ptft.experiment import run_dir
from keras_ptft.experiment.run_files import FLAGS_FILE
from keras_ptft.models.saved import load_model
from keras_ptft.objectives import Objective
from keras_ptft.objectives.objective import Answers
from keras_ptft.objectives.saved import read_objective
from keras_ptft.remote.mirrored import opened
from keras_ptft.serving.generation.sampling import Sampling
from keras_ptft.serving.inference.answered import Answered, gathered
from keras_ptft.serving.inference.predictor import (
    Predictor,
    load_model_or_export,
)
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
from keras_ptft.training.pace import told


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
    return Results(written(told(batches, "rows answered"), outputs), skipped)


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


def _is_complete_or_no_run(folder: pathlib.Path) -> bool:
    is_run = (folder / FLAGS_FILE).is_file()
    return not is_run or run_dir.is_complete(folder)
