"""Names of arrays say what they are and which split they are of."""

import pytest

from keras_ptft.data.sources.npz_keys import find_pairs
from keras_ptft.errors import UserError


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        ("x y", {"train": ("x", "y")}),
        ("X Y", {"train": ("X", "Y")}),
        ("image label", {"train": ("image", "label")}),
        ("inputs targets", {"train": ("inputs", "targets")}),
        ("x_train y_train", {"train": ("x_train", "y_train")}),
        ("trainX trainY", {"train": ("trainX", "trainY")}),
        (
            "X_train X_dev y_train y_dev",
            {"train": ("X_train", "y_train"), "validation": ("X_dev", "y_dev")},
        ),
        (
            "test_labels test_data training_set_labels training_set_data",
            {
                "train": ("training_set_data", "training_set_labels"),
                "test": ("test_data", "test_labels"),
            },
        ),
    ],
)
def test_pairs(names, pairs):
    found, rest = find_pairs(names.split(), "a.npz")
    assert found == pairs
    assert list(found) == list(pairs)
    assert rest == []


def test_what_is_left_over():
    names = [
        "x_train",
        "y_train",
        "x",
        "y",
        "label_names",
        "x_test",
        "test_ids",
        "x_latest",
    ]
    found, rest = find_pairs(names, "a.npz")
    assert found == {"train": ("x_train", "y_train")}
    assert rest == ["x", "y", "x_test", "test_ids", "x_latest"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("", "it holds: none"),
        ("x labels_all", "it holds: x, labels_all"),
        ("x_val y_val", "must hold inputs and labels"),
        ("x y label", "got 'y' and 'label': leave one out"),
        ("x_val x_valid y_val x y", "got 'x_val' and 'x_valid'"),
    ],
)
def test_what_cannot_be_used(names, message):
    with pytest.raises(UserError, match=message):
        find_pairs(names.split(), "a.npz")


@pytest.mark.parametrize(
    ("names", "pairs", "rest"),
    [
        ("x", {"train": ("x", "")}, ""),
        ("x label_names", {"train": ("x", "")}, ""),
        (
            "x_train x_test",
            {"train": ("x_train", ""), "test": ("x_test", "")},
            "",
        ),
        (
            "x_train x_test y_test",
            {"train": ("x_train", ""), "test": ("x_test", "")},
            "y_test",
        ),
        # labels of what is trained on are kept
        ("x_train y_train x_test", {"train": ("x_train", "y_train")}, "x_test"),
    ],
)
def test_inputs_alone_are_enough_where_no_labels_are_needed(names, pairs, rest):
    found = find_pairs(names.split(), "a.npz", needs_labels=False)
    assert found == (pairs, rest.split())


def test_inputs_without_a_split_to_train_on_are_not_enough():
    with pytest.raises(UserError, match="it holds: x_test"):
        find_pairs(["x_test"], "a.npz", needs_labels=False)
