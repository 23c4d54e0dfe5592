"""A search on one page that needs no other file."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from keras_ptft import files
from keras_ptft.comparison.figures import DARK, LIGHT
from keras_ptft.evaluation.metrics import metric_of
from keras_ptft.evaluation.report.page import page_template
from keras_ptft.search.figures import course_png, is_drawn, settings_png
from keras_ptft.search.flagfile import measured
from keras_ptft.search.result import Found
from keras_ptft.search.space import Dimension
from keras_ptft.search.tables import cells, headings, rows

PAGE = "tune.html"
_TEMPLATE = pathlib.Path(__file__).with_name("tune.html")
_METHOD = (
    "Trials are judged by the validation split alone. The test split was read "
    "once, after the last trial, and of two models: that of the best trial, "
    "and that of the recipe as it is.",
    "The best of many values looks better on the validation split than it is; "
    "its test score does not. One seed says little: repeat both over seeds.",
)


def write_page(
    folder: pathlib.Path,
    found: Found,
    space: Sequence[Dimension],
    own: Mapping[str, Any],
    *,
    flags: str,
    sentences: Sequence[str],
) -> None:
    """Writes `tune.html`.

    Args:
        folder: where to.
        found: what the search came to.
        space: what was searched.
        own: the values of the recipe, by the setting's name.
        flags: the recipe with the settings that were found.
        sentences: what it comes to, as they are printed too.

    Raises:
        UserError: the file cannot be written.
    """
    listed = rows(found)
    page = page_template(_TEMPLATE).render(
        found=found,
        sentences=sentences,
        headings=headings(found),
        rows=[(row, cells(found, row)) for row in listed],
        texts=(len(headings(found)) - 3, len(headings(found)) - 1),
        pictures=[
            (settings_png(found, space, dict(own), theme))
            for theme in (LIGHT, DARK)
        ],
        courses=[course_png(found, theme) for theme in (LIGHT, DARK)],
        numbered=[] if is_drawn(space) else _numbered(space),
        facts=_facts(found),
        metric=metric_of(found.metric).title,
        flags=flags,
        method=_METHOD,
    )
    files.write_text(folder / PAGE, page)


def _facts(found: Found) -> list[tuple[str, str]]:
    seconds = sum(trial.seconds for trial in found.trials)
    return [
        ("recipe", found.recipe or "settings without a file"),
        ("searched", " ".join(found.search)),
        ("method", found.method),
        ("trials", f"{len(found.trials):,}, {seconds:,.0f} s of training"),
        ("measured", measured(found)),
        ("machine", found.machine),
    ]


def _numbered(space: Sequence[Dimension]) -> list[tuple[str, list[str]]]:
    """The values that stand as numbers in the picture."""
    return [
        (one.name, [str(value) for value in one.values])
        for one in space
        if one.values
    ]
