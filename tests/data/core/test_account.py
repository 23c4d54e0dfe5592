import numpy as np
import pytest

from keras_ptft.data import checked, load
from keras_ptft.data.core.account import LeftOut, account, left_out
from keras_ptft.data.core.classes import select_classes
from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.core.splits import hold_out_validation, subset
from tests.data.core.small import numbered


def test_found_is_used_and_left_out():
    dataset = load("digits", Loading(image_size=8))
    dataset = select_classes(dataset, "0-4")
    dataset = hold_out_validation(dataset, 0.1)
    dataset = subset(dataset, "train", 100, 0)
    found = account(dataset).as_dict()
    left = sum(part["count"] for part in found["left_out"])
    assert (found["found"], found["used"] + left) == (1797, 1797)
    assert found["splits"]["train"]["classes"] == dict.fromkeys("01234", 20)
    reasons = [part["reason"] for part in found["left_out"]]
    assert reasons == ["of other classes"] * 2 + ["beyond --train_examples=100"]
    by_class = found["left_out"][0]["classes"]
    assert sum(by_class.values()) == found["left_out"][0]["count"]
    assert set(by_class) == set("56789")


def test_what_a_loader_left_out_is_found_too():
    splits = {"train": numbered([0, 1]), "test": numbered([1], 9)}
    bad = left_out("that cannot be decoded", ["a.png", "b.png"], split="train")
    dataset = checked(
        Dataset(splits, ("a", "b"), left_out=bad), "given", Loading()
    )
    found = account(dataset)
    assert found.found == 5
    assert found.as_dict()["splits"]["train"]["left_out"] == 2


def test_an_example_that_vanishes_is_an_error_of_the_program():
    splits = {"train": numbered([0, 1, 1]), "test": numbered([1], 9)}
    dataset = checked(Dataset(splits, ("a", "b")), "given", Loading())
    lost = dataset.with_splits(train=numbered([0, 1]))
    with pytest.raises(RuntimeError, match="4 examples found, 3 accounted"):
        account(lost)


def test_lines_name_the_first_of_what_is_left_out():
    part = LeftOut("hidden", 4, ("a", "b", "c"), "train")
    assert str(part) == "4 hidden in train (a, b, c, ...)"
    assert str(LeftOut("hidden", 1200)) == "1,200 hidden"
    assert left_out("hidden", []) == ()


def test_many_classes_are_told_by_their_range():
    labels = np.repeat(np.arange(20), np.arange(1, 21))
    names = tuple(f"c{n}" for n in range(20))
    dataset = Dataset({"train": numbered(labels)}, names)
    (line,) = account(dataset).lines()
    assert line.endswith("210 train (20 classes of 1 to 20)")
    assert len(account(dataset).as_dict()["splits"]["train"]["classes"]) == 20
