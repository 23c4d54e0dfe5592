import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.sources.npz import npz
from keras_ptft.errors import UserError

RANDOM = np.random.default_rng(0)


@pytest.fixture
def saved(tmp_path):
    def save(size=0, **arrays):
        np.savez(tmp_path / "a.npz", **arrays)
        return npz(Loading(image_size=size), str(tmp_path / "a.npz"))

    return save


def rows(source):
    return source.gather(tf.range(len(source), dtype=tf.int64)).numpy()


@pytest.mark.parametrize(
    "shape, dtype, spec",
    [
        ((9, 5), np.float64, ((5,), tf.float32, "vector")),
        ((9, 5), np.uint8, ((5,), tf.float32, "vector")),
        ((9, 5, 4), np.uint8, ((5, 4, 1), tf.uint8, "image")),
        ((9, 5, 4, 3), np.uint8, ((5, 4, 3), tf.uint8, "image")),
        ((9, 5, 4), np.float64, ((5, 4, 1), tf.float32, "array")),
        ((9, 5, 4, 2, 2), np.int32, ((5, 4, 2, 2), tf.float32, "array")),
    ],
)
def test_what_each_array_becomes(saved, shape, dtype, spec):
    x = (RANDOM.random(shape) * 9).astype(dtype)
    dataset = saved(x=x, y=np.arange(9) % 2)
    assert dataset.spec == tf.TensorSpec(*spec)


@pytest.mark.parametrize("keys", [("x", "y"), ("images", "labels")])
def test_one_pair_is_split_by_content(saved, keys):
    x = RANDOM.random((200, 3))
    dataset = saved(**dict(zip(keys, (x, np.arange(200) % 4), strict=True)))
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert len(train) + len(test) == 200 and 20 < len(test) < 60
    assert not np.isin(train.hashes, test.hashes).any()
    assert (rows(train) == x.astype(np.float32)[train.indices]).all()
    assert (train.labels == train.indices % 4).all()


def test_two_pairs_are_train_and_test(saved):
    dataset = saved(
        x_train=np.ones((3, 2)),
        y_train=[5, 7, 5],
        x_test=np.ones((2, 2), np.float32),
        y_test=[[9], [7]],
    )
    assert dataset.label_names == ("5", "7", "9")
    assert dataset.splits["train"].labels.tolist() == [0, 1, 0]
    assert dataset.splits["test"].labels.tolist() == [2, 1]
    # equal numbers are equal examples, however precisely they were saved
    assert dataset.splits["train"].hashes[0] == dataset.splits["test"].hashes[0]


def test_text_labels_become_sorted_names(saved):
    dataset = saved(x_train=np.eye(2), y_train=["cat", "ant"], **HELD_OUT)
    assert dataset.label_names == ("ant", "bee", "cat")
    assert dataset.splits["train"].labels.tolist() == [2, 0]


def test_label_names_keep_their_order(saved):
    names = ["zebra", "cat", "ant", "bee"]
    dataset = saved(
        x_train=np.eye(2),
        y_train=["cat", "ant"],
        label_names=names,
        **HELD_OUT,
    )
    assert dataset.label_names == tuple(names)
    assert dataset.splits["train"].labels.tolist() == [1, 2]
    dataset = saved(x=np.eye(2), y=[1, 0], label_names=["no", "yes"])
    assert dataset.label_names == ("no", "yes")


HELD_OUT = {"x_test": np.eye(2), "y_test": ["bee", "bee"]}


def test_images_are_resized(saved):
    x = np.zeros((4, 6, 2), np.uint8)
    assert saved(5, x=x, y=[0, 1, 0, 1]).spec.shape == (5, 5, 1)


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"z": np.ones(3)}, "must hold .* x y, or .*; it holds: z"),
        ({"x": np.array([{}, 1]), "y": [0, 1]}, "holds pickled objects"),
        ({"x": np.array(["a", "b"]), "y": [0, 1]}, "x of .* must hold numbers"),
        ({"x": np.ones((0, 2)), "y": []}, r"got float64 of shape \(0, 2\)"),
        ({"x": np.ones(4), "y": [0] * 4}, r"shape \(examples, ...\)"),
        ({"x": [[1.0], [np.nan]], "y": [0, 1]}, "NaN or infinity at example 1"),
        ({"x": [[1e300], [1.0]], "y": [0, 1]}, "infinity at example 0"),
        ({"x": np.eye(3), "y": [0, 1]}, "got 3 examples and 2 labels"),
        ({"x": np.eye(2), "y": [0.5, 1]}, "integers or text, got float64"),
        ({"x": np.eye(2), "y": [0, -1]}, "negative, got -1 at example 1"),
        ({"x": np.eye(2), "y": np.eye(2)}, r"shape \(examples,\), got \(2, 2"),
        (
            {"x": np.eye(2), "y": [0, 2], "label_names": ["a", "b"]},
            "from 0 to 1, got 2 at example 1",
        ),
        (
            {"x": np.eye(2), "y": ["a", "c"], "label_names": ["a", "b"]},
            "label_names of .* lack 'c'",
        ),
        (
            {"x_train": np.eye(2), "x_test": np.eye(3)}
            | {"y_train": [0, 1], "y_test": [0, 1, 0]},
            "must be alike",
        ),
    ],
)
def test_what_cannot_be_used(saved, arrays, message):
    with pytest.raises(UserError, match=message) as caught:
        saved(**arrays)
    assert "\n" not in str(caught.value)


def test_what_is_no_npz_file(tmp_path):
    with pytest.raises(UserError, match=r"No npz file .*: correct the path"):
        npz(Loading(), str(tmp_path / "none.npz"))
    with pytest.raises(UserError, match="No npz file"):
        npz(Loading(), str(tmp_path))
    np.save(tmp_path / "a.npy", np.eye(2))
    with pytest.raises(UserError, match="not an npz file"):
        npz(Loading(), str(tmp_path / "a.npy"))


def test_a_damaged_file(tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, x=np.eye(40), y=np.arange(40) % 2)
    content = bytearray(file.read_bytes())
    content[2000:2100] = bytes(range(100))
    file.write_bytes(content)
    with pytest.raises(UserError, match="Cannot read"):
        npz(Loading(), str(file))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5])
def test_a_fraction_of_nothing_or_all(tmp_path, fraction):
    np.savez(tmp_path / "a.npz", x=np.eye(4), y=[0, 1, 0, 1])
    with pytest.raises(UserError, match="test_fraction must lie between"):
        npz(Loading(), str(tmp_path / "a.npz"), test_fraction=fraction)
