"""Sets of our own, since the real ones of these kinds are large."""

import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading, fingerprint
from keras_ptft.data.core.info import ImageForm
from keras_ptft.data.images.resize import resize_images
from keras_ptft.data.sources.tfds.builder import tfds
from keras_ptft.data.sources.tfds.images import read_split
from keras_ptft.errors import UserError


class Squares(tensorflow_datasets.core.GeneratorBasedBuilder):
    """Images of many sizes, without a test split."""

    VERSION = tensorflow_datasets.core.Version("1.0.0")
    SPLITS = ("train", "validation")
    SIZES = (3, 5)

    def shape(self):
        height, width = self.SIZES
        return (4, 6, 3) if height == width else (None, None, 3)

    def _info(self):
        features = tensorflow_datasets.features
        return tensorflow_datasets.core.DatasetInfo(
            builder=self,
            features=features.FeaturesDict(
                {
                    "image": features.Image(shape=self.shape()),
                    "label": features.ClassLabel(names=["dark", "light"]),
                }
            ),
        )

    def _split_generators(self, dl_manager):
        del dl_manager
        return {
            split: self._generate_examples(100 * number)
            for number, split in enumerate(self.SPLITS)
        }

    def _generate_examples(self, first):
        for number in range(first, first + 40):
            height, width = self.SIZES
            size = (4 + number % height, 6 + number % width, 3)
            image = np.full(size, number % 256, np.uint8)
            yield number, {"image": image, "label": number % 2}


class Oblong(Squares):
    """Images of one size, which is not square."""

    SPLITS = ("train", "test")
    SIZES = (1, 1)


class Slopes(Oblong):
    """Images whose columns differ."""

    def _generate_examples(self, first):
        for number in range(first, first + 40):
            columns = np.arange(number, number + 60, 10, np.uint8)
            image = np.tile(columns[:, None], (4, 1, 3))
            yield number, {"image": image, "label": number % 2}


class ManySplits(Oblong):
    """Splits under other names, and some of no use."""

    SPLITS = ("training", "dev", "eval", "test", "extra", "trainer")


class Unlabelled(Oblong):
    """Images without a class."""

    def _info(self):
        features = tensorflow_datasets.features
        return tensorflow_datasets.core.DatasetInfo(
            builder=self,
            features=features.FeaturesDict(
                {"image": features.Image(shape=self.shape())}
            ),
        )

    def _generate_examples(self, first):
        for number, example in super()._generate_examples(first):
            yield number, {"image": example["image"]}


class OnlyTest(Squares):
    """A set that holds nothing to train on."""

    SPLITS = ("test",)


class Broken(Squares):
    """A set whose files are not what its authors expected."""

    def _generate_examples(self, first):
        raise KeyError(f"no\nfile {first}")


def test_a_set_of_varying_sizes(tmp_path):
    dataset = load(
        "tfds:squares", Loading(image_size=6, data_dir=str(tmp_path))
    )
    splits = dataset.splits
    assert dataset.label_names == ("dark", "light")
    assert dataset.spec == tf.TensorSpec((6, 6, 3), tf.uint8, "image")
    assert len(splits["train"]) + len(splits["test"]) == 40
    assert len(splits["test"]) and len(splits["validation"]) == 40
    for source in splits.values():
        every = tf.range(len(source), dtype=tf.int64)
        images = source.gather(every).numpy()
        assert (images == images[:, :1, :1, :1]).all()
        assert (images[:, 0, 0, 0] % 2 == source.labels).all()


def test_varying_sizes_need_a_size(tmp_path):
    with pytest.raises(UserError, match=r"varying size, .*: set --image_size"):
        tfds(Loading(data_dir=str(tmp_path)), "squares")


def test_a_set_without_training_examples(tmp_path):
    loading = Loading(image_size=6, data_dir=str(tmp_path))
    message = "tfds:only_test has no split 'train'; its splits are: test"
    with pytest.raises(UserError, match=message):
        tfds(loading, "only_test")


def test_a_set_that_fails_on_its_own(tmp_path):
    loading = Loading(image_size=6, data_dir=str(tmp_path))
    with pytest.raises(UserError, match="Cannot prepare tfds:broken") as caught:
        tfds(loading, "broken")
    assert "\n" not in str(caught.value)


def test_a_set_of_one_size_stays_as_stored(tmp_path):
    dataset = load("tfds:oblong", Loading(data_dir=str(tmp_path)))
    assert dataset.spec.shape == (4, 6, 3)
    assert {key: len(part) for key, part in dataset.splits.items()} == {
        "train": 40,
        "test": 40,
    }


def test_images_without_a_class(tmp_path):
    loading = Loading(data_dir=str(tmp_path), needs_labels=False)
    dataset = load("tfds:unlabelled", loading)
    assert dataset.label_names == ()
    train = dataset.splits["train"]
    assert len(train) == 40 and not train.labels.any()
    with pytest.raises(UserError, match="its features are: image"):
        tfds(Loading(data_dir=str(tmp_path)), "unlabelled")


