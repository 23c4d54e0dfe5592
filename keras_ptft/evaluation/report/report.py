"""A run on one page that needs no other file."""

import os
import pathlib
import types
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from keras_ptft import files
from keras_ptft.evaluation.report.calibration import calibration_parts
from keras_ptft.evaluation.report.class_tables import (
    average,
    class_rows,
    confusion_matrix,
    most_confused,
    worst_classes,
)
from keras_ptft.evaluation.report.exhibits import insight_parts
from keras_ptft.evaluation.report.figures import (
    are_drawable,
    confusion_png,
    estimates_pngs,
    image_png,
    learning_curves,
    range_test_png,
)
from keras_ptft.evaluation.report.lineage import Lineage, lineage_parts
from keras_ptft.evaluation.report.page import page_template
from keras_ptft.evaluation.report.runs_table import table_cells
from keras_ptft.evaluation.report.scores import (
    interval_cards,
    score_cards,
    scratch_cards,
)
from keras_ptft.evaluation.report.times import time_parts
from keras_ptft.evaluation.report.views import ShownExample, view_grid

if TYPE_CHECKING:
    # a report is written without TensorFlow
    from keras_ptft.data.leakage.overlap import ShownPair
    from keras_ptft.evaluation.estimates import Estimates
    from keras_ptft.evaluation.evaluation import Evaluation

_FOLDER = pathlib.Path(__file__).parent
_MOST_CLASSES = 30
_PLACES = {
    "train": "training",
    "validation": "validation",
    "test": "test",
    "pretraining": "pretraining",
}


class DataFindings(NamedTuple):
    """What was found of the data.

    Attributes:
        leaks: examples in two splits, "leaks" of `result.json`.
        pairs: pairs of such images, or of texts.
        account: what became of every example, "data" of `result.json`.
        shown: training images as they are shown, where they are changed.
        pictured: what the objective makes of training images, if anything.
    """

    leaks: Mapping[str, Any]
    pairs: Sequence["ShownPair"] = ()
    account: Mapping[str, Any] | None = None
    shown: Sequence[ShownExample] = ()
    pictured: Sequence[ShownExample] = ()


class Course(NamedTuple):
    """How a training went.

    Attributes:
        history: an epoch a row: `epoch`, `loss`, maybe metrics and, where
            there was validation, the same with `val_` before; may be empty.
        range_test: "range_test" of `result.json`, where there was one.
        seconds: as `time_parts` takes them.
        steps: likewise.
        resumed: whether the seconds are those since it was resumed.
    """

    history: Sequence[Mapping[str, float]]
    range_test: Mapping[str, Any] | None = None
    seconds: Mapping[str, float] = types.MappingProxyType({})
    steps: Mapping[str, float] = types.MappingProxyType({})
    resumed: bool = False


def write_report(
    path: str | os.PathLike,
    *,
    title: str,
    lineage: Lineage,
    course: Course,
    evaluation: "Evaluation",
    comparison: Sequence[Mapping[str, Any]] = (),
    data: DataFindings | None = None,
) -> None:
    """Writes a page with a run's scores, pictures, classes and lineage.

    Args:
        path: the HTML file, written beside and renamed.
        title: the page's heading.
        lineage: what the run was made of.
        course: how the training went.
        evaluation: what the model is worth; its test split is shown.
        comparison: runs side by side, as `table_cells` takes them.
        data: what was found of the data.

    Raises:
        UserError: the file cannot be written.
    """
    vectors, test = evaluation.word_vectors, evaluation.metrics["test"]
    page = page_template(_FOLDER / "report.html").render(
        title=title,
        **lineage_parts(lineage),
        times=time_parts(course.seconds, course.steps),
        resumed=course.resumed,
        cards=score_cards(test, evaluation.titles),
        beside_cards=scratch_cards(comparison, evaluation.titles),
        interval_cards=interval_cards(test, evaluation.titles),
        comparison=table_cells(comparison) if comparison else [],
        curves=learning_curves(course.history),
        range_test=course.range_test,
        range_test_png=_tried(course.range_test),
        positive=test.get("positive"),
        positive_rows=_positive_rows(test),
        outside=evaluation.out_of_scope,
        rejections=_rejections(evaluation.out_of_scope),
        chosen_thresholds=evaluation.thresholds,
        estimates=_drawn(evaluation.estimates),
        neighbors=vectors.neighbors if vectors else [],
        leaks=leak_rows(data.leaks) if data else [],
        pairs=[_pictured(pair) for pair in data.pairs] if data else [],
        data=data.account if data else None,
        class_counts=class_counts(data.account or {}) if data else [],
        views=view_grid(data.shown) if data else None,
        pictured=view_grid(data.pictured) if data else None,
        **_on_classes(test),
        **insight_parts(evaluation.insight),
    )
    files.write_text(path, page)


