"""Masked patches: what the backbone sees of an image, and the loss."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.objectives.masked_pixels import MaskedPixels
from keras_ptft.registry import lookup
from keras_ptft.transfer.cut import split

SPEC = tf.TensorSpec((8, 12, 3), tf.uint8, "image")
# 2 rows of 3 patches
SETTINGS = {"patch": 4, "mask": 0.5, "width": 8, "depth": 1, "heads": 2}
SEEDS = tf.constant([[7, 0, e] for e in range(5)], tf.int64)
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 12, 3), np.uint8)


def masked(**settings):
    return MaskedPixels(DataInfo(SPEC), **SETTINGS | settings)


def build(spec="vit_small(patch=4, width=8, depth=2, heads=2)"):
    keras.utils.set_random_seed(1)
    return lookup(BACKBONES, spec, "backbone")(BackboneInput(SPEC))


@pytest.fixture(scope="module")
def built():
    """Backbone, model, and a batch for it."""
    backbone = build()
    model = masked().assemble(backbone)
    batch = masked().transform(tf.constant(IMAGES), None, SEEDS)
    return backbone, model, batch


def test_kept_and_masked_patches_are_all(built):
    inputs, targets, weights = built[2]
    kept, hidden = inputs["kept_patches"].numpy(), targets["masked"].numpy()
    assert kept.shape == (5, 3)
    for row, mask in zip(kept, hidden, strict=True):
        assert sorted([*row, *np.flatnonzero(mask)]) == list(range(6))
    assert len({tuple(sorted(row)) for row in kept}) > 1
    np.testing.assert_array_equal(inputs["image"], IMAGES)
    assert weights.numpy().tolist() == [1.0] * 5


def test_masks_depend_on_seed_epoch_and_example_alone(built):
    kept = built[2][0]["kept_patches"].numpy()
    alone = masked().transform(IMAGES[3:4], None, SEEDS[3:4])[0]
    np.testing.assert_array_equal(alone["kept_patches"][0], kept[3])
    next_epoch = tf.add(SEEDS, [[0, 1, 0]])
    later = masked().transform(IMAGES, None, next_epoch)[0]
    assert (later["kept_patches"] != kept).numpy().any()


@pytest.mark.parametrize(
    "mask, patch, kept",
    # of 6 patches, of 24, and at least one is kept and one masked
    [(0.5, 4, 3), (0.75, 2, 6), (0.99, 4, 1), (0.01, 4, 5)],
)
def test_how_many_patches_are_kept(mask, patch, kept):
    objective = masked(mask=mask, patch=patch)
    inputs, targets, _ = objective.transform(IMAGES, None, SEEDS)
    assert inputs["kept_patches"].shape == (5, kept)
    assert (targets["masked"].numpy().sum(axis=1) == 96 / patch**2 - kept).all()


def test_targets_are_the_paper_s(built):
    pixels = built[2][1]["pixels"].numpy()
    plain = masked(normalize=False).transform(IMAGES, None, SEEDS)[1]["pixels"]
    for number in range(6):
        row, column = divmod(number, 3)
        patch = IMAGES[:, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4]
        patch = patch.reshape(5, 48) / 255
        np.testing.assert_allclose(plain[:, number], patch, rtol=1e-5)
        centered = patch - patch.mean(axis=1, keepdims=True)
        variance = patch.var(axis=1, ddof=1, keepdims=True)
        expected = centered / np.sqrt(variance + 1e-6)
        np.testing.assert_allclose(pixels[:, number], expected, atol=1e-4)


def test_a_patch_of_one_colour_is_0():
    grey = np.full((5, 8, 12, 3), 77, np.uint8)
    pixels = masked().transform(grey, None, SEEDS)[1]["pixels"]
    np.testing.assert_allclose(pixels, np.zeros((5, 6, 48)), atol=1e-3)


def test_loss_by_hand():
    targets = {
        "pixels": tf.constant([[[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]]),
        "masked": tf.constant([[0.0, 1.0, 1.0]]),
    }
    outputs = {"pixels": tf.constant([[[9.0, 9.0], [1.0, 2.0], [0.0, 1.0]]])}
    # (0 + 1) / 2 and (4 + 1) / 2, and the first was seen
    loss = masked().loss(targets, outputs)
    np.testing.assert_allclose(loss, [(0.5 + 2.5) / 2])


def test_loss_is_numpy_s(built):
    _, model, (inputs, targets, _) = built
    outputs = model(inputs)
    expected = []
    for kept, target, output in zip(
        inputs["kept_patches"].numpy(),
        targets["pixels"].numpy(),
        outputs["pixels"].numpy(),
        strict=True,
    ):
        hidden = [p for p in range(6) if p not in kept]
        expected.append(np.mean((output[hidden] - target[hidden]) ** 2))
    loss = masked().loss(targets, outputs)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_masked_pixels_reach_neither_backbone_nor_decoder(built):
    _, model, (inputs, targets, _) = built
    before = model(inputs)
    changed, seen = IMAGES.copy(), IMAGES.copy()
    for i, mask in enumerate(targets["masked"].numpy()):
        for images, patch in ((changed, mask.argmax()), (seen, mask.argmin())):
            row, column = divmod(int(patch), 3)
            images[i, row * 4 + 1, column * 4 + 2] ^= 255
    after = model({**inputs, "image": tf.constant(changed)})
    other = model({**inputs, "image": tf.constant(seen)})
    for name in ("pixels", "features"):
        np.testing.assert_array_equal(before[name], after[name])
        assert (before[name] != other[name]).numpy().any(axis=-1).all()


def test_the_backbone_sees_the_kept_patches_alone(built):
    _, model, (inputs, _, _) = built
    shapes = []

    def call(operation, *args, **kwargs):
        outputs = operation(*args, **kwargs)
        if operation.name == "block2":
            shapes.append(outputs.shape)
        return outputs

    model._run_through_graph(
        [inputs[x.name] for x in model.inputs],
        operation_fn=lambda operation: partial(call, operation),
    )
    assert shapes == [(5, 3, 8)]


def test_features_of_whole_images_are_the_backbone_s(built):
    backbone, model, _ = built
    features = masked().features_of(model)(IMAGES)
    np.testing.assert_allclose(features, backbone(IMAGES), rtol=1e-6)


def test_parameters_by_hand(built):
    backbone, model, _ = built
    # into the decoder, the mask, a block, the last norm, and 4 · 4 · 3 pixels
    block = 12 * 8**2 + 13 * 8
    decoder = (8 * 8 + 8) + 8 + block + 2 * 8 + (8 * 48 + 48)
    assert model.count_params() == backbone.count_params() + decoder


def test_a_saved_model_is_the_same_and_leaves_the_backbone_whole(
    built, tmp_path
):
    backbone, model, (inputs, _, _) = built
    for part, given in ((model, inputs), (backbone, IMAGES)):
        part.save(tmp_path / "saved.keras")
        again = keras.saving.load_model(tmp_path / "saved.keras")
        keras.tree.map_structure(
            np.testing.assert_array_equal, again(given), part(given)
        )


def test_pictures_are_grey_where_they_are_masked(built):
    _, targets, _ = built[2]
    [picture] = masked().pictures(IMAGES, None, SEEDS).values()
    for i, mask in enumerate(targets["masked"].numpy().reshape(5, 2, 3)):
        hidden = mask.repeat(4, axis=0).repeat(4, axis=1).astype(bool)
        assert (picture[i].numpy()[hidden] == 127).all()
        np.testing.assert_array_equal(
            picture[i].numpy()[~hidden], IMAGES[i][~hidden]
        )


@pytest.mark.slow
def test_compiled_it_learns_the_same(built):
    _, model, (inputs, targets, _) = built
    variables = [v.value for v in model.trainable_variables]

    def step():
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            loss = tf.reduce_mean(masked().loss(targets, outputs))
        return loss, tape.gradient(loss, variables)

    plain, compiled = (
        tf.nest.flatten(tf.function(step, jit_compile=jit)())
        for jit in (False, True)
    )
    for one, other in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_it_cannot_be_frozen(built):
    backbone, model, _ = built
    with pytest.raises(UserError, match="got --freeze=all: use --freeze=none"):
        split(model, backbone, "all")


@pytest.mark.parametrize(
    "backbone, message",
    [
        ("cnn_single(filters=[2], dense=2)", "use --backbone=vit_small, or --"),
        (
            "vit_small(patch=2, width=8, depth=1, heads=2)",
            r'into 24 patches, and .* into 6: use .*"masked_pixels\(patch=2\)"',
        ),
    ],
)
def test_a_backbone_that_does_not_fit(backbone, message):
    with pytest.raises(UserError, match=message):
        masked().assemble(build(backbone))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"mask": 0.0}, "'mask' of objective 'masked_pixels' must be between"),
        ({"mask": 1.0}, "between 0 and 1, as 0.75, got 1.0"),
        ({"patch": 3}, "divide the 8×12 pixels of an image, got 3"),
        ({"patch": 1}, "A patch of 1 pixel has no contrast .*8×12 .*patch=2"),
        ({"width": 6}, "'width' must be a multiple of 4"),
        ({"heads": 3}, "multiple of the 3 heads"),
        ({"depth": 0}, "'depth' must be at least 1"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(UserError, match=message):
        masked(**settings)


def test_one_patch_cannot_be_masked():
    data = DataInfo(tf.TensorSpec((8, 8, 1), tf.uint8, "image"))
    with pytest.raises(UserError, match="needs 2 patches an image or more"):
        MaskedPixels(data, patch=8)


def test_what_is_no_image():
    with pytest.raises(UserError, match="masked_pixels learns from images"):
        MaskedPixels(DataInfo(tf.TensorSpec((7,), tf.float32, "vector")))
