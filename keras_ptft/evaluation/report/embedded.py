"""Pages as parts of another page, such as a notebook."""

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from keras_ptft.evaluation.report.figures import learning_curves
from keras_ptft.evaluation.report.page import page_template
from keras_ptft.evaluation.report.report import confusion_picture
from keras_ptft.evaluation.report.scores import (
    constant_cards,
    interval_cards,
    score_cards,
    scratch_cards,
)

_TEMPLATE = pathlib.Path(__file__).with_name("short.html")
_CLASS = "keras-ptft"
# twice, so that it counts more than what a notebook says of its tables
_SCOPE = f".{_CLASS}.{_CLASS}"
_PARTS = re.compile(r"<style>(.*?)</style>.*?<body>(.*)</body>", re.DOTALL)
_SELECTORS = re.compile(r"([^{}]+)\{")
_LIGHT = re.compile(r":root \{(.*?)\}", re.DOTALL)
_DARK = re.compile(r"prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}", re.S)
# how JupyterLab, VS Code and Colab tell that their own colours are chosen
_THEMES = {
    "light": '[data-jp-theme-light="true"], .vscode-light, [theme="light"]',
    "dark": '[data-jp-theme-light="false"], .vscode-dark, [theme="dark"]',
}
_OWN = f"""
{_SCOPE} {{ margin: 0; padding: 1rem; border-radius: .5rem; }}
{_SCOPE} h1, {_SCOPE} h2, {_SCOPE} h3 {{ margin-top: 0; }}
{_SCOPE} .scores + h3, {_SCOPE} .figures + h3 {{ margin-top: 1rem; }}
{_SCOPE} tr {{ background: none; }}
{_SCOPE} picture img {{ background: #fff; }}
"""


def short_report(
    title: str,
    metrics: Mapping[str, Any],
    *,
    titles: Mapping[str, str],
    comparison: Sequence[Mapping[str, Any]],
    history: Sequence[Mapping[str, float]],
    path: str,
) -> str:
    """Returns what is read of a run first, as part of another page.

    Args:
        title: the heading.
        metrics: of the test split.
        titles: titles of metrics that METRICS calls otherwise.
        comparison: runs side by side, as `table_cells` takes them.
        history: an epoch a row; may be empty.
        path: where the whole report is.
    """
    page = page_template(_TEMPLATE).render(
        title=title,
        cards=score_cards(metrics, titles),
        interval_cards=interval_cards(metrics, titles),
        beside_cards={
            **scratch_cards(comparison, titles),
            **constant_cards(metrics, titles),
        },
        curves=learning_curves(history),
        confusion_png=confusion_picture(metrics),
        path=path,
    )
    return embedded(page)


def embedded(page: str) -> str:
    """Returns a page of ours as a part of another one.

    Its styles reach nothing else there. Its colours follow the theme of the
    notebook where that is known, and else the browser's.

    Args:
        page: with one `<style>` and a `<body>`.
    """
    found = _PARTS.search(page)
    if found is None:
        raise ValueError("a page needs a style and a body")
    style, body = found.groups()
    # what suits the browser need not suit the notebook
    body = re.sub(r"<source\b[^>]*>", "", body)
    return (
        f'<div class="{_CLASS}"><style>{_scoped(style)}{_themes(style)}{_OWN}'
        f"</style>{body}</div>"
    )


def _scoped(style: str) -> str:
    """Styles that are for what is inside of our own element alone."""
    return _SELECTORS.sub(_scoped_rule, style)


def _scoped_rule(found: re.Match[str]) -> str:
    selectors = found[1].strip()
    if selectors.startswith("@"):
        return f"{selectors} {{"
    scoped = (
        _SCOPE if one in (":root", "body") else f"{_SCOPE} {one}"
        for one in map(str.strip, selectors.split(","))
    )
    return f"{', '.join(scoped)} {{"


def _themes(style: str) -> str:
    """The colours of each theme, where a notebook has one."""
    rules = []
    for theme, pattern in (("light", _LIGHT), ("dark", _DARK)):
        if found := pattern.search(style):
            where = f":is({_THEMES[theme]}) {_SCOPE}"
            rules.append(f"{where} {{{found[1]} color-scheme: {theme}; }}")
    return "\n".join(rules)
