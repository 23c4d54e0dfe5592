"""Runs of the program whose folder is below a URL, on several machines."""

import pathlib

import pytest

from keras_ptft import Config, UserError, pretrain
from keras_ptft.comparison import run as comparing
from keras_ptft.comparison.plan import Cell
from keras_ptft.config import FIELDS
from keras_ptft.experiment import builders, run_dir
from keras_ptft.main import main
from keras_ptft.remote import mirrored as opening
from keras_ptft.remote.errors import TakenOverError
from keras_ptft.remote.mirror import Mirror
from keras_ptft.remote.mirrored import opened, push
from keras_ptft.remote.places import local
from tests.alike import differences
from tests.remote.conftest import content, write

SMALL = "--backbone=mlp(hidden=[8]) --image_size=8 --epochs=2 --explain=false"
SMALL += " --jit_compile=false --checkpoint_every=20"


def run(*words):
    return main([*words[:1], *SMALL.split(), *words[1:]])


class Killed(BaseException):
    """Ends a training as a kill does."""


def killed_after(patch, pushes):
    """Kills the training when a number of pushes are done."""
    plain, left = Mirror.push, iter(range(pushes - 1, -1, -1))

    def counted(self, **more):
        plain(self, **more)
        if not next(left):
            raise Killed

    patch.setattr(Mirror, "push", counted)
    # there is no time for a last one
    patch.setattr(opening, "_push_failed", lambda _: None)


