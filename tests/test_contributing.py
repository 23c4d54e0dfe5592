"""Every addition of CONTRIBUTING.md, done exactly as it is written there."""

import collections
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import tensorflow as tf

ROOT = pathlib.Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(
    re.findall(
        r"^### An? (.*?), in ten minutes\n(.*?)(?=^##)", TEXT, re.M | re.S
    )
)
Run = collections.namedtuple("Run", "place result report output")
ADDITIONS = [name for name in SECTIONS if name != "recipe"]
MARK = "== another addition\n"
COMMANDS = f"""
import json, sys
from keras_ptft.main import main

for words in json.loads(sys.argv[1]):
    print(end={MARK!r}, flush=True)
    if main(words):
        sys.exit(1)
"""


def write_file(package, section):
    """Writes the one new file that a section shows."""
    (name,) = re.findall(r"`keras_ptft/([\w/]+\.py)`:\n\n```python", section)
    (code,) = re.findall(r"```python\n(.*?)```", section, re.S)
    path = package / name
    assert not path.exists()
    path.write_text(code, encoding="utf-8")


def add_row(package, section):
    """Adds the import and the entry that a section's diff shows."""
    ((name, diff),) = re.findall(
        r"`keras_ptft/([\w/]+\.py)`\n\n```diff\n(.*?)```", section, re.S
    )
    lines = diff.splitlines()
    (table,) = (line[1:] for line in lines if line.startswith(" "))
    added = [line[1:] for line in lines if line.startswith("+")]
    imported = [line for line in added if not line.startswith(" ")]
    entry = [line for line in added if line.startswith(" ")]
    path = package / name
    text = path.read_text(encoding="utf-8")
    assert text.count(f"{table}\n") == 1, f"{table} is not in {name}"
    text = text.replace(f"{table}\n", "\n".join([table, *entry, ""]))
    first = re.search(r"^(from keras_ptft|import keras_ptft)", text, re.M)
    start = first.start()
    text = "\n".join([text[:start] + imported[0], text[start:]])
    path.write_text(text, encoding="utf-8")


def command_of(section):
    (line,) = re.findall(r"```\nkeras-ptft (.*?)\n```", section, re.S)
    return shlex.split(line)


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    """A copy of the package with all additions, and what its runs printed."""
    place = tmp_path_factory.mktemp("contributing")
    package = place / "keras_ptft"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "keras_ptft", package, ignore=ignored)
    for name in ADDITIONS:
        write_file(package, SECTIONS[name])
        add_row(package, SECTIONS[name])
    return place


@pytest.fixture(scope="module")
def ran(added):
    """What the command of each addition printed, all in one process."""
    commands = [command_of(SECTIONS[name]) for name in ADDITIONS]
    output = python(added, "-c", COMMANDS, json.dumps(commands))
    _, *outputs = output.split(MARK)
    return dict(zip(ADDITIONS, outputs, strict=True))


def program(place, *words):
    return python(place, "-m", "keras_ptft", *words)


def python(place, *words):
    environment = {**os.environ, "PYTHONPATH": str(place)}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_is_a_section_for_each_kind_of_addition():
    expected = "model, data set, objective, metric, export signature"
    assert [*expected.split(", "), "optimizer"] == ADDITIONS


def test_cases_stand_where_it_says():
    table = TEXT.partition("| its case stands in |")[2].partition("\n\n")[0]
    for row in table.strip().splitlines()[1:]:
        paths = [ROOT / path for path in re.findall("`(tests/.*?)`", row)]
        files = [p for path in paths for p in (path, *path.glob("*.py"))]
        text = "".join(p.read_text("utf-8") for p in files if p.is_file())
        assert paths and all(path.exists() for path in paths)
        for name in re.findall("`([A-Z_]+)`", row):
            assert re.search(rf"^{name} = ", text, re.M), name


@pytest.mark.slow
def test_additions_show_up_in_help(added):
    text = " ".join(program(added, "--help").split())
    for name in ("separable", "wine", "focal", "rmsprop"):
        assert re.search(rf"\([^()]*\b{name}\b[^()]*\)", text), name
    assert "gamma" in program(added, "describe", "focal")


@pytest.mark.slow
@pytest.mark.parametrize("name", ADDITIONS)
def test_an_addition_runs_as_it_is_written(added, ran, name):
    words = command_of(SECTIONS[name])
    (run,) = (w.partition("=")[2] for w in words if w.startswith("--name="))
    folder = added / "runs" / run
    result = json.loads((folder / "result.json").read_text())
    report = (folder / "report.html").read_text(encoding="utf-8")
    CHECKS[name](Run(added, result, report, ran[name]))


def check_model(run):
    assert (
        "separable(dense=32)" in run.report
        and run.result["status"] == "complete"
    )


def check_data(run):
    assert set(run.result["metrics"]["test"]["per_class"]) == {
        *("class_0", "class_1", "class_2")
    }
    assert "of 13 float32, 3 classes" in run.output
    # what every data set is given at the one door
    data = run.result["data"]
    assert (data["found"], data["used"], data["left_out"]) == (178, 178, [])
    assert data["notes"] == []
    assert "<h2>Data</h2>" in run.report


def check_objective(run):
    test, last = run.result["metrics"]["test"], run.result["history"][-1]
    # one and the same loss in training, validation and evaluation
    validation = run.result["metrics"]["validation"]["loss"]
    assert validation == pytest.approx(last["val_loss"], rel=1e-4)
    assert test["accuracy"] <= test["top_3"] <= 1.0
    assert "top 3" in run.report and "top 3" in run.output
    assert set(signatures(run.place, "focal")) >= {
        "serving_default",
        "encoded_images",
    }


def check_metric(run):
    test = run.result["metrics"]["test"]
    assert test["accuracy"] < test["top2_accuracy"] <= 1.0
    shown = f"{100 * test['top2_accuracy']:.2f}"
    assert "top-2 accuracy" in run.report and f"{shown} %" in run.report
    assert "top-2 accuracy %" in run.output and shown in run.output


def check_signature(run):
    found = run.result["export"]["largest_difference"]
    assert found["entropy"] <= 1e-5
    found = signatures(run.place, "entropy")["entropy"]
    assert found.structured_outputs["entropy"].shape.as_list() == [None]


def check_optimizer(run):
    assert "rmsprop(rho=0.8)" in run.report
    assert len(run.result["history"]) == 1


def signatures(added, name):
    path = added / "saved_models" / name / "1"
    return tf.saved_model.load(str(path)).signatures


CHECKS = {
    "model": check_model,
    "data set": check_data,
    "objective": check_objective,
    "metric": check_metric,
    "export signature": check_signature,
    "optimizer": check_optimizer,
}
