import gzip
import io

import imagehash
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance

from keras_ptft.data import Loading, load
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.leakage.near_duplicates import (
    compute_hashes,
    near_duplicates,
    pairs_within,
    perceptual_hashes,
    similarity,
    supports_hashing,
)

SIZE = 64


def photos(folder, count):
    paths = sorted(folder.glob("flower_photos/*/*.jpg"))
    return [Image.open(path).convert("RGB") for path in paths[:count]]


def source(images):
    sized = [
        tf.image.resize(np.asarray(image), (SIZE, SIZE), antialias=True)
        for image in images
    ]
    pixels = np.round(np.stack(sized)).astype(np.uint8)
    return ArraySource(pixels, np.zeros(len(images)))


def idx_images(folder, part):
    packed = (folder / f"{part}-images-idx3-ubyte.gz").read_bytes()
    pixels = np.frombuffer(gzip.decompress(packed), np.uint8, offset=16)
    images = pixels.reshape(-1, 28, 28, 1)
    return ArraySource(images, np.zeros(len(images)), np.zeros(len(images)))


def encoded_anew(image):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=25)
    return Image.open(file).convert("RGB")


def smaller(image):
    return image.resize((image.width * 9 // 10, image.height * 9 // 10))


def brighter(image):
    return ImageEnhance.Brightness(image).enhance(1.2)


def moved(image):
    pixels = np.pad(np.asarray(image), ((1, 0), (1, 0), (0, 0)), mode="edge")
    return Image.fromarray(pixels[:-1, :-1])


def grey(image):
    return image.convert("L").convert("RGB")


def mirrored(image):
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


@pytest.mark.parametrize(
    "change, fraction",
    [
        (encoded_anew, 1.0),
        (smaller, 1.0),
        (moved, 1.0),
        (brighter, 0.95),
        (grey, 1.0),
        (mirrored, 0.0),
    ],
)
def test_copies_of_photographs_are_found(shared_data, change, fraction):
    images = photos(shared_data, 40)
    hashes = compute_hashes(source(images))
    changed = compute_hashes(source([change(image) for image in images]))
    found = near_duplicates(hashes, changed)
    # no photograph is taken for a copy of another
    assert (found[:, 0] == found[:, 1]).all()
    assert len(found) >= fraction * len(images)
    assert len(found) == 0 or fraction


def test_no_digit_is_a_copy_of_another():
    digits = load("digits", Loading()).splits
    train, test = (compute_hashes(digits[k]) for k in ("train", "test"))
    assert len(near_duplicates(train, test)) == 0
    itself = near_duplicates(test, test)
    assert set(itself[:, 0]) == set(range(len(digits["test"])))
    assert not itself[:, 2].any()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, expected", [("mnist", 2), ("fashion_mnist", 61)]
)
def test_look_alikes_are_few(shared_data, name, expected):
    train, test = (
        compute_hashes(idx_images(shared_data / name, part))
        for part in ("train", "t10k")
    )
    found = near_duplicates(train, test)
    # rounding may take in or leave out one at the limit
    assert abs(len(np.unique(found[:, 1])) - expected) <= 2


def test_the_hash_is_phash():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 32, 32), np.uint8)
    ours = perceptual_hashes(pixels)
    theirs = [
        imagehash.phash(Image.fromarray(image), 16, highfreq_factor=2).hash
        for image in pixels
    ]
    assert (np.unpackbits(ours, axis=1) == np.reshape(theirs, (20, -1))).all()


def test_similar_hashes_across_blocks():
    generator = np.random.default_rng(0)
    left = generator.integers(0, 256, (7, 32), np.uint8)
    right = generator.integers(0, 256, (9, 32), np.uint8)
    right[5] = left[4]
    right[8] = left[6]
    right[8, 0] ^= 0b101
    right[0] = left[6]
    right[0, 3:5] ^= 0b11
    blocks = pairs_within(left, right, 3, rows=3, columns=4)
    found = [pair for block in blocks for pair in block.tolist()]
    assert sorted(found) == [[4, 5, 0], [6, 8, 2]]


def test_many_similar_hashes_take_no_more_memory():
    hashes = np.zeros((30, 32), np.uint8)
    (pairs,) = pairs_within(hashes, hashes, 40)
    assert np.bincount(pairs[:, 0]).tolist() == [8] * 30
    assert not pairs[:, 2].any()


def test_similarity_by_hand():
    generator = np.random.default_rng(0)
    picture = generator.integers(60, 120, (1, 32, 32)).astype(np.uint8)
    other = generator.integers(60, 120, (1, 32, 32)).astype(np.uint8)
    empty = np.full_like(picture, 7)

    def alike(one, two):
        return similarity(one, two).item()

    assert alike(picture, picture) == pytest.approx(1, abs=1e-4)
    # twice the contrast, and darker
    assert alike(picture, picture * 2 - 50) == pytest.approx(1, abs=1e-4)
    assert alike(picture, 255 - picture) == 0
    assert alike(picture, empty) == alike(empty, empty) == 0
    assert alike(picture, other) < 0.2


@pytest.mark.parametrize(
    "shape, dtype, name, expected",
    [
        ((28, 28, 1), tf.uint8, "image", True),
        ((16, 90, 3), tf.uint8, "image", True),
        ((8, 8, 1), tf.uint8, "image", False),
        ((28, 28, 1), tf.float32, "array", False),
        ((28,), tf.float32, "vector", False),
    ],
)
def test_what_can_be_compared(shape, dtype, name, expected):
    spec = tf.TensorSpec(shape, dtype, name)
    assert supports_hashing(spec) is expected


def test_images_that_are_not_square():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 20, 50, 3), np.uint8)
    hashes = compute_hashes(ArraySource(pixels, np.zeros(3)))
    assert hashes.thumbnails.shape == (3, 20, 20)
    found = near_duplicates(hashes, hashes)
    assert sorted(found[:, 0].tolist()) == [0, 1, 2]
