"""`keras-ptft runs` as a user calls it: exact texts, files and errors."""

import csv
import os
import pathlib
import subprocess
import sys

import pytest

from keras_ptft import files, main
from tests.comparison.test_report import Page
from tests.runs.folders import names, scored, write_run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two runs, one that was interrupted, a damaged one and more."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs"
    write_run(
        folder / "digits",
        result=scored(12.34, 93322, accuracy=0.9875, f1_macro=0.5, loss=0.25),
    )
    write_run(
        folder / "数字",
        result=scored(4.0, 330, accuracy=0.9925, f1_macro=0.75, loss=0.125)
        | {"stage": "finetune"},
        init_from="digits",
        learning_rate=0.01,
        freeze="conv2",
    )
    write_run(folder / "later", epochs=9, dataset="mnist")
    write_run(folder / "old", result={})
    (folder / "old" / "result.json").write_text("{")
    write_run(folder / "digits-compare" / "linear-all-0")
    (folder / "notes").mkdir()
    return folder


def called(capsys, *words, code=0):
    """What is printed, and what is said of errors."""
    assert main.main(["runs", *words]) == code
    return capsys.readouterr()


TABLE = """\
run     stage     state                            parent  data set\
  accuracy %  macro F1    loss  trained parameters  seconds  ended\
             freeze  learning_rate  epochs
------  --------  -------------------------------  ------  --------\
  ----------  --------  ------  ------------------  -------\
  ----------------  ------  -------------  ------
数字    finetune  complete                         digits  digits\
         99.25    0.7500  0.1250                 330      4.0\
  2025-06-15T15:06  conv2            0.01       5
digits  pretrain  complete                         –       digits\
         98.75    0.5000  0.2500              93,322     12.3\
  2025-06-15T15:06  ''              0.001       5
later   pretrain  interrupted                      –       mnist\
              –         –       –                   –        –\
  2025-06-15T15:06  ''              0.001       9
old     –         damaged: result.json is no JSON  –       digits\
             –         –       –                   –        –  –\
                 ''              0.001       5
Runs of comparisons and searches are left out (digits-compare): see --all.
Folders that hold no run are left out (notes).
"""


def test_the_table(folder, capsys):
    assert called(capsys).out == TABLE
    assert called(capsys, str(folder), "--sort=accuracy").out == TABLE


def first_words(text):
    return [line.split()[0] for line in text.splitlines()[2:]]


@pytest.mark.usefixtures("folder")
def test_runs_of_comparisons_are_asked_for(capsys):
    lines = called(capsys, "--all", "--sort=run").out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [
        "digits",
        "digits-compare/linear-all-0",
        "later",
        "old",
        "数字",
        "Folders",
    ]


@pytest.mark.usefixtures("folder")
def test_the_order(capsys):
    shown = called(capsys, "--sort=seconds").out
    assert first_words(shown)[:2] == ["数字", "digits"]
    shown = called(capsys, "--sort=epochs").out
    assert first_words(shown)[:4] == ["digits", "old", "数字", "later"]


