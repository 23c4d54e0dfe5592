"""Decoded images in a file: the right ones, whatever happened to it."""

import numpy as np
import pytest

from keras_ptft.data.core.cache_folder import CacheFolder
from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.images import decoded
from keras_ptft.data.images.decoded import DecodedPhotos, key_of, open_photos

SHAPE = (4, 5, 3)
COUNT, ROW = 6, 60
ENCODED = sorted((b"file %d" % n for n in range(COUNT)), key=content_hash)
HASHES = np.array([content_hash(content) for content in ENCODED])
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, *SHAPE), np.uint8)
KEY = "c" * 32
# a checksum of each row comes first
SIZE = COUNT * (4 + ROW)


@pytest.fixture
def path(tmp_path):
    return tmp_path / f"{KEY}.photos"


def opened(path, key=KEY):
    return DecodedPhotos(path, key, HASHES, SHAPE)


def gather(photos, *rows, images=IMAGES, encoded=ENCODED):
    """Reads rows as a source does; returns those that had to be decoded."""
    rows = np.array(rows, np.int64)
    known = photos.has(rows)
    new = rows[~known]
    found = photos.filled(
        rows, known, images[new], np.array(encoded, object)[new]
    )
    assert (found == images[rows]).all()
    return new.tolist()


def test_a_row_is_decoded_once(path):
    photos = opened(path)
    assert gather(photos, 4, 1) == [4, 1]
    assert gather(photos, 0, 1, 4, 1) == [0]
    assert gather(photos) == []
    again = opened(path)
    assert again.count == 3 and path.stat().st_size == SIZE
    assert gather(again, *range(COUNT)) == [2, 3, 5]
    assert gather(opened(path), *range(COUNT)) == []


def test_several_fill_a_file_at_once(path):
    one, other = opened(path), opened(path)
    assert gather(one, 0, 1) == [0, 1]
    # of rows that both decode, both write the same bytes
    known = other.has(np.array([2]))
    assert gather(one, 2) == [2]
    other.filled(np.array([2]), known, IMAGES[[2]], np.array([ENCODED[2]]))
    assert gather(other, 0, 1, 2, 3) == [3]
    assert gather(one, 2, 3, 4) == [4]
    assert one.count == other.count == 5


def test_a_file_is_removed_under_its_reader(path):
    photos = opened(path)
    gather(photos, 0, 1)
    path.unlink()
    assert gather(photos, 0, 1, 2) == [2]
    assert gather(photos, 0, 1, 2) == []
    assert not path.exists()
    # another process has begun a new one
    assert gather(opened(path), 0, 1) == [0, 1]
    assert gather(photos, 0, 1, 2) == []


@pytest.mark.parametrize("place", [4 * COUNT + 2 * ROW + 7, 2 * 4 + 1])
def test_a_row_that_is_damaged_is_decoded_again(path, place):
    gather(opened(path), *range(COUNT))
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    photos = opened(path)
    assert gather(photos, *range(COUNT)) == [2]
    assert gather(opened(path), *range(COUNT)) == []


def test_rows_of_another_key_are_not_there(path):
    gather(opened(path), *range(COUNT))
    assert gather(opened(path, "d" * 32), 0, 3) == [0, 3]


@pytest.mark.parametrize("size", [1, SIZE - 1, SIZE + 1])
def test_a_file_of_another_size_is_made_again(path, caplog, size):
    path.write_bytes(bytes([9]) * size)
    photos = opened(path)
    assert f"{path} is damaged: photos are decoded again." in caplog.text
    assert photos.count == 0 and path.stat().st_size == SIZE


def test_a_photo_that_was_changed_is_not_kept(path):
    photos = opened(path)
    others = [content + b"!" for content in ENCODED]
    assert gather(photos, 1, images=255 - IMAGES, encoded=others) == [1]
    assert photos.count == 0
    assert gather(photos, 1) == [1]
    assert photos.count == 1


def test_all_that_decides_pixels_counts(monkeypatch):
    keys = {
        key_of(HASHES, SHAPE),
        key_of(HASHES[1:], SHAPE),
        key_of(HASHES ^ np.uint64(1), SHAPE),
        key_of(HASHES, (5, 4, 3)),
        key_of(HASHES, SHAPE, b"crop"),
    }
    monkeypatch.setattr(decoded, "PREPROCESSING_VERSION", 0)
    keys.add(key_of(HASHES, SHAPE))
    monkeypatch.setattr("PIL.__version__", "1.0")
    keys.add(key_of(HASHES, SHAPE))
    monkeypatch.setattr("tensorflow.__version__", "2.0")
    keys.add(key_of(HASHES, SHAPE))
    assert len(keys) == 8 and all(len(key) == 32 for key in keys)


def test_it_says_what_is_there(tmp_path, caplog):
    cache = CacheFolder(tmp_path / ".features", limit=1e6)
    for there in (0, 2):
        photos = open_photos(cache, HASHES, SHAPE)
        assert caplog.messages[-1] == (
            f"Decoded photos are kept in {cache}: 0.0 MB, {there} of 6 are "
            "there."
        )
        gather(photos, 0, 1)
    assert len(list(cache.folder.iterdir())) == 1


def test_it_says_why_nothing_is_kept(tmp_path, caplog):
    cache = CacheFolder(tmp_path / ".features", limit=SIZE - 1)
    assert open_photos(cache, HASHES, SHAPE) is None
    cache.limit = 1e6
    cache.folder.write_text("no folder")
    assert open_photos(cache, HASHES, SHAPE) is None
    cache.folder.unlink()
    cache.path(key_of(HASHES, SHAPE), "photos").mkdir(parents=True)
    assert open_photos(cache, HASHES, SHAPE) is None
    end = " They are decoded at each epoch instead."
    first, second, third = caplog.messages
    assert first == (
        "Decoded photos would take 0.0 MB, over --feature_cache_gb="
        f"{(SIZE - 1) / 1e9:g}.{end}"
    )
    assert second == (
        f"Cannot keep decoded photos in {cache}: File exists.{end}"
    )
    assert third.startswith(f"Cannot open {cache}/")
    assert third.endswith(f".photos: Is a directory.{end}")
