"""Tables without state."""

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.normalize.string_table import StringTable, find


def test_numbers_are_found():
    indices, found = find(np.int32([2, 5, 9]), tf.constant([9, 1, 2, 10, 5]))
    assert found.numpy().tolist() == [True, False, True, False, True]
    assert indices.numpy()[found].tolist() == [2, 0, 1]


def test_strings_are_found():
    strings = [f"word {i}" for i in range(5000)] + ["中", "a\x00", "a", "\n"]
    table = StringTable(strings)
    found = table.find(tf.constant([*strings, "word", "", "a\x00\x00"]))
    assert found.dtype == tf.int32
    assert found.numpy().tolist() == [*range(len(strings)), -1, -1, -1]


def test_a_table_may_be_empty():
    found = StringTable([]).find(tf.constant(["", "a"]))
    assert found.numpy().tolist() == [-1, -1]
