import numpy as np
import pytest

import keras_ptft
from keras_ptft.data import Loading, load
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset, take
from keras_ptft.data.core.splits import hold_out_validation
from keras_ptft.data.leakage.check import handle_leaks
from keras_ptft.data.leakage.training_fingerprints import (
    EMPTY,
    seen_by,
    write_seen,
)
from keras_ptft.errors import UserError
from keras_ptft.experiment import stages


def column(*numbers):
    inputs = np.array(numbers, np.float32)[:, None]
    return ArraySource(inputs, np.arange(len(numbers)) % 2, name="vector")


def made(**splits):
    return Dataset(splits, ("a", "b"))


def leaking():
    """Training examples 1, 2 and 4 are in the test split; 4 repeats 1."""
    return made(train=column(0, 1, 2, 3, 1), test=column(2, 9, 1))


def in_three_splits():
    return made(
        train=column(0, 1, 2, 3), validation=column(3, 4, 5), test=column(5, 1)
    )


def seen_of(*numbers):
    return EMPTY.union(column(*numbers).hashes, EMPTY.hashes)


@pytest.fixture(scope="module")
def digits():
    """28×28 images with copies made of the first test images."""
    splits = hold_out_validation(load("digits", Loading()), 0.1).splits
    train = splits["train"].gather(np.arange(50)).numpy()
    test = splits["test"].gather(np.arange(20)).numpy()
    exact, darker = test[:2], (test[2:5] * 0.8).astype(np.uint8)
    sources = {
        "train": np.concatenate([exact, train, darker]),
        "validation": (test[5:6] * 0.7).astype(np.uint8),
        "test": test,
    }
    return made(
        **{k: ArraySource(v, np.arange(len(v)) % 2) for k, v in sources.items()}
    )


def test_leaks_stop_the_run():
    message = (
        "^3 of 5 training examples are also in the test split, expected "
        "none: use --on_leak=drop.$"
    )
    with pytest.raises(UserError, match=message):
        handle_leaks(leaking(), "fail")


@pytest.mark.parametrize(("images", "told"), [(156, False), (157, True)])
def test_a_search_of_seconds_is_told(caplog, images, told):
    # 157 photos have as many pixels as 10,000 digits of MNIST, 156 have not
    photos = np.zeros((images - 1, 224, 224, 3), np.uint8)
    photos[:, 0, 0, 0] = np.arange(images - 1)
    train = ArraySource(photos, np.arange(images - 1) % 2)
    test = ArraySource(photos[:1] + 1, np.zeros(1, np.int64))
    with caplog.at_level("INFO", "keras_ptft"):
        handle_leaks(made(train=train, test=test), "warn")
    text = f"Comparing {images} images to find near duplicates"
    assert (text in caplog.text) == told


def test_leaks_are_dropped(caplog):
    dataset, found = handle_leaks(leaking(), "drop")
    assert dataset.splits["train"].indices.tolist() == [0, 3]
    assert found.as_dict() == {
        "train_in_test": 3,
        "duplicates_in_train": 1,
        "near": None,
        "action": "drop",
    }
    text = "3 of 5 training examples are also in the test split: dropped"
    assert text in caplog.text


def test_leaks_are_only_told(caplog):
    dataset, found = handle_leaks(leaking(), "warn")
    assert len(dataset.splits["train"]) == 5
    assert found.as_dict()["train_in_test"] == 3
    assert "left in" in caplog.text


def test_no_leaks(caplog):
    real = load("digits", Loading(image_size=8))
    dataset, found = handle_leaks(real, "fail")
    assert dataset is real and not caplog.text
    assert found.as_dict() == {
        "train_in_test": 0,
        "duplicates_in_train": 0,
        "near": None,
        "action": "fail",
    }


def test_several_inputs_are_compared_by_hashes():
    def several(*numbers):
        inputs = {"a": np.array(numbers), "image": np.eye(len(numbers))}
        inputs["image"][:] = 7
        return ArraySource(inputs, np.arange(len(numbers)) % 2)

    dataset, found = handle_leaks(
        made(train=several(1, 2, 3), test=several(2, 4, 9)), "drop"
    )
    assert dataset.splits["train"].indices.tolist() == [0, 2]
    assert found.as_dict()["near"] is None and found.shown == ()


