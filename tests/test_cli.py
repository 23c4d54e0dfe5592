"""The command line as a process, in a terminal and without one."""

import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_ptft import __version__, files, main
from keras_ptft.config import FIELDS
from keras_ptft.experiment import run_dir

PROGRAM = [sys.executable, "-m", "keras_ptft"]
SMALL = ["--backbone=mlp_small", "--epochs=1", "--image_size=8"]
SMALL += ["--explain=false"]
LONG = ["pretrain", "--name=long", "--image_size=28", "--epochs=5000"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def environment():
    """Of a user's shell, not of this test process."""
    return {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}


def program(*words):
    return subprocess.run(
        [*PROGRAM, *words],
        capture_output=True,
        env=environment(),
        text=True,
        check=False,
    )


def await_file(path, process):
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)


@pytest.mark.parametrize(
    "words, code",
    [
        ("--help", 0),
        ("pretrain --help", 0),
        ("run nowhere.flags --help", 0),
        ("--version", 0),
        ("pretrian", 2),
        ("pretrain --epochs=0", 2),
        ("run nowhere.flags", 2),
    ],
)
def test_help_and_mistakes_wait_for_no_tensorflow(words, code):
    script = (
        "import sys; from keras_ptft.main import main;"
        f"code = main({words.split()});"
        "print(code, {'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == f"{code} set()"


@pytest.mark.parametrize("word", ["--help", "-h", "help", None])
def test_help_tells_every_setting(word, capsys):
    assert main.main([word] if word else []) == 0
    told = capsys.readouterr().out
    assert all(f"\n  --{name}" in told for name in FIELDS)


def test_help_stands_anywhere(capsys):
    words = ["pretrain", "--epochs=0", "--name", "x", "--help"]
    assert main.main(words) == 0
    assert capsys.readouterr().out.startswith("keras-ptft pretrain [--")


def test_version(capsys):
    assert main.main(["--version"]) == 0
    head, _, rest = capsys.readouterr().out.partition(" (")
    assert head == f"keras-ptft {__version__}"
    # a nightly build is called otherwise
    assert re.fullmatch(r"\S+ 2\.\S+, \S+ 3\.\S+, Python 3\.\d+\.\d+\)\n", rest)


def test_the_last_setting_wins(tmp_path):
    inner = tmp_path / "inner.flags"
    inner.write_text("# three\n--epochs=3\n--seed=3\n\n--overwrite\n")
    outer = tmp_path / "outer.flags"
    outer.write_text(f"--seed=1\n--flagfile={inner}\n--batch_size=8\n")
    words = ["--batch_size=2", f"--flagfile={outer}", "--epochs", "4", "x"]
    present, positional = main.parse(words)
    assert present == {
        "epochs": 4,
        "seed": 3,
        "overwrite": True,
        "batch_size": 8,
    }
    assert positional == ["x"]
    assert main.parse(["--nooverwrite"])[0] == {"overwrite": False}


@pytest.mark.slow
def test_overrides_reach_every_stage(tmp_path, capsys):
    (tmp_path / "a.flags").write_text("--name=a\n--epochs=9\n--seed=5\n")
    (tmp_path / "b.flags").write_text("--name=b\n--epochs=9\n--init_from=a\n")
    code = main.main(["run", "a.flags", "b.flags", *SMALL, "--batch_size=32"])
    assert code == 0, capsys.readouterr().err
    settings = [run_dir.read_config(f"runs/{name}") for name in "ab"]
    assert [c.epochs for c in settings] == [1, 1]
    assert [c.batch_size for c in settings] == [32, 32]
    assert [c.seed for c in settings] == [5, 0]
    stages = [files.read_json(f"runs/{n}/result.json")["stage"] for n in "ab"]
    assert stages == ["pretrain", "finetune"]
    table = capsys.readouterr().out.splitlines()[-4:]
    assert [line.split()[0] for line in table] == ["run", "---", "a", "b"]


@pytest.mark.slow
def test_without_a_terminal_a_line_an_epoch_and_no_chatter(tmp_path):
    done = program("pretrain", "--name=数字 1", *SMALL, "--epochs=2")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line[:9] for line in lines if "epoch" in line] == [
        "epoch 1/2",
        "epoch 2/2",
    ]
    assert "\r" not in done.stdout and "\b" not in done.stdout
    assert (tmp_path / "runs/数字 1/result.json").exists()


@pytest.mark.slow
def test_interrupted_in_a_terminal(tmp_path):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *LONG],
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment() | {"TERM": "xterm"},
        # a suite that was started in the background ignores Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(theirs)
    shown = b""
    while b"Epoch 2/5000" not in shown:
        shown += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    os.close(ours)
    assert process.returncode == 130
    assert re.fullmatch(
        rb"keras-ptft: stopped after step [\d,]+, which is saved: the same "
        rb"command resumes from there.\n",
        errors,
    )
    (checkpoint, *_) = (tmp_path / "runs/long/checkpoints").iterdir()
    assert checkpoint.name.startswith("step-")
    # a bar that moves, and no line of ours beside it
    assert "━".encode() in shown
    assert b"\r" in shown and b"epoch 1/5000" not in shown
    assert not (tmp_path / "runs/long/result.json").exists()
    assert not [p for p in tmp_path.rglob("*") if "partial" in p.name]


@pytest.mark.slow
def test_killed_and_started_again(tmp_path, caplog):
    process = subprocess.Popen(
        [*PROGRAM, *LONG, *SMALL, "--epochs=5000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    await_file(tmp_path / "runs/long/checkpoints", process)
    process.kill()
    process.communicate()
    path = pathlib.Path("runs/long/flags.flags")
    assert not run_dir.is_complete("runs/long")

    # other settings ask first
    assert main.main([*LONG, *SMALL]) == 2
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("--epochs=5000", "--epochs=1"), "utf-8")
    shutil.rmtree("runs/long/checkpoints")
    assert main.main([*LONG, *SMALL]) == 0
    assert "Resuming the incomplete run in runs/long." in caplog.text
    rows = (tmp_path / "runs/long/history.csv").read_text().splitlines()
    assert len(rows) == 2


@pytest.mark.slow
def test_terminated_and_started_again(tmp_path):
    words = [*LONG, *SMALL, "--epochs=40", "--steps_per_execution=100000"]
    process = subprocess.Popen(
        [*PROGRAM, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    await_file(tmp_path / "runs/long/history.csv", process)
    process.terminate()
    _, errors = process.communicate()
    assert process.returncode == 143
    stopped = re.fullmatch(
        rb"keras-ptft: stopped after step ([\d,]+), which is saved: the same "
        rb"command resumes from there.\n",
        errors,
    )
    step = int(stopped.group(1).replace(b",", b""))
    assert main.main(words) == 0
    result = files.read_json("runs/long/result.json")
    assert result["resumed"] == [step] and 20 < step < 800
    # the bits are those of a training that nobody stopped
    assert main.main([*words, "--name=whole"]) == 0
    whole = files.read_json("runs/whole/result.json")
    assert whole["metrics"] == result["metrics"]


@pytest.mark.slow
def test_a_reader_who_leaves_is_no_error(tmp_path):
    assert main.main(["pretrain", "--name=r", *SMALL]) == 0
    np.save(tmp_path / "x.npy", np.zeros((50_000, 8, 8, 1), np.uint8))
    with subprocess.Popen(
        [*PROGRAM, "predict", "runs/r", "x.npy"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout.readline().startswith(b"x.npy[0]  ")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.slow
def test_letters_that_a_terminal_lacks(monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = program("describe", "digits")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"8\xd78 grey" in done.stdout
