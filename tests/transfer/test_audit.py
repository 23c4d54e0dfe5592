"""A single changed bit is found and named."""

import keras
import numpy as np
import pytest

from keras_ptft.transfer import audit


def test_nothing_has_changed(make_backbone):
    backbone = make_backbone("cnn(filters=[4], dense=5, batch_norm=True)")
    before = audit.fingerprints(backbone)
    # one conv kernel, four of batch normalisation, a dense kernel and bias
    expected = {"frozen_variables": 7, "changed": []}
    assert audit.audit(before, backbone) == expected


@pytest.mark.parametrize("path", ["conv1_bn/moving_mean", "conv1_conv/kernel"])
def test_one_bit_has_changed(make_backbone, path):
    backbone = make_backbone("cnn(filters=[4], dense=5, batch_norm=True)")
    before = audit.fingerprints(backbone)
    (variable,) = (v for v in backbone.variables if v.path == path)
    values = variable.numpy()
    values.flat[0] = np.nextafter(values.flat[0], np.float32(9))
    variable.assign(values)
    with pytest.raises(RuntimeError, match=f"have changed: {path}"):
        audit.audit(before, backbone)


def test_no_model_has_nothing_to_change():
    assert audit.audit(audit.fingerprints(None), None) == {
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