def leak_rows(counts: Mapping[str, Any]) -> list[tuple[str, str, int, int]]:
    """Returns each two splits that were compared, and what they share.

    Args:
        counts: "leaks" of `result.json`.

    Returns:
        (name of one, name of the other, exact copies, near copies), with -1
        near copies where they were not looked for.

    Example:

    >>> leak_rows({"train_in_test": 2, "near": {"train_in_test": 1}})
    [('training', 'test', 2, 1)]
    """
    near = counts["near"] or {}
    rows = []
    for name, count in counts.items():
        left, _, right = name.partition("_in_")
        if left in _PLACES and right in _PLACES:
            places = _PLACES[left], _PLACES[right]
            rows.append((*places, count, near.get(name, -1)))
    return rows


def class_counts(data: Mapping[str, Any]) -> list[tuple[str, list[int]]]:
    """Returns each class or label, and how many of each split are used.

    Args:
        data: "data" of `result.json`.

    Returns:
        Of more than 30 classes, those with the fewest examples of a split.

    Example:

    >>> splits = {"train": {"classes": {"a": 2}}, "test": {"classes": {"a": 1}}}
    >>> class_counts({"splits": splits})
    [('a', [2, 1])]
    """
    splits = data.get("splits", {}).values()
    parts = [part.get("labels") or part["classes"] for part in splits]
    names = list(dict.fromkeys(name for part in parts for name in part))
    rows = [(name, [part.get(name, 0) for part in parts]) for name in names]
    if len(rows) > _MOST_CLASSES:
        rows = sorted(rows, key=lambda row: min(row[1]))[:_MOST_CLASSES]
    return rows


def confusion_picture(metrics: Mapping[str, Any]) -> str:
    """Draws the confusion matrix of a split, where it has one.

    Args:
        metrics: of the split.

    Returns:
        A PNG in base64, or "".
    """
    return confusion_parts(metrics)["confusion_png"]


def confusion_parts(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a page shows of confusions, by the template's names.

    Args:
        metrics: of one split.

    Returns:
        `confusion_png`, empty where there are none; `numbered`, whether the
        axes have numbers in place of names; and `most_shown`, how many
        classes are shown where that is not all.
    """
    rows = class_rows(metrics.get("per_class", {}))
    if not rows or "confusions" not in metrics:
        return {"confusion_png": "", "numbered": False, "most_shown": 0}
    counts, numbers = confusion_matrix(metrics["confusions"], rows)
    every = {row.number: row.name for row in rows}
    names = [every[number] for number in numbers]
    return {
        "confusion_png": confusion_png(counts, names, numbers),
        "numbered": not are_drawable(names),
        "most_shown": len(names) if len(names) < len(rows) else 0,
    }


def _on_classes(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What a page shows of classes; a run may have none."""
    rows = class_rows(metrics.get("per_class", {}))
    confusions = metrics.get("confusions", ())
    return {
        "things": "entities" if "entity_f1" in metrics else "examples",
        "heading": _heading(metrics),
        "of_sets": "exact_match" in metrics,
        "classes": rows,
        "worst_classes": worst_classes(rows),
        "average": average(metrics, rows) if rows else None,
        "confusions": most_confused(confusions, rows),
        **confusion_parts(metrics),
        **calibration_parts(metrics),
    }


def _heading(metrics: Mapping[str, Any]) -> str:
    if "entity_f1" in metrics:
        return "Entities"
    return "Labels" if "exact_match" in metrics else "Classes"


def _tried(range_test: Mapping[str, Any] | None) -> str:
    return "" if range_test is None else range_test_png(range_test)


def _drawn(found: "Estimates | None") -> list[tuple[str, str]]:
    if found is None:
        return []
    return estimates_pngs(found.true, found.predicted, found.target)


def _positive_rows(metrics: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Why each threshold of the positive class, and what it gives."""
    found = metrics.get("positive")
    if found is None:
        return []
    rows = [("the likelier class", found)]
    if chosen := found.get("at_best_validation_f1"):
        rows.append(("the highest F1 on the validation split", chosen))
    return rows


def _rejections(outside: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Why each threshold, and what it does."""
    if outside is None:
        return []
    chosen = f"rejects at most 5 % of the {outside['chosen_on']} examples"
    if "at_reject_below" not in outside:
        return [(chosen, outside)]
    return [(chosen, outside), ("as set", outside["at_reject_below"])]


def _pictured(pair: "ShownPair") -> dict[str, Any]:
    pictures = [image_png(image) for image in pair.images] or ["", ""]
    places = [_PLACES[split] for split in pair.splits]
    return {
        "bits": pair.bits,
        "text": pair.text,
        "sides": list(zip(places, pair.names, pictures, strict=True)),
    }
