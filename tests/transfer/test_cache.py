"""Entries on disk: complete, the right ones, and no more than allowed."""

import errno
import os
import time

import keras
import ml_dtypes
import numpy as np
import pytest

from keras_ptft.data import Loading, load
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import take
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.data.pipeline.epoch_views import Augmented
from keras_ptft.data.sources.arrays import sized_source
from keras_ptft.errors import UserError
from keras_ptft.registry import lookup
from keras_ptft.transfer import cache as caches
from keras_ptft.transfer.cache import Entry, FeatureCache, keys_of
from keras_ptft.transfer.cut import split

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
# four rows of twelve bytes, and the checksum
SIZE = 52
A, B, C = ("a" * 32, "b" * 32, "c" * 32)


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / ".features", limit=2 * SIZE)


def key_of(prefix, source):
    return keys_of(prefix, [source])[0]


def write(cache, key, rows):
    with cache.writing(key) as append:
        append(rows[:3])
        append(rows[3:])


def put(cache, key, age=0):
    write(cache, key, ROWS)
    path = cache.folder / f"{key}.features"
    when = time.time() - age
    os.utime(path, (when, when))
    return path


def get(cache, key):
    return cache.read(Entry(key, ROWS.shape, ROWS.dtype))


def names(cache):
    return sorted(path.name[0] for path in cache.folder.iterdir())


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.uint8]
)
def test_rows_come_back(cache, dtype):
    rows = (ROWS / 7).astype(dtype)
    write(cache, A, rows)
    found = cache.read(Entry(A, rows.shape, rows.dtype))
    assert isinstance(found, np.memmap) and found.dtype == rows.dtype
    assert found.tobytes() == rows.tobytes()
    some = ArraySource(found, np.zeros(4), np.zeros(4, np.uint64))
    assert some.gather(np.array([2])).numpy().tobytes() == rows[2].tobytes()


def test_a_mounted_drive_that_cannot_map_files(cache, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    write(cache, A, ROWS)
    monkeypatch.setattr(np, "memmap", refuse)
    found = get(cache, A)
    monkeypatch.undo()
    assert not isinstance(found, np.memmap)
    assert found.tolist() == ROWS.tolist()


def test_nothing_there(cache):
    assert get(cache, A) is None


def test_no_rows(cache):
    write(cache, A, ROWS[:0])
    assert cache.read(Entry(A, (0, 3), ROWS.dtype)).shape == (0, 3)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-1])


def longer(path):
    path.write_bytes(path.read_bytes() + b"\0")


def emptied(path):
    path.write_bytes(b"")


def with_another_bit(path):
    content = bytearray(path.read_bytes())
    content[17] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage", [truncated, longer, emptied, with_another_bit]
)
def test_a_damaged_entry_is_none(cache, damage, caplog):
    path = put(cache, A)
    damage(path)
    assert get(cache, A) is None
    assert "is damaged: it is recomputed." in caplog.text
    assert not path.exists()


def test_an_entry_under_another_name_is_damaged(cache):
    put(cache, A).rename(cache.folder / f"{B}.features")
    assert get(cache, B) is None


def test_an_interrupted_write_leaves_nothing(cache):
    with pytest.raises(KeyboardInterrupt), cache.writing(A) as append:
        append(ROWS)
        raise KeyboardInterrupt
    assert names(cache) == []


def test_the_least_recently_used_goes_first(cache):
    put(cache, A, age=30), put(cache, B, age=20)
    get(cache, A)
    cache.make_room(SIZE)
    assert names(cache) == ["a"]


def test_no_more_than_must_goes(cache):
    put(cache, A, age=30), put(cache, B, age=20)
    cache.make_room(0)
    assert names(cache) == ["a", "b"]
    cache.limit -= 1
    cache.make_room(0)
    assert names(cache) == ["b"]


def test_what_is_kept_stays(cache):
    put(cache, A, age=30), put(cache, B, age=20)
    cache.make_room(SIZE, keep=[A])
    assert names(cache) == ["a"]


def test_foreign_files_stay_and_abandoned_parts_go(cache):
    cache.folder.mkdir()
    foreign = ["note.txt", "x.features", f"{A}.features.old", f"{A}.npy"]
    partial = f".partial-1-{A}.features"
    for name in [*foreign, partial, f".partial-2-{A}.features"]:
        (cache.folder / name).write_bytes(b"0" * 999)
    os.utime(cache.folder / partial, (0, 0))
    cache.make_room(2 * SIZE)
    left = {path.name for path in cache.folder.iterdir()}
    assert left == {*foreign, f".partial-2-{A}.features"}


def test_a_removed_entry_stays_readable_where_it_is_mapped(cache):
    put(cache, A)
    rows = get(cache, A)
    cache.limit = 0
    cache.make_room(0)
    assert names(cache) == []
    np.testing.assert_array_equal(rows, ROWS)


def test_a_full_disk(cache):
    cache.limit = 1e30
    with pytest.raises(UserError, match=r"would take 1,0.* MB in .*disk has"):
        cache.make_room(10**24)


