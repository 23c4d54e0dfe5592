"""Adapters merged into plain models, and in files of their own."""

import keras
import numpy as np
import pytest
import safetensors.numpy

from keras_ptft.errors import UserError
from keras_ptft.models.pretrained.weights import read_weights
from keras_ptft.transfer import audit
from keras_ptft.transfer.adapter import (
    load_adapter,
    merge_adapter,
    save_adapter,
)
from keras_ptft.transfer.lora import low_rank
from keras_ptft.transfer.unfrozen import norms_and_biases, with_parts

SPEC = "cnn(filters=[4, 6], dense=5)"
IMAGES = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)


@pytest.fixture
def tuned(make_backbone):
    """Makes a backbone whose matrices and biases a training has moved."""

    def make(seed=0, **settings):
        backbone = make_backbone(SPEC)
        parts = with_parts(backbone.layers)
        moved = norms_and_biases(parts)
        before = backbone.trainable_variables
        low_rank(parts, **{"rank": 2, "alpha": 3.0} | settings)
        moved += [v for v in backbone.variables if v.name.startswith("lora_")]
        random = np.random.default_rng(seed)
        for variable in moved:
            values = random.normal(size=variable.shape)
            variable.assign(values.astype(np.float32))
        still = set(map(id, moved))
        return backbone, [v for v in before if id(v) not in still]

    return make


def test_a_merged_model_is_a_plain_one(make_backbone, tuned, tmp_path):
    backbone, _ = tuned()
    expected = backbone(IMAGES).numpy()
    merge_adapter(backbone)
    np.testing.assert_allclose(backbone(IMAGES), expected, rtol=1e-5)
    plain = make_backbone(SPEC)
    assert backbone.to_json() == plain.to_json()
    for find in (lambda m: m.variables, lambda m: m.trainable_variables):
        paths = [[v.path for v in find(m)] for m in (backbone, plain)]
        assert paths[0] == paths[1]
    backbone.save(tmp_path / "merged.keras")
    loaded = keras.saving.load_model(tmp_path / "merged.keras", compile=False)
    np.testing.assert_array_equal(loaded(IMAGES), backbone(IMAGES))


def test_merging_a_plain_model_changes_nothing(make_backbone):
    backbone = make_backbone()
    before = audit.fingerprint(backbone)
    merge_adapter(backbone)
    assert audit.fingerprint(backbone) == before


@pytest.mark.parametrize("settings", [{}, {"only": ("conv2", "features")}])
def test_the_file_and_the_backbone_give_the_tuned_one(
    make_backbone, tuned, tmp_path, settings
):
    backbone, frozen = tuned(**settings)
    expected = backbone(IMAGES).numpy()
    path = tmp_path / "adapter.safetensors"
    save_adapter(path, backbone, backbone, frozen)
    # saving leaves the matrices as they are
    np.testing.assert_array_equal(backbone(IMAGES), expected)
    base = make_backbone(SPEC)
    loaded = load_adapter(base, path)
    np.testing.assert_allclose(loaded(IMAGES), expected, rtol=1e-5)
    assert loaded.to_json() == base.to_json()


def test_several_adapters_on_one_backbone(make_backbone, tuned, tmp_path):
    base = make_backbone(SPEC)
    before = audit.fingerprint(base)
    for seed in (1, 2):
        backbone, frozen = tuned(seed)
        path = tmp_path / f"{seed}.safetensors"
        save_adapter(path, backbone, backbone, frozen)
        loaded = load_adapter(base, path)
        expected = backbone(IMAGES)
        np.testing.assert_allclose(loaded(IMAGES), expected, rtol=1e-5)
    assert audit.fingerprint(base) == before


def test_the_file_holds_what_moved_alone(tuned, tmp_path):
    backbone, frozen = tuned(only=("features",))
    path = tmp_path / "adapter.safetensors"
    save_adapter(path, backbone, backbone, frozen)
    # two matrices of 6·2 and 2·5, biases of 4, 6 and 5, and the header
    assert path.stat().st_size < 4 * (12 + 10 + 15) + 600


def test_layers_that_the_model_leaves_out_are_none_of_it(tuned, tmp_path):
    backbone, frozen = tuned(only=("conv1",))
    shorter = keras.Model(backbone.input, backbone.get_layer("conv1").output)
    path = tmp_path / "adapter.safetensors"
    save_adapter(path, backbone, shorter, frozen)
    assert set(read_weights(path)) == {
        "conv1_conv/bias",
        "conv1_conv/kernel/lora_a",
        "conv1_conv/kernel/lora_b",
    }


def test_another_backbone_is_refused(make_backbone, tuned, tmp_path):
    backbone, frozen = tuned()
    path = tmp_path / "adapter.safetensors"
    save_adapter(path, backbone, backbone, frozen)
    for other in (make_backbone(SPEC, seed=1), make_backbone("mlp")):
        with pytest.raises(UserError) as caught:
            load_adapter(other, path)
        assert str(caught.value) == (
            f"The adapter {path} was trained on another backbone, or is "
            "none: load it on the one that its run was fine-tuned from."
        )


def test_a_file_that_is_none(make_backbone, tmp_path):
    path = tmp_path / "adapter.safetensors"
    with pytest.raises(UserError, match=r"Cannot read .*: No such"):
        load_adapter(make_backbone(), path)
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="Cannot read the weights"):
        load_adapter(make_backbone(), path)
    # weights, but no adapter
    safetensors.numpy.save_file({"a": np.zeros(3)}, path)
    with pytest.raises(UserError, match="on another backbone, or is none"):
        load_adapter(make_backbone(), path)
    path.rename(tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="on another backbone, or is none"):
        load_adapter(make_backbone(), tmp_path)
