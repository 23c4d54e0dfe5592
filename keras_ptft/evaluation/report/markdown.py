"""A run as Markdown for a pull request."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keras_ptft import files
from keras_ptft.evaluation.metrics import metric_of, shown_metrics
from keras_ptft.evaluation.report.calibration import (
    calibration_text,
    interval_texts,
)
from keras_ptft.evaluation.report.lineage import (
    Lineage,
    client_table,
    federated_told,
    lineage_commands,
    transfer_sentences,
)
from keras_ptft.evaluation.report.markup import (
    code,
    escaped,
    items,
    text_table,
)
from keras_ptft.evaluation.report.page import shortened
from keras_ptft.evaluation.report.privacy import (
    NOT_COVERED,
    privacy_sentences,
)
from keras_ptft.evaluation.report.report import (
    Course,
    DataFindings,
    leak_rows,
)
from keras_ptft.evaluation.report.runs_table import table_cells
from keras_ptft.evaluation.report.scores import score_cards
from keras_ptft.evaluation.report.settings_table import shown_settings
from keras_ptft.evaluation.report.times import time_parts

if TYPE_CHECKING:
    # a report is written without TensorFlow
    from keras_ptft.evaluation.evaluation import Evaluation

_MISSING = "–"


def write_markdown(
    path: str | os.PathLike,
    *,
    title: str,
    lineage: Lineage,
    course: Course,
    evaluation: "Evaluation",
    comparison: Sequence[Mapping[str, Any]] = (),
    data: DataFindings | None = None,
) -> None:
    """Writes what a reviewer of a run looks for, as Markdown.

    Args:
        path: the file, written beside and renamed.
        title: its heading.
        lineage: as `write_report` takes it.
        course: likewise.
        evaluation: likewise.
        comparison: likewise.
        data: likewise.

    Raises:
        UserError: the file cannot be written.
    """
    parts = [f"# {escaped(title)}", score_table(evaluation, comparison)]
    test = evaluation.metrics["test"]
    if "calibration" in test:
        parts.append(escaped(calibration_text(test["calibration"])))
    if len(comparison) > 1:
        parts += ["## Comparison", text_table(table_cells(comparison))]
    if sentences := transfer_sentences(lineage):
        parts += ["## Pretrained weights", items(sentences)]
    if data is not None:
        parts += ["## Data", *data_parts(data)]
    parts += privacy_parts(lineage)
    if told := federated_told(lineage):
        parts += ["## Clients", escaped(told)]
    if clients := client_table(lineage):
        parts.append(text_table(clients, (0, 2)))
    parts += ["## Settings that differ from their defaults"]
    parts.append(_settings(lineage))
    if course.seconds:
        parts += ["## Where the time went", _times(course)]
    parts += ["## To repeat it", *_commands(lineage)]
    files.write_text(path, "\n\n".join(parts) + "\n")


def score_table(
    evaluation: "Evaluation",
    comparison: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Returns the metrics of the test split, with their intervals.

    Args:
        evaluation: what the model is worth.
        comparison: the run, and maybe the same from scratch, as
            `table_cells` takes them.
    """
    test = evaluation.metrics["test"]
    *cards, examples = score_cards(test, evaluation.titles)
    texts = interval_texts(test)
    scratch = comparison[1] if len(comparison) > 1 else {}
    rows = [["metric", "test split", "95 % interval"]]
    for name, (value, what) in zip(shown_metrics(test), cards, strict=True):
        ends = texts.get(name, _MISSING).removeprefix("95 % interval ")
        rows.append([what, value, ends])
        if name in scratch:
            rows[-1].append(metric_of(name).text(scratch[name]))
    if scratch:
        rows[0].append("from scratch")
        rows = [row + [_MISSING] * (4 - len(row)) for row in rows]
    rows.append([examples[1], examples[0], *[""] * (len(rows[0]) - 2)])
    return text_table(rows)


def data_parts(data: DataFindings) -> list[str]:
    """Returns what was used, left out and noted of the data, as Markdown.

    Args:
        data: what was found of it.
    """
    parts = []
    if data.account is not None:
        parts.append(_used(data.account))
        if left_out := data.account["left_out"]:
            parts.append(_left_out(left_out))
        if notes := data.account["notes"]:
            parts.append(items(notes))
    rows = [["examples of", "found in", "exact copies", "near duplicates"]]
    for left, right, exact, near in leak_rows(data.leaks):
        looked = f"{near:,}" if near >= 0 else "not looked for"
        rows.append([left, right, f"{exact:,}", looked])
    if len(rows) > 1:
        parts.append(text_table(rows, (0, 1)))
    return parts


def privacy_parts(lineage: Lineage) -> list[str]:
    """Returns what a private training guarantees and what not, as Markdown.

    Args:
        lineage: of the run; of one that is not private, nothing.
    """
    sentences = privacy_sentences(lineage.privacy)
    if not sentences:
        return []
    told = escaped(" ".join(sentences))
    return ["## Privacy", told, "Not covered:", items(NOT_COVERED)]


def _used(account: Mapping[str, Any]) -> str:
    parts = [
        f"{part['used']:,} {name.replace('_', ' ')}"
        for name, part in account["splits"].items()
    ]
    used = f"{account['found']:,} examples found, {account['used']:,} used"
    return escaped(f"{used}: {', '.join(parts)}.")


def _left_out(parts: Sequence[Mapping[str, Any]]) -> str:
    rows = [["left out", "split", "examples", "as"]]
    rows += [
        [
            part["reason"],
            part["split"],
            f"{part['count']:,}",
            shortened(", ".join(part["first"])),
        ]
        for part in parts
    ]
    return text_table(rows, (0, 1, 3))


def _settings(lineage: Lineage) -> str:
    chosen, _ = shown_settings(lineage.config)
    if not chosen:
        return "None."
    rows = [["setting", "value", "default"]]
    rows += [[name, value, default] for name, value, default in chosen]
    return text_table(rows, (0, 1, 2))


def _times(course: Course) -> str:
    rows = [["part", "seconds", "share"]]
    for part in time_parts(course.seconds, course.steps):
        name = f"of it {part.name}" if part.within else part.name
        share = f"{100 * part.share:.1f} %"
        rows.append([name, f"{part.seconds:.1f}", share])
    told = text_table(rows)
    told += "\n\nAn export comes after this page, and is not counted."
    if course.resumed:
        told += "\n\nThe run was resumed: these are the seconds since then."
    return told


def _commands(lineage: Lineage) -> list[str]:
    if lineage.handed_over:
        given = " and the ".join(lineage.handed_over)
        return [f"A program handed over the {given}, so it takes that program."]
    commands = lineage_commands(lineage)
    with_file, without = (code(" ".join(words)) for words in commands)
    if not commands[1]:
        return [with_file]
    return [with_file, "or, without its folder:", without]
