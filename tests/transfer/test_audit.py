"""A single changed bit is found and named."""

import keras
import numpy as np
import pytest

from keras_ptft.transfer import audit
from tests.transfer.bits import flip


def test_nothing_has_changed(make_backbone):
    backbone = make_backbone("cnn(filters=[4], dense=5, batch_norm=True)")
    before = audit.fingerprints(backbone.variables)
    # one conv kernel, four of batch normalisation, a dense kernel and bias
    expected = {"frozen_variables": 7, "changed": []}
    assert audit.audit(before, backbone.variables) == expected


@pytest.mark.parametrize("path", ["conv1_bn/moving_mean", "conv1_conv/kernel"])
def test_one_bit_has_changed(make_backbone, path):
    backbone = make_backbone("cnn(filters=[4], dense=5, batch_norm=True)")
    before = audit.fingerprints(backbone.variables)
    (variable,) = (v for v in backbone.variables if v.path == path)
    values = variable.numpy()
    values.flat[0] = np.nextafter(values.flat[0], np.float32(9))
    variable.assign(values)
    with pytest.raises(RuntimeError, match=f"have changed: {path}"):
        audit.audit(before, backbone.variables)


def test_no_variables_have_nothing_to_change():
    assert audit.audit(audit.fingerprints([]), []) == {
        "frozen_variables": 0,
        "changed": [],
    }


def test_fingerprint_of_all_weights(make_backbone):
    same = [audit.fingerprint(make_backbone(seed=1)) for _ in range(2)]
    assert same[0] == same[1] != audit.fingerprint(make_backbone(seed=2))


def test_fingerprint_is_the_same_whenever_a_file_is_read(
    make_backbone, tmp_path
):
    backbone = make_backbone("cnn(filters=[4], dense=5, dropout=0.5)")
    backbone.save(tmp_path / "backbone.keras")
    loaded = [
        keras.saving.load_model(tmp_path / "backbone.keras") for _ in range(2)
    ]
    expected = audit.fingerprint(backbone)
    assert [audit.fingerprint(model) for model in loaded] == [expected] * 2


def test_layers_within_layers_may_share_a_path():
    inputs = x = keras.Input((3,))
    for name in ("one", "two"):
        inner = keras.Input((3,))
        outputs = keras.layers.Dense(2 + (name == "one"), name="dense")(inner)
        x = keras.Model(inner, outputs, name=name)(x)
    model = keras.Model(inputs, x)
    before = audit.fingerprints(model.variables)
    kernels = ["dense/kernel", "dense/kernel (2)"]
    assert sorted(before) == ["dense/bias", "dense/bias (2)", *kernels]
    flip(model.variables[0])
    with pytest.raises(RuntimeError, match=r"changed: dense/kernel\.$"):
        audit.audit(before, model.variables)
    flip(model.variables[0])
    flip(model.variables[2])
    with pytest.raises(RuntimeError, match=r"changed: dense/kernel \(2\)\.$"):
        audit.audit(before, model.variables)


def test_a_removed_variable_is_missed(make_backbone):
    before = audit.fingerprints(make_backbone().variables)
    other = make_backbone("cnn(filters=[4], pool=1, dense=5)")
    with pytest.raises(RuntimeError, match="changed: conv2_conv/bias, conv2_"):
        audit.audit(before, other.variables)
