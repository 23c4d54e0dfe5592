import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.images.formats import IMAGES
from keras_ptft.errors import UserError
from keras_ptft.serving.inputs.arrays import input_batches

IMAGE = tf.TensorSpec((8, 8, 1), tf.uint8, "image")
COLOUR = tf.TensorSpec((8, 8, 3), tf.uint8, "image")
VECTOR = tf.TensorSpec((3,), tf.float32, "vector")


def read_inputs(paths, spec):
    names, arrays = zip(*input_batches(paths, spec), strict=True)
    return [one for some in names for one in some], np.concatenate(arrays)


def write_png(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_png(image).numpy())
    return path


def test_folders_are_read_below_in_order(tmp_path, digits):
    images = digits[0][:4]
    paths = ["b/2.png", "a.PNG", "b/1.png", "c/d/e.png"]
    for path, image in zip(paths, images, strict=True):
        write_png(tmp_path / path, image)
    (tmp_path / "b" / "._1.png").write_bytes(b"of macOS")
    (tmp_path / "notes.txt").write_text("no image")
    names, found = read_inputs([tmp_path], IMAGE)
    order = ["a.PNG", "b/1.png", "b/2.png", "c/d/e.png"]
    assert names == [str(tmp_path / path) for path in order]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, images[[1, 2, 0, 3]])


@pytest.mark.parametrize(
    ("suffix", "spec"),
    [
        *((suffix, COLOUR) for suffix in IMAGES),
        *((suffix, IMAGE) for suffix in (".jpg", ".jpeg", ".png")),
    ],
)
def test_any_format_and_size_becomes_what_the_model_takes(
    tmp_path, suffix, spec
):
    image = pytest.importorskip("PIL.Image")
    if suffix in (".heic", ".heif"):
        pytest.importorskip("pillow_heif").register_heif_opener()
    file = tmp_path / f"plain{suffix}"
    image.new("RGB", (20, 30), (120, 120, 120)).save(file)
    names, found = read_inputs([str(file)], spec)
    assert names == [str(file)]
    assert found.shape == (1, *spec.shape)
    np.testing.assert_allclose(found, 120, atol=1)


def test_batches_are_small(tmp_path, digits):
    np.save(tmp_path / "x.npy", digits[0][:10])
    write_png(tmp_path / "one.png", digits[0][10])
    batches = list(
        input_batches(
            [tmp_path / "x.npy", tmp_path / "one.png"], IMAGE, batch_size=4
        )
    )
    assert [len(names) for names, _ in batches] == [4, 4, 2, 1]
    assert batches[1][0][0] == f"{tmp_path / 'x.npy'}[4]"
    found = np.concatenate([array for _, array in batches])
    np.testing.assert_array_equal(found, digits[0][:11])


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64"])
def test_the_channel_axis_may_be_missing(tmp_path, digits, dtype):
    np.save(tmp_path / "x.npy", digits[0][:3, ..., 0].astype(dtype))
    _, found = read_inputs([tmp_path / "x.npy"], IMAGE)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, digits[0][:3])


@pytest.mark.parametrize("keys", [["x", "y"], ["images", "labels"], ["a"]])
def test_npz_holds_what_to_predict(tmp_path, keys):
    arrays = [np.arange(6.0).reshape(2, 3), np.zeros(2)]
    file = tmp_path / "data.npz"
    np.savez(file, **dict(zip(keys, arrays, strict=False)))
    names, found = read_inputs([file], VECTOR)
    assert names == [f"{file}[0]", f"{file}[1]"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, arrays[0])


def save(array):
    return lambda path: np.save(path, array, allow_pickle=True)


def savez(**arrays):
    return lambda path: np.savez(path, **arrays)


def text(content):
    return lambda path: path.write_text(content)


