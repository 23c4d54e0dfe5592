import csv

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.inference.predict import Prediction, predict, to_csv
from keras_ptft.serving.inference.predictor import load_predictor

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


@pytest.fixture(params=["run", "file", "version"])
def text_place(request, text_run, text_export):
    return {
        "run": text_run,
        "file": text_run / "model.keras",
        "version": text_export.path,
    }[request.param]


def test_texts_are_labelled(text_place, tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("Freeze the card!\n\n今天天气\n", encoding="utf-8")
    odd = ["", "👩‍🚀", "a\0b", "a\udcff", "冻结 " * 50_000]
    found = predict(text_place, [file, "rain today?", *odd])
    assert [one.label for one in found[:1] + found[2:4]] == [
        *("card", "天气", "天气")
    ]
    assert [one.name for one in found[:4]] == [
        *(f"{file}[{place}]" for place in range(3)),
        "rain today?",
    ]
    assert all(0.5 <= one.probability <= 1 for one in found)
    assert (len(found), found[-1].label) == (9, "card")


def test_what_is_not_probable_has_no_label(text_run, capsys):
    texts = ["freeze my card", ""]
    sure, unsure = predict(text_run, texts, reject_below=0.9)
    assert str(sure).startswith("freeze my card  card  ")
    assert str(unsure).startswith("  (none)  0.")
    to_csv([unsure], "-")
    told = capsys.readouterr().out.splitlines()
    assert told[1].startswith(",,0.")


def test_words_are_tagged(tagger, tokenizer, make_run, tmp_path):
    folder = make_run(tmp_path / "run", tagger, tokenizer, ("O", "B"))
    found = predict(folder, ["freeze my card", "", "a b c d e f g h"])
    words = [word.split("/") for word in found[0].label.split()]
    assert [word for word, _ in words] == ["freeze", "my", "card"]
    assert {tag for _, tag in words} <= {"O", "B"}
    assert (found[1].label, found[1].probability) == ("", 1.0)
    assert len(found[2].label.split()) == 6
    predictor = load_predictor(folder)
    (row,) = predictor.tags(np.array([b"freeze my card"], object))
    assert found[0].probability == pytest.approx(min(p for _, _, p in row))
    with pytest.raises(UserError, match="tags words"):
        predict(folder, ["freeze"], reject_below=0.5)


def test_a_text_model_needs_its_tokenizer(text_run, tmp_path):
    for name in ("model.keras", "labels.json"):
        (tmp_path / name).symlink_to(text_run / name)
    with pytest.raises(UserError, match=r"Cannot read .*tokenizer\.json"):
        predict(tmp_path / "model.keras", ["a"])


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
