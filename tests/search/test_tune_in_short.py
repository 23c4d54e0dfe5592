"""What a search refuses before anything is trained."""

import pathlib
import subprocess
import sys

import pytest

from keras_ptft import Config, UserError
from keras_ptft.experiment.naming import name_of
from keras_ptft.main import main
from keras_ptft.search.run import search, search_folder
from keras_ptft.search.settings import TuneConfig


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "Expected keras-ptft tune RECIPE [--setting=value], got nothing"),
        (["a.flags", "b.flags"], "got a.flags b.flags there: see --help."),
        (["a.flags", "--budget=soon"], "--budget must be a time, as 90s"),
        (["a.flags", "--search=freeze"], "--search must list settings with"),
        (["a.flags", "--method=grid"], "--method must be one of tpe, random"),
        (["a.flags", "--parallel=0"], "--parallel must be from 1 to 256"),
        (
            ["a.flags", "--method=hyperband", "--search=epochs=int(2,9)"],
            "--method=hyperband stops trials after fewer epochs, got a "
            "--search of epochs: leave them out, or use --method=tpe.",
        ),
        (["a.flags", "--init_from=nowhere"], "No pretrained run, .keras file"),
        (["a.flags", "--optimizer=no"], "Unknown optimizer 'no'"),
    ],
)
def test_one_line_for_each_mistake(words, message, capsys):
    pathlib.Path("a.flags").write_text("--name=a\n", "utf-8")
    assert main(["tune", *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not pathlib.Path("runs").exists()


def test_workers_are_refused(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(UserError, match="--parallel=N for several processes"):
        search(Config(), TuneConfig())


def test_without_optuna():
    script = (
        "import sys\n"
        "sys.modules['optuna'] = None\n"
        "from keras_ptft.search.study import check_installed\n"
        "check_installed()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "keras_ptft.errors.UserError: tune needs Optuna, which is not "
        'installed: pip install "keras_ptft[tune]".'
    )


def test_where_a_search_is():
    recipe = Config(dataset="digits", init_from="runs/first", runs_dir="r")
    assert name_of(recipe) == "finetune-first-digits"
    named = recipe.replace(name="a")
    assert search_folder(named) == pathlib.Path("r/a-tune")
