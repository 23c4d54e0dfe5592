"""Numbers and sets of labels in npz files."""

import numpy as np
import pytest

from keras_ptft.data import Loading, load
from keras_ptft.data.core.targets import NUMBERS, SETS
from keras_ptft.errors import UserError

X = np.arange(80, dtype=np.float32).reshape(40, 2)
FLAGS = np.stack([np.arange(40) % 2, np.arange(40) % 3 == 0], axis=1)


def opened(folder, kind, **arrays):
    np.savez(folder / "a.npz", **{"x": X, **arrays})
    return load(f"npz:{folder}/a.npz", Loading(label_kind=kind))


@pytest.mark.parametrize("shape", [(40,), (40, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.int16])
def test_numbers(shape, dtype, tmp_path):
    y = (np.arange(40) * 3 - 7).astype(dtype)
    dataset = opened(tmp_path, NUMBERS, y=y.reshape(shape))
    parts = [part.values for part in dataset.splits.values()]
    assert sorted(np.concatenate(parts).tolist()) == y.tolist()


def test_names_of_labels_are_of_no_use_to_numbers(tmp_path):
    dataset = opened(tmp_path, NUMBERS, y=X[:, 0], label_names=["a", "b"])
    assert dataset.notes == ("label_names are not used for numbers",)


def test_sets(tmp_path):
    dataset = opened(tmp_path, SETS, y=FLAGS, label_names=["odd", "third"])
    assert dataset.label_names == ("odd", "third")
    parts = [part.values for part in dataset.splits.values()]
    assert np.concatenate(parts).sum(axis=0).tolist() == [20, 14]
    assert opened(tmp_path, SETS, y=FLAGS).label_names == ("0", "1")


def test_a_validation_split_has_values(tmp_path):
    given = {"x_val": X[:4] + 1000, "y_val": [1.0, 2.0, 3.0, 4.0]}
    np.savez(tmp_path / "a.npz", x_train=X, y_train=X[:, 0], **given)
    loading = Loading(label_kind=NUMBERS)
    dataset = load(f"npz:{tmp_path}/a.npz", loading)
    assert dataset.splits["validation"].values.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("kind", "arrays", "told"),
    [
        (
            NUMBERS,
            {"y": FLAGS},
            r"numbers of shape \(examples,\), got int64 of",
        ),
        (NUMBERS, {"y": ["a"] * 40}, "must be numbers of shape"),
        (NUMBERS, {"y": np.full(40, np.nan)}, "finite number .* at example 0"),
        (SETS, {"y": X[:, 0]}, r"shape \(examples, labels\), got float32"),
        (SETS, {"y": FLAGS + 1}, "0 or 1 for each label, got"),
        (SETS, {"y": FLAGS, "label_names": ["a"]}, "a name for each of 2"),
    ],
)
def test_arrays_that_hold_no_such_labels(kind, arrays, told, tmp_path):
    with pytest.raises(UserError, match=told) as caught:
        opened(tmp_path, kind, **arrays)
    assert "\n" not in str(caught.value)


def test_columns_are_for_tables(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=FLAGS)
    loading = Loading(label_kind=SETS, label_columns=("a", "b"))
    with pytest.raises(UserError, match="--label_columns=a,b is not for"):
        load(f"npz:{tmp_path}/a.npz", loading)
