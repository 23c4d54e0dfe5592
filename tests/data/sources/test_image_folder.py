import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading, fingerprint
from keras_ptft.data.core.info import ImageForm
from keras_ptft.data.images.formats import FORMATS
from keras_ptft.data.images.resize import decode_image, resize_images
from keras_ptft.data.sources import image_files
from keras_ptft.data.sources.image_folder import folder
from keras_ptft.errors import UserError
from tests.bad_input import broken

SMALL = Loading(image_size=8)
KINDS = (".png", ".webp")


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


def test_few_files_are_scanned_as_many_are(two_classes, monkeypatch):
    for name, make in broken.IMAGES.items():
        (two_classes / "dog" / name).write_bytes(make())
    found = []
    for few in (100, 0):
        monkeypatch.setattr(image_files, "_FEW", few)
        loading = Loading(image_size=8, skip_bad_images=True)
        dataset = load(f"folder:{two_classes}", loading)
        hashes = [part.hashes.tolist() for part in dataset.splits.values()]
        found.append((hashes, account(dataset).as_dict()))
    assert found[0] == found[1]
    assert sum(map(len, found[0][0])) == found[0][1]["used"] == 40


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
    before = load(f"folder:{two_classes}", SMALL).splits
    for value in range(200, 210):
        draw(two_classes / "ant" / f"{value}.png", value)
    after = load(f"folder:{two_classes}", SMALL).splits
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


@pytest.mark.parametrize(
    "name", [pytest.param("val", marks=pytest.mark.slow), "Validation"]
)
def test_validation_inside(presplit, name):
    draw(presplit / name / "dog" / "a.png", 50)
    draw(presplit / name / "cat" / "a.png", 60)
    splits = folder(SMALL, str(presplit)).splits
    assert splits["validation"].labels.tolist() == [0, 1]
    shutil.rmtree(presplit / "test")
    dataset = folder(SMALL, str(presplit), test_fraction=0.5)
    assert list(dataset.splits) == ["train", "validation"]
    assert dataset.test_fraction == 0.5


