import csv
import dataclasses
import zipfile
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.errors import UserError

# a few seconds each, and told in short by other tests
pytestmark = pytest.mark.slow


def every(source):
    found = source.gather(tf.range(len(source), dtype=tf.int64)).numpy()
    return [text.decode() for text in found]


@pytest.fixture(scope="module")
def clinc(shared_data, tmp_path_factory):
    return Loading(
        manual_dir=str(shared_data / "clinc_oos"),
        data_dir=str(tmp_path_factory.mktemp("tfds")),
    )


@pytest.fixture(scope="module")
def requests(clinc):
    return load("tfds:clinc_oos", clinc)


@pytest.fixture(scope="module")
def published(shared_data):
    """Name of a file → texts and intents as they were published."""
    archive = zipfile.ZipFile(shared_data / "clinc_oos" / "clinc_oos.zip")

    def read(name):
        lines = archive.read(f"{name}.csv").decode().splitlines()
        return Counter(
            (row["text"], row["intent_name"]) for row in csv.DictReader(lines)
        )

    with archive:
        yield read


@pytest.mark.parametrize(
    ("split", "name", "size"),
    [("train", "train", 100), ("validation", "val", 20), ("test", "test", 30)],
)
def test_clinc_is_what_was_published(requests, published, split, name, size):
    names, source = requests.label_names, requests.splits[split]
    assert len(names) == 150 and names == tuple(sorted(names))
    assert np.bincount(source.labels).tolist() == [size] * 150
    labels = [names[label] for label in source.labels]
    found = Counter(zip(every(source), labels, strict=True))
    assert found == published(name)


def test_requests_out_of_scope_stand_apart(requests, published):
    out_of_scope = requests.splits["out_of_scope"]
    assert len(out_of_scope) == 1000
    assert np.unique(out_of_scope.labels).tolist() == [-1]
    assert Counter(every(out_of_scope)) == Counter(
        text for text, _ in published("test_ood").elements()
    )


@pytest.mark.slow
def test_another_column_labels_the_same_texts(clinc):
    other = dataclasses.replace(clinc, label_column="domain")
    dataset = load("tfds:clinc_oos", other)
    assert len(dataset.label_names) == 10 and "banking" in dataset.label_names
    assert np.bincount(dataset.splits["train"].labels).tolist() == [1500] * 10
    unlabelled = dataclasses.replace(clinc, label_column="")
    dataset = load("tfds:clinc_oos", unlabelled)
    assert dataset.label_names == () and len(dataset.splits["train"]) == 15_000
    assert set(dataset.splits) == {"train", "validation", "test"}
    assert sorted(map(str, dataset.left_out)) == [
        "1,000 of split 'test_oos', which is not used",
        "100 of split 'train_oos', which is not used",
        "100 of split 'validation_oos', which is not used",
    ]


def test_columns_that_are_not_there(clinc):
    for setting, value, wanted in (
        ("text_columns", ("txt",), "text, intent_name, domain_name"),
        ("text_columns", ("text", "txt"), "text, intent_name, domain_name"),
        ("label_column", "intnt", '.*mean "intent".* one of text, intent'),
    ):
        loading = dataclasses.replace(clinc, **{setting: value})
        named = value if isinstance(value, str) else value[-1]
        kind = setting.partition("_")[0]
        message = f"no {kind} column '{named}' .*--{kind}_column one"
        with pytest.raises(UserError, match=message) as caught:
            load("tfds:clinc_oos", loading)
        assert caught.match(wanted)


