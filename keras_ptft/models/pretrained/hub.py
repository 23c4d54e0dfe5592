"""Models through KerasHub: its presets, and folders that it converts.

Models for texts must read words in pieces (WordPiece) or bytes in pairs: those
that need SentencePiece are refused.
"""

import dataclasses
import json
import logging
import pathlib
import types
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_ptft.errors import UserError, first_line, on_one_line
from keras_ptft.models.pretrained.bert import bert, reading_of
from keras_ptft.models.pretrained.hub_bert import converted
from keras_ptft.models.pretrained.hub_library import asked, keras_hub
from keras_ptft.models.pretrained.hub_roberta import roberta
from keras_ptft.models.pretrained.hub_vit import vit_sequence
from keras_ptft.models.pretrained.known import (
    IMAGENET_RESIZE,
    Known,
    Reading,
)
from keras_ptft.models.tidy import tidied
from keras_ptft.models.tokens import check_choice

_LOG = logging.getLogger(__name__)

# the side of images where neither the user nor the model says one
_SIDE = 224
_SCALING = "scaling"
# of the models for texts that read words in pieces
_WORDPIECE = {
    "BertBackbone": "BertTokenizer",
    "DistilBertBackbone": "DistilBertTokenizer",
}


@dataclasses.dataclass(frozen=True)
class _Pixels:
    """What a model is given: pixels from 0 to 255, times `scale`, + `offset`.

    Each is one number, or one a channel.
    """

    scale: Any = 1.0
    offset: Any = 0.0
    side: int = _SIDE


def hub(image_size: int, /, preset: str, *, pool: str = "") -> Known:
    """A backbone of KerasHub, for images or, of BERT and its kin, for texts.

    For texts there are BERT, DistilBERT and RoBERTa. The tokenizer of the
    last, byte pairs, is no part of an export, which takes its tokens.

    Args:
        image_size: side of the images in pixels; 0: the model's own, or
            else 224.
        preset: a folder that `save_to_preset` wrote, or one as Hugging Face
            or timm save models, which KerasHub converts; or the name of a
            preset that it fetches.
        pool: of images "avg", "max" or the class token, "cls"; of texts
            "mean" or "cls"; empty: "cls" where the model has a class token
            for images, else "avg" or "mean".

    Returns:
        Backbone from uint8 images of shape (height, width, 3), or ids, to
        features of shape (batch, width), and how it reads texts.

    Raises:
        UserError: KerasHub is not installed or cannot load the model, or the
            model is of another kind.
    """
    folder = pathlib.Path(preset).expanduser()
    if _is_bert_of_hugging_face(folder):
        # KerasHub takes another GELU than such models were trained with
        return bert(image_size, preset, pool=pool or "mean")
    library = keras_hub()
    name = str(folder) if folder.is_dir() else preset
    backbone = asked(library.models.Backbone.from_preset, name)
    kind = type(backbone).__name__
    if kind in _WORDPIECE:
        model, reading = _of_words(library, backbone, name, pool or "mean")
        return Known(model, preset, reading)
    if kind == "RobertaBackbone":
        model, reading = roberta(library, backbone, name, pool or "mean")
        return Known(model, preset, reading)
    if len(backbone.inputs) != 1 or len(backbone.inputs[0].shape) != 4:
        raise UserError(
            f"{preset} is a {kind}, expected a backbone for images, or BERT, "
            "DistilBERT or RoBERTa for texts: choose another."
        )
    model = _on_pixels(library, backbone, name, image_size, pool)
    return Known(model, preset, resize=IMAGENET_RESIZE)


def _is_bert_of_hugging_face(folder: pathlib.Path) -> bool:
    try:
        text = (folder / "config.json").read_text(encoding="utf-8")
        return json.loads(text).get("model_type") == "bert"
    # KerasHub reports what is wrong with it
    except (OSError, ValueError, AttributeError):
        return False


def _of_words(
    library: types.ModuleType, theirs: Any, preset: str, pool: str
) -> tuple[keras.Model, Reading]:
    """A model that reads words in pieces, and how it does."""
    tokenizers = getattr(library.models, _WORDPIECE[type(theirs).__name__])
    tokenizer = asked(tokenizers.from_preset, preset)
    model, described = converted(
        theirs, tuple(tokenizer.vocabulary), pool, lower=tokenizer.lowercase
    )
    return model, reading_of(described)


