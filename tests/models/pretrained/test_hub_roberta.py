"""RoBERTa of KerasHub computes what it computes there, of the same texts."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tokenizers

from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.errors import UserError
from keras_ptft.models.pretrained import PRETRAINED
from keras_ptft.models.saved import load_model
from keras_ptft.registry import lookup
from keras_ptft.transfer.cut import cut_points
from tests.models.pretrained import roberta_files

pytest.importorskip("keras_hub")

TEXTS = ["what is my balance", "", "  Don't say <mask>, 北京! "]


@pytest.fixture(scope="module")
def pairs():
    text = "what is my balance , don't say 北京 and the weather 2023"
    return roberta_files.trained([text] * 9, size=310)


@pytest.fixture(scope="module")
def theirs(pairs):
    return roberta_files.backbone(pairs.get_vocab_size())


@pytest.fixture(scope="module")
def preset(theirs, pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("preset")
    roberta_files.save_preset(folder, theirs, pairs)
    return folder


@pytest.fixture
def hugging_face(theirs, tmp_path):
    roberta_files.save_hugging_face(tmp_path, theirs)
    return tmp_path


def load(spec):
    return lookup(PRETRAINED, spec, "pretrained model")(0)


def ids_of(reading):
    """The texts as a model reads them, padded with 0."""
    tokenizer = Tokenizer.given(
        reading.tokenizer,
        reading.vocabulary,
        reading.sequence_length,
        reading.rules,
    )
    return tokenizer(tf.constant(TEXTS)).to_tensor().numpy()


def rows_of(theirs, pairs):
    package = tokenizers.Tokenizer.from_str(pairs.to_str())
    package.encode_special_tokens = True
    found = package.encode_batch(TEXTS, add_special_tokens=False)
    return roberta_files.features(theirs, [one.ids for one in found])


def test_a_preset(preset, theirs, pairs, tmp_path):
    known = load(f"hub:{preset}")
    reading = known.reading
    assert reading.tokenizer == "bpe"
    assert reading.vocabulary[:5] == (
        *("[PAD]", "[UNK]", "[MASK]", "[END]", "[CLS]"),
    )
    assert len(reading.vocabulary) == theirs.vocabulary_size
    assert reading.sequence_length == 38

    # <s> and </s> come from the model
    ids = ids_of(reading)
    rows, real = rows_of(theirs, pairs)
    mean = (rows * real).sum(1) / real.sum(1)
    features = known.backbone(ids, training=False)
    np.testing.assert_allclose(features, mean, atol=1e-5)

    points = cut_points(known.backbone)
    assert {"embedding", "block1", "block2", "features"} < {*points}
    path = tmp_path / "again.keras"
    known.backbone.save(path)
    np.testing.assert_array_equal(load_model(path)(ids), features)
    assert b"keras_hub" not in path.read_bytes()


def test_a_folder_of_hugging_face(hugging_face, theirs, pairs):
    pairs.save(str(hugging_face / "tokenizer.json"))
    known = load(f"hub({str(hugging_face)!r}, pool='cls')")
    rows, _ = rows_of(theirs, pairs)
    features = known.backbone(ids_of(known.reading), training=False)
    np.testing.assert_allclose(features, rows[:, 0], atol=1e-5)


def test_the_files_of_an_older_one(hugging_face, pairs):
    pairs.save_model(str(hugging_face))
    path = hugging_face / "tokenizer_config.json"
    path.write_text(json.dumps({"add_prefix_space": True}))
    # read as its file says, and not longer than sentences were
    path = hugging_face / "sentence_bert_config.json"
    path.write_text(json.dumps({"max_seq_length": 12}))
    reading = load(f"hub:{hugging_face}").reading
    assert reading.sequence_length == 10
    theirs = tokenizers.ByteLevelBPETokenizer(
        str(hugging_face / "vocab.json"),
        str(hugging_face / "merges.txt"),
        add_prefix_space=True,
    )
    names = [
        [reading.vocabulary[index] for index in row if index]
        for row in ids_of(reading)
    ]
    assert names == [one.tokens for one in theirs.encode_batch(TEXTS)]
    assert names[0][0].startswith("Ġ")


def test_a_folder_without_a_tokenizer(hugging_face):
    with pytest.raises(UserError) as caught:
        load(f"hub:{hugging_face}")
    assert str(caught.value) == (
        f"{hugging_face} has no tokenizer, expected tokenizer.json, or "
        "vocab.json and merges.txt: copy them from where the model comes from."
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", '{"model": {"type": "Unigram"}}', "kind Unigram"),
        ("tokenizer.json", "{", "Cannot read .*tokenizer.json, expected JSON"),
        (
            "tokenizer.json",
            "[]",
            "tokenizer.json must hold an object in braces",
        ),
        (
            "config.json",
            {"pad_token_id": 0},
            "config.json must have as pad_token_id 1, got 0: choose a RoBERTa",
        ),
        ("config.json", {"layer_norm_eps": 1e-12}, "layer_norm_eps 1e-05, got"),
        ("config.json", {"hidden_act": "relu"}, 'hidden_act "gelu", got relu'),
    ],
)
def test_what_cannot_be_read(hugging_face, name, content, message):
    path = hugging_face / name
    if isinstance(content, dict):
        content = json.dumps(json.loads(path.read_text()) | content)
    path.write_text(content)
    with pytest.raises(UserError, match=message) as caught:
        load(f"hub:{hugging_face}")
    assert "\n" not in str(caught.value)
