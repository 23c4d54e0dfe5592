"""A `.keras` file is read, or refused before it takes memory."""

import json
import zipfile

import keras
import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.models.saved import load_model


@pytest.fixture
def file(tmp_path):
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(4)(inputs)
    keras.Model(inputs, hidden).save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def rewritten(file, compression=zipfile.ZIP_STORED, **changes):
    """The file with other text in some of its parts."""
    with zipfile.ZipFile(file) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    for name, change in changes.items():
        part = f"{name}.json"
        parts[part] = change(parts[part].decode()).encode()
    with zipfile.ZipFile(file, "w", compression) as new:
        for name, content in parts.items():
            new.writestr(name, content)
    return file


def refusal(file):
    with pytest.raises(UserError) as caught:
        load_model(file)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_a_model_computes_the_same(file):
    inputs = np.arange(12, dtype=np.float32).reshape(2, 6)
    model, expected = load_model(file), keras.saving.load_model(file)
    np.testing.assert_array_equal(model(inputs), expected(inputs))


def test_a_packed_file_is_read(file):
    rewritten(file, compression=zipfile.ZIP_DEFLATED)
    # 6·4 weights and 4 biases
    assert load_model(file).count_params() == 28


def test_layers_without_their_weights_take_no_memory(file):
    def grown(text):
        return text.replace('"units": 4', '"units": 4000000000')

    rewritten(file, config=grown)
    # 6 weights and a bias for each of 4 billion units, in 4 bytes each
    assert "need 112,000,000,000 bytes of weights" in refusal(file)
    # at its end Keras makes variables that were put off: there are none
    with keras.StatelessScope():
        pass


def recurrent(path):
    """A model with a layer that sets its state when it is built."""
    inputs = keras.Input(batch_shape=(2, 3, 5))
    states = keras.layers.GRU(4, stateful=True)(inputs)
    keras.Model(inputs, states).save(path)
    return path


def test_a_layer_that_sets_a_variable_is_read(tmp_path):
    model = load_model(recurrent(tmp_path / "model.keras"))
    # kernel 5·12, recurrent 4·12, two biases of 12
    assert model.count_params() == 60 + 48 + 24
    model.layers[-1].reset_states()


def test_such_a_layer_without_its_weights_takes_no_memory(tmp_path):
    file = recurrent(tmp_path / "model.keras")
    changed = ('"units": 4', '"units": 400000')
    rewritten(file, config=lambda text: text.replace(*changed))
    assert "bytes of weights, the file holds" in refusal(file)


def test_a_bomb_is_refused_by_its_index(file):
    rewritten(
        file, zipfile.ZIP_DEFLATED, config=lambda text: text + " " * 2**27
    )
    assert "expected at most 100 times as many" in refusal(file)


def test_another_version_is_named(file):
    rewritten(
        file,
        config=lambda text: text.replace('"Dense"', '"Denser"'),
        metadata=lambda text: json.dumps(
            json.loads(text) | {"keras_version": "9.1"}
        ),
    )
    assert "it was saved by Keras 9.1, this is 3." in refusal(file)


def test_a_lambda_is_refused(tmp_path):
    inputs = keras.Input((2,))
    outputs = keras.layers.Lambda(lambda x: x * 2)(inputs)
    keras.Model(inputs, outputs).save(tmp_path / "code.keras")
    assert "got a Lambda layer" in refusal(tmp_path / "code.keras")


@pytest.mark.parametrize(
    "was, becomes",
    [
        ('"Dense"', '"TFSMLayer"'),
        ('"Dense"', '"TFSM\\u004cayer"'),
        # where a function is expected, Keras 3.15 takes any class
        (
            '"activation": "linear"',
            '"activation": {"module": "keras.layers", "class_name": '
            '"function", "config": "TFSMLayer", "registered_name": null}',
        ),
    ],
)
def test_a_layer_that_runs_a_saved_model_is_refused(file, was, becomes):
    def changed(text):
        assert was in text
        return text.replace(was, becomes)

    assert "got a TFSMLayer" in refusal(rewritten(file, config=changed))


def pair():
    return [keras.Input((2,), name="a"), keras.Input((2,), name="b")]


def test_several_named_inputs_and_outputs(tmp_path):
    a, b = pair()
    outputs = {"sum": a + b, "difference": a - b}
    keras.Model({"a": a, "b": b}, outputs).save(tmp_path / "pair.keras")
    model = load_model(tmp_path / "pair.keras")
    assert model.input.keys() == {"a", "b"}
    inputs = {"a": np.ones((1, 2)), "b": np.full((1, 2), 3.0)}
    difference = model(inputs)["difference"]
    np.testing.assert_array_equal(difference, [[-2.0, -2.0]])


def test_several_inputs_without_names(tmp_path):
    inputs = pair()
    model = keras.Model(inputs, keras.layers.Add()(inputs))
    model.save(tmp_path / "pair.keras")
    assert "2 input(s) and 1 output(s)" in refusal(tmp_path / "pair.keras")


def test_a_sequential_model_is_functional(tmp_path):
    layers = [keras.Input((2,)), keras.layers.Dense(3)]
    keras.Sequential(layers).save(tmp_path / "model.keras")
    assert load_model(tmp_path / "model.keras").output_shape == (None, 3)


def test_a_model_without_inputs_is_refused(tmp_path):
    unbuilt = keras.Sequential([keras.layers.Dense(3)])
    with pytest.warns(UserWarning, match="not yet been built"):
        unbuilt.save(tmp_path / "model.keras")
    message = refusal(tmp_path / "model.keras")
    assert "must be functional, got Sequential" in message


def test_no_file(tmp_path):
    assert "No such file" in refusal(tmp_path / "none.keras")
