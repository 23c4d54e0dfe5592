"""The form that keeps the program readable in one sitting."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
FOLDERS = ["keras_ptft", "tests", "benchmarks"]
FILES = [path for name in FOLDERS for path in (ROOT / name).rglob("*.py")]
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef

every_file = pytest.mark.parametrize(
    "path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES]
)


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path):
    return [n for n in ast.walk(parsed(path)) if isinstance(n, FUNCTION)]


def lines(node):
    return node.end_lineno - node.lineno + 1


def arguments(function):
    given = function.args.posonlyargs
    if not given:
        # a row's settings, after its `/`, are as many as the user has
        given = function.args.args + function.args.kwonlyargs
    return [arg.arg for arg in given if arg.arg not in ("self", "cls")]


@every_file
def test_functions_have_at_most_60_lines(path):
    long = {f.name: lines(f) for f in functions(path) if lines(f) > 60}
    assert long == {}


@every_file
def test_functions_have_at_most_7_arguments(path):
    wide = {f.name: arguments(f) for f in functions(path)}
    assert {k: v for k, v in wide.items() if len(v) > 7} == {}


@pytest.mark.parametrize(
    "path", [path for path in FILES if "tests" not in path.parts], ids=str
)
def test_what_is_public_is_documented(path):
    tree = parsed(path)
    public = [
        node
        for node in tree.body
        if isinstance(node, FUNCTION | ast.ClassDef)
        and not node.name.startswith("_")
    ]
    missing = [node.name for node in public if not ast.get_docstring(node)]
    assert missing == []
    assert ast.get_docstring(tree) or not tree.body
