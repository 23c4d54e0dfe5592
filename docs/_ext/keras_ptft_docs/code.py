"""Source files, read without importing them."""

import ast
import pathlib

from keras_ptft_docs.markdown import block, code, escaped, table

_ROOT = pathlib.Path(__file__).parents[3]


def modules(package: str) -> str:
    """Returns a table of the modules of a package: what each is, and holds.

    Args:
        package: as "keras_ptft.data"; those within it are listed too.
    """
    folder = _ROOT.joinpath(*package.split("."))
    rows = (_row(path, folder) for path in sorted(folder.rglob("*.py")))
    titles = "module", "is", "public names"
    return table(titles, (row for row in rows if row[1]))


def examples(_: str) -> str:
    """Returns the programs in `examples/`, each with its code."""
    return "\n".join(map(_example, sorted(_ROOT.glob("examples/**/*.py"))))


def _example(path: pathlib.Path) -> str:
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(_ROOT / "examples").as_posix()
    parts = [f"## {name}", "", escaped(_summary(ast.parse(text))), ""]
    return "\n".join([*parts, block(text, "python")])


def _row(path: pathlib.Path, folder: pathlib.Path) -> tuple[str, str, str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    words = path.relative_to(folder).with_suffix("").parts
    name = ".".join(word for word in words if word != "__init__")
    return code(name or folder.name), escaped(_summary(tree)), _names(tree)


def _summary(tree: ast.Module) -> str:
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def _names(tree: ast.Module) -> str:
    kinds = ast.FunctionDef | ast.ClassDef
    names = [
        node.name
        for node in tree.body
        if isinstance(node, kinds) and not node.name.startswith("_")
    ]
    return ", ".join(map(code, names))
