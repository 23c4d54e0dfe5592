"""Photos that are decoded once give the batches of those always decoded."""

import hashlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.cache_folder import CacheFolder
from keras_ptft.data.core.dataset import Loading, take
from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.core.info import ImageForm
from keras_ptft.data.pipeline.batching import training_batches, unweighted
from keras_ptft.data.sources.decoded_images import decoded_once
from keras_ptft.data.sources.image_files import FolderSource
from tests.conftest import ROOT
from tests.data.sources.file_sets import write_table

CLASSES = ("daisy", "roses", "tulips")
SIDE, COUNT = 32, 12
# of 12 photos, the last 2 of an epoch are in no batch
BATCH, STEPS = 5, 2
ALONE = """
import hashlib, sys
import numpy as np
from keras_ptft.data import load
from keras_ptft.data.core.cache_folder import CacheFolder
from keras_ptft.data.core.dataset import Loading

loading = Loading(image_size=32, cache=CacheFolder(sys.argv[2], 1e9))
train = load(f"folder:{sys.argv[1]}", loading).splits["train"].source
images = train.gather(np.arange(len(train))).numpy()
print(hashlib.sha256(images.tobytes()).hexdigest())
"""


@pytest.fixture
def photos(shared_data, tmp_path):
    """12 photos of three classes."""
    for name in CLASSES:
        (tmp_path / "photos" / name).mkdir(parents=True)
        found = sorted((shared_data / "flower_photos" / name).iterdir())
        for file in found[: COUNT // len(CLASSES)]:
            shutil.copy(file, tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.fixture
def cache(tmp_path):
    return CacheFolder(tmp_path / ".features", 1e9)


def folder_source(photos, part=slice(None), size=SIDE, resize="stretch"):
    paths = sorted(photos.glob("*/*.jpg"))[part]
    hashes = np.array([content_hash(path.read_bytes()) for path in paths])
    labels = np.arange(len(paths)) % 2
    form = ImageForm(resize=resize)
    return FolderSource(paths, labels, hashes, size, form, kind=b"\xff\xd8")


def once(source, cache):
    return decoded_once({"train": source}, cache)["train"]


def rows(source, *indices):
    return source.gather(np.array(indices, np.int64)).numpy()


def whole(source):
    return rows(source, *range(len(source)))


def batches(source, start, steps):
    every = training_batches(
        source, unweighted, batch_size=BATCH, seed=5, start_step=start
    )
    return [images.numpy() for images, _, _ in every.take(steps)]


def test_two_epochs_and_the_second_decodes_nothing(photos, cache):
    plain = folder_source(photos)
    expected = batches(plain, 0, 2 * STEPS)
    kept = once(plain, cache)
    assert kept.name_of(3) == plain.name_of(3)
    found = batches(kept, 0, STEPS)
    whole(kept)
    shutil.rmtree(photos)
    found += batches(kept, STEPS, STEPS)
    assert len(found) == len(expected) == 4
    for one, other in zip(expected, found, strict=True):
        assert one.shape == other.shape == (BATCH, SIDE, SIDE, 3)
        assert one.tobytes() == other.tobytes()
    with pytest.raises(tf.errors.NotFoundError):
        rows(plain, 0)


def test_a_run_goes_on_where_another_was_killed(photos, cache, caplog):
    plain = folder_source(photos)
    expected = whole(plain)
    some = [7, 2, 2, 11]
    assert (rows(once(plain, cache), *some) == expected[some]).all()
    again = once(folder_source(photos), cache)
    # the first four
    (photos / "daisy").rename(photos / "elsewhere")
    some = [11, 2, 9, 2]
    assert (rows(again, *some) == expected[some]).all()
    assert caplog.messages[-1].endswith(": 0.0 MB, 3 of 12 are there.")
    with pytest.raises(tf.errors.NotFoundError):
        rows(again, 2, 1)


def test_without_room_they_are_decoded_as_ever(photos, cache, caplog):
    plain = folder_source(photos)
    cache.limit = 1000
    kept = once(plain, cache)
    for _ in range(2):
        assert (whole(kept) == whole(plain)).all()
    (message,) = caplog.messages
    assert message.endswith("They are decoded at each epoch instead.")
    assert not cache.folder.exists()


def test_a_file_is_made_when_the_first_photo_is_read(photos, cache):
    kept = once(folder_source(photos), cache)
    assert not cache.folder.exists()
    rows(kept, 0)
    assert len(list(cache.folder.iterdir())) == 1


def test_splits_order_and_labels_share_a_file(photos, cache):
    plain = folder_source(photos)
    expected = whole(plain)
    whole(once(plain, cache))
    parts = {
        "train": folder_source(photos, slice(11, 3, -1)),
        "test": folder_source(photos, slice(0, 4)),
    }
    parts["test"].labels += 5
    found = decoded_once(parts, cache)
    assert found["test"].labels.tolist() == [5, 6, 5, 6]
    shutil.rmtree(photos)
    assert (whole(found["train"]) == expected[:3:-1]).all()
    assert (whole(take(found["test"], [3, 1])) == expected[[3, 1]]).all()
    assert len(list(cache.folder.iterdir())) == 1


def test_other_photos_sides_or_forms_have_a_file_of_their_own(photos, cache):
    for settings in ({}, {"size": SIDE - 1}, {"resize": "crop"}):
        plain = folder_source(photos, **settings)
        assert (whole(once(plain, cache)) == whole(plain)).all()
    path = sorted(photos.glob("roses/*.jpg"))[0]
    path.write_bytes(sorted(photos.glob("tulips/*.jpg"))[0].read_bytes())
    plain = folder_source(photos)
    assert (whole(once(plain, cache)) == whole(plain)).all()
    assert len(list(cache.folder.iterdir())) == 4


@pytest.mark.slow
def test_a_folder_and_a_table_share_a_file(photos, cache, caplog):
    loading = Loading(image_size=SIDE, cache=cache)
    train = load(f"folder:{photos}", loading).splits["train"].source
    images, names = whole(train), list(map(train.name_of, range(COUNT)))
    lines = [(name, "ab"[n % 2], n) for n, name in enumerate(names)]
    table = write_table(photos.parent / "photos.csv", lines[::-1])
    named = Loading(image_size=SIDE, image_column="file", cache=cache)
    other = load(f"csv:{table}", named).splits["train"].source
    assert (whole(other) == images[::-1]).all()
    assert ", 12 of 12 are there." in caplog.text
    assert (whole(folder_source(photos)) == images).all()


@pytest.mark.slow
def test_two_processes_fill_a_file_at_once(photos, cache, caplog):
    words = [sys.executable, "-c", ALONE, str(photos), str(cache)]
    both = [
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(2)
    ]
    found = {process.communicate()[0].strip() for process in both}
    plain = folder_source(photos)
    expected = whole(plain)
    assert found == {hashlib.sha256(expected.tobytes()).hexdigest()}
    assert (whole(once(plain, cache)) == expected).all()
    assert "12 of 12 are there." in caplog.text
    assert len(list(cache.folder.iterdir())) == 1
