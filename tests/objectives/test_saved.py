"""What is known of a model, beside it."""

import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo, ImageForm
from keras_ptft.errors import UserError
from keras_ptft.files import read_json, write_json
from keras_ptft.objectives.saved import (
    OBJECTIVE_FILE,
    read_columns,
    read_objective,
    read_resize,
    write_objective,
)
from tests.infos import text_info

VECTOR = DataInfo(
    tf.TensorSpec((2,), tf.float32, "vector"),
    ("a", "b"),
    columns=("length", "width"),
)


def test_columns_and_the_form_of_images_travel(tmp_path):
    image = DataInfo(
        tf.TensorSpec((8, 8, 3), tf.uint8, "image"),
        ("a", "b"),
        image_form=ImageForm((1, 2, 3), "crop(share=0.5)"),
    )
    write_objective(tmp_path, "classification", image)
    info = read_objective(tmp_path).info
    assert (info.image_form, info.columns) == (image.image_form, ())
    assert read_resize(tmp_path) == "crop(share=0.5)"
    assert info.spec == image.spec
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
    for name in ("inputs", "columns", "background", "resize"):
        del found[name]
    write_json(tmp_path / OBJECTIVE_FILE, found)
    info = read_objective(tmp_path).info
    assert (info.columns, info.image_form) == ((), ImageForm())
    assert read_resize(tmp_path) == read_resize(tmp_path / "none") == "stretch"


@pytest.mark.parametrize(
    "change",
    [
        {"columns": "length"},
        {"columns": [1]},
        {"inputs": []},
        {"inputs": {"image": {"shape": [8, -1], "dtype": "uint8"}}},
        {"inputs": {"image": {"shape": [8, 8], "dtype": "code"}}},
        {"background": [255, 255]},
        {"background": [0, 0, 256]},
        {"background": "white"},
        {"target": 5.0},
        {"target": {"name": "price", "mean": 5.0}},
        {"target": {"name": "price", "mean": 5.0, "std": 0.0}},
        {"target": {"name": 1, "mean": 5.0, "std": 1.0}},
        {"resize": "bend"},
        {"resize": "crop(share=2.0)"},
        {"resize": None},
    ],
)
def test_what_was_changed_is_refused(tmp_path, change):
    write_objective(tmp_path, "classification", VECTOR)
    found = read_json(tmp_path / OBJECTIVE_FILE)
    write_json(tmp_path / OBJECTIVE_FILE, {**found, **change})
    with pytest.raises(UserError, match="was changed: run the stage again"):
        read_objective(tmp_path)
