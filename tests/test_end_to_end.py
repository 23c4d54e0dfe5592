"""The whole chain, as a user runs it in an empty folder."""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import files
from keras_ptft.main import main

FLAGS = pathlib.Path(__file__).parent.parent / "flags"
RECIPES = [
    str(FLAGS / f"{stage}_cnn_digits.flags")
    for stage in ("pretrain", "finetune")
]
PARENT = pathlib.Path("runs/pretrain_cnn_digits")
RUN = pathlib.Path("runs/finetune_cnn_digits")
EXPORTS = pathlib.Path("saved_models/digits")
FILES = {
    *(
        "flags.flags",
        "environment.json",
        "labels.json",
        "objective.json",
        "history.csv",
    ),
    *("result.json", "report.html", "report.md", "MODEL_CARD.md"),
    *("backbone.keras", "model.keras"),
    *("tensorboard", "checkpoints", "seen.npz", "predictions.npz"),
}
PLAIN = ["--explain=false", "--jit_compile=false"]
METRICS = {"accuracy", "loss", "precision_macro", "recall_macro", "f1_macro"}


@pytest.fixture(scope="module")
def verified_in_a_fork():
    """What a user runs has a fresh process."""


@pytest.fixture(scope="module")
def pixels_for_figures():
    """Figures are drawn here."""


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """The folder in which both recipes ran, and what they printed."""
    place = tmp_path_factory.mktemp("chain")
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as told,
    ):
        patch.chdir(place)
        assert main(["run", *RECIPES, "--epochs=1"]) == 0
    return place, told.getvalue()


@pytest.fixture
def place(chain, monkeypatch):
    monkeypatch.chdir(chain[0])
    return chain[0]


def weights(folder):
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    return {w.path: w.numpy() for w in model.weights}