def test_one_long_text_becomes_blocks(shared_data, tmp_path):
    folder = shared_data / "tiny_shakespeare"
    loading = Loading(manual_dir=str(folder), data_dir=str(tmp_path))
    dataset = load("tfds:tiny_shakespeare", loading)
    assert dataset.label_names == ()
    parts = [
        "".join(every(dataset.splits[split]))
        for split in ("train", "validation", "test")
    ]
    whole = (folder / "input.txt").read_text()
    assert "".join(parts) == whole
    assert len(parts[0]) == int(0.9 * len(whole))
    assert all(source.contiguous for source in dataset.splits.values())


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A prepared set as IMDB's is: labelled, and more without labels."""
    import tensorflow_datasets as tfds

    folder = tmp_path_factory.mktemp("tfds")

    def split(texts, labels):
        rows = {"text": texts, "label": labels}
        return tf.data.Dataset.from_tensor_slices(rows)

    tfds.dataset_builders.store_as_tfds_dataset(
        name="reviews",
        version="1.0.0",
        data_dir=folder,
        features=tfds.features.FeaturesDict(
            {
                "text": tfds.features.Text(),
                "label": tfds.features.ClassLabel(names=["pos", "neg"]),
            }
        ),
        split_datasets={
            "train": split(["good", "bad"], [0, 1]),
            "test": split(["", "nice"], [1, 0]),
            "unsupervised": split(["so so 猫"], [-1]),
        },
        disable_shuffling=True,
    )
    return Loading(data_dir=str(folder))


def test_labels_keep_the_names_of_the_set(reviews):
    dataset = load("tfds:reviews", reviews)
    assert dataset.columns == ("text",)
    assert list(map(str, dataset.left_out)) == [
        "1 of split 'unsupervised', which is not used"
    ]
    assert account(dataset).found == 5
    assert dataset.label_names == ("pos", "neg")
    assert set(dataset.splits) == {"train", "test"}
    assert every(dataset.splits["train"]) == ["good", "bad"]
    assert dataset.splits["train"].labels.tolist() == [0, 1]
    assert every(dataset.splits["test"]) == ["", "nice"]


def test_unlabelled_texts_are_trained_on_too(reviews):
    unlabelled = dataclasses.replace(reviews, label_column="")
    dataset = load("tfds:reviews", unlabelled)
    assert dataset.left_out == () and account(dataset).found == 5
    train = dataset.splits["train"]
    assert every(train) == ["good", "bad", "so so 猫"]
    assert not train.contiguous and train.labels.tolist() == [0, 0, 0]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """A prepared set of two texts, with labels of several kinds."""
    import tensorflow_datasets as tfds

    folder = tmp_path_factory.mktemp("tfds")

    def split(first, second, numbers, names):
        rows = {"a": first, "b": second, "number": numbers, "name": names}
        return tf.data.Dataset.from_tensor_slices(rows)

    tfds.dataset_builders.store_as_tfds_dataset(
        name="pairs",
        version="1.0.0",
        data_dir=folder,
        features=tfds.features.FeaturesDict(
            {
                "a": tfds.features.Text(),
                "b": tfds.features.Text(),
                "number": tfds.features.Scalar(np.int64),
                "name": tfds.features.Text(),
            }
        ),
        split_datasets={
            "train": split(
                ["one", "two 猫", "three"],
                ["1", "2", ""],
                [10, 9, 10],
                [*"xyx"],
            ),
            "test": split(["four"], ["4"], [9], ["Y"]),
        },
        disable_shuffling=True,
    )
    return Loading(data_dir=str(folder), text_columns=("a", "b"))


def test_two_columns_make_one_text(pairs):
    dataset = load(
        "tfds:pairs", dataclasses.replace(pairs, label_column="number")
    )
    assert dataset.columns == ("a", "b")
    train = dataset.splits["train"]
    assert every(train) == ["one ␞ 1", "two 猫 ␞ 2", "three ␞ "]
    # numbers are sorted as numbers
    assert dataset.label_names == ("9", "10")
    assert train.labels.tolist() == [1, 0, 1]
    assert dataset.splits["test"].labels.tolist() == [0]
    # a trained model reads the columns that it was trained on
    tokenizer = Tokenizer("words", ("one",), np.ones(1, int), 4)
    trained = DataInfo(columns=("b", "a"), tokenizer=tokenizer)
    other = dataclasses.replace(
        pairs, text_columns=(), label_column="number", trained=trained
    )
    assert every(load("tfds:pairs", other).splits["test"]) == ["4 ␞ four"]


def test_a_label_that_training_lacks(pairs):
    loading = dataclasses.replace(pairs, label_column="name")
    with pytest.raises(UserError) as caught:
        load("tfds:pairs", loading)
    assert str(caught.value) == (
        "Split 'test' of pairs has label 'Y', which training lacks (did you "
        'mean "y"?): correct it, or train on examples of it.'
    )
