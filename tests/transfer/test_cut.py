"""A model cut in two is the same model."""

import keras
import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.transfer.cut import cut_points, split

DROPOUT = "cnn(filters=[4, 6], dense=5, dropout=0.2)"
POINTS = "normalization conv1_conv conv1 pool1 dropout1 conv2_conv conv2 "
POINTS += "dropout2 flatten features_dense features"


def test_cut_points_in_order(make_backbone):
    assert cut_points(make_backbone(DROPOUT)) == POINTS.split()


@pytest.mark.parametrize("freeze", ["all", *POINTS.split()])
def test_prefix_and_suffix_are_the_model(make_model, freeze):
    model, backbone = make_model(DROPOUT)
    prefix, suffix = split(model, backbone, freeze)
    images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    whole = model(images, training=False)
    np.testing.assert_array_equal(suffix(prefix(images)), whole)

    assert not prefix.trainable_variables
    trained = {v.path for v in suffix.trainable_variables}
    assert trained == {v.path for v in model.trainable_variables}
    suffix.get_layer("logits").bias.assign(np.ones(10))
    assert np.abs(model(images) - whole).max() == pytest.approx(1, abs=1e-5)


def test_freezing_nothing(make_model):
    model, backbone = make_model()
    assert split(model, backbone, "none") == (None, model)
    assert len(model.trainable_variables) == 8


@pytest.mark.parametrize(
    ("freeze", "end", "trained"),
    [
        # pooling has no weights and makes the features smaller
        ("conv1", (None, 3, 3, 4), 6),
        ("conv2", (None, 6), 4),
        ("features_dense", (None, 5), 2),
        ("all", (None, 5), 2),
    ],
)
def test_the_cut_moves_past_layers_without_weights(
    make_model, freeze, end, trained
):
    model, backbone = make_model()
    prefix, suffix = split(model, backbone, freeze)
    assert prefix.output_shape == end
    assert len(suffix.trainable_variables) == trained


def test_the_cut_stops_before_dropout(make_model):
    model, backbone = make_model(DROPOUT)
    prefix, suffix = split(model, backbone, "conv1")
    assert prefix.layers[-1].name == "pool1"
    assert suffix.layers[1].name == "dropout1"


def test_a_bypassed_layer_is_no_cut_point():
    inputs = keras.Input((4,), name="vector")
    first = keras.layers.Dense(4, name="first")(inputs)
    branch = keras.layers.Dense(4, name="branch")(first)
    added = keras.layers.Add(name="added")([first, branch])
    backbone = keras.Model(inputs, added)
    assert cut_points(backbone) == ["first", "added"]
    logits = keras.layers.Dense(2, name="logits")(added)
    with pytest.raises(UserError, match="points are: all, none, first, added"):
        split(keras.Model(inputs, logits), backbone, "branch")


class Words:
    """A model whose head needs more than features: positions, or tokens."""

    def __init__(self, reads):
        tokens = keras.Input((4,), dtype="int32", name="tokens")
        positions = keras.Input((2,), dtype="int32", name="positions")
        table = keras.layers.Embedding(9, 3, name="table")(tokens)
        first = keras.layers.Dense(3, name="first")(table)
        dropped = keras.layers.Dropout(0.2, name="dropped")(first)
        second = keras.layers.Dense(3, name="second")(dropped)
        self.backbone = keras.Model(tokens, second, name="backbone")
        x = keras.ops.take_along_axis(second, positions[..., None], axis=1)
        if reads == "tokens":
            real = keras.ops.cast(tokens[:, :2] > 0, "float32")
            x = x * real[..., None]
        if reads == "first":
            x = x + first[:, :2]
        logits = keras.layers.Dense(2, name="logits")(x)
        inputs = {"tokens": tokens, "positions": positions}
        self.model = keras.Model(inputs, {"logits": logits, "features": x})


BATCH = {
    "tokens": np.array([[1, 2, 3, 0], [4, 5, 6, 7]], np.int32),
    "positions": np.array([[0, 2], [3, 1]], np.int32),
}


