"""The stages in process, on the bundled digits."""

import json
import os
import shutil

import keras
import numpy as np
import pytest

import keras_ptft
from keras_ptft import Config, UserError
from keras_ptft.experiment import run_dir, run_files, stages
from keras_ptft.files import read_json

SMALL = {"backbone": "cnn(filters=[6, 8], dense=8)", "image_size": 8}
SMALL |= {"epochs": 2, "explain": False, "jit_compile": "false"}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def first(**settings):
    settings = {"name": "first", "classes": "0-4"} | SMALL | settings
    return stages.pretrain(Config(**settings))


def second(**settings):
    settings = {"name": "second", "classes": "5-9"} | settings
    settings = {"init_from": "first"} | SMALL | {"backbone": ""} | settings
    return stages.finetune(Config(**settings))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of runs with `first` as it is without settings."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        first()
    return folder / "runs"


@pytest.fixture
def with_first(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs")


def model_of(name, file="model.keras"):
    return keras.saving.load_model(f"runs/{name}/{file}", compile=False)


def weights_of(name, file="model.keras"):
    return {w.path: w.numpy() for w in model_of(name, file).weights}


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


@pytest.mark.slow
def test_the_whole_way(tmp_path):
    pretrained = first(epochs=6)
    settings = {"explain": True, "jit_compile": "auto"}
    tuned = second(epochs=6, compare_scratch=True, freeze="conv1", **settings)

    assert pretrained.to_json() == read("runs/first/result.json")
    assert tuned.to_json() == read("runs/second/result.json")
    assert (pretrained.stage, tuned.stage) == ("pretrain", "finetune")
    assert pretrained.metrics["test"]["accuracy"] > 0.4
    assert set(tuned.metrics) == {"validation", "test"}
    assert tuned.transfer["share"] == 1.0
    layers = tuned.transfer["layers"]
    assert layers[0] == {
        "name": "conv1_conv",
        "parameters": 3 * 3 * 6 + 6,
        "trained": 0,
        "transferred": True,
    }
    assert [row["transferred"] for row in layers[-2:]] == [True, False]
    trained = sum(row["trained"] for row in layers)
    assert trained == tuned.trained_parameters
    # all but conv1's 3·3·6 + 6; a whole fine-tuning trains them too
    difference = tuned.scratch.trained_parameters
    difference -= tuned.trained_parameters
    assert difference == 3 * 3 * 6 + 6
    assert tuned.audit == {"frozen_variables": 2, "changed": []}
    assert tuned.leaks["train_in_test"] == 0
    rows = [row["run"] for row in tuned.comparison]
    assert rows == ["second", "the same from scratch"]

    assert read("runs/second/labels.json") == list("56789")
    environment = read("runs/second/environment.json")
    assert set(environment["data"]) == {"train", "validation", "test"}
    assert environment["parent"] and environment["tensorflow"]
    names = {path.name for path in (tmp_path / "runs/second").iterdir()}
    of_texts = {"tokenizer.json", "vocabulary.txt", "vectors.txt", "projector"}
    of_settings = {
        run_dir.ADAPTER_FILE,
        run_files.LEARNING_RATE_FILE,
        run_files.PRIVACY_FILE,
        "thresholds.json",
        "temperature.json",
    }
    # of work that removes them at its end
    of_settings |= {run_files.PRIVATE_FEATURES, run_dir.SHADOWS}
    images = {*run_dir.ARTIFACTS} - of_texts - of_settings
    assert names == {*images, run_dir.CHECKPOINTS, run_dir.SCRATCH}


@pytest.mark.slow
def test_what_was_frozen_is_what_was_pretrained():
    backbone = "cnn(filters=[6, 8], dense=8, batch_norm=True, dropout=0.3)"
    first(backbone=backbone)
    tuned = second(freeze="conv2", augment="shift(padding=1)")
    old, new = weights_of("first"), weights_of("second")
    # conv kernels and four variables of each batch normalisation, and the
    # seed of the dropout between them
    assert tuned.audit["frozen_variables"] == 11
    for path in old:
        same = np.array_equal(old[path], new[path])
        assert same == path.startswith("conv"), path
    frozen = {x.name for x in model_of("second").layers if not x.trainable}
    assert {"conv1_conv", "conv2_bn"} <= frozen
    assert "features_dense" not in frozen


@pytest.mark.slow
@pytest.mark.usefixtures("with_first")
@pytest.mark.parametrize("freeze", ["conv1", "all"])
def test_cached_features_train_the_same_weights_as_streamed_ones(freeze):
    second(freeze=freeze)
    second(freeze=freeze, name="streamed", feature_cache_gb=0.0)
    cached, streamed = weights_of("second"), weights_of("streamed")
    for path, value in cached.items():
        np.testing.assert_allclose(value, streamed[path], atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("with_first")
def test_freezing_nothing_trains_everything():
    tuned = second(freeze="none")
    assert tuned.audit["frozen_variables"] == 0
    model = model_of("second")
    assert tuned.trained_parameters == model.count_params()
    assert all(layer.trainable for layer in model.layers)


@pytest.mark.slow
@pytest.mark.usefixtures("with_first")
def test_the_same_settings_give_the_same_bits():
    first(name="again")
    first(name="other", seed=1)
    one, again, other = map(weights_of, ("first", "again", "other"))
    assert all(np.array_equal(one[path], again[path]) for path in one)
    assert not np.array_equal(one["logits/kernel"], other["logits/kernel"])


def test_a_complete_run_is_not_run_again(caplog):
    result = first()
    before = weights_of("first")
    assert first() == result
    assert "runs/first is complete already." in caplog.text
    again = first(overwrite=True, seed=3)
    assert again.metrics != result.metrics
    assert not np.array_equal(
        before["logits/kernel"], weights_of("first")["logits/kernel"]
    )


@pytest.mark.slow
def test_an_interrupted_run_goes_on(caplog):
    result = first()
    os.remove("runs/first/result.json")
    os.remove("runs/first/model.keras")
    again = first()
    assert "Resuming the incomplete run in runs/first." in caplog.text
    assert "Resuming after step 20." in caplog.text
    assert (result.resumed, again.resumed) == ([], [20])
    assert again.metrics == result.metrics
    assert again.history == result.history
    assert os.path.exists("runs/first/result.json")


@pytest.mark.usefixtures("with_first")
def test_other_settings_under_the_same_name():
    message = "--epochs=2 there, 3 now; --seed=0 there, 1 now"
    with pytest.raises(UserError, match=message):
        first(epochs=3, seed=1)


@pytest.mark.slow
@pytest.mark.usefixtures("with_first")
def test_a_parent_that_has_changed():
    second()
    first(overwrite=True, seed=1)
    with pytest.raises(UserError, match="weights that changed since"):
        second()
    assert second(overwrite=True).status == "complete"


@pytest.mark.slow
@pytest.mark.usefixtures("with_first")
def test_foreign_files_in_a_run_folder_stay(tmp_path):
    note = tmp_path / "runs/first/note.txt"
    note.write_text("mine")
    first(overwrite=True)
    assert note.read_text() == "mine"


@pytest.mark.slow
@pytest.mark.usefixtures("with_first")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"init_from": ""}, "needs --init_from"),
        ({"init_from": "frist"}, 'did you mean "first".*runs in runs: first'),
        ({"image_size": 9}, r"shape \(8, 8, 1\).*has uint8 \(9, 9, 1\)"),
        ({"freeze": "conv9"}, 'mean "conv2".*points are: all, none, norm'),
        ({"backbone": "mlp"}, "Only 0.0%.*at least 50.0%"),
        ({"train_examples": 20}, "--batch_size=64 is more than"),
    ],
)
def test_fine_tuning_that_cannot_be(settings, message):
    with pytest.raises(UserError, match=message):
        second(**settings)
    assert not run_dir.is_complete("runs/second")


