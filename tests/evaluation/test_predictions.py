import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.evaluation import predictions
from keras_ptft.evaluation.predictions import (
    PREDICTIONS_FILE,
    Predictions,
    read_predictions,
    write_predictions,
)


def some(examples, classes=3):
    logits = np.arange(examples * classes, dtype=np.float32)
    return Predictions(
        logits.reshape(examples, classes),
        np.arange(examples) % classes,
        np.arange(examples, dtype=np.uint64) + np.uint64(2**63),
    )


def test_what_was_written_is_read(tmp_path):
    splits = {"validation": some(2), "test": some(4)}
    write_predictions(tmp_path, splits)
    assert [path.name for path in tmp_path.iterdir()] == [PREDICTIONS_FILE]
    found = read_predictions(tmp_path)
    assert list(found) == ["validation", "test"]
    for split, expected in splits.items():
        for one, other in zip(found[split], expected, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_the_same_predictions_are_the_same_bytes(tmp_path):
    contents = []
    for _ in range(2):
        write_predictions(tmp_path, {"test": some(4)})
        contents.append((tmp_path / PREDICTIONS_FILE).read_bytes())
    assert contents[0] == contents[1]


def test_too_many_are_left_out_and_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(predictions, "_MOST_NUMBERS", 11)
    caplog.set_level("INFO", "keras_ptft")
    write_predictions(tmp_path, {"validation": some(2), "test": some(4)})
    assert list(read_predictions(tmp_path)) == ["validation"]
    assert caplog.messages == [
        "The predictions of the test split are not stored: 4 examples of 3 "
        "classes are more than 11 numbers."
    ]


@pytest.mark.parametrize("content", [None, b"", b"PK broken", b"PK\3\4 broken"])
def test_a_file_that_cannot_be_read(tmp_path, content):
    write_predictions(tmp_path, {})
    assert not list(tmp_path.iterdir())
    if content is not None:
        (tmp_path / PREDICTIONS_FILE).write_bytes(content)
    with pytest.raises(UserError, match=r"Cannot read .*predictions\.npz, exp"):
        read_predictions(tmp_path)
