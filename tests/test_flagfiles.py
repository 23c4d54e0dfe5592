"""Flagfiles as editors save them, and paths as people have them."""

import os
import pathlib

import numpy as np
import pytest

from keras_ptft import files, main
from keras_ptft.config import Config
from keras_ptft.errors import UserError

SMALL = ["--backbone=mlp_small", "--epochs=1", "--image_size=8"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def parsed(text, name="a.flags", coding="utf-8"):
    path = pathlib.Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(coding))
    return main.parse([f"--flagfile={path}"])


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_flagfile_as_editors_save_it(coding, end):
    lines = ["--name=数", "", "# comment", "--seed=1 ", "--flagfile=b.flags"]
    pathlib.Path("b.flags").write_bytes("--epochs=2\r\n".encode(coding))
    present, _ = parsed(end.join(lines), coding=coding)
    assert present == {"name": "数", "seed": 1, "epochs": 2}


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_flagfile_in_utf16_is_refused(coding):
    with pytest.raises(UserError, match="must be text in UTF-8"):
        parsed("--epochs=2\n", coding=coding)


def test_a_flagfile_with_a_mark_gets_as_far_as_its_data(cases, capsys):
    words = f"pretrain --flagfile={cases}/small/bom2.flags --runs_dir=runs"
    assert main.main(words.split()) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--dataset=folder:" in error and "does not exist" in error


@pytest.mark.parametrize(
    "line",
    [
        "--epochs=5  # five",
        "--name=x # comment",
        "--overwrite # comment",
        "--dataset=folder:photos # comment",
        "--optimizer=sgd(momentum=0.9) # (once)",
        " # comment",
        "--runs_dir= # comment",
    ],
)
def test_a_comment_is_no_part_of_a_value(line):
    pathlib.Path("photos").mkdir()
    with pytest.raises(UserError) as caught:
        parsed(f"--seed=1\n{line}\n")
    assert str(caught.value) == (
        f"Expected one setting a line, got {line.strip()!r}: give the comment "
        "a line of its own; a path that holds a # must exist."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("runs_dir", "a #1"),
        ("dataset", "folder:a #1"),
        ("dataset", 'folder("b #2", test_fraction=0.5)'),
        ("dataset", "csv('b #2')"),
        ("data_dir", "~/a #1"),
    ],
)
def test_a_path_may_hold_what_looks_like_a_comment(
    tmp_path, monkeypatch, name, value
):
    monkeypatch.setenv("HOME", str(tmp_path))
    pathlib.Path("a #1").mkdir()
    present, _ = parsed(f"--{name}={value}\n")
    assert present == {name: value.replace("~", str(tmp_path))}


def test_a_run_repeats_whatever_it_is_called(tmp_path, monkeypatch):
    config = Config(runs_dir="r #1", name="x #2", init_from="y #3")
    pathlib.Path("r #1/y #3").mkdir(parents=True)
    parsed(config.to_flags(), "r #1/x #2/flags.flags")
    # names of runs are found from elsewhere, other paths are not
    monkeypatch.chdir(tmp_path / "r #1")
    file = tmp_path / "r #1/x #2/flags.flags"
    with pytest.raises(UserError, match="--runs_dir=r #1"):
        main.parse([f"--flagfile={file}"])
    text = config.replace(runs_dir="r").to_flags()
    assert parsed(text, file)[0]["init_from"] == "y #3"


def test_settings_in_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    words = ["--runs_dir=~/runs", "--export_to", "~/x", "--name=~x", "~/y"]
    present, positional = main.parse(words)
    assert present == {
        "runs_dir": "/home/me/runs",
        "export_to": "/home/me/x",
        "name": "~x",
    }
    assert positional == ["~/y"]


def test_words_after_two_dashes_are_no_flagfiles():
    assert main.parse(["--seed=1", "--", "--flagfile=x"]) == (
        {"seed": 1},
        ["--flagfile=x"],
    )


@pytest.mark.slow
def test_folders_of_any_name():
    runs, name = "r [1]*? #数 é", "x [a]* #2"
    run, words = f"{runs}/{name}", [f"--runs_dir={runs}", *SMALL]
    assert main.main(["pretrain", f"--name={name}", *words]) == 0
    np.save("in [1] #2.npy", np.zeros((2, 8, 8, 1), np.uint8))
    csv = f"{runs}/out [1] #2.csv"
    predict = ["predict", run, "in [1] #2.npy", f"--csv={csv}"]
    assert main.main(predict) == 0
    assert len(pathlib.Path(csv).read_text().splitlines()) == 3
    assert main.main(["evaluate", run]) == 0
    init = f"--init_from={name}"
    assert main.main(["finetune", "--name=y #3", init, *words]) == 0
    assert list(pathlib.Path(runs, ".features").iterdir())
    again = ["run", f"{runs}/y #3/flags.flags", "--name=z"]
    assert main.main(again) == 0
    scores = [
        files.read_json(f"{runs}/{n}/result.json")["metrics"]
        for n in ("y #3", "z")
    ]
    assert scores[0] == scores[1]
    assert main.main(["export", run, "--export_to=saved #数 é"]) == 0
    assert main.main(["predict", "saved #数 é", "in [1] #2.npy"]) == 0


@pytest.mark.parametrize("path", ["e[1]", "e*/x", "e?"])
def test_a_pattern_to_export_to_is_refused_at_once(path, capsys):
    words = ["pretrain", "--name=x", f"--export_to={path}", *SMALL]
    assert main.main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"keras-ptft: Cannot export to {path}: expected a")
    assert error.endswith("; choose another --export_to.\n")
    assert not os.listdir()


@pytest.mark.parametrize("words", [["--flagfile"], ["--flagfile="]])
def test_a_flagfile_without_a_name(words):
    with pytest.raises(UserError, match="write --flagfile=FILE"):
        main.parse(words)
