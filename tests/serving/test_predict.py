import csv

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.predict import Prediction, predict, to_csv

NAMES = tuple("零一二三四五六七八九")

PREDICTIONS = [
    Prediction("a, b.png", "狗", 0.75),
    Prediction("x.npy[3]", "cat", 1.0),
]


def test_digits_are_recognized(exported, digits, logits, tmp_path):
    images, labels = digits
    np.savez(tmp_path / "all.npz", images=images, labels=labels)
    (tmp_path / "0.png").write_bytes(tf.io.encode_png(images[0]).numpy())
    found = predict(exported.path, [tmp_path / "all.npz", tmp_path / "0.png"])
    assert len(found) == 1798
    assert [one.label for one in found[:-1]] == [
        NAMES[place] for place in logits.argmax(axis=1)
    ]
    right = [
        one.label == NAMES[label]
        for one, label in zip(found, labels, strict=False)
    ]
    assert np.mean(right) > 0.9
    expected = float(tf.reduce_max(tf.nn.softmax(logits[0])))
    assert found[0].probability == pytest.approx(expected, abs=1e-5)
    assert found[0].name.endswith("all.npz[0]")
    assert found[-1] == Prediction(
        str(tmp_path / "0.png"),
        found[0].label,
        pytest.approx(found[0].probability, abs=1e-5),
    )


def test_csv_goes_to_a_file(tmp_path):
    to_csv(PREDICTIONS, tmp_path / "out" / "found.csv")
    text = (tmp_path / "out" / "found.csv").read_text(encoding="utf-8")
    assert list(csv.reader(text.splitlines())) == [
        ["input", "label", "probability"],
        ["a, b.png", "狗", "0.750000"],
        ["x.npy[3]", "cat", "1.000000"],
    ]
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_csv_goes_to_the_terminal(capsys):
    to_csv(PREDICTIONS[1:], "-")
    assert capsys.readouterr().out == (
        "input,label,probability\nx.npy[3],cat,1.000000\n"
    )


def test_csv_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write"):
        to_csv(PREDICTIONS, tmp_path / "file" / "found.csv")
