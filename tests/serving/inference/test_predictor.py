import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.text.tokenizers import learn
from keras_ptft.errors import UserError
from keras_ptft.serving.inference.predictor import (
    Predictor,
    keras_predictor,
    load_model_or_export,
    text_predictor,
)
from keras_ptft.serving.inference.resolve import ModelFiles, find_model
from keras_ptft.serving.inference.results import tagged_words
from keras_ptft.serving.signatures.arrays import class_scores

# a few seconds each, and told in short by other tests
pytestmark = pytest.mark.slow

KINDS = ("card", "天气")


def load_predictor(files, serving_fn):
    loaded = load_model_or_export(files)
    if isinstance(loaded, Predictor):
        return loaded
    return keras_predictor(loaded, serving_fn(loaded))


@pytest.fixture(scope="module")
def run(model, make_run, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "digits", model)


@pytest.fixture(scope="module")
def text_run(text_model, tokenizer, make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "cards"
    return make_run(folder, text_model, tokenizer)


@pytest.fixture(params=["run", "export"])
def predictor(request, run, exported):
    path = {"run": run, "export": exported.path}[request.param]
    return load_predictor(find_model(path), class_scores)


@pytest.fixture(params=["run", "export"])
def labeller(request, text_run, text_export, tokenizer):
    path = {"run": text_run, "export": text_export.path}[request.param]
    predictor = load_predictor(find_model(path), class_scores)
    return text_predictor(predictor, tokenizer, KINDS, tagging=False)


def test_a_model_answers_alike_wherever_it_is(predictor, digits, logits):
    assert predictor.input_spec == tf.TensorSpec((8, 8, 1), tf.uint8, "image")
    assert predictor.outputs["logits"].shape.as_list() == [None, 10]
    # in two batches
    found = predictor.run(digits[0][:300])
    assert found.keys() == {"logits", "probabilities"}
    assert found["probabilities"].dtype == np.float32
    expected = tf.nn.softmax(logits[:300])
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    assert predictor.run(digits[0][:0])["probabilities"].shape == (0, 10)


def test_files_become_batches(predictor, digits, logits, tmp_path):
    images, labels = digits
    np.savez(tmp_path / "all.npz", images=images, labels=labels)
    (tmp_path / "0.png").write_bytes(tf.io.encode_png(images[0]).numpy())
    files = [tmp_path / "all.npz", tmp_path / "0.png"]
    names, found = zip(
        *(
            (names, predictor.run(batch)["logits"])
            for names, batch in predictor.batches(files)
        ),
        strict=True,
    )
    assert len(names) == 9 and names[-1] == [str(tmp_path / "0.png")]
    expected = np.concatenate([logits, logits[:1]])
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-4)


def test_texts_are_labelled(labeller, tmp_path):
    assert labeller.input_spec == tf.TensorSpec((), tf.string, "text")
    assert labeller.outputs.keys() == {
        *("label", "score", "logits", "probabilities")
    }
    file = tmp_path / "texts.txt"
    file.write_text("Freeze the card!\n\n今天天气\n", encoding="utf-8")
    odd = ["", "👩‍🚀", "a\0b", "a\udcff", "冻结 " * 50_000]
    (names, texts), *others = labeller.batches([file, "rain today?", *odd])
    found = [labeller.run(batch) for batch in (texts, *(b for _, b in others))]
    labels = [name.decode() for each in found for name in each["label"]]
    assert labels[:1] + labels[2:4] == ["card", "天气", "天气"]
    assert names == [f"{file}[{index}]" for index in range(3)]
    assert others[0][0] == ["rain today?"]
    assert (len(labels), labels[-1]) == (9, "card")
    assert all(0.5 <= each["probabilities"].max() <= 1 for each in found)


def test_words_are_tagged(tagger, tokenizer, make_run, tmp_path):
    files = find_model(make_run(tmp_path / "run", tagger, tokenizer))
    predictor = load_predictor(files, class_scores)
    predictor = text_predictor(predictor, tokenizer, ("O", "B"), tagging=True)
    texts = [b"freeze my card", b"", b"a b c d e f g h"]
    outputs = predictor.run(np.array(texts, object))
    assert outputs.keys() == predictor.outputs.keys()
    first, second, third = tagged_words(outputs)
    assert [each.word for each in first] == ["freeze", "my", "card"]
    assert {each.tag for each in first} <= {"O", "B"}
    assert str(first[0]) == f"freeze/{first[0].tag}"
    assert first[0].probability == outputs["probabilities"][0, 0].max()
    assert second == [] and len(third) == 6
    # a batch of texts with fewer words than the first
    outputs = predictor.run(np.array([*texts[2:] * 256, texts[0]], object))
    (last,) = tagged_words(outputs)[-1:]
    assert [each[:2] for each in last] == [each[:2] for each in first]
    assert tagged_words(predictor.run(np.array([b""], object))) == [[]]


def test_what_cannot_be_in_a_graph_is_run_before_it(
    text_source, token_model, make_run, tmp_path
):
    pytest.importorskip("jieba")
    texts = text_source.gather(tf.range(8, dtype=tf.int64))
    tokenizer = learn("jieba", lambda: [texts], 0)
    model = token_model(tokenizer, 2, per_token=False)
    files = find_model(make_run(tmp_path / "run", model))
    predictor = load_predictor(files, class_scores)
    predictor = text_predictor(predictor, tokenizer, KINDS, tagging=False)
    ids = tokenizer(texts).to_tensor()
    found = predictor.run(texts.numpy())["logits"]
    np.testing.assert_allclose(found, model(ids), atol=1e-5)


def test_several_inputs_have_names(make_run, tmp_path):
    inputs = {name: keras.Input((2,), name=name) for name in ("old", "new")}
    outputs = keras.layers.Subtract()([inputs["new"], inputs["old"]])
    model = keras.Model(inputs, outputs)
    files = find_model(make_run(tmp_path / "run", model))
    predictor = load_predictor(files, class_scores)
    assert set(predictor.input_spec) == {"old", "new"}
    arrays = {"old": np.eye(2), "new": np.ones((2, 2)), "labels": np.eye(2)}
    np.savez(tmp_path / "x.npz", **arrays)
    ((names, batch),) = predictor.batches([tmp_path / "x.npz"])
    assert names == [f"{tmp_path / 'x.npz'}[{index}]" for index in range(2)]
    found = predictor.run(batch)["logits"]
    np.testing.assert_array_equal(found, 1 - np.eye(2))


def broken_files(tmp_path):
    inputs = keras.Input((2,), name="vector")
    outputs = keras.layers.Lambda(lambda x: x * 2)(inputs)
    keras.Model(inputs, outputs).save(tmp_path / "lambda.keras")
    good = (tmp_path / "lambda.keras").read_bytes()
    (tmp_path / "damaged.keras").write_bytes(good[:1000])
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("hello.txt", "hello")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lambda", "got a Lambda layer"),
        ("damaged", "Cannot read the model"),
        ("other", "Cannot read the model"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_an_error(tmp_path, name, message):
    broken_files(tmp_path)
    files = ModelFiles(tmp_path, keras_file=tmp_path / f"{name}.keras")
    with pytest.raises(UserError, match=message) as error:
        load_predictor(files, class_scores)
    assert "\n" not in str(error.value)
