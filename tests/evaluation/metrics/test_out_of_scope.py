import numpy as np
import pytest

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.classes import select_classes
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.leakage.check import handle_leaks
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics.out_of_scope import confidence, out_of_scope


def test_numbers_worked_by_hand():
    # of 40 validation examples the two lowest, 0.01 and 0.02, may be
    # rejected, so the threshold is the third
    validation = np.arange(1, 41)[::-1] / 100
    test = np.array([0.9, 0.8, 0.03, 0.02])
    outside = np.array([0.01, 0.02, 0.03, 0.5, 0.85])
    found = out_of_scope(test, outside, validation, reject_below=0.6)
    # of 20 pairs the test example is the higher one in 5 (0.9), 4 (0.8), and
    # 2 and a tie (0.03), 1 and a tie (0.02)
    assert found.pop("auroc") == pytest.approx((5 + 4 + 2.5 + 1.5) / 20)
    assert found == {
        "examples": 5,
        "chosen_on": "validation",
        "threshold": 0.03,
        "recall": 2 / 5,
        "false_rejection": 1 / 4,
        "at_reject_below": {
            "threshold": 0.6,
            "recall": 4 / 5,
            "false_rejection": 2 / 4,
        },
    }


@pytest.mark.parametrize("examples", [1, 19, 20, 21, 140, 1000])
def test_at_most_one_in_twenty_is_rejected(examples):
    known = np.random.default_rng(0).permutation(examples) / examples
    found = out_of_scope(known, np.array([0.5]))
    assert found["chosen_on"] == "test"
    assert found["false_rejection"] == (examples // 20) / examples


def test_equal_probabilities_are_not_rejected():
    found = out_of_scope(np.ones(100), np.ones(7))
    assert found["threshold"] == 1.0
    assert found["recall"] == found["false_rejection"] == 0.0
    assert found["auroc"] == 0.5


def test_confidence_does_not_overflow():
    logits = np.array([[1e4, 0.0], [-1e4, -1e4]], np.float32)
    assert confidence(logits).tolist() == [1.0, 0.5]


def test_no_examples_are_an_error():
    some, none = np.array([0.5]), np.array([])
    for given in ((none, some), (some, none), (some, some, none)):
        with pytest.raises(UserError, match="at least 1 example in each"):
            out_of_scope(*given)


def test_what_is_outside_is_no_leak():
    rows = np.arange(12.0).reshape(6, 2)
    train = ArraySource(rows, [0, 1, 0, 1, 0, 1])
    test = ArraySource(rows + 100, [0, 1, 0, 1, 0, 1])
    outside = ArraySource(rows, np.full(6, -1))
    splits = {"train": train, "test": test, "out_of_scope": outside}
    dataset, leaks = handle_leaks(Dataset(splits, ("a", "b")), "fail")
    assert set(leaks.as_dict()) >= {"train_in_test"}
    assert not any("out_of_scope" in name for name in leaks.as_dict())
    assert dataset.splits["out_of_scope"] is outside


def test_what_is_outside_of_all_classes_is_outside_of_some():
    source = ArraySource(np.eye(4), [0, 1, 2, 2])
    outside = ArraySource(np.eye(4), np.full(4, -1))
    splits = {"train": source, "test": source, "out_of_scope": outside}
    chosen = select_classes(Dataset(splits, ("a", "b", "c")), "b,c")
    assert chosen.splits["out_of_scope"] is outside
    assert chosen.splits["test"].labels.tolist() == [0, 1, 1]


def test_a_text_in_two_splits_is_shown_once():
    train = TextSource(in_memory([b"to be", "生存".encode()]))
    test = TextSource(in_memory(["生存".encode(), b"not to be"]))
    _, leaks = handle_leaks(Dataset({"train": train, "test": test}, ()), "warn")
    (pair,) = leaks.shown
    assert (pair.text, pair.images, pair.bits) == ("生存", (), 0)
    assert pair.names == ("example 1", "example 0")
