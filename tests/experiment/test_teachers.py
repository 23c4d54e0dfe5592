"""Runs that learn from another, on the bundled digits."""

import os
import shutil

import keras
import numpy as np
import pytest

from keras_ptft import Config, UserError
from keras_ptft.comparison.plan import cells, variants
from keras_ptft.comparison.settings import CompareConfig
from keras_ptft.data import Loading, load
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.leakage.training_fingerprints import (
    TrainingFingerprints,
    write_seen,
)
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.data.text.tokenizers.vocabulary import SPECIAL
from keras_ptft.experiment import builders, stages
from keras_ptft.experiment.several import standing_alone
from keras_ptft.files import read_json
from keras_ptft.objectives.saved import write_objective
from keras_ptft.transfer import audit

SMALL = {
    "backbone": "mlp(hidden=[16])",
    "image_size": 8,
    "train_examples": 256,
    "learning_rate": 0.01,
    "epochs": 2,
    "near_copies": False,
    "jit_compile": "false",
    "explain": False,
}
DISTILLED = "distillation(temperature=2.0, alpha=0.5)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the run of a teacher."""
    folder = tmp_path_factory.mktemp("teachers")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        settings = SMALL | {"name": "big", "epochs": 6}
        stages.pretrain(Config(**settings))
    return folder


@pytest.fixture(autouse=True)
def in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def student(name, given=None, **settings):
    settings = {"teacher": "big", "objective": DISTILLED} | settings
    config = Config(**SMALL | {"name": name} | settings)
    return stages.pretrain(config, dataset=given)


def refused(**settings):
    with pytest.raises(UserError) as caught:
        student("refused", **settings)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert not os.path.exists("runs/refused")
    return message


def weights_of(name):
    model = keras.saving.load_model(f"runs/{name}/model.keras", compile=False)
    return {weight.path: weight.numpy() for weight in model.weights}


def assert_alike(one, other, tolerance):
    first, second = weights_of(one.run), weights_of(other.run)
    assert first.keys() == second.keys()
    for path, values in first.items():
        np.testing.assert_allclose(values, second[path], atol=tolerance)
    for name in ("loss", "val_loss"):
        pairs = zip(one.history, other.history, strict=True)
        for row, same in pairs:
            assert row[name] == pytest.approx(same[name], rel=1e-5)


@pytest.fixture(scope="module")
def cached(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return student("cached", seed=1)


def test_answers_computed_once_are_those_of_every_step(cached, caplog):
    with caplog.at_level("INFO", "keras_ptft"):
        live = student("live", seed=1, feature_cache_gb=0.0)
    assert_alike(cached, live, 1e-6)
    assert any("runs at every step instead" in x for x in caplog.messages)
    # what it was taught by is known, and not saved with it
    big = keras.saving.load_model("runs/big/model.keras", compile=False)
    expected = {"name": "big", "fingerprint": audit.fingerprint(big)}
    assert cached.teacher == expected
    assert weights_of("cached").keys() == weights_of("big").keys()
    known = read_json("runs/cached/environment.json")
    assert known["teacher"] == expected["fingerprint"]
    # who starts from the student has seen what its teacher saw
    with np.load("runs/big/seen.npz") as seen:
        contents = seen["contents"]
    with np.load("runs/cached/seen.npz") as seen:
        assert np.isin(contents, seen["contents"]).all()
        assert len(seen["contents"]) > len(contents)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"strategy": "mirrored"},
        {"strategy": "mirrored", "feature_cache_gb": 0.0},
        {
            "gradient_accumulation": 4,
            "batch_size": 16,
            "jit_compile": "true",
            "feature_cache_gb": 0.0,
            "resident": "false",
        },
    ],
    ids=str,
)
def test_every_plan_learns_the_same(cached, settings):
    found = student("other", seed=1, overwrite=True, **settings)
    assert_alike(cached, found, 1e-5)


@pytest.mark.slow
def test_augmented_passes_are_answered_once(caplog):
    shown = {"augment": "shift(padding=1)", "augment_views": 2}
    once = student("views", **shown)
    live = student("views-live", feature_cache_gb=0.0, **shown)
    assert_alike(once, live, 1e-6)
    with caplog.at_level("INFO", "keras_ptft"):
        student("mixed", mix="mixup(alpha=0.5)")
    told = "The teacher answers at every step: examples are mixed at every step"
    assert any(told in message for message in caplog.messages)


