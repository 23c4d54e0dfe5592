"""Low-rank matrices that are trained in place of kernels."""

from collections.abc import Callable, Sequence

import keras

from keras_ptft.errors import UserError, check_range
from keras_ptft.registry import nearest

_ADAPTABLE = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Embedding,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
)


def without(layers: Sequence[keras.Layer], /) -> list[keras.Layer]:
    """No low-rank matrices: the kernels themselves are trained."""
    del layers
    return []


def low_rank(
    layers: Sequence[keras.Layer],
    /,
    *,
    rank: int = 8,
    alpha: float | None = None,
    only: tuple[str, ...] = (),
) -> list[keras.Layer]:
    """Adds to each kernel the product of two trained low-rank matrices.

    Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models". The
    kernels are frozen. The product is zero at first, so training starts from
    the pretrained model.

    Args:
        layers: unfrozen ones with their parts. Dense layers, those within
            attention, convolutions and embeddings are adapted.
        rank: of the product, width of the matrices.
        alpha: the product is multiplied by alpha / rank; None: by 1.
        only: adapt layers with one of these in their path, as "query" or
            "block2".

    Returns:
        The layers that were adapted.

    Raises:
        UserError: a setting out of its range, or no layer can be adapted.
    """
    check_range("rank", rank, 1)
    if alpha is not None:
        check_range("alpha", alpha, 0.0)
    adaptable = [layer for layer in layers if _is_adaptable(layer)]
    chosen = [
        layer
        for layer in adaptable
        if not only or any(part in layer.path for part in only)
    ]
    if not chosen:
        paths = [layer.path for layer in adaptable]
        hint = nearest(only[0], paths) if only else ""
        raise UserError(
            f"--lora finds no layer to adapt{hint}; the unfrozen ones that "
            f"can be: {', '.join(paths) or 'none'}."
        )
    for layer in chosen:
        layer.enable_lora(rank, lora_alpha=alpha)
    return chosen


LORA: dict[str, Callable[..., list[keras.Layer]]] = {
    "none": without,
    "lora": low_rank,
}


def _is_adaptable(layer: keras.Layer) -> bool:
    """Whether Keras can add a product to a layer's kernel."""
    if not isinstance(layer, _ADAPTABLE):
        return False
    is_table = isinstance(layer, keras.layers.Embedding)
    name = "embeddings" if is_table else "kernel"
    # a sum of matrices need not satisfy what each of them does
    return getattr(layer, f"{name}_constraint") is None
