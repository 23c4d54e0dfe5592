"""Compares a recipe with simpler ones, and writes what that proves."""

import dataclasses
import logging
import pathlib
from collections.abc import Sequence

from keras_ptft import files, recipes
from keras_ptft.comparison.header import write_header
from keras_ptft.comparison.plan import plain_name
from keras_ptft.comparison.report import PAGE, write_comparison
from keras_ptft.comparison.require import (
    check_requirements,
    parse_requirement,
)
from keras_ptft.comparison.result import Comparison
from keras_ptft.comparison.run import comparison_folder, measure
from keras_ptft.comparison.settings import CompareConfig
from keras_ptft.comparison.summary import Summary, summarise
from keras_ptft.comparison.suspicious import (
    Suspicious,
    find_suspicious,
    write_suspicious,
)
from keras_ptft.comparison.terminal import lines
from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.evaluation.hparams import HParamsRow, write_hparams
from keras_ptft.evaluation.report.embedded import embedded
from keras_ptft.experiment.privacy import is_private
from keras_ptft.experiment.remote_runs import at_hand
from keras_ptft.remote.mirrored import mirrored

RESULT_FILE = "compare.json"
SCHEMA = 1
"""Version of what it holds; a field that changes its meaning raises it."""

_LOG = logging.getLogger("keras_ptft")


@dataclasses.dataclass(frozen=True, repr=False)
class Compared:
    """What a comparison came to.

    Attributes:
        folder: holds `compare.json`, `compare.html`, `compare.md`, maybe
            `suspicious_labels.csv`, and the run folders.
        comparison: everything that was measured.
        summary: intervals, differences and sentences.
        unmet: a sentence for each requirement that does not hold.
        suspicious: the labels that may be wrong, by folds of a classifier.
    """

    folder: pathlib.Path
    comparison: Comparison
    summary: Summary
    unmet: Sequence[str]
    suspicious: Suspicious | None = None

    def __repr__(self) -> str:
        return lines(self.summary)

    def _repr_html_(self) -> str:
        """What a notebook shows: `compare.html`."""
        return embedded((self.folder / PAGE).read_text(encoding="utf-8"))


def compare(
    recipe: Config,
    config: CompareConfig | None = None,
    *,
    path: str = "",
) -> Compared:
    """Trains a recipe several ways over several seeds, and compares them.

    The same call again reads the runs that are complete, and resumes what
    was interrupted.

    Args:
        recipe: a fine-tuning, or a training from random weights.
        config: with what it is compared; None: as by default.
        path: of the recipe's file; empty: it has none.

    Returns:
        What was measured, and what it proves.

    Raises:
        UserError: a setting, a file or a run folder is not as it must be.
    """
    config = config or CompareConfig()
    for text in config.require:
        parse_requirement(text)
    if config.write_header:
        _check_file(path)
    recipe = at_hand(recipe)
    with mirrored(comparison_folder(recipe)):
        return _compared(recipe, config, path)


def _compared(recipe: Config, config: CompareConfig, path: str) -> Compared:
    comparison, tuned = measure(recipe, config, path)
    summary = summarise(comparison)
    folder = comparison_folder(recipe)
    suspicious = None
    if comparison.folds and not is_private(recipe):
        suspicious = find_suspicious(tuned)
    result = {
        "schema": SCHEMA,
        "comparison": dataclasses.asdict(comparison),
        "summary": dataclasses.asdict(summary),
    }
    if suspicious:
        write_suspicious(folder, suspicious)
        result["labels"] = {
            "examples": suspicious.examples,
            "estimated_wrong": suspicious.share,
            "suspicious": len(suspicious.suspects),
        }
        _LOG.info("%s", suspicious.sentence)
    files.write_json(folder / RESULT_FILE, result)
    write_comparison(folder, comparison, summary, suspicious)
    write_hparams(folder, _rows(comparison))
    if config.write_header:
        write_header(path, comparison, summary)
        _LOG.info("The result is in the header of %s.", path)
    unmet = check_requirements(config.require, summary)
    return Compared(folder, comparison, summary, unmet, suspicious)


def _check_file(path: str) -> None:
    """Refuses a file that no header can be written to."""
    if not path:
        raise UserError(
            "--write_header needs the file of a recipe to write to, got "
            "settings: put them into a file."
        )
    if recipes.is_installed(path):
        raise UserError(
            f"--write_header would change {path}, a part of the installed "
            "package: write it to a file of your own, as keras-ptft describe "
            f"{pathlib.Path(path).stem} > mine.flags, and compare that."
        )


def _rows(comparison: Comparison) -> list[HParamsRow]:
    """A row a run, with what differs between them."""
    return [
        HParamsRow(
            plain_name(f"{scores.variant}-{scores.budget}-{seed}"),
            {
                "variant": scores.variant,
                "budget": scores.budget,
                comparison.unit: seed,
            },
            {
                f"test {name}": values[index]
                for name, values in scores.metrics.items()
            },
        )
        for scores in comparison.scores
        for index, seed in enumerate(scores.seeds)
    ]
