"""Parameters, cut points and padding of the backbones that read texts."""

import subprocess
import sys
from functools import cache, partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models import BACKBONES, heads
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.feature_model import FEATURE_LAYERS, feature_model
from keras_ptft.models.precision import rebuilt
from keras_ptft.models.saved import load_model
from keras_ptft.registry import lookup
from keras_ptft.transfer.cut import cut_points, split

SIZE = 20
TEXT = tf.TensorSpec((None,), tf.int32, "tokens")
NGRAMS = tf.TensorSpec((None, 3), tf.int32, "tokens")
# four tokens, one, and none
IDS = np.array([[5, 6, 7, 8], [3, 0, 0, 0], [0, 0, 0, 0]], np.int32)

# row → (parameters, cut points); 20 ids of width 8 are 160 in all of them
CASES = {
    "embedding(width=8)": (160, "embedding sequence features"),
    # 8·5 + 5, 5·3 + 3
    "embedding(width=8, pool='max', hidden=[5, 3], dropout=0.2)": (
        160 + 45 + 18,
        "embedding sequence pooled dense1_dense dense1 dropout1 "
        "features_dense features",
    ),
    # 4 gates of 8·6 + 6·6 + 6
    "rnn(width=8, units=6)": (160 + 4 * 90, "embedding rnn1 sequence features"),
    # 3 gates with two biases; the second layer reads both directions
    "rnn(cell='gru', width=8, units=6, depth=2, bidirectional=True)": (
        160 + 2 * 3 * (48 + 36 + 12) + 2 * 3 * (72 + 36 + 12),
        "embedding rnn1 dropout1 rnn2 sequence features",
    ),
    "rnn(cell='simple', width=8, units=6, pool='max')": (
        160 + 48 + 36 + 6,
        "embedding rnn1 sequence features",
    ),
    # 2·8·5 + 5, 3·8·5 + 5
    "textcnn(width=8, filters=5, kernels=[2, 3])": (
        160 + 85 + 125,
        "embedding sequence pooled features",
    ),
    # of a block: 2 norms, 4 projections, 8·24 + 24, 24·8 + 8
    "transformer(width=8, heads=2, ratio=3)": (
        160 + 2 * (2 * 16 + 4 * 72 + 216 + 200) + 16,
        "embedding positions dropout block1 block2 sequence features",
    ),
    "transformer(width=8, heads=2, ratio=3, depth=1, causal=True, "
    "positions='learned', longest=10, pool='last')": (
        160 + 80 + 736 + 16,
        "embedding positions dropout block1 sequence features",
    ),
    # two ends and 16 positions; the norm of these, and two of a block
    "bert(width=8, heads=2, depth=2, ratio=3, longest=16)": (
        160 + 16 + 128 + 16 + 2 * (2 * 16 + 4 * 72 + 216 + 200),
        "embedding positions dropout block1 block2 features",
    ),
    "bert(width=8, heads=2, depth=1, ratio=3, longest=16, pool='cls', "
    "normalize=True)": (
        160 + 16 + 128 + 16 + 736,
        "embedding positions dropout block1 features",
    ),
}
every_case = pytest.mark.parametrize("row", CASES)


def build(row, spec=TEXT, seed=1):
    keras.utils.set_random_seed(seed)
    given = BackboneInput(spec, vocabulary_size=SIZE)
    return lookup(BACKBONES, row, "backbone")(given)


@cache
def built(row):
    """A backbone for tests that leave it as it is."""
    return build(row)


def both(backbone):
    """The backbone with the features of its tokens beside its own."""
    sequence = backbone.get_layer("sequence").output
    return keras.Model(backbone.input, [sequence, backbone.output])


def with_head(backbone, feature_layer):
    head = partial(heads.classify, classes=3)
    return heads.attach_head(backbone, feature_layer, head)


def padded(ids, columns):
    return np.pad(ids, ((0, 0), (0, columns)))


def test_every_row_has_a_case():
    rows = {row.partition("(")[0] for row in CASES}
    assert rows == {"embedding", "rnn", "textcnn", "transformer", "bert"}


@every_case
def test_parameters_and_cut_points(row):
    parameters, points = CASES[row]
    backbone = built(row)
    assert backbone.count_params() == parameters
    assert build(row, NGRAMS).count_params() == parameters
    assert cut_points(backbone) == points.split()
    assert (backbone.name, backbone.inputs[0].name) == ("backbone", "tokens")
    assert backbone.inputs[0].dtype == "int32"


@every_case
def test_padding_changes_nothing(row):
    model = both(built(row))
    sequence, features = (np.array(x) for x in model(IDS))
    close = {"rtol": 1e-6, "atol": 1e-6}
    for columns in (0, 3, 20):
        wider = model(padded(IDS, columns))
        np.testing.assert_allclose(wider[0][:, :4], sequence, **close)
        assert not np.any(wider[0][:, 4:])
        np.testing.assert_allclose(wider[1], features, **close)
    for text in range(3):
        alone = model(padded(IDS[text : text + 1], 20))
        np.testing.assert_allclose(alone[0][0, :4], sequence[text], **close)
        np.testing.assert_allclose(alone[1][0], features[text], **close)
    shortest = model(IDS[1:2, :1])[1]
    np.testing.assert_allclose(shortest[0], features[1], **close)