def test_nothing_but_leaks():
    test = leaking().splits["test"]
    dataset = made(train=test, test=test)
    with pytest.raises(UserError, match="use other data"):
        handle_leaks(dataset, "fail")
    with pytest.raises(UserError, match="All 3 training examples are also in"):
        handle_leaks(dataset, "drop")


def test_every_two_splits_are_compared():
    dataset, found = handle_leaks(in_three_splits(), "drop")
    counts = found.as_dict()
    assert counts["train_in_test"] == 1
    assert counts["validation_in_test"] == 1
    assert counts["train_in_validation"] == 1
    left = {name: len(part) for name, part in dataset.splits.items()}
    assert left == {"train": 2, "validation": 2, "test": 2}
    with pytest.raises(
        UserError, match=r"^1 of 4 training examples are also in"
    ):
        handle_leaks(in_three_splits(), "fail")


@pytest.mark.parametrize("action", ["fail", "drop"])
def test_pretraining_on_the_test_split_stops_the_run(action):
    message = (
        "^1 of 2 test examples are among those that the weights were "
        "pretrained on, expected none: pretrain with --on_leak=drop, or set "
        "--on_leak=warn.$"
    )
    dataset = made(train=column(0, 1), test=column(8, 9))
    with pytest.raises(UserError, match=message):
        handle_leaks(dataset, action, pretrained_on=seen_of(9, 0, 1))


def test_pretraining_on_the_test_split_may_be_told(caplog):
    dataset = made(train=column(0, 1), test=column(8, 9))
    after, found = handle_leaks(dataset, "warn", pretrained_on=seen_of(9, 0))
    assert after is dataset
    assert found.as_dict()["test_in_pretraining"] == 1
    assert "pretrained on: left in" in caplog.text


def test_pretraining_on_what_is_trained_or_validated_on_is_fine(caplog):
    dataset = made(
        train=column(0, 1), validation=column(5, 6), test=column(8, 9)
    )
    _, found = handle_leaks(dataset, "fail", pretrained_on=seen_of(0, 1, 5))
    assert found.as_dict()["validation_in_pretraining"] == 1
    assert "1 of 2 validation examples are among" in caplog.text


def test_near_duplicates_never_stop_a_run(digits, caplog):
    two = take(digits.splits["train"], np.arange(2, 55))
    clean = digits.with_splits(train=two)
    after, found = handle_leaks(clean, "fail")
    assert after is clean
    assert found.as_dict()["near"] == {
        "train_in_test": 3,
        "validation_in_test": 1,
        "train_in_validation": 0,
    }
    text = "3 of 53 training images are near duplicates of test images, as "
    text += "example 5"
    assert text in caplog.text


def test_near_duplicates_are_dropped(digits):
    two = {name: digits.splits[name] for name in ("train", "test")}
    dataset, found = handle_leaks(made(**two), "drop")
    assert dataset.splits["train"].indices.tolist() == list(range(2, 52))
    assert found.as_dict()["train_in_test"] == 2
    assert found.as_dict()["near"] == {"train_in_test": 3}


def test_the_worst_pairs_are_shown(digits):
    _, found = handle_leaks(digits, "warn")
    assert [pair.splits for pair in found.shown] == [
        ("train", "test"),
        ("validation", "test"),
        *[("train", "test")] * 4,
    ]
    first, second = found.shown[:2]
    assert (first.names, first.bits) == (("example 0", "example 0"), 0)
    assert np.array_equal(*first.images)
    assert second.names == ("example 0", "example 5")
    assert not np.array_equal(*second.images)
    assert second.images[0].shape == (28, 28, 1)


def test_pairs_and_what_is_left_out_have_short_names(digits):
    splits = {name: digits.splits[name] for name in ("train", "test")}
    named = {}
    for split, source in splits.items():
        named[split] = take(source, np.arange(len(source)))
        named[split].name_of = f"/home/photos/{split}/cat/{{}}.jpg".format
    after, found = handle_leaks(made(**named), "drop")
    assert found.shown[0].names == ("cat/0.jpg", "cat/0.jpg")
    (left,) = after.left_out
    assert left.first == ("cat/0.jpg", "cat/1.jpg", "cat/52.jpg")


