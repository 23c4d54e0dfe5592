"""What objectives are told of small vocabularies."""

import numpy as np

from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.text.tokenizers import Tokenizer


def text_info(
    vocabulary,
    *,
    sequence_length,
    counts=None,
    width=1,
    label_names=(),
    tagged=False,
    columns=(),
):
    """The info of texts of whole words, each of which may have n-grams."""
    tokenizer = Tokenizer(
        setting="words",
        vocabulary=tuple(vocabulary),
        counts=np.ones(len(vocabulary), int) if counts is None else counts,
        sequence_length=sequence_length,
        width=width,
    )
    return DataInfo(
        label_names=label_names,
        tagged=tagged,
        tokenizer=tokenizer,
        columns=columns,
    )