def _on_pixels(
    library: types.ModuleType,
    backbone: Any,
    preset: str,
    image_size: int,
    pool: str,
) -> keras.Model:
    """The backbone flat, from raw pixels to features."""
    pixels = _pixels(library, preset)
    sides = _sides(backbone, pixels, image_size, preset)
    inputs = keras.Input((*sides, 3), dtype="uint8", name="image")
    x = _scaled(inputs, pixels)
    if type(backbone).__name__ == "ViTBackbone":
        x = vit_sequence(backbone, x)
    else:
        # its layers one by one, where a plain call would nest it
        x = backbone.call(keras.tree.pack_sequence_as(backbone.input, [x]))
    if not isinstance(x, keras.KerasTensor) or len(x.shape) not in (3, 4):
        raise UserError(
            f"{preset} is a {type(backbone).__name__}, which has several "
            "outputs, expected maps or rows of features: choose another."
        )
    pool = pool or ("cls" if _has_token(backbone, sides, x) else "avg")
    features = layers.Identity(name="features")(_pooled(x, pool))
    return _copied(keras.Model(inputs, features), preset)


def _has_token(
    backbone: Any, sides: tuple[int, int], x: keras.KerasTensor
) -> bool:
    """Whether there are more rows than patches."""
    patch = getattr(backbone, "patch_size", 0)
    if len(x.shape) == 4 or not np.all(patch):
        return False
    return x.shape[1] > np.prod(np.array(sides) // patch)


def _copied(model: keras.Model, preset: str) -> keras.Model:
    changed = {_SCALING: {"name": "normalization"}}
    try:
        return tidied(model, with_weights=True, changed=changed)
    except (TypeError, ValueError) as error:
        reason = first_line(error).partition(" using config")[0][:200]
        raise UserError(
            f"{preset} has layers that KerasHub cannot read again once they "
            f"are saved ({reason}): choose another model."
        ) from error


def _pixels(library: types.ModuleType, preset: str) -> _Pixels:
    """How pixels are scaled, as KerasHub or Hugging Face write it."""
    try:
        found = library.layers.ImageConverter.from_preset(preset)
    # a backbone can be saved without one, and some models have none
    except (FileNotFoundError, ValueError):
        found = None
    if found is not None:
        scale = 1.0 if found.scale is None else found.scale
        offset = 0.0 if found.offset is None else found.offset
        height, width = found.image_size or (_SIDE, _SIDE)
        return _Pixels(scale, offset, min(height, width))
    path = pathlib.Path(preset) / "preprocessor_config.json"
    if path.is_file():
        return _of_hugging_face(path)
    _LOG.warning(
        "%s does not say how pixels are scaled: they go in as 0 to 255.",
        preset,
    )
    return _Pixels()


def _of_hugging_face(path: pathlib.Path) -> _Pixels:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        is_scaled = found.get("do_rescale", True)
        factor = found.get("rescale_factor", 1 / 255) if is_scaled else 1.0
        if not found.get("do_normalize", True):
            return _Pixels(factor)
        mean, std = np.array(found["image_mean"]), np.array(found["image_std"])
        return _Pixels(factor / std, -mean / std)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"Cannot read {path}, expected image_mean and image_std as "
            f"Hugging Face writes them: {on_one_line(error)}."
        ) from error


def _sides(
    backbone: Any, pixels: _Pixels, image_size: int, preset: str
) -> tuple[int, int]:
    """Height and width of the images."""
    own = backbone.inputs[0].shape[1:3]
    if None in own:
        side = image_size or pixels.side
        return side, side
    if image_size and own != (image_size, image_size):
        raise UserError(
            f"{preset} takes images of {own[0]}×{own[1]} pixels, got "
            f"--image_size={image_size}: leave that out."
        )
    return tuple(own)


def _scaled(inputs: keras.KerasTensor, pixels: _Pixels) -> keras.KerasTensor:
    scale = np.broadcast_to(pixels.scale, 3)
    offset = np.broadcast_to(pixels.offset, 3)
    layer = layers.Normalization(
        mean=(-offset / scale).tolist(),
        variance=(1 / scale**2).tolist(),
        name=_SCALING,
        dtype="float32",
    )
    return layer(inputs)


def _pooled(x: keras.KerasTensor, pool: str) -> keras.KerasTensor:
    """Reduces maps, or rows, to one vector an image."""
    if len(x.shape) == 4:
        check_choice("pool", pool, ("avg", "max"))
        kinds = layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D
    else:
        check_choice("pool", pool, ("avg", "max", "cls"))
        kinds = layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D
    if pool == "cls":
        return x[:, 0]
    return kinds[pool == "max"](name="pool")(x)
