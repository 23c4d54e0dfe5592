import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.core.info import ImageForm
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


@pytest.mark.parametrize("keys", ["x y", "images labels", "data targets"])
def test_one_pair_is_split_by_content(tmp_path, keys):
    x = RANDOM.random((200, 3))
    arrays = dict(zip(keys.split(), (x, np.arange(200) % 4), strict=True))
    np.savez(tmp_path / "a.npz", **arrays)
    dataset = load(f"npz:{tmp_path}/a.npz", Loading())
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert account(dataset).found == 200
    assert len(train) + len(test) == 200 and 20 < len(test) < 60
    assert not np.isin(train.hashes, test.hashes).any()
    assert (rows(train) == x.astype(np.float32)[train.indices]).all()
    assert (train.labels == train.indices % 4).all()


def test_two_pairs_are_train_and_test(saved):
    dataset = saved(
        x_train=np.ones((3, 2)),
        y_train=[10, 9, 10],
        x_test=np.ones((2, 2), np.float32),
        y_test=[[9], [10]],
    )
    assert dataset.label_names == ("9", "10")
    assert dataset.splits["train"].labels.tolist() == [1, 0, 1]
    assert dataset.splits["test"].labels.tolist() == [0, 1]
    # equal numbers are equal examples, however precisely they were saved
    assert dataset.splits["train"].hashes[0] == dataset.splits["test"].hashes[0]
    assert dataset.notes == ()


def test_the_layout_of_medmnist(saved):
    sizes = {"train": 6, "val": 4, "test": 2}
    arrays = {}
    for split, size in sizes.items():
        shape = (size, 4, 4, 3)
        arrays[f"{split}_images"] = RANDOM.integers(0, 255, shape, np.uint8)
        arrays[f"{split}_labels"] = np.arange(size)[:, None] % 2
    dataset = saved(**arrays)
    found = {split: len(part) for split, part in dataset.splits.items()}
    assert found == {"train": 6, "validation": 4, "test": 2}
    assert dataset.spec == tf.TensorSpec((4, 4, 3), tf.uint8, "image")
    assert dataset.label_names == ("0", "1")
    validation = dataset.splits["validation"]
    assert (rows(validation) == arrays["val_images"]).all()
    assert validation.labels.tolist() == [0, 1, 0, 1]
    assert dataset.notes == ()


def test_other_arrays_are_left_out_and_named(saved, tmp_path):
    dataset = saved(x=np.eye(2), y=[0, 1], ids=[1, 2], x_test=np.eye(2))
    assert dataset.notes == (
        f"arrays of {tmp_path}/a.npz that are left out: ids, x_test",
    )
    assert list(dataset.splits) == ["train"]


def test_test_labels_that_training_lacks(saved, tmp_path):
    with pytest.raises(UserError) as caught:
        saved(
            x_train=np.eye(2),
            y_train=["cat", "ant"],
            x_test=np.eye(2),
            y_test=["ant", "Cat"],
        )
    assert str(caught.value) == (
        f"y_test of {tmp_path}/a.npz has label 'Cat', which training lacks "
        '(did you mean "cat"?): correct it, or train on examples of it.'
    )


def test_one_hot_labels(saved, tmp_path):
    dataset = saved(x=np.eye(3), y=np.eye(4)[[3, 0, 1]])
    assert dataset.label_names == ("0", "1", "2", "3")
    assert dataset.splits["train"].labels.tolist() == [3, 0, 1]
    assert dataset.notes == (f"y of {tmp_path}/a.npz were one-hot",)


@pytest.mark.parametrize(
    ("dtype", "told"), [(np.uint16, "uint16"), (np.float64, "float64")]
)
def test_arrays_that_may_have_been_meant_as_images(
    saved, tmp_path, dtype, told
):
    dataset = saved(x=np.ones((2, 5, 4, 3), dtype), y=[0, 1])
    assert dataset.spec == tf.TensorSpec((5, 4, 3), tf.float32, "array")
    assert dataset.notes == (
        f"x of {tmp_path}/a.npz, {told} of 5×4×3, is taken for arrays of "
        "numbers: images are uint8",
    )


