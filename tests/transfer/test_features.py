"""Features of the frozen part are what the model would compute."""

import keras
import numpy as np
import pytest

from keras_ptft.data.core.dataset import take
from keras_ptft.data.pipeline.augment import flip
from keras_ptft.data.pipeline.epoch_views import Augmented, Views
from keras_ptft.transfer import features
from keras_ptft.transfer.cache import FeatureCache, entry_bytes
from keras_ptft.transfer.cut import split
from keras_ptft.transfer.features import cache_features, outputs_of


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / ".features", limit=1e9)


@pytest.fixture
def prefix(make_model):
    return split(*make_model(), "conv2")[0]


@pytest.fixture
def computed(monkeypatch):
    """The number of examples that each pass has computed."""
    sizes = []
    parts = features._parts

    def counted(model, source, *batch_size):
        sizes.append(0)
        for part in parts(model, source, *batch_size):
            sizes[-1] += len(part)
            yield part

    monkeypatch.setattr(features, "_parts", counted)
    return sizes


def few(digits, count=20):
    return {"train": take(digits.splits["train"], np.arange(count))}


def files_of(cache):
    return sorted(cache.folder.iterdir())


@pytest.mark.parametrize("batch_size", [1, 7, 100, 256])
def test_each_example_once_in_order(digits, make_model, batch_size):
    model, _ = make_model("cnn(filters=[4], dense=5, dropout=0.5)")
    some = take(digits.splits["test"], np.arange(100)[::-1])
    outputs = outputs_of(model, some, batch_size=batch_size)
    expected = model(some.gather(np.arange(100)), training=False)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_nothing_gives_no_outputs(digits, make_model):
    nothing = take(digits.splits["test"], np.array([], np.int64))
    assert outputs_of(make_model()[0], nothing).shape == (0, 10)


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
def test_features_stand_for_the_images(
    digits, make_model, cache, monkeypatch, in_memory
):
    monkeypatch.setattr(features, "_IN_MEMORY", in_memory)
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


def test_what_is_known_is_not_computed(digits, prefix, cache, computed, caplog):
    caplog.set_level("INFO", "keras_ptft")
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


def test_what_is_damaged_is_computed_anew(digits, prefix, cache, computed):
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
    cache.limit = entry_bytes((20, *prefix.output_shape[1:]), np.float32)
    assert cache_features(prefix, sources, cache)
    cache.limit -= 1
    assert cache_features(prefix, sources, cache) is None
    limit = f"{cache.limit / 1e9:g}"
    assert f"MB, over --feature_cache_gb={limit}." in caplog.text
    assert "The frozen part runs at every step instead." in caplog.text


def test_older_features_make_room(digits, prefix, cache, computed):
    cache.limit = entry_bytes((30, *prefix.output_shape[1:]), np.float32)
    cache_features(prefix, few(digits, 20), cache)
    (older,) = files_of(cache)
    cache_features(prefix, few(digits, 21), cache)
    (newer,) = files_of(cache)
    assert older != newer
    cache_features(prefix, few(digits, 21), cache)
    assert computed == [20, 21]


def test_an_unwritable_place_is_said(digits, prefix, cache, caplog):
    cache.folder.write_text("")
    assert cache_features(prefix, few(digits), cache) is None
    assert f"Cannot keep features in {cache}: " in caplog.text