def test_near_duplicates_need_not_be_looked_for(digits):
    _, found = handle_leaks(digits, "warn", near=False)
    assert found.as_dict()["near"] is None
    assert [pair.bits for pair in found.shown] == [0, 0]


def test_what_was_seen_goes_on_to_the_next_run(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1))
    darker = (pixels[30:] * 0.9).astype(np.uint8)
    train, other, test = (
        ArraySource(images.astype(np.uint8), np.arange(len(images)) % 2)
        for images in (pixels, pixels[::-1].swapaxes(1, 2), darker)
    )
    _, found = handle_leaks(
        made(train=train, test=other), "warn", pretrained_on=seen_of(1, 2)
    )
    seen = found.seen_after(take(train, np.arange(40)))
    write_seen(tmp_path, seen)
    seen = seen_by(tmp_path / "backbone.keras")
    assert len(seen.contents) == 42 and len(seen.hashes) == 40

    fresh = made(train=other, test=train)
    _, found = handle_leaks(fresh, "warn", pretrained_on=seen)
    assert found.as_dict()["test_in_pretraining"] == 40
    assert found.as_dict()["near"]["test_in_pretraining"] == 0
    # of those made darker, 30 to 39 were trained on
    _, found = handle_leaks(
        made(train=other, test=test), "fail", pretrained_on=seen
    )
    assert found.as_dict()["test_in_pretraining"] == 0
    assert found.as_dict()["near"]["test_in_pretraining"] == 10


def test_weights_of_which_nothing_is_known(tmp_path, caplog):
    assert seen_by(tmp_path / "mine.keras") is None
    assert "mine.keras was trained on: there is no seen.npz" in caplog.text


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "other", "shape"])
def test_a_damaged_list_of_what_was_seen(tmp_path, damage):
    path = tmp_path / "seen.npz"
    write_seen(tmp_path, seen_of(1, 2, 3))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("hello")
    elif damage == "other":
        np.savez(path, x=np.zeros(3))
    else:
        np.savez(path, contents=np.zeros(3), hashes=np.zeros((2, 3)))
    with pytest.raises(UserError, match=r"Cannot read .*seen\.npz") as caught:
        seen_by(tmp_path / "backbone.keras")
    assert "\n" not in str(caught.value)


def test_a_fine_tuning_knows_what_its_parent_was_trained_on(tmp_path):
    generator = np.random.default_rng(0)
    x = generator.random((120, 5), np.float32)
    y = np.arange(120) % 2
    shared = {"runs_dir": str(tmp_path), "epochs": 1, "batch_size": 8}
    shared |= {"validation_fraction": 0.0, "backbone": "mlp_small"}
    for name, train, test in (
        ("first", slice(0, 40), slice(40, 60)),
        ("second", slice(60, 100), slice(38, 58)),
    ):
        arrays = {"x_train": x[train], "y_train": y[train]}
        arrays |= {"x_test": x[test], "y_test": y[test]}
        np.savez(tmp_path / f"{name}.npz", **arrays)

    def settings(name, data):
        dataset = f"npz:{tmp_path / data}.npz"
        return keras_ptft.Config(
            name=name, dataset=dataset, init_from="first", **shared
        )

    stages.pretrain(settings("first", "first").replace(init_from=""))
    with pytest.raises(UserError, match=r"^2 of 20 test examples are among"):
        stages.finetune(settings("second", "second"))
    kept = settings("second", "second").replace(on_leak="warn")
    leaks = stages.finetune(kept).leaks
    assert (leaks["test_in_pretraining"], leaks["near"]) == (2, None)
    # a run that starts from this one knows of both
    third = kept.replace(name="third", init_from="second", on_leak="fail")
    third = third.replace(dataset=f"npz:{tmp_path / 'third'}.npz")
    arrays = {"x_train": x[100:], "y_train": y[100:]}
    arrays |= {"x_test": x[[0, 60, 59]], "y_test": y[[0, 60, 59]]}
    np.savez(tmp_path / "third.npz", **arrays)
    with pytest.raises(UserError, match=r"^2 of 3 test examples are among"):
        stages.finetune(third)
