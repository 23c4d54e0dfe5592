"""What people read of a run: its report, in two forms, and its model card."""

import pathlib
from collections.abc import Mapping
from typing import Any

from keras_ptft.config import Config
from keras_ptft.evaluation.evaluation import Evaluation
from keras_ptft.evaluation.report.card import Served, write_card
from keras_ptft.evaluation.report.lineage import Lineage
from keras_ptft.evaluation.report.markdown import write_markdown
from keras_ptft.evaluation.report.report import (
    Course,
    DataFindings,
    write_report,
)
from keras_ptft.experiment import run_dir
from keras_ptft.experiment.loading import GIVEN, Loaded
from keras_ptft.experiment.pretrained import is_known_model
from keras_ptft.experiment.privacy import is_private, without_names
from keras_ptft.experiment.remote_runs import portable
from keras_ptft.experiment.results import RunResult
from keras_ptft.experiment.run_files import (
    CARD_FILE,
    MARKDOWN_FILE,
    REPORT_FILE,
)
from keras_ptft.experiment.showing import pictured_examples, shown_examples
from keras_ptft.models.pretrained import FACTS, PRETRAINED
from keras_ptft.objectives import Objective
from keras_ptft.registry import lookup


def write_documents(
    folder: pathlib.Path,
    config: Config,
    loaded: Loaded,
    objective: Objective,
    result: RunResult,
    evaluation: Evaluation,
) -> None:
    """Writes report.html, report.md and the model card, of the same facts.

    Args:
        folder: the run folder.
        config: the settings of the run.
        loaded: the data of the run.
        objective: what the model was trained for.
        result: all but its export.
        evaluation: what the model is worth.
    """
    lineage = _lineage(folder, config, result)
    data = _findings(config, loaded, objective)
    for name, write in (
        (REPORT_FILE, write_report),
        (MARKDOWN_FILE, write_markdown),
    ):
        write(
            folder / name,
            title=folder.name,
            lineage=lineage,
            course=_course(result),
            evaluation=evaluation,
            comparison=result.comparison,
            data=data,
        )
    write_card(
        folder / CARD_FILE,
        title=folder.name,
        lineage=lineage,
        evaluation=evaluation,
        data=data,
        served=Served(objective.info, objective.servable, _facts(config)),
    )


def _course(result: RunResult) -> Course:
    seconds = dict(result.seconds)
    if result.scratch is not None:
        seconds["scratch"] = sum(result.scratch.seconds.values())
    return Course(
        result.history,
        result.range_test,
        seconds,
        result.steps,
        bool(result.resumed),
    )


def _lineage(
    folder: pathlib.Path, config: Config, result: RunResult
) -> Lineage:
    given = [n for n in ("dataset", "backbone") if getattr(config, n) == GIVEN]
    return Lineage(
        stage=result.stage,
        folder=folder,
        config=portable(config),
        environment=_environment(folder, config),
        handed_over=given,
        transfer=result.transfer,
        audit=result.audit,
        trained_parameters=result.trained_parameters,
        forgetting=result.forgetting,
        privacy=result.privacy,
        federated=result.federated,
    )


def _environment(folder: pathlib.Path, config: Config) -> Mapping[str, Any]:
    found = run_dir.read_environment(folder)
    if is_private(config):
        # a fingerprint tells whether some data are just these
        found.pop("data", None)
    return found


def _findings(
    config: Config, loaded: Loaded, objective: Objective
) -> DataFindings:
    train = loaded.dataset.splits["train"]
    if is_private(config):
        account = without_names(loaded.account.as_dict())
        return DataFindings(loaded.leaks.as_dict(), account=account)
    return DataFindings(
        loaded.leaks.as_dict(),
        loaded.leaks.shown,
        loaded.account.as_dict(),
        shown_examples(config, objective, train),
        pictured_examples(config, objective, train),
    )


def _facts(config: Config) -> Mapping[str, str]:
    """What is known of the weights of a known model, for its card."""
    if config.from_scratch or not is_known_model(config):
        return {}
    name = lookup(PRETRAINED, config.init_from, "pretrained model").name
    if name not in FACTS:
        return {}
    facts = FACTS[name]
    return {
        "architecture": facts.architecture,
        "licence": facts.licence,
        "source": facts.source,
        "SHA-256": facts.sha256,
    }
