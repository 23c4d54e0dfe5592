import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import DATASETS, Loading, load
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.hashing import content_hashes
from keras_ptft.data.images.resize import resize_images
from keras_ptft.errors import UserError


def test_every_row_of_the_table_is_tested():
    assert set(DATASETS) == {
        "digits",
        "mnist",
        "fashion_mnist",
        "tfds",
        "folder",
        "npz",
        "csv",
        "tsv",
        "jsonl",
        "parquet",
        "textfolder",
        "lines",
        "text",
        "conll",
    }


def test_hashes_are_blake2b_of_each_row():
    # b2sum --length=64 of the bytes 1 2 and 3 4, read as little-endian
    array = np.array([[1, 2], [3, 4], [1, 2]], np.uint8)
    hashes = content_hashes(array)
    assert hashes.dtype == np.uint64
    assert hashes[0] == hashes[2] != hashes[1]
    assert hashes[0].tobytes().hex() == "2d8c377aedfc6330"


def test_hashes_do_not_depend_on_memory_order():
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    mirrored = np.asfortranarray(array)
    assert (content_hashes(array) == content_hashes(mirrored)).all()


def test_a_source_gathers_rows_of_a_static_shape():
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2, 1)
    source = ArraySource(images, np.zeros(6))
    assert source.spec == tf.TensorSpec((2, 2, 1), tf.uint8, "image")
    rows = source.gather(tf.constant([5, 0], tf.int64))
    assert (rows.numpy() == images[[5, 0]]).all()


def test_a_mapped_file_gathers_the_same(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2, 1)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    source = ArraySource(mapped, np.zeros(6))
    indices = tf.constant([5, 0, 0], tf.int64)
    assert (source.gather(indices).numpy() == images[[5, 0, 0]]).all()
    batches = tf.data.Dataset.from_tensors(indices).map(source.gather)
    assert batches.element_spec.shape == (3, 2, 2, 1)
    assert (next(iter(batches)).numpy() == images[[5, 0, 0]]).all()


def test_several_inputs_by_name(tmp_path):
    np.save(tmp_path / "b.npy", np.arange(6, dtype=np.float32).reshape(3, 2))
    inputs = {
        "a": np.array([[1, 2], [3, 4], [1, 2]], np.uint8),
        "b": np.load(tmp_path / "b.npy", mmap_mode="r"),
    }
    source = ArraySource(inputs, [0, 1, 0])
    assert source.spec == {
        "a": tf.TensorSpec((2,), tf.uint8, "a"),
        "b": tf.TensorSpec((2,), tf.float32, "b"),
    }
    found = source.gather(tf.constant([2, 1], tf.int64))
    assert found["a"].numpy().tolist() == [[1, 2], [3, 4]]
    assert found["b"].numpy().tolist() == [[4, 5], [2, 3]]
    # examples 0 and 2 differ in one input only
    assert len(np.unique(source.hashes)) == 3
    swapped = ArraySource(dict(reversed(inputs.items())), [0, 1, 0])
    assert swapped.hashes.tolist() == source.hashes.tolist()
    some = ArraySource({"a": inputs["a"], "b": inputs["a"]}, [0, 1, 0])
    assert some.hashes[0] == some.hashes[2] != some.hashes[1]


@pytest.mark.parametrize(
    "labels, shown",
    [
        ([0.7, 1.9], "0.7"),
        ([0, np.nan], "nan"),
        ([0, np.inf], "inf"),
        (["a", "b"], "a"),
    ],
)
def test_labels_must_be_whole_numbers(labels, shown):
    message = f"^Labels must be whole numbers, got {shown}: number the"
    with pytest.raises(UserError, match=message):
        ArraySource(np.eye(2), labels)


def test_there_is_one_label_for_each_example():
    labels = ArraySource(np.eye(2), [0.0, 1.0]).labels
    assert labels.tolist() == [0, 1] and labels.dtype == np.int64
    with pytest.raises(UserError, match="got 2 examples of 'b' and 3 labels"):
        ArraySource({"a": np.eye(3), "b": np.eye(2)}, [0, 1, 0])


def test_digits_as_bundled():
    dataset = load("digits", Loading(image_size=8))
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert dataset.label_names == tuple("0123456789")
    assert dataset.spec == tf.TensorSpec((8, 8, 1), tf.uint8, "image")
    assert (len(train), len(test)) == (1446, 351)
    assert len(train) + len(test) == 1797
    assert not np.isin(train.hashes, test.hashes).any()
    images = train.source.gather(tf.range(1797, dtype=tf.int64)).numpy()
    assert images.min() == 0 and images.max() == 255
    # the first digit's first row is 0 0 5 13 9 1 0 0 of 16
    assert images[0, 0, :, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]


def test_digits_keep_their_split_when_enlarged():
    small, large = (
        load("digits", Loading(image_size=8)),
        load("digits", Loading(image_size=28)),
    )
    assert large.spec.shape == (28, 28, 1)
    for split in ("train", "test"):
        first, second = small.splits[split], large.splits[split]
        assert (first.hashes == second.hashes).all()
        picks = tf.constant([0, 7], tf.int64)
        expected = resize_images(first.gather(picks), 28)
        assert (second.gather(picks).numpy() == expected.numpy()).all()


def test_load_refuses_what_is_unknown():
    with pytest.raises(UserError, match='did you mean "digits"'):
        load("digit", Loading())
    with pytest.raises(UserError, match="Unknown setting 'size' of dataset"):
        load("digits(size=3)", Loading())


def test_load_refuses_an_empty_split(tmp_path):
    # equal examples are never divided
    x = [[1.0, 2.0]] * 3 + [[3.0, 4.0]]
    np.savez(tmp_path / "a.npz", x=x, y=[0, 1, 0, 1])
    message = "has no (test|train) examples: add data, or change test_fraction"
    with pytest.raises(UserError, match=message):
        load(f"npz:{tmp_path}/a.npz", Loading())


def test_load_refuses_a_single_class(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.eye(4), y=[3, 3, 3, 3])
    with pytest.raises(UserError, match="at least two classes, got only '3'"):
        load(f"npz:{tmp_path}/a.npz", Loading())
