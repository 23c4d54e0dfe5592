"""An export is compared with its cases in a fresh process."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.signatures.arrays import (
    class_scores,
    endpoint,
    expected_outputs,
    input_specs,
)
from keras_ptft.serving.signatures.signature import (
    Case,
    Signature,
    cases,
    write_saved_model,
)
from keras_ptft.serving.verification.verify import verify


@pytest.fixture(scope="module")
def verified_in_a_fork():
    """A fresh process is the subject here."""


@pytest.fixture(scope="module")
def export(tmp_path_factory, model, digits):
    """An export that gives embeddings and shares, and its signature."""
    features = keras.Model(model.input, model.layers[-2].output)

    def serving_fn(images):
        embeddings = features(images, training=False)
        return {
            **class_scores(model)(images),
            "embeddings": embeddings,
            "kept": tf.math.count_nonzero(embeddings, 1),
        }

    function = endpoint(model, serving_fn)
    inputs = {"image": digits[0][:5]}
    found = cases(inputs, expected_outputs(function, inputs))
    specs = input_specs(model)
    signature = Signature("serving_default", function, specs, found)
    folder = tmp_path_factory.mktemp("export")
    write_saved_model(folder, [signature])
    return folder, signature


def with_outputs(signature, **changes):
    """The signature with other outputs expected in its first case."""
    first, *rest = signature.cases
    outputs = {**first.outputs, **changes}
    outputs = {k: v for k, v in outputs.items() if v is not None}
    changed = [Case(first.inputs, outputs), *rest]
    return dataclasses.replace(signature, cases=changed)


@pytest.mark.slow
def test_any_outputs_are_verified(export):
    folder, signature = export
    outputs = signature.cases[0].outputs
    assert outputs["embeddings"].shape == (5, 576)
    found = verify(folder, [signature])
    assert found.keys() == {"serving_default"}
    assert found["serving_default"] <= 1e-5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embeddings": None}, r"default.: output 'embeddings' is in no case:"),
        ({"label": np.zeros(5)}, r"default.: output 'label' is missing"),
        ({"kept": np.zeros(5, int)}, r"output 'kept' holds \d+, expected 0:"),
    ],
)
@pytest.mark.slow
def test_faults_are_reported_by_name(export, changes, message):
    folder, signature = export
    changed = with_outputs(signature, **changes)
    with pytest.raises(UserError, match=message) as error:
        verify(folder, [changed])
    assert "nothing was published" in str(error.value)
    assert "random" not in str(error.value)


def test_a_wrong_number_is_refused(export):
    folder, signature = export
    logits = signature.cases[0].outputs["logits"].copy()
    logits[2, 3] += 0.1
    with pytest.raises(UserError, match=r"by 0\.\d+ in 'serving_default'"):
        verify(folder, [with_outputs(signature, logits=logits)])


@pytest.mark.slow
def test_a_folder_without_an_export_is_no_mistake_of_the_user(tmp_path):
    with pytest.raises(RuntimeError, match="cannot be loaded"):
        verify(tmp_path, [])
