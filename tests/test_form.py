"""The form that keeps the program readable in one sitting."""

import ast
import functools
import pathlib

ROOT = pathlib.Path(__file__).parent.parent
FOLDERS = ["keras_ptft", "tests", "benchmarks", "docs", "examples"]
FILES = [
    str(path.relative_to(ROOT))
    for name in FOLDERS
    for path in sorted((ROOT / name).rglob("*.py"))
]
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def parsed(path):
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def functions():
    """Every function, named as "path: name"."""
    for path in FILES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, FUNCTION):
                yield f"{path}: {node.name}", node


def lines(node):
    return node.end_lineno - node.lineno + 1


def arguments(function):
    given = function.args.posonlyargs
    if not given:
        # a row's settings, after its `/`, are as many as the user has
        given = function.args.args + function.args.kwonlyargs
    return [arg.arg for arg in given if arg.arg not in ("self", "cls")]


def test_functions_have_at_most_60_lines():
    assert {k: lines(f) for k, f in functions() if lines(f) > 60} == {}


def test_functions_have_at_most_7_arguments():
    wide = {name: arguments(function) for name, function in functions()}
    assert {k: v for k, v in wide.items() if len(v) > 7} == {}


def test_what_is_public_is_documented():
    missing = []
    for path in FILES:
        if path.startswith("tests/"):
            continue
        tree = parsed(path)
        missing += [
            f"{path}: {node.name}"
            for node in tree.body
            if isinstance(node, FUNCTION | ast.ClassDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
        if tree.body and not ast.get_docstring(tree):
            missing.append(path)
    assert missing == []
