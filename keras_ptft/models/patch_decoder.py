"""A small transformer that fills in the patches which were left out."""

import keras
from keras import layers, ops

from keras_ptft.models.patches import check_position_width, grid_positions
from keras_ptft.models.transformer import (
    check_sizes,
    normalized,
    residual_block,
)

_RATIO = 4
# as of the mask token in the paper
_MASK_STD = 0.02


def check_decoder(width: int, depth: int, heads: int) -> None:
    """Raises a UserError unless a decoder can have these sizes."""
    check_sizes(width, depth, heads, _RATIO, 0.0)
    check_position_width(width)


def decode_patches(
    vectors: keras.KerasTensor,
    kept: keras.KerasTensor,
    *,
    grid: tuple[int, int],
    width: int,
    depth: int,
    heads: int,
) -> keras.KerasTensor:
    """Computes a vector of every patch from those of some.

    He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners": what
    was left out is the same learned vector everywhere, and all get their
    positions.

    Args:
        vectors: of the patches that were seen, (batch, kept, any).
        kept: int32 of shape (batch, kept), which patches these are.
        grid: rows and columns of patches.
        width: of a vector of the decoder; see `check_decoder`.
        depth: number of blocks.
        heads: number of attention heads.

    Returns:
        (batch, rows * columns, width).
    """
    rows, columns = grid
    x = layers.Dense(width, name="decoder_embedding")(vectors)
    # (batch, kept, patches), 1 where a patch stands
    places = ops.one_hot(kept, rows * columns, dtype=x.dtype)
    x = ops.matmul(ops.transpose(places, (0, 2, 1)), x)
    missing = 1.0 - ops.sum(places, axis=1)[..., None]
    # a dense layer without bias, of 1 or 0: a learned vector or nothing
    mask = layers.Dense(
        width,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=_MASK_STD),
        name="decoder_mask",
    )
    x = layers.Add(name="decoder_filled")([x, mask(missing)])
    encoded = grid_positions(x, columns)
    x = layers.Add(name="decoder_positions")([x, encoded])
    for i in range(1, depth + 1):
        name = f"decoder_block{i}"
        x = residual_block(
            x, name, heads=heads, ratio=_RATIO, dropout=0.0, last=name
        )
    return normalized(x, "decoder_norm")