@pytest.mark.slow
@pytest.mark.usefixtures("with_first")
def test_fine_tuning_needs_a_complete_parent(tmp_path):
    (tmp_path / "runs/first/result.json").unlink()
    with pytest.raises(UserError, match="runs/first is not complete"):
        second()


def test_pretraining_takes_no_parent():
    with pytest.raises(UserError, match="belongs to fine-tuning"):
        first(init_from="other")


@pytest.mark.slow
@pytest.mark.usefixtures("with_first")
def test_from_a_file_and_from_another_architecture():
    from_file = second(init_from="runs/first/backbone.keras")
    second(name="from_name")
    one, two = weights_of("second"), weights_of("from_name")
    assert all(np.array_equal(one[path], two[path]) for path in one)
    assert from_file.transfer["share"] == 1.0
    wider = second(
        name="wider",
        backbone="cnn(filters=[6, 8], dense=16)",
        min_transferred=0.1,
    )
    assert wider.transfer["reshaped"] == ["features_dense"]


def test_a_backbone_of_the_users_own():
    inputs = keras.Input((8, 8, 1), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(8, activation="relu", name="mine")(x)
    keras.Model(inputs, x).save("mine.keras")
    tuned = second(init_from="mine.keras", freeze="all")
    assert tuned.transfer["matched"] == ["mine"]
    assert tuned.trained_parameters == 8 * 5 + 5


@pytest.mark.slow
def test_evaluating_and_exporting_a_run():
    result = first(export_to="saved/first")
    assert result.export.version == 1
    assert max(result.export.largest_difference.values()) <= 1e-5
    metrics = keras_ptft.evaluate("runs/first")
    assert metrics == result.metrics["test"]
    some = keras_ptft.evaluate("runs/first", classes="0-1")
    assert some["examples"] < metrics["examples"]
    assert some["per_class"]["2"]["support"] == 0
    with pytest.raises(UserError, match="has label '5', which training lacks"):
        keras_ptft.evaluate("runs/first", classes="5-9")
    with pytest.raises(UserError, match="is not a run folder"):
        keras_ptft.evaluate("runs/none")

    first(export_to="saved/first")
    asked = {"serve_with": "2.20", "prove_with": "c_api"}
    second_version = keras_ptft.export("runs/first", **asked)
    assert second_version.name == "2"
    left = sorted(p.name for p in second_version.parent.iterdir())
    assert left == ["1", "2", "serving"]
    facts = read_json(second_version / "assets.extra" / "export.json")
    assert facts["graph"]["checked_against"] == "2.20"
    ((_, proved),) = facts["proved"].items()
    assert proved["examples"].keys() == facts["largest_difference"].keys()
    more = proved["requests"]
    assert more["examples"] + more["unsure"] == metrics["examples"]
    assert more["largest_difference"] <= 1e-5
    with pytest.raises(UserError, match="--prove_with must name c_api or th"):
        keras_ptft.export("runs/first", prove_with="serving")


@pytest.mark.slow
def test_class_weights_early_stopping_and_mirrored_devices():
    result = first(
        class_weight="balanced",
        early_stopping_patience=1,
        strategy="mirrored",
        epochs=40,
        learning_rate=0.02,
    )
    assert result.plan["replicas"] == 2
    losses = [row["val_loss"] for row in result.history]
    assert len(losses) == np.argmin(losses) + 2 < 40
    saved = result.metrics["validation"]["loss"]
    assert saved == pytest.approx(min(losses), rel=1e-4)


@pytest.mark.slow
def test_half_precision_is_exported_whole():
    first(precision="mixed_bfloat16", export_to="saved/first")
    tuned = second(precision="mixed_bfloat16", freeze="conv1")
    assert keras.config.dtype_policy().name == "float32"
    assert tuned.audit["changed"] == []
    assert read("runs/first/result.json")["export"]["version"] == 1
    assert model_of("second").get_layer("conv2_conv").compute_dtype == (
        "bfloat16"
    )


@pytest.mark.usefixtures("with_first")
@pytest.mark.parametrize(
    "command", ["evaluate", pytest.param("export", marks=pytest.mark.slow)]
)
def test_a_damaged_model_is_told_in_one_line(command):
    with open("runs/first/model.keras", "r+b") as file:
        file.truncate(1000)
    with pytest.raises(UserError, match=r"Cannot read the model .*\.keras"):
        getattr(keras_ptft, command)("runs/first")