def test_splits_under_other_names(tmp_path):
    dataset = load("tfds:many_splits", Loading(data_dir=str(tmp_path)))
    sizes = {key: len(part) for key, part in dataset.splits.items()}
    assert sizes == {"train": 40, "validation": 40, "test": 40}
    # the fourth, whose name is exact, and not the third
    test = dataset.splits["test"]
    images = test.gather(tf.range(40, dtype=tf.int64)).numpy()
    assert sorted(images[:, 0, 0, 0]) == [n % 256 for n in range(300, 340)]
    assert account(dataset).found == 6 * 40
    assert list(map(str, dataset.left_out)) == [
        f"40 of split '{name}', which is not used"
        for name in ("eval", "extra", "trainer")
    ]


@pytest.mark.parametrize("kind, size", [("oblong", 5), ("squares", 6)])
def test_a_large_split_is_mapped_from_a_file(tmp_path, kind, size):
    loading = Loading(image_size=size, data_dir=str(tmp_path))
    expected = tfds(loading, kind).splits["train"]
    builder = tensorflow_datasets.builder(kind, data_dir=str(tmp_path))
    shape = (size, size, 3)
    file = (
        pathlib.Path(builder.data_path) / f"decoded-train-{size}x{size}x3.npy"
    )
    assert not file.exists()
    large = read_split(builder, "train", shape, memory_limit=1000)
    assert file.stat().st_size > 40 * size * size * 3
    assert (large.hashes == expected.hashes).all()
    assert (large.labels == expected.labels).all()
    picks = tf.constant([39, 4, 4], tf.int64)
    images = expected.gather(picks).numpy()
    assert (large.gather(picks).numpy() == images).all()
    written = file.stat().st_mtime_ns
    again = read_split(builder, "train", shape, memory_limit=1000)
    assert file.stat().st_mtime_ns == written
    assert (again.gather(picks).numpy() == images).all()
    assert not list(file.parent.glob("*partial*"))


def test_hashes_are_of_what_is_stored(tmp_path):
    stored = tfds(Loading(data_dir=str(tmp_path)), "oblong").splits["test"]
    loading = Loading(image_size=9, data_dir=str(tmp_path))
    resized = tfds(loading, "oblong").splits["test"]
    assert (stored.hashes == resized.hashes).all()
    picks = tf.constant([0, 9], tf.int64)
    images = resize_images(stored.gather(picks), 9).numpy()
    assert (resized.gather(picks).numpy() == images).all()


def test_what_is_cut_is_kept_apart(tmp_path):
    form = ImageForm(resize="crop(share=0.9)")
    loading = Loading(image_size=5, image_form=form, data_dir=str(tmp_path))
    dataset = tfds(loading, "slopes")
    assert dataset.image_form == form
    stored = tfds(Loading(data_dir=str(tmp_path)), "slopes").splits["train"]
    picks = tf.constant([39, 4], tf.int64)
    # 4 of 4 rows, 1 of 6 columns at each side left out
    expected = resize_images(stored.gather(picks)[:, :, 1:5], 5).numpy()
    whole = dataset.splits["train"]
    assert (whole.gather(picks).numpy() == expected).all()
    assert (whole.hashes == stored.hashes).all()
    builder = tensorflow_datasets.builder("slopes", data_dir=str(tmp_path))
    shape = 5, 5, 3
    mapped = read_split(builder, "train", shape, form.resize, memory_limit=1000)
    assert (mapped.gather(picks).numpy() == expected).all()
    assert fingerprint(mapped) == fingerprint(whole)
    stretched = read_split(builder, "train", shape, memory_limit=1000)
    assert (stretched.gather(picks).numpy() != expected).any()
    assert fingerprint(stretched) != fingerprint(whole)
    files = pathlib.Path(builder.data_path).glob("decoded-train-*")
    assert sorted(file.name for file in files) == [
        "decoded-train-5x5x3-crop-share-0.9-.npy",
        "decoded-train-5x5x3.npy",
    ]


def test_images_are_cut_to_a_size_alone(tmp_path):
    form = ImageForm(resize="crop")
    loading = Loading(image_form=form, data_dir=str(tmp_path))
    with pytest.raises(UserError, match="=crop makes squares of --image_size"):
        tfds(loading, "oblong")


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    tfds(Loading(data_dir=str(tmp_path)), "oblong")
    builder = tensorflow_datasets.builder("oblong", data_dir=str(tmp_path))
    folder = pathlib.Path(builder.data_path)
    before = sorted(folder.iterdir())
    size = 26_000
    if shutil.disk_usage(folder).free > 40 * 3 * size**2:
        pytest.skip("the disk would hold 81 GB")
    with pytest.raises(UserError, match=r"Cannot write .*: No space left"):
        read_split(builder, "train", (size, size, 3))
    assert sorted(folder.iterdir()) == before


def test_nothing_of_tfds_is_printed(tmp_path, capfd):
    tfds(Loading(image_size=6, data_dir=str(tmp_path)), "squares")
    assert capfd.readouterr().out == ""