@pytest.mark.slow
@pytest.mark.parametrize("shown", [{}, {"augment": "shift(padding=1)"}])
def test_it_resumes_to_the_same_bits(shown):
    settings = {"epochs": 3, "keep_checkpoints": 9, "overwrite": False}
    name = f"whole-{len(shown)}"
    whole = student(name, **settings | shown)
    before = weights_of(name)
    for path in sorted(os.listdir(f"runs/{name}/checkpoints"))[1:]:
        os.remove(f"runs/{name}/checkpoints/{path}")
    os.remove(f"runs/{name}/result.json")
    again = student(name, **settings | shown)
    assert again.resumed and again.metrics == whole.metrics
    for path, values in weights_of(name).items():
        np.testing.assert_array_equal(values, before[path])


@pytest.mark.usefixtures("cached")
def test_a_run_belongs_to_its_teacher(folder):
    other = folder / "runs/other-big"
    shutil.copytree("runs/big", other)
    model = keras.saving.load_model(other / "model.keras", compile=False)
    model.set_weights([weight * 1.01 for weight in model.get_weights()])
    shutil.copytree("runs/cached", "runs/moved")
    text = (folder / "runs/moved/flags.flags").read_text()
    text = text.replace("--name=cached", "--name=moved")
    text = text.replace("--teacher=big", "--teacher=other-big")
    (folder / "runs/moved/flags.flags").write_text(text)
    # the same weights under another name are the same teacher
    student("moved", seed=1, teacher="other-big")
    model.save(other / "model.keras")
    with pytest.raises(UserError, match="was taught by a model that changed"):
        student("moved", seed=1, teacher="other-big")


@pytest.mark.slow
def test_a_frozen_part_and_a_teacher():
    for name, gigabytes in {"tuned": 1.0, "tuned-live": 0.0}.items():
        result = stages.finetune(
            Config(
                **SMALL | {"backbone": "", "epochs": 1},
                name=name,
                init_from="big",
                teacher="big",
                objective=DISTILLED,
                feature_cache_gb=gigabytes,
            )
        )
        assert result.audit["changed"] == []
    first, second = weights_of("tuned"), weights_of("tuned-live")
    for path, values in first.items():
        np.testing.assert_allclose(values, second[path], atol=1e-6)


@pytest.mark.slow
def test_features_are_matched():
    result = student(
        "matched",
        objective="feature_matching",
        image_size=9,
        probe_every=2,
        epochs=4,
        backbone="mlp(hidden=[24])",
    )
    losses = [row["loss"] for row in result.history]
    assert losses[-1] < 0.5 * losses[0]
    test = result.metrics["test"]
    # by chance 1 of 10, and the student has seen no label
    assert test["knn_accuracy"] > 0.5 and "loss" not in test
    assert result.history[-1]["knn_accuracy"] > 0.5
    kernel = weights_of("matched")["projection/kernel"]
    assert kernel.shape == (24, 16)


def digits_without_labels():
    digits = load("digits", Loading(image_size=8)).splits
    # which of them are for testing is drawn as it was
    images = [
        digits[split].gather(np.arange(count)).numpy()
        for split, count in {"train": 300, "test": 100}.items()
    ]
    return Dataset({"train": ArraySource(np.concatenate(images))}, ())


@pytest.mark.slow
def test_data_without_labels(caplog):
    given, alone = digits_without_labels(), "distillation(alpha=1.0)"
    message = refused(given=given, train_examples=0)
    assert "the data have none: set alpha=1.0 to" in message
    with caplog.at_level("INFO", "keras_ptft"):
        result = student("unlabelled", given, objective=alone, train_examples=0)
    assert read_json("runs/unlabelled/labels.json") == [*map(str, range(10))]
    assert any("has the one that big gives it" in x for x in caplog.messages)
    assert any("there are no labels" in x for x in result.data["notes"])
    train = result.data["splits"]["train"]
    assert sum(train["classes"].values()) == train["used"]


@pytest.mark.slow
def test_a_class_that_only_the_teacher_knows():
    result = student("untrained", untrained_classes="3", train_examples=0)
    splits = result.data["splits"]
    assert [splits[x]["classes"]["3"] for x in ("train", "validation")] == [
        0,
        0,
    ]
    assert splits["test"]["classes"]["3"] > 20
    assert any("no training examples: 3" in x for x in result.data["notes"])
    assert weights_of("untrained")["logits/bias"].shape == (10,)


