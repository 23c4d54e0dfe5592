import os

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.text.token_source import token_source
from keras_ptft.errors import UserError
from keras_ptft.serving.export import export
from keras_ptft.serving.signatures.text import ids_of
from keras_ptft.serving.verification.expected import (
    ODD_TEXTS,
    Texts,
    examples_of,
    questions,
)
from keras_ptft.serving.verification.worker import (
    largest_differences,
    packed,
    unpacked,
)

KINDS = ("card", "天气")


@pytest.fixture
def asked(text_model, text_source, tokenizer):
    source = token_source(text_source, tokenizer)
    examples, texts = examples_of(source, tokenizer)
    return questions(text_model, examples, KINDS, texts)


def differences(text_export, asked, **changes):
    asked = {**asked, **changes}
    strings = {n: unpacked(asked.pop(n)) for n in ("texts", "label_names")}
    examples = asked.pop("examples")
    return largest_differences(str(text_export.path), examples, asked, strings)


def test_strings_of_any_bytes_are_packed():
    texts = [b"", b"\0a\0", b"\xff", "猫".encode()]
    assert packed(texts).dtype == np.uint8
    assert unpacked(packed(texts)).tolist() == texts


def test_odd_texts_and_real_ones_are_asked(asked):
    texts = unpacked(asked["texts"])
    assert texts.tolist()[: len(ODD_TEXTS)] == list(ODD_TEXTS)
    assert texts[-1].decode() == "今天天气怎么样"
    assert len(asked["examples"]) == len(asked["logits"]) == len(texts)
    assert np.isfinite(asked["logits"]).all()


def test_the_proof_is_exact(text_export, asked):
    found = differences(text_export, asked)
    assert set(found) == {"serving_default", "tokens"}
    assert max(found.values()) <= 1e-5


@pytest.mark.slow
def test_ids_made_otherwise_are_found(
    text_model, text_source, tokenizer, tmp_path
):
    source = token_source(text_source, tokenizer)
    examples, texts = examples_of(source, tokenizer)
    # as if preparation had left out the last text's first character
    examples[-1] = np.roll(examples[-1], -1)
    examples[-1, -1] = 0
    with pytest.raises(UserError, match=r"differs .* .serving_default."):
        export(
            text_model,
            tmp_path,
            label_names=KINDS,
            examples=examples,
            texts=texts,
        )
    assert os.listdir(tmp_path) == []


def test_other_labels_are_found(text_export, asked):
    names = packed([b"card", b"rain"])
    found = differences(text_export, asked, label_names=names)
    assert found["serving_default"] == np.inf
    assert found["tokens"] <= 1e-5


def test_tags_come_with_their_words(tagger, tokenizer):
    texts = np.array([b"freeze my card", b"a b c d e f g h"], object)
    ids = ids_of(tf.constant(texts), tokenizer, tagging=True).numpy()
    found = questions(tagger, ids, ("O", "B"), Texts(tokenizer, texts))
    words = unpacked(found["words"])[-2:].tolist()
    assert words == [
        [b"freeze", b"my", b"card", b"", b"", b""],
        [b"a", b"b", b"c", b"d", b"e", b"f"],
    ]
    assert found["logits"].shape == (len(ODD_TEXTS) + 2, 6, 2)
