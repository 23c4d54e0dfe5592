"""What a row of PRETRAINED gives, and what is known of it beforehand."""

import dataclasses

import keras

IMAGENET_RESIZE = "crop(share=0.875)"
"""How models of ImageNet are given photos, as a setting of --resize."""


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a model reads texts.

    Attributes:
        tokenizer: as a setting, "wordpiece(lower=True)", or what people call
            it.
        vocabulary: the token of each id, of which the first four are [PAD],
            [UNK], [MASK] and [END].
        sequence_length: most tokens of a text, without those that the model
            itself adds.
        rules: JSON of the package `tokenizers`, by which it goes where it is
            no setting, as "bpe"; else empty.
    """

    tokenizer: str
    vocabulary: tuple[str, ...]
    sequence_length: int
    rules: str = ""


@dataclasses.dataclass(frozen=True)
class Known:
    """A backbone with its weights.

    Attributes:
        backbone: functional, from raw input to features.
        origin: where its weights come from, as people call it: a package and
            its version, or the path of a file.
        reading: how it reads texts; None: it reads none.
        resize: how images become the squares that it takes, as a setting of
            --resize; empty: it does not say, or takes no images.
    """

    backbone: keras.Model
    origin: str
    reading: Reading | None = None
    resize: str = ""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of a row without loading its weights.

    Attributes:
        architecture: with its paper, for people.
        parameters: of the backbone, statistics of normalisation included.
        licence: of the weights.
        source: the package that ships them, or how to get them.
        bytes: of the weights file.
        sha256: of the weights file.
    """

    architecture: str
    parameters: int
    licence: str
    source: str
    bytes: int
    sha256: str