def test_a_teacher_that_has_seen_the_test_split(folder):
    shutil.copytree("runs/big", "runs/cheat")
    test = load("digits", Loading(image_size=8)).splits["test"].hashes
    write_seen(
        folder / "runs/cheat",
        TrainingFingerprints(np.sort(test[:5]), np.empty((0, 32), np.uint8)),
    )
    message = refused(teacher="cheat")
    assert "test examples are among those that" in message


def test_wrong_teachers():
    assert "No pretrained run" in refused(teacher="bih")
    assert "learns from another model: name it" in refused(teacher="")
    message = refused(objective="classification")
    assert "has nothing to teach --objective=classification" in message
    assert "got 10 for 5, with '5'" in refused(classes="0-4")
    message = refused(teacher="efficientnet_lite0")
    assert "gives features, and --objective=distillation" in message


def test_teachers_of_another_kind(folder):
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = keras.layers.Embedding(9, 4)(tokens)
    x = keras.layers.GlobalAveragePooling1D()(x)
    texts = keras.Model(tokens, keras.layers.Dense(10, name="logits")(x))
    image = keras.Input((8, 8, 1), dtype="uint8", name="image")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 16)(image))
    softmax = keras.layers.Dense(10, "softmax", name="answers")(flat)
    ten = DataInfo(label_names=tuple(map(str, range(10))))
    vocabulary = (*SPECIAL, "a", "b")
    read = DataInfo(tokenizer=Tokenizer.given("words", vocabulary, 5))
    for name, model, objective, info in (
        ("texts", texts, "classification", ten),
        ("softmax", keras.Model(image, softmax), "classification", ten),
        ("words", texts, "next_token", read),
        ("bare", texts, "", ten),
    ):
        (folder / name).mkdir()
        model.save(folder / name / "m.keras")
        if objective:
            write_objective(folder / name, objective, info)
    message = refused(teacher="texts/m.keras")
    assert "takes int32 of shape any, and the data are uint8 of" in message
    message = refused(teacher="softmax/m.keras")
    assert "must end in a layer 'logits' of 10 outputs" in message
    message = refused(teacher="words/m.keras")
    assert "was trained for NextToken" in message
    assert "there is no labels.json" in refused(teacher="bare/m.keras")


@pytest.mark.slow
def test_texts_are_read_as_the_teacher_reads_them(folder):
    lines = [
        f"{'good fine' if n % 2 else 'bad poor'} w{n}\t{'ab'[n % 2]}"
        for n in range(80)
    ]
    text = "\n".join(["text\tlabel", *lines, ""])
    (folder / "texts.tsv").write_text(text)
    settings = {
        "dataset": "tsv:texts.tsv",
        "text_column": "text",
        "tokenizer": "words",
        "image_size": 0,
        "train_examples": 0,
        "batch_size": 16,
    }
    reader = {"backbone": "embedding(width=16)", "learning_rate": 0.05}
    config = Config(**SMALL | settings | reader, name="reader")
    stages.pretrain(config)
    # which has learned its vocabulary on other examples
    small = {"backbone": "embedding(width=4)", "split_seed": 1}
    small |= {"on_leak": "warn", "tokenizer": ""}
    result = student("texts", **settings | small, teacher="reader")
    assert result.teacher["name"] == "reader"
    read = [(folder / f"runs/{x}/vocabulary.txt") for x in ("reader", "texts")]
    assert read[0].read_text() == read[1].read_text()


def test_a_comparison_with_what_is_not_taught():
    config = Config(**SMALL, name="x", teacher="big", objective=DISTILLED)
    alone = "alone: --teacher= --objective=classification"
    compare = CompareConfig(variant=(alone,))
    found = variants(standing_alone(config), compare)
    assert set(found) == {"linear", "trained", "alone"}
    assert found["alone"].teacher == ""
    for each in found.values():
        builders.check(each)
    # the teacher was trained for this split alone
    runs = [x.config for x in cells(found, compare, (), "folder")]
    assert {x.split_seed for x in runs} == {0}
    assert {x.seed for x in runs} == set(range(compare.seeds))
    known = config.replace(teacher="efficientnet_lite0")
    known = known.replace(objective="feature_matching")
    runs = [x.config for x in cells({"x": known}, compare, (), "folder")]
    assert {x.split_seed for x in runs} == set(range(compare.seeds))


def test_runs_in_another_folder_find_the_teacher():
    config = Config(teacher="big", objective=DISTILLED)
    assert standing_alone(config).teacher == os.path.join("runs", "big")
    known = config.replace(teacher="efficientnet_lite0")
    assert standing_alone(known).teacher == "efficientnet_lite0"
