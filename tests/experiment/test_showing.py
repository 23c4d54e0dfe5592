"""From settings to what a model is shown, and to the report of it."""

import numpy as np
import pytest

from keras_ptft import Config
from keras_ptft.data import Loading, load
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.experiment import stages
from keras_ptft.experiment.showing import build_showing, shown_examples
from keras_ptft.objectives.classification import Classification

SMALL = {"backbone": "cnn(filters=[6, 8], dense=8)", "image_size": 8}
SMALL |= {"train_examples": 300, "dataset": "digits", "near_copies": False}


@pytest.fixture(scope="module")
def digits():
    return load("digits", Loading(image_size=8))


def shown(digits, source=None, **settings):
    objective = Classification(DataInfo(label_names=digits.label_names))
    return shown_examples(
        Config(**settings), objective, source or digits.splits["train"]
    )


def test_images_as_they_are_need_no_picture(digits):
    assert shown(digits) == []
    vectors = ArraySource(np.eye(4, dtype=np.float32), range(4), name="vector")
    assert shown(digits, vectors, mix="mixup") == []


def test_each_epoch_shows_another_view(digits):
    found = shown(digits, augment="shift(padding=2)")
    assert [example.original.label for example in found] == list("0123")
    for example in found:
        assert [view.label for view in example.views] == (
            [example.original.label] * 5
        )
        images = [view.image.tobytes() for view in example.views]
        assert len(set(images)) >= 4
    again = shown(digits, augment="shift(padding=2)")
    np.testing.assert_array_equal(
        found[2].views[4].image, again[2].views[4].image
    )


def test_mixed_images_have_mixed_labels(digits):
    found = shown(digits, mix="mixup(alpha=1.0)")
    images = {e.original.label: e.original.image for e in found}
    for example, (own, other) in zip(
        found, ["02", "13", "20", "31"], strict=True
    ):
        for view in example.views:
            parts = dict.fromkeys(images, 0.0)
            for part in view.label.split(", "):
                share, _, name = part.rpartition(" % ")
                parts[name] = float(share or 100) / 100
            assert {n for n, share in parts.items() if share} <= {own, other}
            expected = sum(share * images[n] for n, share in parts.items())
            assert np.abs(view.image - expected).max() < 2


def test_classes_are_evened_out_once(digits):
    objective = Classification(digits.info)
    config = Config(sampling="balanced", class_weight="balanced")
    with pytest.raises(UserError, match="got --class_weight=balanced too, whi"):
        build_showing(config, objective)


@pytest.mark.slow
def test_a_run_is_mixed_and_balanced_and_says_so(tmp_path, caplog):
    config = Config(
        runs_dir=str(tmp_path), name="first", epochs=1, classes="0-4", **SMALL
    )
    stages.pretrain(config)
    assert (
        "as they are shown" not in (tmp_path / "first/report.html").read_text()
    )
    tuned = config.replace(
        name="second",
        init_from="first",
        classes="5-9",
        augment="photo(color=0.3)",
        mix="cutmix",
        sampling="balanced",
    )
    result = stages.finetune(tuned)
    assert "every step: examples are mixed at every step." in caplog.text
    line = "Sampling: each of 5 classes comes about 60 times an epoch; they "
    assert f"{line}have 60 to 60 examples." in caplog.text
    page = (tmp_path / "second/report.html").read_text()
    assert "Training examples as they are shown" in page
    assert page.count("as it was shown") == 20
    # what is scored is not mixed: each example is right or wrong
    test = result.metrics["test"]
    right = test["accuracy"] * test["examples"]
    assert right == pytest.approx(round(right), abs=1e-3)


def test_texts_are_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"word{n} of {n}\t{'ab'[n % 2]}" for n in range(40)]
    (tmp_path / "a.tsv").write_text("\n".join(["text\tlabel", *lines, ""]))
    config = Config(
        dataset="tsv:a.tsv",
        text_column="text",
        backbone="embedding(width=8)",
        batch_size=8,
        mix="mixup",
    )
    with pytest.raises(UserError, match=r"got int32 of shape .*--mix=none\.$"):
        stages.pretrain(config)
