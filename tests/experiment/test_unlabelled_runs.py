"""What a user sees of a pretraining without labels, from data to report."""

import re

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import Config, UserError, evaluate
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DataInfo
from keras_ptft.experiment.showing import pictured_examples
from keras_ptft.experiment.stages import pretrain
from keras_ptft.objectives.classification import Classification
from keras_ptft.objectives.contrastive import Contrastive


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on labelled images, its folder and its data."""
    folder = tmp_path_factory.mktemp("unlabelled")
    config = Config(
        runs_dir=str(folder),
        name="x",
        dataset="digits",
        image_size=8,
        train_examples=200,
        backbone="mlp(hidden=[16])",
        objective="contrastive(view='shift(padding=1)', width=8, hidden=16)",
        epochs=1,
        probe_every=1,
        jit_compile="false",
        near_copies=False,
    )
    return folder / "x", pretrain(config)


def test_the_report_shows_views_neighbours_and_curves(trained):
    page = (trained[0] / "report.html").read_text("utf-8")
    for heading in (
        "What the model learns from",
        "Nearest training images",
        "Test examples by their features",
    ):
        assert f"<h2>{heading}</h2>" in page
    assert page.count('alt="made of it"') == 16
    assert page.count('alt="a test image"') == 6
    assert len(re.findall(r"view [12]</figcaption>", page)) == 16
    for curve in ("kNN accuracy", "Probe accuracy", "Effective rank"):
        assert f'alt="{curve} by epoch"' in page


def test_scores_of_features_are_in_tensorboard(trained):
    (file,) = (trained[0] / "tensorboard").iterdir()
    tags = {
        value.tag
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    }
    assert {"loss", "knn_accuracy", "probe_accuracy"} <= tags
    assert {"feature_spread", "effective_rank"} <= tags


def test_evaluate_finds_what_the_run_did(trained):
    folder, result = trained
    again = evaluate(folder)
    assert "knn_accuracy" in again
    assert again == result.metrics["test"]


def test_data_without_labels_are_scored_without_neighbours(trained, tmp_path):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (20, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "a.npz", x=pixels)
    found = evaluate(trained[0], dataset=f"npz:{tmp_path / 'a.npz'}")
    assert found["examples"] == 20 and "knn_accuracy" not in found
    assert 0.0 < found["feature_spread"] <= 1.0
    labels = np.arange(20) % 10
    np.savez(tmp_path / "b.npz", x=pixels, y=labels)
    found = evaluate(trained[0], dataset=f"npz:{tmp_path / 'b.npz'}")
    assert 0.0 <= found["knn_accuracy"] <= 1.0


@pytest.mark.slow
def test_a_model_without_labels_is_not_judged_by_them(tmp_path):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (40, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "a.npz", x=pixels)
    np.savez(tmp_path / "b.npz", x=pixels, y=np.arange(40) % 2)
    config = Config(
        runs_dir=str(tmp_path),
        name="x",
        dataset=f"npz:{tmp_path / 'a.npz'}",
        backbone="mlp(hidden=[8])",
        objective="contrastive(view='flip', width=8, hidden=8)",
        batch_size=8,
        epochs=1,
        explain=False,
        jit_compile="false",
        near_copies=False,
    )
    result = pretrain(config)
    assert "knn_accuracy" not in result.metrics["test"]
    found = evaluate(tmp_path / "x", dataset=f"npz:{tmp_path / 'b.npz'}")
    assert found["examples"] == 40 and "knn_accuracy" not in found
    notes = "labels are not used, as the model was trained without any"
    assert notes in found["data"]["notes"]
    for setting in ({"sampling": "balanced"}, {"train_per_class": 2}):
        with pytest.raises(UserError, match="examples with classes, and --da"):
            pretrain(config.replace(name="y", **setting))


def images(count=12):
    random = np.random.default_rng(3)
    pixels = random.integers(0, 256, (count, 12, 12, 3), np.uint8)
    return ArraySource(pixels, np.arange(count) % 2, name="image")


def test_pictures_are_what_the_first_epoch_shows():
    source = images()
    objective = Contrastive(DataInfo(source.spec, ("a", "b")))
    shown = pictured_examples(Config(seed=5), objective, source)
    assert [len(example.views) for example in shown] == [2] * 8
    # the first of each class, then others that are far apart
    chosen = tf.constant([0, 1, 2, 4, 6, 7, 9, 11], tf.int64)
    assert [example.original.label for example in shown] == list("abaaabbb")
    seeds = tf.stack([5 + 0 * chosen, 0 * chosen, chosen], axis=1)
    views, _, _ = objective.transform(source.gather(chosen), chosen, seeds)
    for example, pair in zip(shown, views.numpy(), strict=True):
        for number, (view, expected) in enumerate(
            zip(example.views, pair, strict=True), 1
        ):
            assert view.label == f"view {number}"
            np.testing.assert_array_equal(view.image, expected)


def test_what_is_shown_as_it_is_has_no_picture():
    source = images()
    objective = Classification(DataInfo(source.spec, ("a", "b")))
    assert pictured_examples(Config(), objective, source) == []
    floats = ArraySource(
        np.ones((4, 3), np.float32), [0, 1, 0, 1], name="vector"
    )
    assert pictured_examples(Config(), objective, floats) == []
