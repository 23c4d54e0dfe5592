"""Every example runs, on the bundled digits, and shows what it says."""

import csv
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_digits

from keras_ptft.data.core.info import DataInfo
from keras_ptft.objectives import OBJECTIVES
from tests.serving.in_process import served_model, serving

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "examples"
README = (FOLDER / "README.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.usefixtures("restored_tables")


def load(name):
    """Returns the module of an example, which registers its entries."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Name → the number that the example prints last, in a new folder."""

    def run(name):
        monkeypatch.chdir(tmp_path)
        load(name).main()
        return float(capsys.readouterr().out.split()[-1])

    return run


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with the run and the export of custom_objective."""
    place = tmp_path_factory.mktemp("poly")
    rows = dict(OBJECTIVES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        load("custom_objective").main()
    OBJECTIVES.clear()
    OBJECTIVES.update(rows)
    return place


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of PNG files of digits, each named by its label first."""
    place = tmp_path_factory.mktemp("pictures")
    digits = load_digits()
    for index in range(60):
        pixels = np.round(digits.images[index] * 255 / 16).astype(np.uint8)
        name = f"{digits.target[index]}_{index:02}.png"
        Image.fromarray(pixels).resize((28, 28), 2).save(place / name)
    return place


def result(folder, name):
    path = folder / "runs" / name / "result.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_readme_lists_every_example():
    listed = re.findall(r"\(([a-z_]+\.py)\)", README)
    assert sorted(listed) == sorted(p.name for p in FOLDER.glob("*.py"))


def test_the_loss_of_the_objective_by_hand():
    objective = load("custom_objective").Poly(
        DataInfo(label_names=("a", "b", "c", "d")), epsilon=2.0
    )
    # equal logits: ln 4 + 2 (1 - 1/4)
    loss = objective.loss(tf.constant([1]), tf.zeros((1, 4)))
    np.testing.assert_allclose(loss, [np.log(4) + 1.5], rtol=1e-6)


def test_the_waves_become_what_the_data_set_says(tmp_path):
    example = load("custom_dataset")
    data = example.dataset(tmp_path / "rows.npy", 20)
    assert data.spec.shape == example.SHAPE
    train = data.splits["train"]
    np.testing.assert_array_equal(train.labels, load_digits().target[:20])
    # a cosine of 2 periods a frame stands out in bin 2 of every frame
    wave = np.cos(2 * np.pi * 2 * np.arange(64) / 16).astype(np.float32)
    assert set(example.spectrogram(wave)[..., 0].argmax(1)) == {2}


@pytest.mark.slow
def test_a_script_with_flags_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = load("absl_script")
    script.flags.FLAGS(["absl_script.py", "--epochs=4", "--labels=20"])
    assert script.EPOCHS.value == 4
    # chance is 0.2
    assert script.accuracy(script.EPOCHS.value, script.LABELS.value) > 0.7
    assert result(tmp_path, "five_to_nine")["data"]["splits"]["train"]


@pytest.mark.slow
def test_a_backbone_with_a_layer_of_its_own(run, tmp_path):
    assert run("custom_backbone") > 0.85
    tuned = result(tmp_path, "gated_tuned")
    # the kernel and bias of a convolution and of a gate
    assert tuned["audit"] == {"frozen_variables": 4, "changed": []}


@pytest.mark.slow
def test_a_data_set_of_a_generator(run, tmp_path):
    assert run("custom_dataset") > 0.8
    data = result(tmp_path, "waves")["data"]
    assert data["found"] == data["used"] == 1797


@pytest.mark.slow
def test_a_metric_and_an_optimizer(run, tmp_path):
    correlation = run("custom_metric")
    found = result(tmp_path, "correlated")["metrics"]["test"]
    assert correlation == pytest.approx(found["matthews"], abs=1e-4)
    assert 0.9 < found["matthews"] < found["accuracy"]
    report = tmp_path / "runs" / "correlated" / "report.html"
    assert "Matthews correlation" in report.read_text(encoding="utf-8")


@pytest.mark.slow
def test_an_objective_is_found_by_the_command_line(published):
    before = result(published, "poly")["metrics"]["test"]
    assert before["accuracy"] > 0.9
    words = [sys.executable, "-m", "keras_ptft", "evaluate", "runs/poly"]
    environment = {**os.environ, "KERAS_PTFT_MODULES": "custom_objective"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(FOLDER)])
    done = subprocess.run(
        words, cwd=published, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert f"accuracy {before['accuracy']:.6g}" in done.stdout
    after = result(published, "poly")["metrics"]["test"]
    assert after["loss"] == pytest.approx(before["loss"], rel=1e-5)


@pytest.mark.slow
def test_answers_of_a_server(published, pictures, capsys):
    files = sorted(map(str, pictures.iterdir()))[:20]
    model = served_model("poly", published / "saved_models" / "poly")
    ask = load("ask")
    with serving(model) as ports:
        url = f"http://127.0.0.1:{ports.rest}"
        ask.main(["--model=poly", f"--url={url}", *files])
        by_rest = capsys.readouterr().out
        ask.main(["--model=poly", f"--grpc=127.0.0.1:{ports.grpc}", *files])
        assert capsys.readouterr().out == by_rest
        with pytest.raises(SystemExit, match="Servable not found"):
            ask.main(["--model=other", f"--url={url}", *files])
    rows = [line.split() for line in by_rest.splitlines()]
    assert [path for path, _, _ in rows] == files
    right = [pathlib.Path(path).name[0] == label for path, label, _ in rows]
    assert sum(right) >= 18


@pytest.mark.slow
def test_a_nightly_job(published, pictures, tmp_path, capsys):
    load("custom_objective")
    job = load("nightly")
    export = str(published / "saved_models" / "poly")
    words = [export, str(pictures), str(tmp_path / "labels")]
    assert job.main([*words, "--date=2026-01-01"]) == 0
    with open(tmp_path / "labels" / "2026-01-01.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    right = [pathlib.Path(row["input"]).name[0] == row["label"] for row in rows]
    assert np.mean(right) > 0.9
    assert (tmp_path / "labels" / "2026-01-01.html").is_file()
    # done already
    assert job.main([*words, "--date=2026-01-01"]) == 0
    assert "is there already" in capsys.readouterr().out
    dark = tmp_path / "dark"
    dark.mkdir()
    for path in pictures.iterdir():
        negative = 255 - np.asarray(Image.open(path))
        Image.fromarray(negative).save(dark / path.name)
    words[1] = str(dark)
    assert job.main([*words, "--date=2026-01-02"]) == 1
    assert "moved a lot" in capsys.readouterr().out