def test_the_csv_file_has_unrounded_numbers(runs_dir, capsys):
    called(capsys, "--csv=out/runs.csv")
    with open("out/runs.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["run"] for row in rows) == ["digits", "tuned"]
    for row in rows:
        result = files.read_json(runs_dir / row["run"] / "result.json")
        assert float(row["accuracy"]) == result["metrics"]["test"]["accuracy"]
        seconds = result["seconds"]
        spent = seconds.get("features", 0.0) + seconds["train"]
        assert float(row["seconds"]) == spent
        assert int(row["trained_parameters"]) == result["trained_parameters"]
        assert row["state"] == "complete"
        assert row["epochs"] == ("2" if row["run"] == "digits" else "1")


@pytest.mark.usefixtures("folder")
def test_the_csv_file_leaves_out_what_is_not_there(capsys):
    called(capsys, "--csv=runs.csv")
    with open("runs.csv", encoding="utf-8", newline="") as file:
        headings, *rows = csv.reader(file)
    assert headings == [
        *("run", "stage", "state", "parent", "dataset"),
        *("accuracy", "f1_macro", "loss"),
        *("trained_parameters", "seconds", "ended"),
        *("freeze", "learning_rate", "epochs"),
    ]
    assert rows[1] == [
        *("digits", "pretrain", "complete", "", "digits"),
        *("0.9875", "0.5", "0.25"),
        *("93322", "12.34", "2025-06-15T15:06"),
        *("", "0.001", "5"),
    ]
    assert rows[3][1:13] == [
        *("", "damaged: result.json is no JSON", "", "digits"),
        *[""] * 7,
        "0.001",
    ]


def test_the_page_has_the_same_table(folder, capsys):
    write_run(folder / "<b>&amp;", result=scored(accuracy=0.25))
    shown = called(capsys, "--html=page.html").out
    text = pathlib.Path("page.html").read_text("utf-8")
    page = Page(text)
    (table,) = page.tables
    assert [row[0] for row in table[1:]] == [
        *("数字", "digits", "<b>&amp;", "later", "old")
    ]
    assert table[0] == [
        *("run", "stage", "state", "parent", "data set"),
        *("accuracy %", "macro F1", "loss"),
        *("trained parameters", "seconds", "ended"),
        *("freeze", "learning_rate", "epochs"),
    ]
    assert table[2][5:11] == [
        *("98.75", "0.5000", "0.2500"),
        *("93,322", "12.3", "2025-06-15T15:06"),
    ]
    assert all(note in text for note in shown.splitlines()[-2:])
    assert "<title>Runs in runs</title>" in text
    # no other file is needed, in light and dark
    assert "prefers-color-scheme: dark" in text
    assert not {"link", "script", "img"} & page.tags
    assert "url(" not in text and "http" not in text


def test_an_empty_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.mkdir("runs")
    shown = called(capsys, "--html=a.html", "--csv=a.csv").out
    assert shown == "No runs in runs.\n"
    assert Page(pathlib.Path("a.html").read_text("utf-8")).tables == []
    assert pathlib.Path("a.csv").read_text("utf-8").splitlines() == [
        "run,stage,state,parent,dataset,trained_parameters,seconds,ended"
    ]


def test_the_rest_is_listed_after_a_removal(folder, capsys):
    shown = called(capsys, "--delete=数字,later,old").out.splitlines()
    assert [line.partition(":")[0] for line in shown[:3]] == [
        "Removed runs/数字",
        "Removed runs/later",
        "Removed runs/old",
    ]
    assert [line.split()[0] for line in shown[3:6]] == [
        *("run", "------", "digits")
    ]
    assert names(folder) == ["digits", "digits-compare", "notes"]


@pytest.mark.parametrize(
    "words, told",
    [
        (
            "nowhere",
            "Expected a folder of runs at nowhere, there is none: name the "
            "--runs_dir of the runs.",
        ),
        (
            "runs more",
            "Expected keras-ptft runs [RUNS_DIR] [--setting=value], got runs "
            "more there: name one folder.",
        ),
        (
            "--sort=second",
            '--sort=second is no column (did you mean "seconds"?); there are: '
            "run, stage, state, parent, dataset, accuracy, f1_macro, loss, "
            "trained_parameters, seconds, ended, freeze, learning_rate, "
            "epochs.",
        ),
        (
            "--sort=second --delete=later",
            '--sort=second is no column (did you mean "seconds"?); there are: '
            "run, stage, state, parent, dataset, accuracy, f1_macro, loss, "
            "trained_parameters, seconds, ended, freeze, learning_rate, "
            "epochs.",
        ),
        (
            "--delete=digits",
            "runs/digits is the parent (init_from) of 数字: keep it, or "
            "--delete these too.",
        ),
        (
            "--delete=notes",
            "--delete must name runs in runs, as a,b, and there is no run "
            "'notes': see keras-ptft runs --all.",
        ),
        (
            "--csv=runs --delete=later",
            "--csv=runs must be a file that can be written, but that is a "
            "folder or a device: choose another.",
        ),
        (
            "--epochs=3",
            "Unknown setting --epochs: see keras-ptft COMMAND --help.",
        ),
    ],
)
def test_errors_are_one_line(folder, capsys, words, told):
    before = sorted(folder.rglob("*"))
    shown = called(capsys, *words.split(), code=2)
    assert (shown.out, shown.err) == ("", f"keras-ptft: {told}\n")
    assert sorted(folder.rglob("*")) == before


@pytest.mark.usefixtures("folder")
def test_nothing_slow_is_imported():
    code = (
        "import sys; from keras_ptft.main import main; main(['runs']);"
        "print({'tensorflow', 'keras', 'sklearn', 'matplotlib'}"
        " & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{TABLE}set()\n"
