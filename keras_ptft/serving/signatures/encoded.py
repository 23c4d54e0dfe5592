"""A signature that takes image files, of which some may be damaged."""

import functools
from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.info import ImageForm
from keras_ptft.data.images.branches import apart
from keras_ptft.data.images.formats import GRAPH_FORMATS, MOST_PIXELS
from keras_ptft.data.images.headers import GRAPH_STARTS, declared_pixels
from keras_ptft.data.images.resize import decode_image
from keras_ptft.errors import UserError
from keras_ptft.serving.signatures.intake import (
    FLAG,
    Intake,
    demand,
    first_of,
)
from keras_ptft.serving.signatures.signature import (
    Arrays,
    Case,
    Signature,
    Tensors,
)

FILES = tf.TensorSpec((None,), tf.string, "bytes")
"""Whole image files.

REST clients of TensorFlow Serving send {"b64": ...}, which it decodes for an
input of any name; only outputs are told to be binary by a name that ends in
`_bytes`.
"""
IS_CORRUPT = "is_corrupt"
"""Output: which images could not be decoded, where they are not refused."""

_GOOD, _TOO_LARGE, _DAMAGED = range(3)
# what is told of a damaged file that cannot even be one
_DAMAGES = ("it has no bytes", f"it is no {GRAPH_FORMATS}", "it is damaged")


def encoded_images(
    default: Signature, form: ImageForm, intake: Intake
) -> Signature:
    """Returns a signature of the same answers for image files.

    Files are decoded and resized as in training. A file that cannot be
    decoded, or declares too many pixels, is an error that names its row;
    where such files are flagged, there is an output `is_corrupt`, and they
    are answered as black images, but with score 0 and no label.

    Args:
        default: takes square uint8 images, with cases that prove it.
        form: how image files become the model's input.
        intake: what of them is refused.

    Raises:
        UserError: the model's own input has too many pixels.
    """
    (spec,) = default.inputs.values()
    read = _reader(spec, form, intake)

    def answer(files: tf.Tensor) -> Tensors:
        images, status = read(files)
        if intake.corrupt_images == FLAG:
            return flagged(default.function(images), status != _GOOD)
        checked = demand(
            tf.reduce_all(status == _GOOD),
            lambda: _told(files, status, intake),
        )
        with tf.control_dependencies([checked]):
            images = tf.identity(images)
        return default.function(images)

    # eagerly the decoding of each row would be traced anew
    function = tf.function(answer, input_signature=[FILES], autograph=False)
    found = [_case(case, intake) for case in default.cases]
    if intake.corrupt_images == FLAG:
        found.append(_damaged(default, found[0]))
    specs = {FILES.name: FILES}
    return Signature(
        "encoded_images", function, specs, found, default.is_unsure
    )


def flagged(outputs: Tensors, is_corrupt: tf.Tensor) -> Tensors:
    """Returns answers that say which are worth nothing.

    Args:
        outputs: of any kind, one row an example.
        is_corrupt: bool of shape (batch,).

    Returns:
        The same with `is_corrupt`; where that is true, `score` is 0 and
        `label` is empty.
    """
    found = {**outputs, IS_CORRUPT: is_corrupt}
    for name, nothing in (("score", 0.0), ("label", "")):
        if name in outputs:
            found[name] = tf.where(is_corrupt, nothing, outputs[name])
    return found


def _reader(
    spec: tf.TensorSpec, form: ImageForm, intake: Intake
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Returns files → images, and what is wrong with each."""
    _, size, _, channels = spec.shape
    most = intake.most_pixels or MOST_PIXELS
    if size * size > most:
        raise UserError(
            f"The model takes images of {size * size:,} pixels, and "
            f"--most_pixels={most} refuses them: raise it."
        )
    return _reader_of(size, channels, form, most)


@functools.cache
def _reader_of(
    size: int, channels: int, form: ImageForm, most: int
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Returns a function that is traced once, since that takes a second.

    Keras traces each signature twice: for its variables, and to save it.
    """
    decode = partial(decode_image, size=size, channels=channels, form=form)
    blank = np.zeros((size, size, channels), np.uint8)
    one = partial(_decoded, decode=decode, blank=blank, most=most)
    kinds = (
        tf.TensorSpec(blank.shape, tf.uint8),
        tf.TensorSpec((), tf.int32),
    )

    def read(files: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.map_fn(one, files, fn_output_signature=kinds)

    with tf.init_scope():
        return tf.function(read, autograph=False).get_concrete_function(FILES)


def _decoded(
    file: tf.Tensor,
    decode: Callable[[tf.Tensor], tf.Tensor],
    blank: np.ndarray,
    most: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a file, or gives a blank image and what is wrong with it.

    A graph cannot catch an error, but a data set can leave out what fails.
    """

    def attempt(file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        fits = declared_pixels(file) <= most
        image = tf.cond(
            fits, apart(lambda: decode(file)), lambda: tf.constant(blank)
        )
        status = tf.where(fits, _GOOD, _TOO_LARGE)
        return tf.ensure_shape(image, blank.shape), status

    options = tf.data.Options()
    # to rewrite a data set of one takes longer than to read it
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    files = tf.data.Dataset.from_tensors(file).map(attempt).ignore_errors()
    failed = tf.data.Dataset.from_tensors((blank, np.int32(_DAMAGED)))
    both = files.concatenate(failed).take(1).with_options(options)
    return both.get_single_element()


def _told(
    files: tf.Tensor, status: tf.Tensor, intake: Intake
) -> list[str | tf.Tensor]:
    """What is wrong with the first file that cannot be decoded."""
    row = first_of(status != _GOOD)
    file = files[row]
    is_known = tf.reduce_any(
        tf.strings.substr(file, 0, 2) == tf.constant(GRAPH_STARTS)
    )
    damage = tf.where(
        tf.strings.length(file) == 0,
        _DAMAGES[0],
        tf.where(is_known, _DAMAGES[2], _DAMAGES[1]),
    )
    most = intake.most_pixels or MOST_PIXELS
    too_large = f"it declares more than {most} pixels (--most_pixels)"
    return [
        "Cannot decode the image in row ",
        row,
        " of the request: ",
        tf.where(status[row] == _TOO_LARGE, too_large, damage),
        ". Replace it, or export with --corrupt_images=flag.",
    ]


def _case(case: Case, intake: Intake) -> Case:
    """The same images as files."""
    (images,) = case.inputs.values()
    files = [tf.io.encode_png(image).numpy() for image in images]
    outputs = dict(case.outputs)
    if intake.corrupt_images == FLAG:
        outputs[IS_CORRUPT] = np.zeros(len(files), bool)
    return Case({FILES.name: np.array(files, object)}, outputs)


def _damaged(default: Signature, good: Case) -> Case:
    """A case of a good file between an empty and a damaged one."""
    (file, *_) = good.inputs[FILES.name]
    files = np.array([b"", file, file[: len(file) // 2]], object)
    (images,) = default.cases[0].inputs.values()
    rows = np.stack([np.zeros_like(images[0]), images[0]])[[0, 1, 0]]
    with tf.device("CPU:0"):
        answers = default.function(tf.constant(rows))
        outputs = flagged(answers, tf.constant([True, False, True]))
    expected: Arrays = {name: x.numpy() for name, x in outputs.items()}
    return Case({FILES.name: files}, expected)
