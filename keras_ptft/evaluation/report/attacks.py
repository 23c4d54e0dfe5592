"""Attacks, added to the reports of a run that was attacked later."""

import pathlib
import re
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from keras_ptft import files
from keras_ptft.evaluation.membership.telling import (
    attack_rows,
    attack_sentences,
    verdict,
)
from keras_ptft.evaluation.report.figures import (
    TRAINING,
    VALIDATION,
    figure_png,
)
from keras_ptft.evaluation.report.markup import escaped, items
from keras_ptft.evaluation.report.page import page_template

PREFIX = "attack "
"""What `result.json` calls an attack begins so."""

_FOLDER = pathlib.Path(__file__).parent
_BEGIN, _END = "<!-- attacks -->\n", "<!-- end of attacks -->\n"
_SECTION = re.compile(f"{_BEGIN}.*?{_END}", re.DOTALL)
_LEAST = 1e-4


def tell_attacks(
    folder: pathlib.Path, metrics: Mapping[str, Mapping[str, Any]]
) -> None:
    """Writes the section about attacks of `report.html` and `report.md` anew.

    A report that is not there stays away.

    Args:
        folder: the run folder.
        metrics: all of `result.json`.

    Raises:
        UserError: a report cannot be written.
    """
    found = {
        name.removeprefix(PREFIX): attack
        for name, attack in metrics.items()
        if name.startswith(PREFIX)
    }
    if not found:
        return
    _replace(folder / "report.html", attacks_html(found), "</body>")
    _replace(folder / "report.md", attacks_markdown(found), "")


def attacks_html(attacks: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns a section with the curve and the numbers of each attack.

    Args:
        attacks: as they were asked for to what they came to.
    """
    told = [
        (name, roc_png(each["roc"]), attack_rows(each), attack_sentences(each))
        for name, each in attacks.items()
    ]
    return page_template(_FOLDER / "attacks.html").render(attacks=told)


def attacks_markdown(attacks: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns a line about each attack, as Markdown.

    Args:
        attacks: as in `attacks_html`.
    """
    lines = [f"{name}: {verdict(attack)}" for name, attack in attacks.items()]
    return f"\n## {escaped('Membership inference')}\n\n{items(lines)}\n"


def roc_png(roc: Mapping[str, list[float]]) -> str:
    """Draws a ROC curve on logarithmic axes, where few false alarms show.

    Args:
        roc: "fpr" and "tpr", from low to high.

    Returns:
        A PNG in base64.
    """
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([_LEAST, 1], [_LEAST, 1], color=VALIDATION, linewidth=1)
    axes.step(roc["fpr"], roc["tpr"], where="post", color=TRAINING)
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(_LEAST, 1),
        ylim=(_LEAST, 1),
        xlabel="false alarms",
        ylabel="members found",
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure_png(figure)


def _replace(path: pathlib.Path, section: str, before: str) -> None:
    """Puts a section before the last such text, in place of the old one."""
    if not path.is_file():
        return
    text = _SECTION.sub("", files.read_text(path))
    head, mark, tail = text.rpartition(before) if before else (text, "", "")
    files.write_text(path, f"{head}{_BEGIN}{section}{_END}{mark}{tail}")
