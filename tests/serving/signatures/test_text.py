import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.text.source import TagSource
from keras_ptft.data.text.storage import held
from keras_ptft.data.text.token_source import texts_of, token_source
from keras_ptft.data.text.tokenizers import Tokenizer, learn
from keras_ptft.models import heads
from keras_ptft.models.embedding import embedding
from keras_ptft.serving.export import export
from keras_ptft.serving.signatures.arrays import write_saved_model
from keras_ptft.serving.signatures.text import ids_of, text_endpoints
from keras_ptft.serving.verification.expected import ODD_TEXTS, examples_of

KINDS = ("card", "天气")
TAGS = ("O", "卡")


def in_graph(path, name, **feeds):
    """Outputs of a signature, loaded as TensorFlow Serving loads it."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.loader.load(
            session, ["serve"], str(path)
        )
        signature = loaded.signature_def[name]
        return session.run(
            {key: info.name for key, info in signature.outputs.items()},
            {signature.inputs[key].name: feeds[key] for key in feeds},
        )


@pytest.fixture(scope="module")
def tagged(tagger, tokenizer, tmp_path_factory):
    base = tmp_path_factory.mktemp("saved_models") / "tags"
    texts = ["freeze my card", "a b c d e f g h", "卡"]
    tags = [np.zeros(len(text.split()), np.int32) for text in texts]
    source = TagSource(held(text.encode() for text in texts), tags)
    examples, texts = examples_of(token_source(source, tokenizer), tokenizer)
    return export(
        tagger, base, label_names=TAGS, examples=examples, texts=texts
    )


def test_texts_are_cut_and_padded_as_in_training(text_source, tokenizer):
    numbers = tf.range(8, dtype=tf.int64)
    source = token_source(text_source, tokenizer)
    np.testing.assert_array_equal(
        ids_of(text_source.gather(numbers), tokenizer), source.gather(numbers)
    )
    # six tokens are kept, and the shortest bucket is as long
    assert ids_of(tf.constant([""]), tokenizer).numpy().tolist() == [[0] * 6]
    assert ids_of(tf.constant([], tf.string), tokenizer).shape == (0, 6)


def test_a_session_answers_for_texts(text_export, text_run):
    texts = ["Freeze my CARD", "rain", "冻结", ""]
    answers = in_graph(text_export.path, "serving_default", text=texts)
    assert set(answers) == {"label", "logits", "probabilities"}
    assert [name.decode() for name in answers["label"][:3]] == [
        *("card", "天气", "card")
    ]
    sums = answers["probabilities"].sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-6)
    ids = ids_of(tf.constant(texts), Tokenizer.load(text_run))
    same = in_graph(text_export.path, "tokens", tokens=ids.numpy())
    assert set(same) == {"logits", "probabilities"}
    np.testing.assert_allclose(same["logits"], answers["logits"], atol=1e-6)


def test_a_session_answers_for_odd_texts(text_export):
    answers = in_graph(
        text_export.path, "serving_default", text=list(ODD_TEXTS)
    )
    assert np.isfinite(answers["logits"]).all()
    assert set(answers["label"]) <= {name.encode() for name in KINDS}


def test_the_export_needs_no_other_file(text_export):
    assert not list((text_export.path / "assets").glob("*"))
    loaded = Tokenizer.load(text_export.path / "assets.extra")
    assert loaded.sequence_length == 6


@pytest.mark.slow
def test_words_are_tagged(tagged, tagger, tokenizer):
    texts = ["freeze my  card", "", "a b c d e f g h", " 我 的\n卡 "]
    answers = in_graph(tagged.path, "serving_default", text=texts)
    assert set(answers) == {"words", "tags", "logits", "probabilities"}
    assert answers["words"].tolist() == [
        [b"freeze", b"my", b"card", b"", b"", b""],
        [b""] * 6,
        [b"a", b"b", b"c", b"d", b"e", b"f"],
        [*(c.encode() for c in "我的卡"), b"", b"", b""],
    ]
    best = np.array([tag.encode() for tag in TAGS], object)
    best = best[answers["logits"].argmax(-1)]
    np.testing.assert_array_equal(
        answers["tags"], np.where(answers["words"] == b"", b"", best)
    )
    # a word alone is what it is in a text
    words = [tokenizer([word]).to_list()[0][0] for word in texts[0].split()]
    expected = tagger(np.array([words]))
    np.testing.assert_allclose(answers["logits"][:1, :3], expected, atol=1e-5)


@pytest.mark.slow
def test_n_grams_are_in_the_graph(text_source, tmp_path):
    tokenizer = learn("words(ngrams=(3, 4))", lambda: texts_of(text_source), 0)
    source = token_source(text_source, tokenizer)
    backbone = embedding(source.spec, tokenizer.size, width=4)
    model = heads.on(backbone, "features", lambda x: heads.classify(x, 2))
    endpoints = text_endpoints(model, tokenizer, KINDS)
    write_saved_model(model, tmp_path, endpoints)
    numbers = tf.range(8, dtype=tf.int64)
    texts = text_source.gather(numbers).numpy()
    answers = in_graph(tmp_path, "serving_default", text=texts)
    expected = model(source.gather(numbers))
    np.testing.assert_allclose(answers["logits"], expected, atol=1e-5)


@pytest.mark.slow
def test_what_cannot_be_in_a_graph_takes_tokens(text_source, tmp_path, caplog):
    pytest.importorskip("jieba")
    caplog.set_level("INFO", "keras_ptft")
    tokenizer = learn("jieba", lambda: texts_of(text_source), 0)
    source = token_source(text_source, tokenizer)
    backbone = embedding(source.spec, tokenizer.size, width=4)
    model = heads.on(backbone, "features", lambda x: heads.classify(x, 2))
    examples, texts = examples_of(source, tokenizer)
    done = export(
        model, tmp_path, label_names=KINDS, examples=examples, texts=texts
    )
    assert set(done.largest_difference) == {"serving_default"}
    assert "jieba cannot run in a graph: the export takes tokens" in caplog.text
    answers = in_graph(done.path, "serving_default", tokens=examples)
    np.testing.assert_allclose(answers["logits"], model(examples), atol=1e-5)
