import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.text.tokenizers import END, learn
from keras_ptft.serving.generation.generate import generate
from keras_ptft.serving.generation.sampling import Sampling, stepper
from keras_ptft.serving.inference.results import Generated

# a few seconds each, and told in short by other tests
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def writer(token_model):
    """A language model that has learned `abcd abcd`, and its tokenizer."""
    text = tf.constant(["abcd " * 40])
    tokenizer = learn("characters(all=True)", lambda: [text], 6)
    model = token_model(tokenizer, len(tokenizer.vocabulary))
    model.compile(
        keras.optimizers.Adam(0.03),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    windows = tf.signal.frame(tokenizer(text).to_tensor()[0], 7, 1)
    model.fit(windows[:, :-1], windows[:, 1:], epochs=20, verbose=0)
    return model, tokenizer


def written(writer, *texts, **settings):
    found = generate(*writer, texts, Sampling(**settings))
    return [one.text for one in found]


def test_the_likeliest_goes_on_as_learned(writer):
    # beyond the window of six tokens, too, and each text from its end
    found = written(writer, "ab", "abcd abcd abc", tokens=12, temperature=0.0)
    assert found == ["abcd abcd abcd"[:14], "abcd abcd abcd abcd abcd "]


def test_a_seed_is_a_text(writer):
    settings = {"tokens": 40, "temperature": 3.0}
    first, second = written(writer, "a", "a", seed=1, **settings)
    assert first != second
    assert written(writer, "a", seed=1, **settings) == [first]
    assert written(writer, "a", seed=2, **settings) != [first]


def test_one_of_the_likeliest_is_the_likeliest(writer):
    bold = written(writer, "c", tokens=9, temperature=0.0)
    assert written(writer, "c", tokens=9, temperature=5.0, top_k=1) == bold


def test_nothing_begins_after_an_end(writer):
    (text,) = written(writer, "", tokens=5)
    assert len(text) <= 5 and set(text) <= set("abcd ")


def test_unknown_letters_and_all_others_stay(writer):
    prompt = "狗 ABC\tabcd ab"
    (text,) = written(writer, prompt, tokens=3, temperature=0.0)
    assert text == prompt + "cd "


def test_words_with_n_grams_are_written(token_model):
    texts = tf.constant(["to be or not to be"])
    tokenizer = learn("words(ngrams=(3, 3))", lambda: [texts], 4)
    model = token_model(tokenizer, len(tokenizer.vocabulary))
    writer = model, tokenizer
    (text,) = written(writer, "To be, ", tokens=3, seed=3)
    assert text.startswith("To be,")
    assert set(text.split()[2:]) <= {"to", "be", "or", "not"}
    step = stepper(model, tokenizer, Sampling(1, 0.0))
    prompt = tokenizer(tf.constant(["to"])).to_tensor(shape=(1, 4, None))
    ids, _, chosen = step(prompt, np.int64([1]), np.int64([0]), np.int64(0))
    word = tokenizer.vocabulary[int(chosen[0])]
    if int(chosen[0]) != END:
        expected = tokenizer(tf.constant([word])).to_tensor()[0, 0]
        assert ids.numpy()[0, 1].tolist() == expected.numpy().tolist()


def test_texts_of_a_column_are_continued(writer, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("said\nab\n")
    sampling = Sampling(3, temperature=0.0)
    found = generate(*writer, [file], sampling, text_column="said")
    assert found == [Generated(f"{file}[0]", "abcd ")]
