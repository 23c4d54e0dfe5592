import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.text.token_source import texts_of, token_source
from keras_ptft.data.text.tokenizers import Tokenizer, learn
from keras_ptft.errors import UserError
from keras_ptft.serving.export import export
from keras_ptft.serving.signatures.signature import write_saved_model
from keras_ptft.serving.signatures.text import (
    ODD_TEXTS,
    ids_of,
    stack_padded,
    text_signatures,
)

KINDS = ("card", "天气")
TAGS = ("O", "卡")
ALL = tf.range(8, dtype=tf.int64)


@pytest.fixture(scope="module")
def tag_signatures(tagger, tokenizer, tagged_examples):
    return text_signatures(
        tagger, tokenizer, TAGS, *tagged_examples, tagging=True
    )


@pytest.fixture(scope="module")
def tagged(tag_signatures, publish):
    return publish(tag_signatures)


def test_texts_are_cut_and_padded_as_in_training(text_source, tokenizer):
    source = token_source(text_source, tokenizer)
    np.testing.assert_array_equal(
        ids_of(text_source.gather(ALL), tokenizer), source.gather(ALL)
    )
    # six tokens are kept, and the shortest bucket is as long
    assert ids_of(tf.constant([""]), tokenizer).numpy().tolist() == [[0] * 6]
    assert ids_of(tf.constant([], tf.string), tokenizer).shape == (0, 6)


def test_rows_of_any_length_are_stacked():
    numbers = [np.ones((2, 1, 3), int), np.ones((1, 2, 3), int)]
    assert stack_padded(numbers)[:, 1].tolist() == [[0] * 3, [0] * 3, [1] * 3]
    strings = [np.array([[b"a", b"b"]], object), np.array([[b"c"]], object)]
    assert stack_padded(strings).tolist() == [[b"a", b"b"], [b"c", b""]]
    assert stack_padded([np.array([1]), np.array([2])]).tolist() == [1, 2]


@pytest.mark.slow
def test_odd_texts_and_real_ones_are_verified(
    text_model, tokenizer, text_examples, text_export
):
    ids, texts = text_examples
    default, tokens = text_signatures(
        text_model, tokenizer, KINDS, ids, texts, tagging=False
    )
    every, _, last = default.cases
    assert every.inputs["text"].tolist() == [*ODD_TEXTS, *texts]
    expected = text_model(ids, training=False).numpy()
    found = every.outputs["logits"][len(ODD_TEXTS) :]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert last.inputs["text"][0].decode() == "今天天气怎么样"
    assert last.outputs["label"][0].decode() == "天气"
    np.testing.assert_array_equal(tokens.cases[2].inputs["tokens"], ids[-1:])
    assert set(text_export.largest_difference) == {"serving_default", "tokens"}


def test_a_text_that_rounding_labels_is_no_case(
    text_model, tokenizer, text_examples
):
    model = keras.models.clone_model(text_model)
    model.set_weights(text_model.get_weights())
    ids, texts = text_examples
    kernel, bias = model.layers[-1].get_weights()
    logits = model(ids, training=False).numpy()
    # the logits of the fourth text come to differ by 4e-6
    bias[0] += logits[3, 1] - logits[3, 0] + 4e-6
    model.layers[-1].set_weights([kernel, bias])
    default, tokens = text_signatures(
        model, tokenizer, KINDS, ids, texts, tagging=False
    )
    found = default.cases[0].inputs["text"].tolist()
    assert found == [*ODD_TEXTS, *texts[:3], *texts[4:]]
    assert len(tokens.cases[0].inputs["tokens"]) == len(found)


@pytest.mark.slow
def test_a_session_answers_for_texts(text_export, in_session):
    texts = ["Freeze my CARD", "rain", "冻结", ""]
    outputs = in_session(text_export.path, "serving_default", text=texts)
    assert set(outputs) == {"label", "score", "logits", "probabilities"}
    names = [name.decode() for name in outputs["label"]]
    assert names[:3] == ["card", "天气", "card"]
    sums = outputs["probabilities"].sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-6)
    # for clients that send tokens
    loaded = Tokenizer.load(text_export.path / "assets.extra")
    ids = ids_of(tf.constant(texts), loaded).numpy()
    same = in_session(text_export.path, "tokens", tokens=ids)
    assert set(same) == set(outputs)
    np.testing.assert_allclose(same["logits"], outputs["logits"], atol=1e-6)


def test_the_graph_needs_no_other_file(text_export):
    assert not list((text_export.path / "assets").glob("*"))


