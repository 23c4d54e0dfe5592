"""Random changes to training examples, reproducible at each step.

A row takes (inputs, seeds) and its settings. `seeds` holds the seed, the
epoch and the index of each example; a change depends on nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.pipeline.augmentations.color import color_jitter
from keras_ptft.data.pipeline.augmentations.distort import distort
from keras_ptft.data.pipeline.augmentations.geometry import (
    flip,
    flip_crop,
    random_resized_crop,
    shift,
)
from keras_ptft.data.pipeline.augmentations.images import described
from keras_ptft.data.pipeline.augmentations.photo import photo
from keras_ptft.data.pipeline.augmentations.rand_augment import rand_augment
from keras_ptft.data.pipeline.augmentations.simclr import simclr
from keras_ptft.errors import UserError, check_range

# numbers reserved for each text, so that they do not depend on its length
_MAX_TOKENS = 2**16


def none(inputs: Any, seeds: tf.Tensor, /) -> Any:
    """Leaves the inputs unchanged."""
    del seeds
    return inputs


def drop_tokens(
    ids: tf.Tensor, seeds: tf.Tensor, /, *, rate: float = 0.1
) -> tf.Tensor:
    """Replaces random tokens by padding (Iyyer et al. 2015).

    Args:
        rate: fraction of the tokens, from 0 to less than 1.
    """
    check_range("rate", rate, 0.0, 0.99)
    if isinstance(ids, Mapping) or (
        ids.dtype != tf.int32 or ids.shape.rank not in (2, 3)
    ):
        raise UserError(
            f"Augmentation 'drop_tokens' needs texts, got {described(ids)}: "
            "use --augment=none."
        )
    kept = draw(seeds, tf.shape(ids)[1], _MAX_TOKENS) >= rate
    if ids.shape.rank == 3:
        kept = kept[..., None]
    return tf.where(kept, ids, 0)


AUGMENTATIONS: dict[str, Callable[..., Any]] = {
    "none": none,
    "color_jitter": color_jitter,
    "distort": distort,
    "drop_tokens": drop_tokens,
    "flip": flip,
    "flip_crop": flip_crop,
    "photo": photo,
    "rand_augment": rand_augment,
    "random_resized_crop": random_resized_crop,
    "shift": shift,
    "simclr": simclr,
}
