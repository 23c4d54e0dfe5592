"""What a private run refuses, leaves out and says."""

import base64
import json
import os
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import Config, UserError
from keras_ptft.comparison.run import tell_spent
from keras_ptft.data import Loading, load
from keras_ptft.data.leakage.training_fingerprints import (
    TrainingFingerprints,
    write_seen,
)
from keras_ptft.data.text.source import TagSource, TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import token_source
from keras_ptft.data.text.tokenizers import learn
from keras_ptft.evaluation.report.privacy import (
    privacy_sentences,
)
from keras_ptft.experiment import scoring, stages
from keras_ptft.experiment.loading import load_dataset
from keras_ptft.experiment.made_up import TEXTS, made_up
from keras_ptft.experiment.monitoring import monitor
from keras_ptft.experiment.privacy import check_not_tuned
from keras_ptft.experiment.stage_checks import (
    check_finetuning,
    check_pretraining,
)
from keras_ptft.files import read_json
from keras_ptft.serving.signatures.arrays import text_examples
from tests.experiment.private import (
    files_with,
    hash_forms,
    image_forms,
)

PRIVACY = "dp_sgd(epsilon=3, delta=1e-5)"
SMALL = {
    "privacy": PRIVACY,
    "backbone": "mlp(hidden=[16])",
    "normalization": "unit",
    "image_size": 8,
    "learning_rate": 0.01,
    "epochs": 1,
    "near_copies": False,
    "jit_compile": "false",
    "seed": 7531,
}
SPENT = {
    "mechanism": "dp_sgd",
    "epsilon": 2.9987,
    "epsilon_asked": 3.0,
    "delta": 1e-5,
    "clip": 0.5,
    "noise_multiplier": 1.04,
    "sampling_rate": 256 / 54000,
    "capacity": 352,
    "steps": 2100,
    "accountant": "PLD, dp_accounting 0.6.0",
    "neighbours": "add or remove one example",
    "group": "one example",
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def line_of(caught):
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    "name, value",
    [
        ("calibrate", True),
        ("class_weight", "balanced"),
        ("deterministic", True),
        ("early_stopping_patience", 3),
        ("learning_rate", "find"),
        ("mix", "mixup"),
        ("objective", "contrastive"),
        ("objective", "next_token"),
        ("objective", "regression"),
        ("probe_every", 1),
        ("quantize", "int8"),
        ("sampling", "balanced"),
    ],
)
def test_refused_in_pretraining(name, value):
    settings = {name: value}
    if name == "quantize":
        settings["formats"] = "saved_model,litert"
    config = Config(privacy=PRIVACY, **settings)
    with pytest.raises(UserError, match="excludes") as caught:
        check_pretraining(config)
    assert f"--privacy={PRIVACY} excludes --{name}={value}: " in line_of(caught)
    check_pretraining(config.replace(privacy="none"))


@pytest.mark.parametrize(
    "name, value",
    [
        ("batchnorm", "update"),
        ("compare_scratch", True),
        ("probe", "ridge"),
    ],
)
def test_refused_in_finetuning(name, value):
    config = Config(init_from="other", freeze="none", **{name: value})
    if name == "probe":
        config = config.replace(freeze="all")
    with pytest.raises(UserError) as caught:
        check_finetuning(config.replace(privacy=PRIVACY))
    assert f"excludes --{name}={value}: " in line_of(caught)


def test_a_teacher_must_be_a_known_model():
    config = Config(
        privacy=PRIVACY, teacher="run", objective="feature_matching"
    )
    with pytest.raises(UserError) as caught:
        check_pretraining(config)
    assert "excludes --teacher=run: its answers tell" in line_of(caught)
    check_pretraining(config.replace(teacher="efficientnet_lite0"))


def test_what_keeps_examples_apart_is_let_be():
    check_finetuning(
        Config(privacy=PRIVACY, init_from="other", prune=0.5, ema=0.9)
    )
    check_finetuning(
        Config(privacy=PRIVACY, init_from="other", lora="lora(rank=2)")
    )


def test_moments_of_the_training_split_are_refused():
    config = Config(**SMALL | {"normalization": "dataset"})
    with pytest.raises(UserError) as caught:
        stages.pretrain(config)
    assert "excludes --normalization=dataset: the mean" in line_of(caught)
    assert not os.path.exists("runs")


