"""What is known of a model, beside it."""

import pytest
import tensorflow as tf

from keras_ptft.data.core.info import WHITE, DataInfo
from keras_ptft.errors import UserError
from keras_ptft.files import read_json, write_json
from keras_ptft.objectives.saved import (
    OBJECTIVE_FILE,
    read_columns,
    read_objective,
    write_objective,
)
from tests.infos import text_info

VECTOR = DataInfo(
    tf.TensorSpec((2,), tf.float32, "vector"),
    ("a", "b"),
    columns=("length", "width"),
)


def test_columns_and_background_travel(tmp_path):
    image = DataInfo(
        tf.TensorSpec((8, 8, 3), tf.uint8, "image"),
        ("a", "b"),
        background=(1, 2, 3),
    )
    write_objective(tmp_path, "classification", image)
    info = read_objective(tmp_path).info
    assert (info.background, info.columns) == ((1, 2, 3), ())
    assert read_json(tmp_path / OBJECTIVE_FILE)["inputs"] == {
        "image": {
            "shape": [8, 8, 3],
            "dtype": "uint8",
            "files": "JPEG, PNG, BMP or GIF",
        }
    }
    write_objective(tmp_path, "classification", VECTOR)
    assert read_objective(tmp_path).info.columns == ("length", "width")
    assert read_columns(tmp_path) == ("length", "width")


def test_a_text_is_one_wherever_it_stands(tmp_path):
    words = ("[PAD]", "[UNK]", "[MASK]", "[END]", "to")
    write_objective(
        tmp_path, "masked_tokens", text_info(words, sequence_length=4)
    )
    assert read_columns(tmp_path) == ()
    assert read_columns(tmp_path / "none") == ()


def test_files_of_earlier_versions_are_read(tmp_path):
    write_objective(tmp_path, "classification", VECTOR)
    found = read_json(tmp_path / OBJECTIVE_FILE)
    for name in ("inputs", "columns", "background"):
        del found[name]
    write_json(tmp_path / OBJECTIVE_FILE, found)
    info = read_objective(tmp_path).info
    assert (info.columns, info.background) == ((), WHITE)


@pytest.mark.parametrize(
    "change",
    [
        {"columns": "length"},
        {"columns": [1]},
        {"background": [255, 255]},
        {"background": [0, 0, 256]},
        {"background": "white"},
    ],
)
def test_what_was_changed_is_refused(tmp_path, change):
    write_objective(tmp_path, "classification", VECTOR)
    found = read_json(tmp_path / OBJECTIVE_FILE)
    write_json(tmp_path / OBJECTIVE_FILE, {**found, **change})
    with pytest.raises(UserError, match="was changed: run the stage again"):
        read_objective(tmp_path)
