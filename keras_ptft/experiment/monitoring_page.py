"""What moved since training, as a page."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

from keras_ptft import files
from keras_ptft.evaluation.report.page import page_template
from keras_ptft.serving.monitoring.judgement import Shift

_TEMPLATE = pathlib.Path(__file__).with_name("monitoring.html")


def write_page(
    path: str | os.PathLike,
    shifts: Sequence[Shift],
    *,
    title: str,
    lines: Sequence[str],
) -> None:
    """Writes a page that needs no other file.

    Args:
        path: the HTML file, written beside and renamed.
        shifts: of every quantity, the largest first.
        title: the page's heading.
        lines: what the terminal says.

    Raises:
        UserError: the file cannot be written.
    """
    page = page_template(_TEMPLATE).render(
        title=title, lines=lines, rows=list(map(_row, shifts))
    )
    files.write_text(path, page)


def _row(shift: Shift) -> dict[str, Any]:
    before, after = (
        each.counts / each.counts.sum()
        for each in (shift.expected, shift.actual)
    )
    highest = max(before.max(), after.max())
    bars = [
        (float(b / highest), float(a / highest))
        for b, a in zip(before, after, strict=True)
    ]
    return {"shift": shift, "change": shift.change, "bars": bars}
