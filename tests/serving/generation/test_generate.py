import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import files
from keras_ptft.data.text.tokenizers import END, Tokenizer, learn
from keras_ptft.errors import UserError
from keras_ptft.models.rnn import rnn
from keras_ptft.objectives.next_token import next_token
from keras_ptft.objectives.objective import Task
from keras_ptft.serving.generation.generate import generate
from keras_ptft.serving.generation.sampling import Sampling, stepper
from keras_ptft.serving.inference.predict import predict, to_csv


def written(folder, *texts, **settings):
    found = generate(folder, texts, Sampling(**settings))
    return [one.text for one in found]


def test_the_likeliest_goes_on_as_learned(writer):
    # beyond the window of six tokens, too, and each text from its own end
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


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_only_words_and_ends_are_written(temperature):
    # all logits alike: padding, unknown and mask are never chosen
    size, inputs = 6, keras.Input((None,), dtype="int32", name="tokens")
    table = keras.layers.Embedding(size, size, embeddings_initializer="zeros")
    model = keras.Model(inputs, table(inputs))
    names = ("[PAD]", "[UNK]", "[MASK]", "[END]", "a", "b")
    tokenizer = Tokenizer("words", names, np.ones(6, np.int64), 4)
    step = stepper(model, tokenizer, Sampling(1, temperature))
    ids = tf.constant([[4, 0, 0, 0]] * 600 + [[4, 5, 4, 5]] * 600)
    lengths = tf.repeat(tf.constant([1, 4], tf.int64), 600)
    ids, lengths, chosen = step(
        ids, lengths, tf.range(1200, dtype=tf.int64), np.int64(0)
    )
    counts = np.bincount(chosen, minlength=size)
    assert counts[:END].tolist() == [0, 0, 0]
    if temperature:
        # 400 each; the standard deviation is 16
        assert abs(counts[END:] - 400).max() < 80
    assert lengths.numpy().tolist() == [2] * 600 + [4] * 600
    assert ids.numpy()[0].tolist() == [4, chosen[0], 0, 0]
    # a full window moves on
    assert ids.numpy()[-1].tolist() == [5, 4, 5, chosen[-1]]


def test_a_temperature_sharpens_shares():
    logits = tf.math.log([[1e-9] * 4 + [0.8, 0.2]])
    shares = {}
    for temperature in (1.0, 0.5):
        inputs = keras.Input((None,), dtype="int32", name="tokens")
        layer = keras.layers.Embedding(6, 6)
        model = keras.Model(inputs, layer(inputs))
        layer.set_weights([np.repeat(logits, 6, 0)])
        names = ("[PAD]", "[UNK]", "[MASK]", "[END]", "a", "b")
        tokenizer = Tokenizer("words", names, np.ones(6, np.int64), 1)
        step = stepper(model, tokenizer, Sampling(1, temperature))
        numbers = tf.range(4000, dtype=tf.int64)
        ids, ones = tf.fill([4000, 1], 4), tf.ones_like(numbers)
        _, _, chosen = step(ids, ones, numbers, np.int64(0))
        shares[temperature] = np.mean(chosen.numpy() == 4)
    # 0.8² / (0.8² + 0.2²) = 16 / 17
    assert shares[1.0] == pytest.approx(0.8, abs=0.03)
    assert shares[0.5] == pytest.approx(16 / 17, abs=0.02)


def test_words_with_n_grams_are_written(tmp_path):
    texts = tf.constant(["to be or not to be"])
    tokenizer = learn("words(ngrams=(3, 3))", lambda: [texts], 4)
    spec = tf.TensorSpec((None, tokenizer.width), tf.int32, "tokens")
    backbone = rnn(spec, tokenizer.size, units=4, width=4)
    task = Task(
        vocabulary=tokenizer.vocabulary,
        sequence_length=4,
        width=tokenizer.width,
    )
    next_token(task).assemble(backbone).save(tmp_path / "model.keras")
    tokenizer.save(tmp_path)
    (text,) = written(tmp_path / "model.keras", "To be, ", tokens=3, seed=3)
    assert text.startswith("To be,")
    assert set(text.split()[2:]) <= {"to", "be", "or", "not"}
    words = stepper(
        keras.saving.load_model(tmp_path / "model.keras"),
        tokenizer,
        Sampling(1, 0.0),
    )
    prompt = tokenizer(tf.constant(["to"])).to_tensor(shape=(1, 4, None))
    ids, _, chosen = words(*(prompt, np.int64([1]), np.int64([0]), np.int64(0)))
    word = tokenizer.vocabulary[int(chosen[0])]
    if int(chosen[0]) != END:
        expected = tokenizer(tf.constant([word])).to_tensor()[0, 0]
        assert ids.numpy()[0, 1].tolist() == expected.numpy().tolist()


def test_generated_text_goes_to_csv(writer, capsys):
    rows = generate(writer, ["ab"], Sampling(3, temperature=0.0))
    assert str(rows[0]) == "abcd "
    to_csv(rows, "-")
    assert capsys.readouterr().out == "input,text\nab,abcd \n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text_run", "text_export", "exported"])
def test_only_a_language_model_writes(request, kind):
    place = request.getfixturevalue(kind)
    path = getattr(place, "path", place)
    with pytest.raises(UserError, match=r"[nN]o language model"):
        written(path, "ab", tokens=1)


def test_a_model_that_looks_ahead_does_not_write(writer, tmp_path):
    tokenizer = Tokenizer.load(writer)
    spec = tf.TensorSpec((None,), tf.int32, "tokens")
    backbone = rnn(spec, tokenizer.size, units=4, bidirectional=True)
    task = Task(vocabulary=tokenizer.vocabulary, sequence_length=6)
    next_token(task).assemble(backbone).save(tmp_path / "model.keras")
    tokenizer.save(tmp_path)
    with pytest.raises(UserError, match="no language model"):
        written(tmp_path, "ab", tokens=1)


def test_a_language_model_has_no_labels(writer, tmp_path):
    with pytest.raises(UserError, match=r"without labels.*--generate=100"):
        predict(writer, ["ab"])
    # as pretrained on texts that have labels
    shutil.copytree(writer, tmp_path / "run")
    files.write_json(tmp_path / "run" / "labels.json", ["a", "b"])
    with pytest.raises(UserError, match=r"without labels.*--generate=100"):
        predict(tmp_path / "run", ["ab"])
