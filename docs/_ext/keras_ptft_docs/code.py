"""Source files, read without importing them."""

import ast
import pathlib

from keras_ptft_docs.markdown import block, code, escaped, table

_ROOT = pathlib.Path(__file__).parents[3]


def modules(_: str) -> str:
    """Returns a table for each package: what each module is, and holds."""
    folder = _ROOT / "keras_ptft"
    parts = [_package("keras_ptft", sorted(folder.glob("*.py")))]
    for path in sorted(folder.glob("*/__init__.py")):
        name = f"keras_ptft.{path.parent.name}"
        parts.append(_package(name, sorted(path.parent.rglob("*.py"))))
    return "\n".join(parts)


def _package(name: str, paths: list[pathlib.Path]) -> str:
    rows = (_row(path, paths[0].parent) for path in paths)
    titles = "module", "is", "public names"
    shown = table(titles, (row for row in rows if row[1]))
    return f"## {name}\n\n{shown}"


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
