"""Saving and loading, damaged files, and exports."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.text.tokenizers import SPECIAL, Tokenizer, learn
from keras_ptft.data.text.tokenizers.vocabulary import escaped, unescaped
from keras_ptft.errors import UserError

TEXTS = [
    "To be,\nor not\tto be\\n",
    "我来到北京 \x00\u2028\x85",
    "<b>ÀÉ</b> 👍🏽",
]
SETTINGS = [
    "words(ngrams=(3, 4), buckets=50, lower=False)",
    "characters(all=True, clean=False, lower=False)",
    "subwords(vocabulary_size=60)",
    "jieba",
    "wordpiece",
]
PIECES = (*SPECIAL, "to", "be", "or", "not", "##é", "a", "我", "<", "\\")
LOADING = """
import json, sys, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
serve = loaded.signatures["serving_default"]
found = serve(text=tf.constant(json.load(sys.stdin)))
print(json.dumps({k: v.numpy().tolist() for k, v in found.items()}))
"""


@functools.cache
def learned(setting):
    if setting == "wordpiece":
        return Tokenizer.given(setting, PIECES, 12)
    return learn(setting, lambda: [tf.constant(TEXTS)], 12)


@pytest.mark.parametrize("setting", SETTINGS)
def test_saved_and_loaded(tmp_path, setting):
    tokenizer = learned(setting)
    tokenizer.save(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["tokenizer.json", "vocabulary.txt"]
    loaded = Tokenizer.load(tmp_path)
    for name in ("setting", "vocabulary", "sequence_length", "width", "size"):
        assert getattr(loaded, name) == getattr(tokenizer, name)
    np.testing.assert_array_equal(loaded.counts, tokenizer.counts)
    assert loaded(TEXTS).to_list() == tokenizer(TEXTS).to_list()


def test_the_vocabulary_is_a_token_a_line(tmp_path):
    tokenizer = learned("characters(all=True, clean=False, lower=False)")
    tokenizer.save(tmp_path)
    text = (tmp_path / "vocabulary.txt").read_text("utf-8")
    # by what Python, an editor or a terminal takes for the end of a line
    lines = text.splitlines()
    assert len(lines) == len(tokenizer.vocabulary)
    assert lines[:6] == ["[PAD]\t0", "[UNK]\t0", "[MASK]\t0", "[END]\t0",
                         r"\x20" + "\t5", "b\t4"]  # fmt: skip
    assert {r"\n", r"\\", r"\t", r"\x00", r"\u2028", "我"} <= {
        line.split("\t")[0] for line in lines
    }


@pytest.mark.parametrize(
    "token", ["\n", "\\n", "\\", "\\\\n", " ", "\U0001f3fd", "\x85", "\\x41"]
)
def test_escapes_can_be_undone(token):
    assert unescaped(escaped(token)) == token
    assert escaped(token).split() == [escaped(token)]


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("version", 2, "must be of version 1 or less, got 2"),
        ("version", None, "must hold the 'version'"),
        ("width", 3, "must hold the 'width'"),
        ("sequence_length", 0, "must hold the 'sequence_length'"),
        ("sequence_length", True, "must hold the 'sequence_length'"),
        ("vocabulary", "0", "must hold the tokens that its tokenizer.json"),
        ("setting", 5, "must hold the 'setting'"),
        ("setting", "wordz", "Unknown tokenizer 'wordz'"),
    ],
)
def test_damaged_settings_are_errors(tmp_path, name, value, message):
    learned("words").save(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(UserError, match=message) as caught:
        Tokenizer.load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("tokenizer.json", b"[]", "must hold the 'setting'"),
        ("tokenizer.json", b"{", "Cannot read"),
        ("tokenizer.json", None, "Cannot read"),
        ("vocabulary.txt", b"[PAD]\t0\n", "was changed: run the stage again"),
        ("vocabulary.txt", b"\xff", "Cannot read"),
        ("vocabulary.txt", None, "Cannot read"),
    ],
)
def test_damaged_files_are_errors(tmp_path, name, content, message):
    learned("words").save(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        Tokenizer.load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_an_export_gives_the_same_ids_in_another_process(tmp_path):
    rows = {
        "words": learned(SETTINGS[0]),
        "subwords": learned("subwords(vocabulary_size=60)"),
        "characters": learned("characters"),
        "wordpiece": learned("wordpiece"),
    }
    spec = tf.TensorSpec([None], tf.string, "text")

    @tf.function(input_signature=[spec])
    def serve(text):
        return {name: rows[name](text).to_tensor() for name in rows}

    tf.saved_model.save(tf.Module(), tmp_path / "away", signatures=serve)
    # nothing points back to where it was written
    place = (tmp_path / "away").rename(tmp_path / "served")
    assert not [*pathlib.Path(place, "assets").glob("*")]
    texts = [*TEXTS, "", "unseen 未知 Ａ &amp;", "TITLE"]
    done = subprocess.run(
        [sys.executable, "-c", LOADING, place],
        input=json.dumps(texts),
        # there TensorFlow's own lower case of I is another letter
        env={**os.environ, "LC_ALL": "tr_TR.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        name: row(texts).to_tensor().numpy().tolist()
        for name, row in rows.items()
    }