def test_channels_that_may_stand_first(saved, tmp_path):
    dataset = saved(x=np.ones((2, 3, 5, 6), np.uint8), y=[0, 1])
    assert dataset.spec == tf.TensorSpec((3, 5, 6), tf.uint8, "image")
    assert dataset.notes == (
        f"x of {tmp_path}/a.npz is taken for images of 3×5 pixels with 6 "
        "channels: where channels stand first, move them behind",
    )


def test_images_are_resized(saved):
    x = np.zeros((4, 6, 2), np.uint8)
    assert saved(5, x=x, y=[0, 1, 0, 1]).spec.shape == (5, 5, 1)


def test_the_middle_of_images(tmp_path):
    x = np.arange(48, dtype=np.uint8).reshape(2, 4, 6)
    file = str(tmp_path / "a.npz")
    np.savez(file, x=x, y=[0, 1])
    form = ImageForm((1, 2, 3), "crop(share=0.5)")
    dataset = npz(Loading(image_size=2, image_form=form), file)
    assert dataset.image_form == form
    train = dataset.splits["train"]
    assert rows(train)[..., 0].tolist() == x[:, 1:3, 2:4].tolist()
    assert train.encoding == b"crop(share=0.5)"
    with pytest.raises(UserError, match="which is not set: set it") as caught:
        npz(Loading(image_form=form), file)
    assert "\n" not in str(caught.value)
    # there is no middle of numbers
    np.savez(file, x=np.eye(2), y=[0, 1])
    assert rows(npz(Loading(image_form=form), file).splits["train"]).sum() == 2


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"z": np.ones(3)}, "inputs and labels, as x and y, .* holds: z"),
        ({"x": np.eye(3)}, "it holds: x"),
        ({"x_test": np.eye(2), "y_test": [0, 1]}, "it holds: x_test, y_test"),
        (
            {"x": np.eye(2), "images": np.eye(2), "y": [0, 1]},
            "one array of each kind, got 'x' and 'images': leave one out",
        ),
        ({"x": np.array([{}, 1]), "y": [0, 1]}, "holds pickled objects"),
        ({"x": np.array(["a", "b"]), "y": [0, 1]}, "x of .* must hold numbers"),
        ({"x": np.ones((0, 2)), "y": []}, r"got float64 of shape \(0, 2\)"),
        ({"x": np.ones(4), "y": [0] * 4}, r"shape \(examples, ...\)"),
        ({"x": [[1.0], [np.nan]], "y": [0, 1]}, "NaN or infinity at example 1"),
        ({"x": [[1e300], [1.0]], "y": [0, 1]}, "infinity at example 0"),
        ({"x": np.eye(3), "y": [0, 1]}, "got 3 examples and 2 labels"),
        (
            {"x": np.eye(2), "y": [0, 2], "label_names": ["a", "b"]},
            "from 0 to 1, got 2 at example 1",
        ),
    ],
)
def test_what_cannot_be_used(saved, arrays, message):
    with pytest.raises(UserError, match=message) as caught:
        saved(**arrays)
    assert "\n" not in str(caught.value)


def test_splits_of_other_shapes(saved, tmp_path):
    labels = {"y_train": [0, 1], "y_test": [0, 1, 0]}
    saved(x_train=RANDOM.random((2, 2)), x_test=np.eye(3), **labels)
    with pytest.raises(UserError, match="must have the same inputs"):
        load(f"npz:{tmp_path}/a.npz", Loading())


@pytest.mark.parametrize("setting", ["group_column", "group_pattern"])
def test_groups_are_refused(tmp_path, setting):
    with pytest.raises(UserError, match=f"--{setting}=a is not for --dataset"):
        npz(Loading(**{setting: "a"}), str(tmp_path / "a.npz"))


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
        load(f"npz('{tmp_path}/a.npz', test_fraction={fraction})", Loading())