def test_every_kind_of_file_and_name(tmp_path):
    draw(tmp_path / "naïve 猫" / "a b.PNG", 1)
    draw(tmp_path / "naïve 猫" / "deep" / "ü.Jpeg", 2, "jpeg")
    draw(tmp_path / "x" / "c.jpg", 3, "jpeg")
    draw(tmp_path / "x" / ".hidden.png", 4)
    draw(tmp_path / ".cache" / "a.png", 4)
    (tmp_path / "x" / "notes.txt").write_text("no image")
    (tmp_path / "LICENSE.txt").write_text("no class")
    dataset = folder(SMALL, str(tmp_path))
    assert dataset.label_names == ("naïve 猫", "x")
    train = dataset.splits["train"]
    assert every(train)[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert train.labels.tolist() == [0, 0, 1]
    assert list(map(str, dataset.left_out)) == [
        "1 in no class folder (LICENSE.txt)",
        "2 hidden (.cache/a.png, x/.hidden.png)",
        "1 of a format that is not read (x/notes.txt)",
    ]


def test_a_file_named_as_what_it_is_not(tmp_path):
    # what decodes is decided by content, as TensorFlow does
    draw(tmp_path / "a" / "a.jpg", 1, "png")
    draw(tmp_path / "b" / "b.png", 2, "jpeg")
    train = folder(SMALL, str(tmp_path)).splits["train"]
    assert every(train)[:, 0, 0, 0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "it is empty"),
        (b"no image", f"it is no {FORMATS}"),
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


def test_bad_images_are_accounted_for(presplit):
    for name in ("train/cat/1", "train/dog/0", "train/dog/2", "test/dog/1"):
        (presplit / f"{name}.png").write_bytes(b"no image")
    loading = Loading(image_size=8, skip_bad_images=True)
    dataset = load(f"folder:{presplit}", loading)
    assert every(dataset.splits["train"])[:, 0, 0, 0].tolist() == [0, 2, 10]
    assert dataset.splits["train"].labels.tolist() == [0, 0, 1]
    accounted = account(dataset)
    assert accounted.found == 12
    assert [part.as_dict() for part in accounted.left_out] == [
        {
            "reason": "that cannot be decoded",
            "count": 3,
            "first": ["train/cat/1.png", "train/dog/0.png", "train/dog/2.png"],
            "split": "train",
            "classes": {"cat": 1, "dog": 2},
        },
        {
            "reason": "that cannot be decoded",
            "count": 1,
            "first": ["test/dog/1.png"],
            "split": "test",
            "classes": {"dog": 1},
        },
    ]


def test_webp_beside_png(cases):
    """160 files, of which 120 are WebP."""
    dataset = load(f"folder:{cases / 'other_formats' / 'mixed_webp'}", SMALL)
    accounted = account(dataset)
    assert accounted.found == 160 and accounted.left_out == ()
    assert sum(map(len, dataset.splits.values())) == 160
    train = dataset.splits["train"]
    names = [train.name_of(n) for n in range(len(train))]
    both = [names.index(next(n for n in names if n.endswith(e))) for e in KINDS]
    images = train.gather(tf.constant(both, tf.int64)).numpy()
    for index, image in zip(both, images, strict=True):
        stored = np.array(Image.open(names[index]).convert("RGB"))
        expected = resize_images(stored, 8).numpy()
        assert (image == expected).all() and image.std() > 20


@pytest.mark.slow
def test_black_ink_on_transparency(cases):
    path = f"folder:{cases / 'opacity' / 'alpha'}"
    dataset = load(path, SMALL)
    assert account(dataset).found == 120 and dataset.notes == ()
    assert dataset.image_form == dataset.info.image_form == ImageForm()
    train = dataset.splits["train"].source
    images = every(train)
    assert len(np.unique(images.reshape(120, -1), axis=0)) > 100
    # white paper, and ink on it
    assert (images.max(axis=(1, 2, 3)) == 255).all()
    assert (images.min(axis=(1, 2, 3)) < 128).all()
    black = Loading(image_size=8, image_form=ImageForm((0, 0, 0)))
    with pytest.raises(
        UserError, match=r"120 train inputs .* are the same, as"
    ):
        load(path, black)
    form = ImageForm((255, 0, 0))
    red = load(path, Loading(image_size=8, image_form=form))
    assert red.image_form == form
    others = every(red.splits["train"].source)
    assert (others[..., 0] == images[..., 0]).all() and not others[
        ..., 1:
    ].any()
    # the same files are other inputs, which are cached apart
    fingerprints = {
        fingerprint(part) for part in (train, red.splits["train"].source)
    }
    assert len(fingerprints) == 2


def test_the_middle_of_photographs(shared_data, tmp_path):
    photos = sorted((shared_data / "flower_photos" / "roses").iterdir())[:6]
    for number, file in enumerate(photos):
        folder_ = tmp_path / "ab"[number % 2]
        folder_.mkdir(exist_ok=True)
        shutil.copy(file, folder_)
    form = ImageForm(resize="crop(share=0.875)")
    loading = Loading(image_size=32, image_form=form)
    dataset = folder(loading, str(tmp_path))
    assert dataset.image_form == dataset.info.image_form == form
    train = dataset.splits["train"]
    for index, image in enumerate(every(train)):
        stored = tf.io.decode_jpeg(tf.io.read_file(train.name_of(index)))
        height, width, _ = stored.shape
        side = round(0.875 * min(height, width))
        top, left = (height - side) // 2, (width - side) // 2
        square = stored[top : top + side, left : left + side]
        assert (image == resize_images(square, 32).numpy()).all()
    # the same files are other inputs, which are cached apart
    found = folder(Loading(image_size=32), str(tmp_path)).splits["train"]
    assert fingerprint(found) != fingerprint(train)


def test_folders_that_are_numbers(cases):
    path = cases / "class_ranges" / "numbered"
    dataset = load(f"folder:{path}", SMALL)
    assert dataset.label_names == (*"0123456789", "10")
    assert account(dataset).found == len(list(path.rglob("*.png"))) == 880


def test_a_class_of_bad_images_only(tmp_path):
    draw(tmp_path / "a" / "a.png", 1)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "b.png").write_bytes(b"no image")
    loading = Loading(image_size=8, skip_bad_images=True)
    message = "Class 'b' has no image that can be decoded: add some or leave"
    with pytest.raises(UserError, match=message):
        folder(loading, str(tmp_path))


def test_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    for name, found in (("none", "does not exist"), ("file", "is a file")):
        with pytest.raises(UserError) as caught:
            folder(SMALL, str(tmp_path / name))
        assert str(caught.value) == (
            f"--dataset=folder:{tmp_path / name} must be a folder of class "
            f"folders, but it {found}: correct the path."
        )


def test_images_without_class_folders(tmp_path):
    # with no other folder beside it
    root = tmp_path / "photos"
    root.mkdir()
    draw(root / "a.png", 1)
    (root / "labels.csv").write_text("path,label\na.png,cat\n")
    with pytest.raises(UserError) as caught:
        folder(SMALL, str(root))
    assert str(caught.value) == (
        f"{root} must hold one folder for each class, got 1 images and no "
        "folder: sort the images into class folders, or name them and their "
        "labels in the columns file_name and label of a metadata.csv there, "
        "or in any table: --dataset=csv:TABLE --image_column=COLUMN; without "
        "labels, choose --objective=contrastive."
    )
