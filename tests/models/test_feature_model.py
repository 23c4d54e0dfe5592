"""What an objective reads of a backbone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models import heads
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.feature_model import check_causal, feature_model
from keras_ptft.models.rnn import rnn

TEXT = BackboneInput(
    tf.TensorSpec((None,), tf.int32, "tokens"), vocabulary_size=10
)


def two_outputs():
    """A backbone with features and a sequence as named outputs."""
    ids = keras.Input((None,), dtype="int32", name="tokens")
    sequence = keras.layers.Embedding(10, 4)(ids)
    features = keras.ops.mean(sequence, axis=1)
    outputs = {"features": features, "sequence": sequence}
    return keras.Model(ids, outputs, name="backbone")


def test_features_are_the_output():
    backbone = rnn(TEXT, units=3)
    assert feature_model(backbone, "features") is backbone


@pytest.mark.parametrize("feature_layer", ["features", "sequence"])
def test_a_named_output(feature_layer):
    backbone = two_outputs()
    ids = np.array([[1, 2, 3]], np.int32)
    found = feature_model(backbone, feature_layer)(ids)
    np.testing.assert_array_equal(found, backbone(ids)[feature_layer])


def test_a_missing_layer_is_reported():
    vector = keras.Input((2,))
    backbone = keras.Model(vector, keras.layers.Dense(3)(vector))
    with pytest.raises(UserError, match="reads the layer 'sequence', which"):
        feature_model(backbone, "sequence")


def test_a_head_on_named_inputs():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    backbone = keras.Model({"a": a, "b": b}, keras.layers.Add()([a, b]))
    model = heads.attach_head(
        backbone, "features", lambda x: {"double": 2.0 * x, "same": x}
    )
    found = model({"a": np.ones((1, 2)), "b": np.ones((1, 2))})
    assert found["double"].numpy().tolist() == [[4.0, 4.0]]


@pytest.mark.parametrize("several", [False, True])
def test_only_one_direction_is_causal(several):
    for bidirectional in (False, True):
        backbone = rnn(TEXT, units=3, bidirectional=bidirectional)
        model = feature_model(backbone, "sequence")
        if several:
            more = keras.Input((None, 1), name="more")
            inputs = {"tokens": model.input, "more": more}
            model = keras.Model(inputs, model.output + more)
        if bidirectional:
            with pytest.raises(UserError, match="does not look ahead: use"):
                check_causal(model)
        else:
            check_causal(model)