@pytest.mark.parametrize(
    ("name", "write", "spec", "message"),
    [
        ("a.npy", save(np.zeros((2, 5))), VECTOR, r"\(3,\).*\(2, 5\)"),
        ("a.npy", save(np.zeros((0, 3))), VECTOR, "at least 1 example"),
        ("a.npy", save(np.float64(3)), VECTOR, r"of shape \(\)"),
        ("a.npy", save(np.array([None])), VECTOR, "pickled objects"),
        ("a.npy", save(np.array([["a"] * 3])), VECTOR, "got <U1"),
        ("a.npy", save(np.array([[1, np.nan, 1]])), VECTOR, "finite"),
        ("a.npy", save(np.array([[1, 1e300, 1]])), VECTOR, "float32"),
        ("a.npy", save(np.full((1, 8, 8), 0.5)), IMAGE, "0.5 to 0.5"),
        ("a.npy", save(np.full((1, 8, 8), 256)), IMAGE, "256 to 256"),
        ("a.npy", text("no array"), VECTOR, "no array of numbers"),
        ("a.npy", text(""), VECTOR, "no array of numbers"),
        ("a.npz", text("no archive"), VECTOR, "no array of numbers"),
        ("a.npz", savez(a=[1], b=[2]), VECTOR, "got a, b: name the one"),
        ("a.npz", savez(), VECTOR, "got none"),
        ("a.csv", text(""), VECTOR, "is empty"),
        ("a.csv", text("1,2,3\n4,5\n"), VECTOR, "line 2: expected 3 cells"),
        ("a.csv", text("a,b\0,c\n"), VECTOR, "line 1: .* got NUL"),
        ("a.png", text("no image"), IMAGE, r"Cannot decode .*a\.png"),
        ("a.jpg", text(""), IMAGE, r"Cannot decode .*a\.jpg"),
        ("a.png", text(""), VECTOR, "not square images"),
        ("a.txt", text(""), IMAGE, r"expected a folder or a file ending"),
    ],
)
def test_bad_input_is_reported_in_one_line(
    tmp_path, name, write, spec, message
):
    write(tmp_path / name)
    with pytest.raises(UserError, match=message) as error:
        read_inputs([tmp_path / name], spec)
    assert "\n" not in str(error.value) and name in str(error.value)


def test_several_inputs_come_by_name(tmp_path):
    specs = {"image": IMAGE, "vector": VECTOR}
    arrays = {
        "vector": np.arange(9).reshape(3, 3),
        "image": np.zeros((3, 8, 8)),
        "labels": np.zeros(3),
    }
    file = tmp_path / "a.npz"
    np.savez(file, **arrays)
    (names, first), (_, last) = input_batches([file], specs, batch_size=2)
    assert names == [f"{file}[0]", f"{file}[1]"]
    assert first.keys() == specs.keys()
    assert (first["image"].shape, first["image"].dtype) == (
        (2, 8, 8, 1),
        "uint8",
    )
    assert last["vector"].dtype == np.float32
    assert last["vector"].tolist() == [[6, 7, 8]]
    for changes, message in (
        ({"vector": np.zeros((2, 3))}, "3 of image, 2 of vector: correct"),
        ({"vector": np.zeros((3, 4))}, r"Expected shape \(3,\) .*\(3, 4\)"),
        ({"vector": np.zeros(())}, r"Expected shape \(3,\) .*shape \(\)"),
        ({"image": np.ones((3, 8, 8)) / 2}, "0.5 to 0.5"),
    ):
        np.savez(file, **{**arrays, **changes})
        with pytest.raises(UserError, match=message):
            list(input_batches([file], specs))
    np.savez(file, image=arrays["image"])
    with pytest.raises(UserError, match=r"got image: add vector\."):
        list(input_batches([file], specs))
    np.save(tmp_path / "a.npy", arrays["image"])
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npy").read_bytes())
    for name, message in (
        ("a.npy", "takes image, vector; expected an .npz"),
        ("", "takes image, vector; expected an .npz"),
        ("b.npz", "Cannot read .*numpy.savez"),
    ):
        with pytest.raises(UserError, match=message):
            list(input_batches([tmp_path / name], specs))


def test_missing_and_empty_input_is_an_error(tmp_path):
    with pytest.raises(UserError, match="Expected an image"):
        read_inputs([], IMAGE)
    with pytest.raises(UserError, match="No such input: nowhere"):
        read_inputs([pathlib.Path("nowhere")], IMAGE)
    with pytest.raises(UserError, match="No images in"):
        read_inputs([tmp_path], IMAGE)


def test_the_image_that_cannot_be_decoded_is_named(tmp_path, digits):
    write_png(tmp_path / "a.png", digits[0][0])
    file = write_png(tmp_path / "b.png", digits[0][0])
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(UserError, match=r"Cannot decode .*b\.png"):
        read_inputs([tmp_path], IMAGE)


def test_photographs_are_read(shared_data):
    folder = shared_data / "flower_photos"
    flowers = sorted(path for path in folder.iterdir() if path.is_dir())
    spec = tf.TensorSpec((32, 32, 3), tf.uint8, "image")
    names, found = read_inputs([flowers[0]], spec)
    assert (len(names), found.shape) == (100, (100, 32, 32, 3))
