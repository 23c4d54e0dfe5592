"""Answers of models whose outputs need no labels, and what proves them."""

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.serving.signatures.arrays import array_signatures


def doubled(model):
    def answer(inputs):
        return {"value": 2 * model(inputs, training=False)[:, 0]}

    return answer


def vector_model():
    vector = keras.Input((2,), name="vector")
    return keras.Model(vector, keras.layers.Identity()(vector))


ROWS = np.array([[1, 0], [2, 0], [3, 0]], np.float32)


def test_the_answer_is_what_the_signature_gives():
    model = vector_model()
    (found,) = array_signatures(model, doubled(model), {"vector": ROWS})
    assert found.name == "serving_default"
    assert found.cases[0].outputs["value"].tolist() == [2, 4, 6]
    assert found.inputs["vector"].shape.as_list() == [None, 2]


def test_what_rounding_may_change_is_no_proof():
    model = vector_model()
    (found,) = array_signatures(
        model,
        doubled(model),
        {"vector": ROWS},
        is_unsure=lambda outputs: outputs["value"] == 4,
    )
    assert found.cases[0].outputs["value"].tolist() == [2, 6]


def test_of_examples_that_are_all_unsure_all_are_taken():
    model = vector_model()
    (found,) = array_signatures(
        model,
        doubled(model),
        {"vector": ROWS},
        is_unsure=lambda outputs: np.ones(len(outputs["value"]), bool),
    )
    assert len(found.cases[0].outputs["value"]) == 3


def test_files_of_images_are_answered_too():
    image = keras.Input((4, 4, 1), dtype="uint8", name="image")
    mean = keras.layers.Flatten()(keras.layers.Rescaling(1.0)(image))
    model = keras.Model(image, mean)
    pixels = np.full((2, 4, 4, 1), 7, np.uint8)
    default, encoded = array_signatures(
        model, doubled(model), {"image": pixels}
    )
    assert default.cases[0].outputs["value"].tolist() == [14, 14]
    files = tf.constant(encoded.cases[0].inputs["bytes"])
    assert encoded.function(files)["value"].numpy().tolist() == [14, 14]