@every_case
@pytest.mark.parametrize("feature_layer", FEATURE_LAYERS)
def test_every_feature_layer_can_be_read(row, feature_layer):
    model = feature_model(built(row), feature_layer)
    assert (model.name, model.input.name) == ("backbone", "tokens")
    per_token = feature_layer != "features"
    assert len(model.output_shape) == (3 if per_token else 2)


@every_case
def test_rows_are_zero_just_where_padded(row):
    sequence, features = both(built(row))(IDS)
    np.testing.assert_array_equal(np.any(sequence, axis=-1), IDS > 0)
    assert np.isfinite(features).all()


@every_case
def test_prefix_and_suffix_are_the_model(row):
    backbone = build(row)
    model = with_head(backbone, "features")
    whole = model(IDS)
    for freeze in ["all", *CASES[row][1].split()]:
        prefix, suffix = split(model, backbone, freeze)
        np.testing.assert_allclose(suffix(prefix(IDS)), whole, atol=1e-6)


@every_case
def test_a_step_reaches_every_variable(row):
    model = with_head(build(row), "features")
    found = gradients(model)
    assert all(np.isfinite(gradient).all() for gradient in found)
    # a bias that all keys share moves no softmax
    paths = [variable.path for variable in model.trainable_variables]
    idle = [p for p, g in zip(paths, found, strict=True) if not np.any(g)]
    assert all(path.endswith("key/bias") for path in idle)


@pytest.mark.slow
@every_case
def test_compiled_gradients_are_the_same(row):
    row = row.replace("dropout=0.2", "dropout=0.0")
    row = row.replace("textcnn(", "textcnn(dropout=0.0, ")
    row = row.replace("transformer(", "transformer(dropout=0.0, ")
    row = row.replace("bert(", "bert(dropout=0.0, ")
    model = with_head(build(row), "sequence")
    compiled = tf.function(lambda: gradients(model), jit_compile=True)()
    for found, expected in zip(compiled, gradients(model), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def gradients(model):
    with tf.GradientTape() as tape:
        outputs = model(tf.constant(IDS), training=True)
        loss = tf.reduce_sum(outputs**2)
    variables = [v.value for v in model.trainable_variables]
    return [tf.convert_to_tensor(g) for g in tape.gradient(loss, variables)]


@every_case
def test_half_precision_is_near(row):
    backbone = built(row)
    expected = backbone(IDS)
    for precision in ("mixed_float16", "mixed_bfloat16"):
        half = rebuilt(backbone, precision)
        half.set_weights(backbone.get_weights())
        found = half(IDS)
        assert found.dtype == precision.removeprefix("mixed_")
        near = np.array(tf.cast(found, tf.float32))
        np.testing.assert_allclose(near, expected, atol=0.05)


def test_equal_settings_give_equal_files():
    row = "transformer(width=8, heads=2)"
    first, second = (build(row).to_json() for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_files_load_without_this_program(tmp_path):
    expected = {}
    inputs = [(row, TEXT, IDS) for row in CASES]
    inputs += [("embedding", NGRAMS, np.stack([IDS, IDS, 0 * IDS], -1))]
    for number, (row, spec, ids) in enumerate(inputs):
        path = tmp_path / f"{number}.keras"
        backbone = build(row, spec)
        backbone.save(path)
        np.save(path.with_suffix(".npy"), ids)
        expected[number] = np.array(backbone(ids))
        np.testing.assert_array_equal(load_model(path)(ids), expected[number])
    script = (
        "import sys, pathlib, keras, numpy as np\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).glob('*.keras')):\n"
        "    model = keras.saving.load_model(path, safe_mode=True)\n"
        "    ids = np.load(path.with_suffix('.npy'))\n"
        "    np.save(path.with_suffix('.out.npy'), model(ids))\n"
        "assert 'keras_ptft' not in sys.modules\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    subprocess.run(command, check=True, cwd=tmp_path)
    for number, features in expected.items():
        found = np.load(tmp_path / f"{number}.out.npy")
        np.testing.assert_allclose(found, features, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("embedding(pool='last')", "'pool' must be mean or max, got 'last'"),
        ("embedding(width=0)", "'width' must be at least 1"),
        ("embedding(hidden=[0])", "'hidden' must be at least 1"),
        ("rnn(cell='lst')", "'cell' must be simple, lstm or gru"),
        ("rnn(units=0)", "'units' must be at least 1"),
        ("textcnn(kernels=[])", "'kernels' must name a layer"),
        ("transformer(heads=3)", "multiple of the 3 heads, got 128: use 126"),
        ("transformer(positions='none')", "must be sinusoidal or learned"),
        ("transformer(dropout=1.0)", "'dropout' must be from 0 to"),
        ("cnn", "needs numbers, got a text: use another --backbone"),
        ("mlp", "needs numbers, got a text: use another --backbone"),
    ],
)
def test_impossible_settings(row, message):
    with pytest.raises(UserError, match=message):
        build(row)


@pytest.mark.parametrize("row", ["embedding", "textcnn", "transformer"])
def test_a_picture_is_no_text(row):
    image = tf.TensorSpec((8, 8, 1), tf.uint8, "image")
    with pytest.raises(
        UserError, match=r"needs texts, got image .*\(8, 8, 1\)"
    ):
        BACKBONES[row](BackboneInput(image))


@pytest.mark.parametrize("row", ["embedding", "mlp"])
def test_several_inputs_are_refused(row):
    given = BackboneInput({"a": TEXT, "b": TEXT}, vocabulary_size=SIZE)
    with pytest.raises(UserError, match=r"takes one input, got .* \(a, b\)"):
        BACKBONES[row](given)
