"""BERT with the weights of a folder, as Hugging Face saves them."""

import pathlib

import keras
import tensorflow as tf

from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.bert import bert as architecture
from keras_ptft.models.precision import rebuilt
from keras_ptft.models.pretrained.bert_folder import BertFolder, read_folder
from keras_ptft.models.pretrained.bert_tensors import (
    UNUSED,
    joined,
    names_of,
    renamed,
    vocabulary_of,
)
from keras_ptft.models.pretrained.filling import fill
from keras_ptft.models.pretrained.known import Known, Reading
from keras_ptft.models.pretrained.weights import read_weights


def bert(
    image_size: int,
    /,
    weights: str,
    *,
    pool: str = "mean",
    normalize: bool = False,
    dropout: float = 0.1,
) -> Known:
    """A BERT model of any size, from a folder as Hugging Face saves it.

    Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional
    Transformers for Language Understanding".

    Args:
        image_size: has no meaning for texts.
        weights: a folder with config.json; tokenizer.json or vocab.txt; and
            model.safetensors or pytorch_model.bin.
        pool: features are the "mean" of the vectors of all tokens, [CLS]
            and [SEP] included, or that of [CLS], "cls".
        normalize: scale the features of each text to the length 1.
        dropout: rate in fine-tuning.

    Returns:
        Backbone from ids to features of shape (batch, width) (see
        `models.bert`), and how it reads texts.

    Raises:
        UserError: a file cannot be read, or is not of a BERT model.
    """
    del image_size
    folder = pathlib.Path(weights).expanduser()
    backbone, reading = load(
        folder, weights, pool=pool, normalize=normalize, dropout=dropout
    )
    return Known(backbone, weights, reading)


def load(
    folder: pathlib.Path,
    origin: str,
    *,
    pool: str,
    normalize: bool,
    dropout: float,
) -> tuple[keras.Model, Reading]:
    """Makes a BERT model of a folder.

    Args:
        folder: of the model.
        origin: where it comes from, for people.
        pool: see `bert`.
        normalize: see `bert`.
        dropout: see `bert`.

    Returns:
        The backbone with its weights in float32, and how it reads texts.

    Raises:
        UserError: see `bert`.
    """
    described = read_folder(folder)
    backbone = built(described, pool=pool, normalize=normalize, dropout=dropout)
    tensors = joined(renamed(read_weights(folder)), described, origin)
    fill(backbone, tensors, names_of(described), origin=origin, unused=UNUSED)
    return backbone, reading_of(described)


def reading_of(described: BertFolder) -> Reading:
    """Returns how a BERT reads texts; the model adds two tokens itself."""
    return Reading(
        tokenizer=f"wordpiece(lower={described.lower})",
        vocabulary=vocabulary_of(described),
        sequence_length=described.sequence_length - 2,
    )


def built(
    described: BertFolder, *, pool: str, normalize: bool, dropout: float
) -> keras.Model:
    """Returns the architecture with random weights, in float32.

    Args:
        described: its sizes and vocabulary.
        pool: see `models.bert`.
        normalize: see `models.bert`.
        dropout: see `models.bert`.
    """
    spec = tf.TensorSpec((None,), tf.int32, "tokens")
    given = BackboneInput(spec, vocabulary_size=len(vocabulary_of(described)))
    backbone = architecture(
        given,
        width=described.width,
        depth=described.depth,
        heads=described.heads,
        ratio=described.ratio,
        longest=described.longest,
        dropout=dropout,
        pool=pool,
        normalize=normalize,
    )
    if keras.config.dtype_policy().name == "float32":
        return backbone
    # what is trained is built again anyway
    return rebuilt(backbone, "float32")
