import shutil

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.images.resize import decode_image
from keras_ptft.data.sources.image_folder import folder
from keras_ptft.errors import UserError

SMALL = Loading(image_size=8)


def draw(path, value, kind="png"):
    """Writes a 6×4 image of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((6, 4, 3), value, np.uint8)
    path.write_bytes(getattr(tf.io, f"encode_{kind}")(pixels).numpy())


def every(source):
    return source.gather(tf.range(len(source), dtype=tf.int64)).numpy()


@pytest.fixture
def two_classes(tmp_path):
    for value in range(20):
        draw(tmp_path / "cat" / f"{value:02}.png", value)
        draw(tmp_path / "dog" / f"{value:02}.png", 100 + value)
    return tmp_path


@pytest.fixture
def presplit(tmp_path):
    for number, split in enumerate(("train", "test")):
        for value in range(3):
            draw(tmp_path / split / "cat" / f"{value}.png", value)
            draw(tmp_path / split / "dog" / f"{value}.png", 9 + number + value)
    return tmp_path


def test_flowers_are_decoded_as_serving_will(shared_data, tmp_path):
    for name in ("daisy", "roses", "tulips"):
        (tmp_path / name).mkdir()
        for file in sorted((shared_data / "flower_photos" / name).iterdir())[
            :8
        ]:
            shutil.copy(file, tmp_path / name)
    dataset = load(f"folder:{tmp_path}", Loading())
    assert dataset.label_names == ("daisy", "roses", "tulips")
    assert dataset.spec == tf.TensorSpec((224, 224, 3), tf.uint8, "image")
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert np.bincount(train.source.labels).tolist() == [8, 8, 8]
    assert len(train) + len(test) == 24
    assert not np.isin(train.hashes, test.hashes).any()
    first = sorted((tmp_path / "daisy").iterdir())[0]
    expected = decode_image(first.read_bytes(), 224, 3).numpy()
    image = train.source.gather(tf.constant([0], tf.int64)).numpy()[0]
    assert (image == expected).all() and image.std() > 20


def test_a_split_by_content_stays_when_files_are_added(two_classes):
    before = folder(SMALL, str(two_classes)).splits
    for value in range(200, 210):
        draw(two_classes / "ant" / f"{value}.png", value)
    after = folder(SMALL, str(two_classes)).splits
    for split in ("train", "test"):
        assert len(before[split])
        assert np.isin(before[split].hashes, after[split].hashes).all()


def test_images_and_labels_go_together_in_a_pipeline(two_classes):
    train = folder(SMALL, str(two_classes)).splits["train"]
    batches = tf.data.Dataset.range(len(train)).batch(7, drop_remainder=True)
    start = 0
    for images in batches.map(train.gather):
        assert images.shape == (7, 8, 8, 3)
        dogs = images.numpy()[:, 0, 0, 0] >= 100
        assert (dogs == train.labels[start : start + 7]).all()
        start += 7


def test_train_and_test_inside(presplit):
    dataset = folder(SMALL, str(presplit))
    assert dataset.label_names == ("cat", "dog")
    assert every(dataset.splits["train"])[:, 0, 0, 0].tolist() == [
        *(0, 1, 2),
        *(9, 10, 11),
    ]
    assert every(dataset.splits["test"])[3:, 0, 0, 0].tolist() == [10, 11, 12]
    assert set(dataset.splits) == {"train", "test"}


@pytest.mark.parametrize("name", ["val", "validation"])
def test_validation_inside(presplit, name):
    draw(presplit / name / "dog" / "a.png", 50)
    draw(presplit / name / "cat" / "a.png", 60)
    splits = folder(SMALL, str(presplit)).splits
    assert splits["validation"].labels.tolist() == [0, 1]
    shutil.rmtree(presplit / "test")
    splits = folder(SMALL, str(presplit), test_fraction=0.5).splits
    assert len(splits["train"]) + len(splits["test"]) == 6
    assert len(splits["validation"]) == 2


def test_every_kind_of_file_and_name(tmp_path):
    draw(tmp_path / "naïve 猫" / "a b.PNG", 1)
    draw(tmp_path / "naïve 猫" / "deep" / "ü.Jpeg", 2, "jpeg")
    draw(tmp_path / "x" / "c.jpg", 3, "jpeg")
    draw(tmp_path / "x" / ".hidden.png", 4)
    draw(tmp_path / ".cache" / "a.png", 4)
    (tmp_path / "x" / "notes.txt").write_text("no image")
    (tmp_path / "LICENSE.txt").write_text("no class")
    dataset = folder(SMALL, str(tmp_path), test_fraction=1e-9)
    assert dataset.label_names == ("naïve 猫", "x")
    train = dataset.splits["train"]
    assert every(train)[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert train.labels.tolist() == [0, 0, 1]


def test_a_file_named_as_what_it_is_not(tmp_path):
    # what decodes is decided by content, as TensorFlow does
    draw(tmp_path / "a" / "a.jpg", 1, "png")
    draw(tmp_path / "b" / "b.png", 2, "jpeg")
    folder(SMALL, str(tmp_path), test_fraction=1e-9)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "it is empty"),
        (b"no image", "it is no JPEG, PNG, BMP or GIF"),
        (None, "it is damaged"),
    ],
)
def test_a_bad_image_is_named(two_classes, content, fault):
    bad = two_classes / "dog" / "07.png"
    bad.write_bytes(bad.read_bytes()[:60] if content is None else content)
    (two_classes / "dog" / "11.png").write_bytes(b"no image either")
    with pytest.raises(UserError) as caught:
        folder(SMALL, str(two_classes))
    assert str(caught.value) == (
        f"Cannot decode {bad}, {fault} (2 of 40 images): replace it, or "
        "leave such images out by --skip_bad_images."
    )


def test_bad_images_are_counted_and_left_out(two_classes, caplog):
    bad = two_classes / "dog" / "07.png"
    bad.write_bytes(b"no image")
    loading = Loading(image_size=8, skip_bad_images=True)
    splits = folder(loading, str(two_classes)).splits
    images = np.concatenate([every(splits["train"]), every(splits["test"])])
    assert len(images) == 39 and 107 not in images
    assert [record.getMessage() for record in caplog.records] == [
        f"Left out 1 of 40 images that cannot be decoded, the first is {bad}."
    ]


def test_a_class_of_bad_images_only(tmp_path):
    draw(tmp_path / "a" / "a.png", 1)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "b.png").write_bytes(b"no image")
    loading = Loading(image_size=8, skip_bad_images=True)
    with pytest.raises(UserError, match="Class 'b' has no image that can be"):
        folder(loading, str(tmp_path))


def test_folders_that_cannot_be_used(tmp_path):
    def refused(path):
        with pytest.raises(UserError) as caught:
            folder(SMALL, str(path))
        return str(caught.value)

    assert "it does not exist" in refused(tmp_path / "none")
    (tmp_path / "file").write_text("")
    assert "it is a file" in refused(tmp_path / "file")
    assert "two class folders, got none" in refused(tmp_path)
    draw(tmp_path / "cat" / "a.png", 1)
    assert "two class folders, got cat" in refused(tmp_path)
    (tmp_path / "dog").mkdir()
    assert f"folder {tmp_path / 'dog'} has no images" in refused(tmp_path)


def test_a_class_that_only_the_test_split_has(presplit):
    draw(presplit / "test" / "eel" / "a.png", 1)
    with pytest.raises(UserError, match="class 'eel', which train has not"):
        folder(SMALL, str(presplit))
