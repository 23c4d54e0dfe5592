"""Reference pages made from the program, so that nothing is written twice.

Each directive is a function from its argument to Markdown.
"""

from collections.abc import Callable
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from keras_ptft_docs import (
    code,
    commands,
    entries,
    public,
    recipes,
    results,
    settings,
)

DIRECTIVES: dict[str, Callable[[str], str]] = {
    "commands": commands.commands,
    "entries": entries.entries,
    "examples": code.examples,
    "known-models": entries.known_models,
    "modules": code.modules,
    "public": public.public,
    "recipes": recipes.recipes,
    "recipe-table": recipes.recipe_table,
    "result-fields": results.result_fields,
    "settings": settings.settings,
    "signatures": results.signatures,
}


def setup(app: Sphinx) -> dict[str, Any]:
    """Adds the directives."""
    for name, write in DIRECTIVES.items():
        app.add_directive(name, _directive(write))
    # before napoleon, which writes marks of its own
    app.connect("autodoc-process-docstring", _escape_stars, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _escape_stars(*event: Any) -> None:
    """Leaves stars in docstrings as they are, which mean no emphasis there."""
    lines = event[-1]
    lines[:] = [
        line if line.lstrip().startswith(">>>") else line.replace("*", r"\*")
        for line in lines
    ]


def _directive(write: Callable[[str], str]) -> type[SphinxDirective]:
    """Makes a directive that stands for the Markdown that `write` returns."""

    class Generated(SphinxDirective):
        optional_arguments = 1
        final_argument_whitespace = True

        def run(self) -> list[Any]:
            markdown = write(self.arguments[0] if self.arguments else "")
            return self.parse_text_to_nodes(
                markdown, allow_section_headings=True
            )

    return Generated