@pytest.mark.slow
def test_a_machine_that_is_lost_costs_what_it_had_not_pushed(
    on, bucket, tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(tmp_path)
    assert run("pretrain", "--name=x") == 0
    # the claim, and two checkpoints
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_after(patch, 3)
        run("pretrain", "--name=x", f"--runs_dir={bucket}")
    copy = on("second") / pathlib.Path(local(bucket)).name / "x"
    assert run("pretrain", "--name=x", f"--runs_dir={bucket}") == 0
    assert "Resuming after step 40." in caplog.messages
    (found,) = differences(tmp_path / "runs" / "x", copy)
    assert found == "flags.flags"
    assert f"--runs_dir={bucket}\n" in (copy / "flags.flags").read_text()
    on("third")
    assert content(opened(f"{bucket}/x")) == content(copy)
    # a settled run is neither trained nor pushed again
    caplog.clear()
    assert run("pretrain", "--name=x", f"--runs_dir={bucket}") == 0
    assert not [m for m in caplog.messages if m.startswith("Pushed")]


@pytest.mark.slow
def test_every_command_takes_the_url_of_a_run(
    on, bucket, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    models = f"file://{tmp_path}/bucket/models/digits"
    assert run("pretrain", "--name=a", f"--runs_dir={bucket}") == 0
    on("second")
    words = ["--name=b", "--backbone=", f"--runs_dir={bucket}"]
    assert run("finetune", *words, "--epochs=1", "--init_from=a") == 0
    on("third")
    again = ["--name=c", "--backbone=", f"--init_from={bucket}/a"]
    assert run("finetune", *again, "--epochs=1") == 0
    flags = pathlib.Path("runs/c/flags.flags").read_text()
    assert f"--init_from={bucket}/a\n" in flags
    capsys.readouterr()
    assert main(["evaluate", f"{bucket}/b", "--train_examples=100"]) == 0
    assert "accuracy" in capsys.readouterr().out
    words = [f"--export_to={models}", "--statistics_examples=0"]
    assert main(["export", f"{bucket}/b", *words]) == 0
    version = tmp_path / "bucket" / "models" / "digits" / "1"
    assert (version / "saved_model.pb").is_file()
    assert (version.parent / "serving" / "models.config").is_file()
    on("fourth")
    capsys.readouterr()
    assert main(["runs", bucket, "--sort=run"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[:4] for row in rows[-2:]] == [
        ["a", "pretrain", "complete", "–"],
        ["b", "finetune", "complete", "a"],
    ]
    result = opened(f"{bucket}/b") / "result.json"
    assert '"test train_examples=100"' in result.read_text()
    assert f'"path": "{models}/1"' in result.read_text()


@pytest.mark.usefixtures("on")
def test_what_failed_leaves_nothing_there(bucket, tmp_path):
    config = Config(
        name="x", runs_dir=bucket, backbone="mlp(hidden=[8])", image_size=8
    )
    with pytest.raises(UserError, match="No npz file"):
        pretrain(config.replace(dataset="npz:none.npz"))
    assert content(tmp_path / "bucket") == {}


def test_a_run_is_claimed_when_it_begins(on, bucket):
    config = Config(name="x", runs_dir=bucket)
    folder = pathlib.Path(local(bucket)) / "x"
    provenance = {"parent": ""}
    with (
        pytest.raises(TakenOverError),
        opening.mirrored(folder),
        run_dir.exclusive_run(folder, config, provenance),
    ):
        on("second")
        other = pathlib.Path(local(bucket)) / "x"
        with opening.mirrored(other):
            assert run_dir.read_config(other).runs_dir == str(other.parent)
            with run_dir.exclusive_run(other, config, provenance):
                pass
        on("first")
        (folder / "history.csv").touch()
        push(folder)
    # what this machine did is not lost
    assert (folder / "history.csv").exists()


@pytest.mark.parametrize(
    "name, value",
    [
        ("dataset", "folder:gs://b/photos"),
        ("image_root", "gs://b/photos"),
        ("manual_dir", "gs://b/mnist"),
    ],
)
def test_data_must_be_here(name, value):
    with pytest.raises(UserError) as caught:
        builders.check(Config(**{name: value}))
    assert str(caught.value) == (
        f"--{name}={value} must be on this machine, got a URL: copy "
        f"{value.removeprefix('folder:')} to a folder, as by gcloud storage cp "
        "-r, and name that."
    )
    assert name in FIELDS


@pytest.mark.parametrize(
    "command", ["promote", "rollback", "serve", "versions"]
)
def test_exports_that_are_worked_on_must_be_here(command, capsys):
    assert main([command, "gs://b/models/x"]) == 2
    assert capsys.readouterr().err == (
        f"keras-ptft: keras-ptft {command} needs an export on this machine, "
        "got gs://b/models/x: copy it to a folder, as by gcloud storage cp -r, "
        "and name that.\n"
    )


@pytest.mark.usefixtures("on")
def test_a_command_whose_run_is_not_there(bucket, capsys):
    for words in (["evaluate"], ["export"], ["predict", "x.png"]):
        command, *inputs = words
        assert main([command, f"{bucket}/x", *inputs]) == 2
        assert capsys.readouterr().err.splitlines()[-1] == (
            f"keras-ptft: No run at {bucket}/x: expected one that was pushed "
            f"there, with --runs_dir as a URL; see keras-ptft runs {bucket}."
        )
    assert main(["runs", bucket]) == 2
    assert "Expected a folder of runs at file://" in capsys.readouterr().err
    assert main(["runs", bucket, "--delete=x"]) == 2
    assert "gcloud storage rm -r URL/NAME" in capsys.readouterr().err


def test_a_comparison_is_pushed_after_each_of_its_runs(on, bucket, monkeypatch):
    on("first")
    folder = pathlib.Path(local(bucket)) / "x-compare"
    config = Config(runs_dir=str(folder))
    every = [Cell("scratch", "recipe", config.replace(seed=n)) for n in (0, 1)]

    def trained_elsewhere(cell):
        # as by --parallel=2, whose processes do not push
        write(folder, **{f"{cell.number}__result.json": "{}"})

    monkeypatch.setattr(comparing, "run_cell", trained_elsewhere)
    monkeypatch.setattr(comparing, "_told", lambda cell, _: cell.number)
    with opening.mirrored(folder):
        for number in comparing._outcomes(every, 1):
            on("second")
            found = opened(f"{bucket}/x-compare")
            assert len(content(found)) == number + 1
            on("first")