def test_a_file_is_not_a_folder(cache):
    cache.folder.write_text("")
    assert get(cache, A) is None
    with pytest.raises(UserError, match="Cannot keep features in"):
        cache.make_room(1)
    with pytest.raises(UserError, match="Cannot write"):
        put(cache, A)


@pytest.fixture
def prefix(make_model):
    return split(*make_model("cnn(filters=[4], batch_norm=True)"), "conv1")[0]


@pytest.fixture
def some(digits):
    return take(digits.splits["test"], np.arange(40))


def test_the_same_has_the_same_key(make_model, prefix, some):
    again, _ = split(*make_model("cnn(filters=[4], batch_norm=True)"), "conv1")
    fresh = load("digits", Loading(image_size=8)).splits["test"]
    same = take(fresh, np.arange(40))
    assert key_of(prefix, some) == key_of(again, same)


def test_one_bit_of_any_weight_counts(prefix, some):
    keys = {key_of(prefix, some)}
    for weight in prefix.weights:
        value = weight.numpy()
        changed = value.copy()
        changed.view(np.uint32).reshape(-1)[-1] ^= 1
        weight.assign(changed)
        keys.add(key_of(prefix, some))
        weight.assign(value)
    # kernel or bias, and four of batch normalisation
    assert len(keys) == len(prefix.weights) + 1 >= 6
    assert key_of(prefix, some) in keys


def test_one_pixel_counts(prefix):
    images = np.zeros((40, 8, 8, 1), np.uint8)
    keys = {key_of(prefix, sized_source(images, np.zeros(40), 8, "image"))}
    for number in range(40):
        images[number, 3, 4, 0] = 1
        source = sized_source(images, np.zeros(40), 8, "image")
        keys.add(key_of(prefix, source))
        images[number, 3, 4, 0] = 0
    assert len(keys) == 41


def test_order_labels_and_number_count(prefix, some):
    labels = np.roll(some.labels, 1)
    others = [
        take(some, np.arange(40)[::-1]),
        take(some, np.arange(39)),
        ArraySource(some.gather(np.arange(40)).numpy(), labels, some.hashes),
    ]
    assert len({key_of(prefix, source) for source in [some, *others]}) == 4


def test_how_images_were_stored_counts(prefix):
    """Hashes do not know the shape that an image was resized from."""
    pixels = np.random.default_rng(0).integers(0, 256, (9, 32), np.uint8)
    keys = set()
    for shape in [(4, 8, 1), (8, 4, 1), (2, 16, 1)]:
        images = pixels.reshape(9, *shape)
        keys.add(key_of(prefix, sized_source(images, np.zeros(9), 8, "image")))
    assert len(keys) == 3


def test_what_is_cut_off_counts(prefix):
    # they show nothing, and have the same pixels
    images = np.zeros((9, 12, 20, 1), np.uint8)
    sources = [
        sized_source(images, np.zeros(9), 8, "image", resize)
        for resize in ("stretch", "crop", "crop(share=0.5)")
    ]
    assert len({key_of(prefix, source) for source in sources}) == 3


def test_image_size_and_scaling_count():
    keys = set()
    for size, mean in [(8, 0.0), (9, 0.0), (8, 1.0)]:
        inputs = keras.Input((size, size, 1), dtype="uint8", name="image")
        layer = keras.layers.Normalization(
            mean=[mean], variance=[1.0], name="n"
        )
        prefix = keras.Model(inputs, layer(inputs), name="prefix")
        source = load("digits", Loading(image_size=size)).splits["test"]
        keys.add(key_of(prefix, source))
    assert len(keys) == 3


def test_every_output_has_a_key_of_its_own():
    assert caches.key_of_output(A, "") == A
    keys = {caches.key_of_output(k, name) for k in (A, B) for name in "xy"}
    assert len(keys) == 4


def test_named_inputs_count(prefix):
    facts = np.zeros(4, int), np.zeros(4, np.uint64)
    pairs = ({"a": ROWS, "b": ROWS + value} for value in (0, 1))
    keys = {key_of(prefix, ArraySource(pair, *facts)) for pair in pairs}
    assert len(keys) == 2


def test_precision_counts(make_model, some):
    keys = set()
    for policy in ("float32", "mixed_bfloat16", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        try:
            prefix, _ = split(*make_model(), "conv1")
        finally:
            keras.config.set_dtype_policy("float32")
        keys.add(key_of(prefix, some))
    assert len(keys) == 3


def test_augmentation_counts(prefix, some):
    def shown(setting, seed, epoch):
        row = lookup(AUGMENTATIONS, setting, "augmentation")
        return Augmented(some, row, setting, seed, epoch)

    views = [
        *(shown("shift", 0, 0), shown("shift", 0, 1), shown("shift", 1, 0)),
        *(shown("shift(padding=1)", 0, 0), shown("flip", 0, 0), some),
    ]
    assert len({key_of(prefix, view) for view in views}) == len(views)


def test_versions_count(prefix, some, monkeypatch):
    keys = {key_of(prefix, some)}
    monkeypatch.setattr("keras.__version__", "3.0")
    keys.add(key_of(prefix, some))
    monkeypatch.setattr(caches, "PREPROCESSING_VERSION", 0)
    keys.add(key_of(prefix, some))
    assert len(keys) == 3
