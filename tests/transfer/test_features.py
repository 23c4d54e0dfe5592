"""Features of the frozen part are what the model would compute."""

import math

import keras
import numpy as np
import pytest

from keras_ptft.data.core.dataset import take
from keras_ptft.data.pipeline.augment import flip
from keras_ptft.data.pipeline.epoch_views import Augmented, Views
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.forward import forward, only_outputs, outputs_of
from keras_ptft.transfer import features
from keras_ptft.transfer.cache import FeatureCache
from keras_ptft.transfer.cut import split
from keras_ptft.transfer.features import cache_features
from keras_ptft.transfer.folding import folded


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / ".features", limit=1e9)


@pytest.fixture
def prefix(make_model):
    return split(*make_model(), "conv2")[0]


@pytest.fixture
def computed(monkeypatch):
    """The number of examples of each pass over a source."""
    sizes = []
    forward = features.forward

    def counted(model, source, observe):
        sizes.append(len(source))
        return forward(model, source, observe)

    monkeypatch.setattr(features, "forward", counted)
    return sizes


def bytes_of(prefix, count):
    """Of float32 features on disk, with their checksum."""
    return 4 * count * math.prod(prefix.output_shape[1:]) + 4


def few(digits, count=20):
    return {"train": take(digits.splits["train"], np.arange(count))}


def files_of(cache):
    return sorted(cache.folder.iterdir())


def test_half_precision_stays_half(digits, make_backbone, cache):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        backbone = make_backbone()
    finally:
        keras.config.set_dtype_policy("float32")
    sources = few(digits)
    outputs = outputs_of(backbone, sources["train"])
    assert outputs.dtype.name == "bfloat16"
    for _ in range(2):
        cached = cache_features(backbone, sources, cache)["train"]
        rows = cached.gather(np.arange(20)).numpy()
        assert rows.dtype == outputs.dtype
        assert rows.tobytes() == outputs.tobytes()


@pytest.mark.parametrize("in_memory", [1e9, 0])
def test_features_replace_the_images(
    digits, make_model, cache, monkeypatch, in_memory
):
    monkeypatch.setattr(features, "IN_MEMORY_BYTES", in_memory)
    model, backbone = make_model()
    prefix, suffix = split(model, backbone, "conv2")
    cached = cache_features(prefix, digits.splits, cache)
    assert cached.keys() == digits.splits.keys()
    for name, source in digits.splits.items():
        found = cached[name]
        np.testing.assert_array_equal(found.labels, source.labels)
        np.testing.assert_array_equal(found.hashes, source.hashes)
        assert found.spec.shape == prefix.output_shape[1:]
        np.testing.assert_allclose(
            outputs_of(suffix, found), outputs_of(model, source), atol=1e-5
        )


def test_batch_normalization_is_folded(digits, make_model, cache):
    model, backbone = make_model("cnn(filters=[4, 6], batch_norm=True)")
    prefix, _ = split(model, backbone, "conv2")
    sources = few(digits)
    found = cache_features(prefix, sources, cache)["train"]
    rows = found.gather(np.arange(20)).numpy()
    (expected,) = forward(folded(prefix), sources["train"], only_outputs)
    np.testing.assert_array_equal(rows, expected)
    plain = outputs_of(prefix, sources["train"])
    assert 0 < np.abs(rows - plain).max() < 1e-6 * plain.max()


def test_what_is_known_is_not_computed(digits, prefix, cache, computed, caplog):
    train = digits.splits["train"]
    one = {"train": take(train, np.arange(20))}
    two = one | {"validation": take(train, np.arange(20, 25))}
    first = cache_features(prefix, one, cache)["train"]
    cache_features(prefix, two, cache)
    caplog.clear()
    again = cache_features(prefix, two, cache)["train"]
    assert computed == [20, 5]
    assert caplog.messages == [f"Features of 25 examples are in {cache}."]
    np.testing.assert_array_equal(
        first.gather(np.arange(20)), again.gather(np.arange(20))
    )


def test_what_is_damaged_is_recomputed(digits, prefix, cache, computed):
    sources = few(digits)
    cache_features(prefix, sources, cache)
    (path,) = files_of(cache)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    cache_features(prefix, sources, cache)
    assert computed == [20, 20]
    assert path.read_bytes() == whole


def test_each_view_is_computed_once(digits, prefix, cache, computed):
    sources = few(digits)
    views = tuple(
        Augmented(sources["train"], flip, "flip", 0, epoch)
        for epoch in range(3)
    )
    two = cache_features(prefix, {"train": Views(views[:2])}, cache)
    three = cache_features(prefix, {"train": Views(views)}, cache)
    assert computed == [20, 20, 20]
    assert isinstance(three["train"], Views)
    assert [len(found["train"].sources) for found in (two, three)] == [2, 3]
    for view, found in zip(views, three["train"].sources, strict=True):
        np.testing.assert_array_equal(
            outputs_of(prefix, view), found.gather(np.arange(20))
        )


def test_too_many_features_are_not_kept(digits, prefix, cache, caplog):
    sources = few(digits)
    cache.limit = bytes_of(prefix, 20)
    assert cache_features(prefix, sources, cache)
    cache.limit -= 1
    assert cache_features(prefix, sources, cache) is None
    limit = f"{cache.limit / 1e9:g}"
    assert f"MB, over --feature_cache_gb={limit}." in caplog.text
    assert "The frozen part runs at every step instead." in caplog.text


def test_older_features_make_room(digits, prefix, cache, computed):
    cache.limit = bytes_of(prefix, 30)
    cache_features(prefix, few(digits, 20), cache)
    (older,) = files_of(cache)
    cache_features(prefix, few(digits, 21), cache)
    (newer,) = files_of(cache)
    assert older != newer
    cache_features(prefix, few(digits, 21), cache)
    assert computed == [20, 21]


def test_an_unusable_folder_is_reported(digits, prefix, cache, caplog):
    cache.folder.write_text("")
    assert cache_features(prefix, few(digits), cache) is None
    assert f"Cannot keep features in {cache}: " in caplog.text


def test_several_outputs_are_kept_by_name(digits, make_model, cache, computed):
    model, backbone = make_model()
    pool = backbone.get_layer("pool1").output
    outputs = {"features": backbone.output, "image": model.input, "pool": pool}
    prefix = keras.Model(model.input, outputs)
    source = few(digits)["train"]
    found = cache_features(prefix, {"train": source}, cache)["train"]
    assert found.spec.keys() == outputs.keys()
    expected = prefix(source.gather(np.arange(20)))
    rows = found.gather(np.arange(20))
    for name, value in expected.items():
        np.testing.assert_allclose(rows[name], value, atol=1e-5)
    assert rows["image"].dtype == "uint8"
    np.testing.assert_array_equal(found.labels, source.labels)
    # one pass over the examples, and another for a lost entry
    files_of(cache)[0].unlink()
    cache_features(prefix, {"train": source}, cache)
    assert computed == [20, 20]
    assert len(files_of(cache)) == 3


def test_features_are_computed_by_the_replicas(digits, make_model, cache):
    with get_strategy("mirrored").scope():
        model, backbone = make_model()
        prefix, _ = split(model, backbone, "conv2")
    assert prefix.distribute_strategy.num_replicas_in_sync == 2
    sources = few(digits, 25)
    found = cache_features(prefix, sources, cache)["train"]
    expected = prefix(sources["train"].gather(np.arange(25)))
    np.testing.assert_allclose(found.gather(np.arange(25)), expected, atol=1e-5)
