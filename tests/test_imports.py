"""Imports go one way, by the rank of the room they stand in."""

import ast
import pathlib
import subprocess
import sys

import pytest

import keras_ptft

PACKAGE = pathlib.Path(keras_ptft.__file__).parent
RANKS = [
    {"errors", "files", "streams", "registry", "settings", "config"}
    | {"environment", "extensions", "locks", "notebook", "quantities"}
    | {"recipes", "flagfiles", "loading"},
    {"remote", "privacy"},
    {"data", "models"},
    {"training"},
    {"transfer", "evaluation", "serving"},
    {"objectives", "explanation"},
    {"experiment"},
    {"comparison", "federated"},
    {"search"},
    {"describe", "doctor", "launch", "runs"},
    {"usage", "main", "__main__"},
]
RANK = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}
# single files of one rank that may know each other
FRIENDS = RANKS[0], RANKS[-1]
# each module's name in parts, as ("data", "pipeline"), and its code
MODULES = [
    (
        path.relative_to(PACKAGE).with_suffix("").parts,
        path.read_text(encoding="utf-8"),
    )
    for path in sorted(PACKAGE.rglob("*.py"))
]


def imported(parts, tree):
    """Dotted names that a module imports, wherever in it that is written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [node.module] if node.module else []
            if node.level:
                folders = ("keras_ptft", *parts)[: -node.level]
                base = [*folders, *base]
            for alias in node.names:
                yield ".".join([*base, alias.name])
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            for value in node.args:
                if isinstance(value, ast.Constant):
                    yield str(value.value)


def rooms(parts, tree):
    """The rooms of this package that a module imports from."""
    for name in imported(parts, tree):
        package, *rest = name.split(".")
        if package == "keras_ptft" and rest != ["__version__"]:
            yield rest[0] if rest else "keras_ptft"


def faults(parts, code):
    """What a module imports against the order of the rooms."""
    here = parts[0]
    for room in rooms(parts, ast.parse(code)):
        if room not in RANK:
            yield f"{here} imports {room}, which has no rank"
        elif room == here or any({room, here} <= set for set in FRIENDS):
            continue
        elif RANK[room] >= RANK[here]:
            yield f"{here} imports {room}, which does not stand below it"


def test_imports_go_one_way():
    found = {}
    for parts, code in MODULES:
        # that gives the public names of all rooms, each when asked for
        if parts != ("__init__",):
            assert parts[0] in RANK, "give the room a rank in RANKS"
            found[".".join(parts)] = list(faults(parts, code))
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.parametrize(
    "parts, code",
    [
        (("data", "a"), "import keras_ptft.models.cnn"),
        (("data", "a"), "from keras_ptft import models"),
        (("data", "a"), "from ..models import cnn"),
        (("data", "a"), "from .. import experiment"),
        (("data", "a"), "def f():\n    from keras_ptft.main import main"),
        (
            ("data", "a"),
            "importlib.import_module('keras_ptft.experiment.stages')",
        ),
        (("data", "a"), "from keras_ptft import pretrain"),
        (("data", "a"), "import keras_ptft"),
        (("data", "__init__"), "from .. import training"),
        (("config",), "from keras_ptft.data import dataset"),
        (("training", "fit"), "from keras_ptft.transfer import cut"),
        (("evaluation", "report"), "from keras_ptft.serving import export"),
        (("launch",), "from keras_ptft import describe"),
    ],
)
def test_a_wrong_import_is_found(parts, code):
    assert len(list(faults(parts, code))) == 1


@pytest.mark.parametrize(
    "parts, code",
    [
        (("data", "a"), "from keras_ptft.data.core.dataset import take"),
        (("data", "a"), "from . import dataset\nfrom .dataset import take"),
        (("data", "a"), "import numpy\nfrom absl import logging"),
        (("config",), "from keras_ptft.registry import nearest"),
        (("describe",), "from keras_ptft import experiment"),
        (("__main__",), "from keras_ptft.main import main"),
        (("main",), "from keras_ptft import __version__, experiment"),
    ],
)
def test_a_right_import_is_let_be(parts, code):
    assert list(faults(parts, code)) == []


def test_flags_and_asserts_stay_out():
    asserting, flagged = [], []
    for parts, code in MODULES:
        tree = ast.parse(code)
        if any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
            asserting.append(parts)
        names = imported(parts, tree)
        if any(name.startswith("absl.flags") for name in names):
            flagged.append(parts)
    assert asserting == []
    assert flagged == [("main",)]


@pytest.mark.parametrize("module", sorted(RANKS[0] | {"launch", "main"}))
def test_imports_no_tensorflow(module):
    code = (
        f"import sys, keras_ptft.{module};"
        "print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
