import os

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import ImageForm
from keras_ptft.errors import UserError
from keras_ptft.serving.inputs.arrays import input_batches
from keras_ptft.serving.inputs.folders import images_below
from keras_ptft.serving.inputs.options import InputOptions
from keras_ptft.serving.inputs.skipped import Skipped

COLOUR = tf.TensorSpec((4, 4, 3), tf.uint8, "image")
PNG = tf.io.encode_png(tf.fill((4, 4, 3), tf.constant(7, tf.uint8))).numpy()


@pytest.fixture(autouse=True)
def told(caplog):
    return caplog


def fill(folder, names, content=PNG):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_everything_in_a_folder_is_accounted_for(tmp_path, told):
    images = ["b/2.png", "a.PNG", "b/1.webp", "c/d/e.tiff"]
    hidden = ["b/._1.png", ".git/x.png", ".git/notes.txt"]
    fill(tmp_path, [*images, *hidden, "notes.txt", "b/a.svg"])
    (tmp_path / "lost.png").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "again").symlink_to("b", target_is_directory=True)
    found = images_below(tmp_path)
    order = ["a.PNG", "b/1.webp", "b/2.png", "c/d/e.tiff"]
    assert found == [tmp_path / name for name in order]
    files = sum(len(names) for _, _, names in os.walk(tmp_path))
    assert told.messages == [
        f"{tmp_path}: {files} files: 4 used; left out: 2 that are broken "
        "links or no files (lost.png, pipe.png), 2 of a format that is not "
        "read (notes.txt, b/a.svg), 3 hidden (.git/notes.txt, .git/x.png, "
        "b/._1.png).",
        f"{tmp_path}: links to folders are not followed: again.",
    ]


def test_a_folder_of_images_alone(tmp_path, told):
    fill(tmp_path, ["1.png", "0.png"])
    assert [path.name for path in images_below(tmp_path)] == ["0.png", "1.png"]
    assert told.messages == [f"{tmp_path}: 2 files: all used."]


def test_a_folder_without_images_tells_what_it_has(tmp_path):
    with pytest.raises(UserError, match=r"No images in .*\.heif\.$"):
        images_below(tmp_path)
    fill(tmp_path, ["a.svg", ".b.png"])
    with pytest.raises(UserError, match=r"; it has 1 hidden .*, 1 of .*a\.svg"):
        images_below(tmp_path)


def read(paths, **options):
    batches = list(
        input_batches(paths, COLOUR, InputOptions(**options), batch_size=3)
    )
    return [name for names, _ in batches for name in names], batches


def test_bad_images_are_named_and_the_others_answered(tmp_path, told):
    fill(tmp_path, [f"{number:02}.png" for number in range(20)])
    bad = [f"{number:02}.png" for number in (0, *range(6, 18))]
    fill(tmp_path, bad, PNG[:40])
    skipped = Skipped()
    names, batches = read([tmp_path], skipped=skipped)
    good = [1, 2, 3, 4, 5, 18, 19]
    assert names == [str(tmp_path / f"{number:02}.png") for number in good]
    assert [len(names) for names, _ in batches] == [2, 3, 2]
    assert all((array == 7).all() for _, array in batches)
    assert skipped.count == 13
    lines = told.messages[1:]
    assert lines[:10] == [
        f"Left out {tmp_path / name}: it is damaged." for name in bad[:10]
    ]
    assert lines[10:] == [
        "13 of 20 inputs have no answer: they cannot be decoded."
    ]


def test_without_skipping_the_first_bad_image_is_an_error(tmp_path):
    fill(tmp_path, ["0.png", "1.png"])
    fill(tmp_path, ["2.png", "3.png"], b"no image")
    with pytest.raises(UserError, match=r"decode .*2\.png, it is no .*--skip"):
        read([tmp_path])


def test_nothing_but_bad_images_is_an_error(tmp_path, told):
    fill(tmp_path, ["0.png", "1.png"], b"")
    with pytest.raises(UserError, match=r"got 2 that .*0\.png, it is empty"):
        read([tmp_path], skipped=Skipped())
    assert told.messages == [f"{tmp_path}: 2 files: all used."]


def test_transparency_is_laid_on_the_background(tmp_path):
    clear = tf.io.encode_png(tf.zeros((4, 4, 4), tf.uint8)).numpy()
    fill(tmp_path, ["clear.png"], clear)
    for background in ((255, 255, 255), (1, 2, 3)):
        form = ImageForm(background)
        _, ((_, images),) = read([tmp_path], image_form=form)
        np.testing.assert_array_equal(images[0, 2, 2], background)


def test_real_folders_of_several_formats(cases, told):
    folder = cases / "other_formats/mixed_webp"
    names, _ = read([folder])
    files = sum(len(names) for _, _, names in os.walk(folder))
    assert len(names) == files == 160
    assert told.messages == [f"{folder}: 160 files: all used."]