def png(path):
    """A real digit as an image file of another size; its number."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    number = int(np.flatnonzero(digits.target == 6)[0])
    pixels = (digits.images[number] * 255 / 16).astype(np.uint8)
    large = tf.image.resize(pixels[..., None], (40, 40))
    path.write_bytes(tf.io.encode_png(tf.cast(large, tf.uint8)).numpy())


def test_prints_one_table(chain):
    table = chain[1].rstrip().split("\n\n")[-1].splitlines()
    assert table[0].split()[:3] == ["run", "accuracy", "%"]
    assert [line.split("  ")[0] for line in table[2:]] == [
        "pretrain_cnn_digits",
        "finetune_cnn_digits",
        "the same from scratch",
    ]


def test_run_folders_hold_every_file(place):
    assert {path.name for path in (place / PARENT).iterdir()} == FILES
    names = {path.name for path in (place / RUN).iterdir()}
    assert names == FILES | {"scratch"}
    left = {path.name for path in place.iterdir()}
    assert left == {"runs", "saved_models"}
    assert not [p for p in place.rglob("*") if "partial" in p.name]


@pytest.mark.usefixtures("place")
def test_result_keeps_its_contract():
    result = files.read_json(RUN / "result.json")
    assert (result["stage"], result["status"]) == ("finetune", "complete")
    assert {"data", "build", "features", "train"} <= set(result["seconds"])
    assert all(seconds >= 0 for seconds in result["seconds"].values())
    assert {"strategy", "replicas", "jit_compile"} <= set(result["plan"])
    assert {"validation", "test"} <= set(result["metrics"])
    assert set(result["metrics"]["test"]) >= METRICS
    assert result["transfer"]["share"] == 1.0
    assert result["audit"]["frozen_variables"] > 0
    assert result["audit"]["changed"] == []
    assert result["leaks"]["train_in_test"] == 0
    assert set(result["scratch"]["metrics"]["test"]) >= METRICS
    assert max(result["export"]["largest_difference"].values()) <= 1e-5
    # NaN is no JSON that other programs read
    json.loads((RUN / "result.json").read_text("utf-8"), parse_constant=int)


@pytest.mark.usefixtures("place")
def test_frozen_layers_are_the_parents():
    parent, tuned = weights(PARENT), weights(RUN)
    frozen = [path for path in parent if path.startswith("conv1_conv")]
    assert len(frozen) == 2
    for path in frozen:
        np.testing.assert_array_equal(parent[path], tuned[path])


@pytest.mark.usefixtures("place")
def test_export_answers_with_labels():
    loaded = tf.saved_model.load(str(EXPORTS / "1"))
    labels = files.read_json(EXPORTS / "1/assets.extra/labels.json")
    assert labels == list("56789")
    images = tf.zeros((3, 28, 28, 1), tf.uint8)
    answers = loaded.signatures["serving_default"](image=images)
    assert answers["probabilities"].shape == (3, 5)
    assert answers["logits"].dtype == tf.float32


@pytest.mark.usefixtures("place")
def test_export_is_usable_at_once():
    version, name = EXPORTS / "1", EXPORTS.name
    extra = version / "assets.extra"
    labels = (version / "assets/labels.txt").read_text("utf-8")
    assert labels.split() == list("56789")
    described = files.read_json(extra / "openapi.json")
    assert f"/v1/models/{name}:predict" in described["paths"]
    client = (extra / "client.py").read_text("utf-8")
    assert f'\nMODEL = "{name}"\n' in client
    compile(client, "client.py", "exec")
    told = files.read_json(extra / "export.json")
    assert told["assets"] == {"files": ["assets/labels.txt"]}
    assert told["client"]["files"] == ["client.py", "openapi.json"]
    config = (EXPORTS / "serving/models.config").read_text("utf-8")
    assert f'base_path: "/models/{name}"' in config


@pytest.mark.usefixtures("place")
def test_again_says_what_is_complete(caplog, capsys):
    before = {p: p.stat().st_mtime_ns for p in pathlib.Path().rglob("*")}
    assert main(["run", *RECIPES, "--epochs=1"]) == 0
    told = caplog.text
    assert f"{PARENT} is complete already" in told
    assert f"{RUN} is complete already" in told
    assert "exported already" in told
    assert "epoch" not in capsys.readouterr().out
    after = {p: p.stat().st_mtime_ns for p in pathlib.Path().rglob("*")}
    assert after == before


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_export_evaluate_and_predict(capsys):
    png(pathlib.Path("six.png"))
    assert main(["export", str(RUN)]) == 0
    versions = {p.name for p in EXPORTS.iterdir()}
    assert versions == {"1", "2", "serving"}

    known = files.read_json(RUN / "result.json")["metrics"]["test"]
    capsys.readouterr()
    assert main(["evaluate", str(RUN)]) == 0
    printed = dict(x.split() for x in capsys.readouterr().out.splitlines())
    assert float(printed["accuracy"]) == pytest.approx(known["accuracy"])
    assert int(printed["examples"]) == known["examples"]

    answers = set()
    for model in (RUN, EXPORTS, EXPORTS / "1", RUN / "model.keras"):
        assert main(["predict", str(model), "six.png", "--csv=-"]) == 0
        answers.add(capsys.readouterr().out)
    (answer,) = answers
    heading, row = answer.splitlines()
    assert heading == "input,label,probability"
    assert row.split(",")[0] == "six.png"
    assert row.split(",")[1] in "56789"


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_a_flagfile_repeats_a_run_to_the_bit():
    small = ["--backbone=cnn(filters=[4, 6], dense=8, dropout=0.2)"]
    small += ["--epochs=2", "--augment=shift(padding=1)", *PLAIN]
    assert main(["pretrain", "--name=x", *small]) == 0
    flagfile = f"--flagfile={pathlib.Path('runs/x/flags.flags')}"
    assert main(["pretrain", flagfile, "--name=y"]) == 0
    first, second = (weights(pathlib.Path("runs") / n) for n in "xy")
    assert first.keys() == second.keys()
    for path, value in first.items():
        np.testing.assert_array_equal(value, second[path])


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_a_changed_parent_is_noticed(capsys):
    small = ["--backbone=mlp_small", "--epochs=1", *PLAIN]
    child = ["finetune", "--name=child", "--init_from=old", *small]
    assert main(["pretrain", "--name=old", *small]) == 0
    assert main(child) == 0
    assert main(child) == 0
    words = ["pretrain", "--name=old", *small, "--seed=1"]
    assert main(words) == 2
    assert main([*words, "--overwrite"]) == 0
    before = weights(pathlib.Path("runs/child"))
    capsys.readouterr()
    assert main(child) == 2
    assert "weights that changed since" in capsys.readouterr().err
    after = weights(pathlib.Path("runs/child"))
    assert all((before[path] == after[path]).all() for path in before)
    assert main([*child, "--overwrite"]) == 0


@pytest.mark.slow
def test_the_recipes_as_they_are(tmp_path):
    """The main job, and what it is for: pretraining must help."""
    done = subprocess.run(
        [sys.executable, "-m", "keras_ptft", "run", *RECIPES],
        capture_output=True,
        cwd=tmp_path,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("TF_")},
    )
    assert (done.returncode, done.stderr) == (0, "")
    result = files.read_json(tmp_path / RUN / "result.json")
    tuned = result["metrics"]["test"]["accuracy"]
    scratch = result["scratch"]["metrics"]["test"]["accuracy"]
    assert tuned > scratch
    assert tuned > 0.9
