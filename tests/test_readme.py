"""What the README shows runs as it stands there."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def block_with(text):
    (found,) = (block for block in BLOCKS if text in block)
    return found


def run(code, folder, *arguments):
    (folder / "script.py").write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "script.py", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_model_and_a_data_set_of_ones_own(tmp_path):
    output = run(block_with("backbone=backbone"), tmp_path)
    # chance is 0.2
    assert float(output.splitlines()[-1]) > 0.8
    assert (tmp_path / "saved_models" / "mine" / "1").is_dir()


@pytest.mark.slow
def test_a_script_with_absl(tmp_path):
    output = run(block_with("app.run(main)"), tmp_path, "--epochs=1")
    assert "epoch 1/1" in output
    assert (tmp_path / "runs" / "pretrain-cnn-digits").is_dir()


@pytest.mark.slow
def test_pretraining_and_fine_tuning_from_a_notebook(tmp_path):
    code = block_with("first = keras_ptft.pretrain(config)")
    # which need not be prepared, and are as large
    output = run(code.replace('dataset="mnist"', 'dataset="digits"'), tmp_path)
    scores = re.findall(r"^[01]\.\d+$", output, re.MULTILINE)
    assert len(scores) == 1
    assert (tmp_path / "saved_models" / "mnist" / "1").is_dir()


def test_every_setting_and_command_named_in_it_exists():
    from keras_ptft.comparison.settings import COMPARE_FIELDS
    from keras_ptft.config import FIELDS, PREDICT_FIELDS
    from keras_ptft.main import COMMANDS

    settings = set(re.findall(r"--([a-z]+_[a-z_]+|csv|freeze|name)", README))
    known = {*FIELDS, *PREDICT_FIELDS, *COMPARE_FIELDS}
    assert settings <= known | {"no_deps"}, settings - known
    commands = set(re.findall(r"keras-ptft ([a-z]+)", README))
    assert commands <= set(COMMANDS) | {"finetune"}
    for recipe in re.findall(r"flags/\w+\.flags", README):
        assert (ROOT / recipe).exists(), recipe