def test_batch_normalisation_that_is_trained_is_refused():
    image = keras.Input((8, 8, 1), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Flatten()(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    features = keras.layers.Dense(4, name="features")(x)
    config = Config(**SMALL).replace(backbone="")
    with pytest.raises(UserError) as caught:
        stages.pretrain(config, backbone=keras.Model(image, features))
    assert "layer 'norm' normalises over the batch" in line_of(caught)
    assert not os.path.exists("runs")


def test_a_vocabulary_is_not_learned():
    rows = [f"some words number {n}\t{'ab'[n % 2]}" for n in range(40)]
    pathlib.Path("texts.tsv").write_text("\n".join(["text\tlabel", *rows]))
    config = Config(
        privacy=PRIVACY, dataset="tsv:texts.tsv", text_column="text"
    )
    with pytest.raises(UserError) as caught:
        stages.pretrain(config.replace(backbone="embedding"))
    assert "cannot learn a vocabulary from the texts" in line_of(caught)


def test_tune_is_refused():
    with pytest.raises(UserError) as caught:
        check_not_tuned(Config(privacy=PRIVACY))
    assert "excludes tune: each trial spends" in line_of(caught)
    check_not_tuned(Config())


def test_compare_says_that_runs_add_up(caplog):
    with caplog.at_level("INFO", "keras_ptft"):
        tell_spent(1)
        assert not caplog.records
        tell_spent(6)
    assert "6 private runs on the same data spend up to 6" in caplog.text


def test_sentences_have_every_number():
    told = " ".join(privacy_sentences(SPENT))
    assert told == (
        "Training hides one example: epsilon 2.999 at delta 1e-05. It is "
        "counted by PLD, dp_accounting 0.6.0, for data sets that differ so: "
        "add or remove one example. Each of 2,100 steps took each example "
        "with probability 0.004741 (Poisson sampling), clipped its gradient "
        "to 0.5 and added noise of 1.04 times that."
    )
    assert privacy_sentences(None) == []


def test_texts_are_made_up():
    private = [b"my own secret words", b"and more of them"]
    tokenizer = learn("words", lambda: iter([private]), 8)
    texts = token_source(TextSource(in_memory(private)), tokenizer)
    tags = [np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])]
    tagged = token_source(TagSource(in_memory(private), tags), tokenizer)
    for source in (texts, tagged):
        made = made_up(source, tokenizer)
        shown = text_examples(made).tolist()
        assert shown == [text.encode() for text in TEXTS]
        assert made.gather(tf.range(2, dtype=tf.int64)).dtype == tf.int32
        assert made.has_targets == source.has_targets


def test_group_sizes_are_told():
    rows = [f"{n % 7},{n}.5,{'ab'[n % 2]},{n // 3}" for n in range(120)]
    text = "\n".join(["x,y,label,who", *rows])
    pathlib.Path("people.csv").write_text(text)
    config = Config(
        privacy=PRIVACY,
        dataset="csv:people.csv",
        group_column="who",
        validation_fraction=0.0,
    )
    notes = load_dataset(config, None, "warn").account.notes
    assert "--privacy hides one example" in " ".join(notes)
    assert "has up to 3: of a whole group" in " ".join(notes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a private run, one fine-tuned from it, and its export."""
    folder = tmp_path_factory.mktemp("private")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        first = Config(**SMALL, name="first", augment="shift(padding=1)")
        stages.pretrain(first)
        second = Config(**SMALL).replace(
            name="second",
            backbone="",
            normalization="dataset",
            init_from="first",
            export_to="served",
            # what was trained on is in the test split too
            on_leak="warn",
        )
        stages.finetune(second)
    return folder


def digits():
    """Every image and every hash of the data."""
    splits = load("digits", Loading(image_size=8)).splits.values()
    images = [
        source.gather(tf.range(len(source), dtype=tf.int64)).numpy()
        for source in splits
    ]
    return np.concatenate(images), [s.hashes for s in splits]


def test_examples_are_found_where_they_are(tmp_path):
    images, hashes = digits()
    forms = [*image_forms(images), *hash_forms(np.concatenate(hashes))]
    one = images[1000]
    np.savez("raw.npz", images[990:1010])
    np.savez_compressed("packed.npz", one.astype(np.float32))
    pathlib.Path("warm").write_bytes(b"x" + tf.io.encode_png(one).numpy())
    page = base64.b64encode(tf.io.encode_png(one).numpy()).decode()
    pathlib.Path("page.html").write_text(f"data:image/png;base64,{page}")
    rows = [{"image": one.ravel().tolist()}]
    pathlib.Path("row.json").write_text(json.dumps(rows))
    known = TrainingFingerprints(np.sort(hashes[0]), np.empty((0, 32), "u1"))
    write_seen(tmp_path, known)
    pathlib.Path("none").write_bytes(bytes(range(256)) * 100)
    found = {name.split("/")[0] for name in files_with(".", forms)}
    assert found == {
        "raw.npz",
        "packed.npz",
        "warm",
        "page.html",
        "row.json",
        "seen.npz",
    }


@pytest.mark.slow
def test_no_example_is_in_any_file(trained, monkeypatch):
    monkeypatch.chdir(trained)
    images, hashes = digits()
    assert len(images) == 1797
    forms = [*image_forms(images), *hash_forms(np.concatenate(hashes))]
    assert files_with("served", forms) == set()
    assert files_with("runs/first", forms) == set()
    assert files_with("runs/second", forms) == set()
    report = pathlib.Path("runs/first/report.html").read_text()
    pictures = report.count("data:image/")
    assert pictures == report.count('<img class="figure"') > 0
    for name in ("seen.npz", "predictions.npz", ".private-features"):
        assert not pathlib.Path("runs/second", name).exists()
    assert not pathlib.Path("runs/.features").exists()
    facts = read_json("served/1/assets.extra/export.json")
    assert facts["statistics"] == {"left_out": "private"}
    assert facts["warmup"]["requests"] > 0
    card = pathlib.Path("runs/second/MODEL_CARD.md").read_text()
    assert "seed: 7531" in card
    pathlib.Path("log.jsonl").write_text('{"instances": []}')
    with pytest.raises(UserError) as caught:
        monitor("served", ["log.jsonl"])
    assert "of a private run, which has none" in line_of(caught)
    accuracy = scoring.evaluate("runs/second")["accuracy"]
    assert 0 < accuracy <= 1