@pytest.mark.parametrize("freeze", ["table", "first", "second", "all"])
@pytest.mark.parametrize("reads", ["positions", "tokens"])
def test_inputs_of_the_head_bypass_the_cut(freeze, reads):
    words = Words(reads)
    prefix, suffix = split(words.model, words.backbone, freeze)
    kept = prefix(BATCH)
    layer = "second" if freeze == "all" else freeze
    assert kept.keys() == {layer, "positions", reads}
    np.testing.assert_array_equal(kept["positions"], BATCH["positions"])
    assert suffix.input.keys() == kept.keys()
    assert [x.name for x in suffix.inputs] == sorted(kept)
    whole, found = words.model(BATCH), suffix(kept)
    assert found.keys() == whole.keys()
    for name, values in whole.items():
        np.testing.assert_array_equal(found[name], values)
    copy = keras.Model.from_config(suffix.get_config())
    copy.set_weights(suffix.get_weights())
    np.testing.assert_array_equal(copy(kept)["logits"], found["logits"])
    assert not prefix.trainable_variables
    paths = [v.path for v in suffix.trainable_variables]
    assert paths == [v.path for v in words.model.trainable_variables]


def test_a_head_may_not_read_a_frozen_layer_before_the_cut():
    words = Words("first")
    prefix, _ = split(words.model, words.backbone, "first")
    assert prefix(BATCH).keys() == {"first", "positions"}
    for freeze in ("second", "all"):
        words = Words("first")
        with pytest.raises(UserError, match="head reads the layer 'first' bef"):
            split(words.model, words.backbone, freeze)


def test_a_backbone_of_several_inputs():
    ends = {name: keras.Input((3,), name=name) for name in ("left", "right")}
    tower = keras.layers.Dense(4, name="tower")
    both = [tower(x) for x in ends.values()]
    joined = keras.layers.Concatenate(name="joined")(both)
    features = keras.layers.Dense(5, name="features")(joined)
    backbone = keras.Model(ends, features, name="backbone")
    assert cut_points(backbone) == ["joined", "features"]
    model = keras.Model(ends, keras.layers.Dense(2, name="logits")(features))
    prefix, suffix = split(model, backbone, "joined")
    inputs = {name: np.ones((2, 3), np.float32) for name in ends}
    np.testing.assert_array_equal(suffix(prefix(inputs)), model(inputs))


def test_a_layer_that_is_used_twice_may_follow_the_cut():
    inputs = keras.Input((3,))
    first = keras.layers.Dense(3, name="first")(inputs)
    again = keras.layers.Dense(3, name="again")
    backbone = keras.Model(inputs, again(keras.ops.relu(again(first))))
    assert cut_points(backbone) == ["first", "again"]


@pytest.mark.parametrize("nested", [True, False])
def test_a_backbone_on_tensors_of_its_own_is_refused(nested):
    inputs = keras.Input((4,))
    inner = keras.Input((4,) if nested else (3,))
    backbone = keras.Model(inner, keras.layers.Dense(2, name="dense")(inner))
    features = backbone(inputs if nested else inputs[:, 1:])
    model = keras.Model(inputs, keras.layers.Dense(2)(features))
    assert split(model, backbone, "none") == (None, model)
    with pytest.raises(UserError, match="trains the first layer too, got --fr"):
        split(model, backbone, "dense")


def test_an_unknown_cut_point_suggests_the_nearest(make_model):
    with pytest.raises(UserError, match='did you mean "conv1"'):
        split(*make_model(), "conv_1")


def test_a_model_with_an_input_beside_the_cut_is_still_saved(tmp_path):
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    positions = keras.Input((None,), dtype="int32", name="positions")
    x = keras.layers.Embedding(9, 4, name="embedding")(tokens)
    backbone = keras.Model(tokens, x)
    index = keras.ops.expand_dims(positions, -1)
    chosen = keras.ops.take_along_axis(x, index, axis=1)
    logits = keras.layers.Dense(3, name="logits")(chosen)
    inputs = {"tokens": tokens, "positions": positions}
    model = keras.Model(inputs, logits)
    batch = {
        "tokens": np.array([[1, 2, 3]], np.int32),
        "positions": np.array([[2, 0]], np.int32),
    }
    expected = model(batch)
    prefix, suffix = split(model, backbone, "all")
    np.testing.assert_array_equal(suffix(prefix(batch)), expected)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(batch), expected)