@pytest.mark.slow
def test_ids_made_otherwise_are_not_published(
    text_model, tokenizer, text_examples, tmp_path
):
    ids, texts = text_examples[0].copy(), text_examples[1]
    # as if preparation had left out the last text's first character
    ids[-1] = [*ids[-1, 1:], 0]
    signatures = text_signatures(
        text_model, tokenizer, KINDS, ids, texts, tagging=False
    )
    with pytest.raises(UserError, match=r"differs .* 'serving_default'"):
        export(tmp_path, signatures, parts={})
    assert os.listdir(tmp_path) == []


def test_tags_come_with_their_words(tag_signatures):
    every, _, last = tag_signatures[0].cases
    assert every.outputs["words"][-3:-1].tolist() == [
        [b"freeze", b"my", b"card", b"", b"", b""],
        [b"a", b"b", b"c", b"d", b"e", b"f"],
    ]
    assert every.outputs["logits"].shape == (len(ODD_TEXTS) + 3, 6, 2)
    np.testing.assert_array_equal(
        every.outputs["tags"] == b"", every.outputs["words"] == b""
    )
    assert last.outputs["words"].tolist() == [["卡".encode()]]
    assert last.outputs["probabilities"].shape == (1, 1, 2)


@pytest.mark.slow
def test_words_are_tagged(tagged, tagger, tokenizer, in_session):
    assert set(tagged.largest_difference) == {"serving_default", "tokens"}
    texts = ["freeze my  card", "", "a b c d e f g h", " 我 的\n卡 "]
    outputs = in_session(tagged.path, "serving_default", text=texts)
    assert set(outputs) == {"words", "tags", "logits", "probabilities"}
    assert outputs["words"].tolist() == [
        [b"freeze", b"my", b"card", b"", b"", b""],
        [b""] * 6,
        [b"a", b"b", b"c", b"d", b"e", b"f"],
        [*(c.encode() for c in "我的卡"), b"", b"", b""],
    ]
    best = np.array([tag.encode() for tag in TAGS], object)
    best = best[outputs["logits"].argmax(-1)]
    np.testing.assert_array_equal(
        outputs["tags"], np.where(outputs["words"] == b"", b"", best)
    )
    # a word alone is what it is in a text
    words = [tokenizer([word]).to_list()[0][0] for word in texts[0].split()]
    expected = tagger(np.array([words]))
    np.testing.assert_allclose(outputs["logits"][:1, :3], expected, atol=1e-5)


@pytest.mark.slow
def test_n_grams_are_in_the_graph(
    text_source, token_model, tmp_path, in_session
):
    tokenizer = learn("words(ngrams=(3, 4))", lambda: texts_of(text_source), 0)
    model = token_model(tokenizer, 2, per_token=False)
    ids = token_source(text_source, tokenizer).gather(ALL)
    texts = text_source.gather(ALL).numpy()
    signatures = text_signatures(
        model, tokenizer, KINDS, ids.numpy(), texts, tagging=False
    )
    write_saved_model(tmp_path, signatures)
    outputs = in_session(tmp_path, "serving_default", text=texts)
    np.testing.assert_allclose(outputs["logits"], model(ids), atol=1e-5)


@pytest.mark.slow
def test_what_cannot_be_in_a_graph_takes_tokens(
    text_source, token_model, publish, caplog, in_session
):
    pytest.importorskip("jieba")
    tokenizer = learn("jieba", lambda: texts_of(text_source), 0)
    model = token_model(tokenizer, 2, per_token=False)
    ids = token_source(text_source, tokenizer).gather(ALL).numpy()
    texts = text_source.gather(ALL).numpy()
    signatures = text_signatures(
        model, tokenizer, KINDS, ids, texts, tagging=False
    )
    done = publish(signatures)
    assert set(done.largest_difference) == {"serving_default"}
    assert "jieba cannot run in a graph: the export takes tokens" in caplog.text
    outputs = in_session(done.path, "serving_default", tokens=ids)
    np.testing.assert_allclose(outputs["logits"], model(ids), atol=1e-5)


@pytest.mark.slow
def test_probabilities_are_of_divided_logits(
    text_model, tokenizer, text_examples
):
    signatures = text_signatures(
        text_model,
        tokenizer,
        KINDS,
        *text_examples,
        tagging=False,
        temperature=2.0,
    )
    for signature in signatures:
        outputs = signature.cases[0].outputs
        shares = tf.nn.softmax(outputs["logits"] / 2)
        np.testing.assert_allclose(outputs["probabilities"], shares, rtol=1e-6)
