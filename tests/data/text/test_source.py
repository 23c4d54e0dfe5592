import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.dataset import Loading, fingerprint, take
from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.sources.text_lines import lines
from keras_ptft.data.text.source import TagSource, TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.errors import UserError

TEXTS = ["", "北京", "🦊 fox", "a\0b\0", "x" * 100_000, "\n"]


def encoded(texts=TEXTS):
    return [text.encode() for text in texts]


def test_texts_come_as_they_were_stored():
    source = TextSource(in_memory(encoded()), [2, 1, 0, 0, 1, 2])
    assert source.spec == tf.TensorSpec((), tf.string, "text")
    assert source.labels.dtype == np.int64
    found = source.gather(tf.constant([5, 3, 3, 0], tf.int64)).numpy()
    assert found.tolist() == [b"\n", b"a\0b\0", b"a\0b\0", b""]
    assert source.gather(tf.zeros([0], tf.int64)).shape == (0,)
    assert source.hashes.tolist() == [content_hash(text) for text in encoded()]


def test_a_pipeline_knows_the_size_of_a_batch():
    source = TextSource(in_memory(encoded()))
    batches = tf.data.Dataset.range(6).batch(3, drop_remainder=True)
    batches = batches.map(source.gather)
    assert batches.element_spec == tf.TensorSpec((3,), tf.string)
    found = np.concatenate(list(batches.as_numpy_iterator()))
    assert found.tolist() == encoded()
    assert source.labels.tolist() == [0] * 6 and not source.contiguous


def test_tags_go_with_their_words():
    tags = [np.array([3, 0, 1]), np.array([0]), np.array([2, 2])]
    source = TagSource(in_memory(encoded(["in San Jose", "no", "a b"])), tags)
    assert source.labels.tolist() == [0, 0, 0]
    assert [each.tolist() for each in source.tags] == [[3, 0, 1], [0], [2, 2]]
    assert all(each.dtype == np.int32 for each in source.tags)
    batches = tf.data.Dataset.from_tensors(tf.constant([2, 0, 1], tf.int64))
    found = next(iter(batches.map(source.targets)))
    assert found.dtype == tf.int32
    assert found.numpy().tolist() == [[2, 2, -1], [3, 0, 1], [0, -1, -1]]
    part = take(source, np.array([1, 2]))
    assert [each.tolist() for each in part.tags] == [[0], [2, 2]]
    assert len(fingerprint(part)) == 32


def test_a_file_that_changes_while_it_is_in_use(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("one\ntwo\n")
    train = lines(Loading(), str(file), test_fraction=1e-9).splits["train"]
    assert train.name_of(1) == f"{file}, line 2"
    file.write_text("others\n")
    message = f"{file} has changed since it was first read, expected the same"
    with pytest.raises(UserError, match=message):
        train.gather(tf.constant([0], tf.int64))
    batches = tf.data.Dataset.range(2).batch(2).map(train.gather)
    # which the command line shows in one line
    with pytest.raises(tf.errors.OpError, match=f"UserError: {message}"):
        next(iter(batches))
