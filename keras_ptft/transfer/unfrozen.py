"""The unfrozen layers of a pretrained backbone, and what is trained there."""

from collections.abc import Collection, Iterable

import keras

_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
)


def unfreeze(model: keras.Model) -> None:
    """Makes every layer trainable, whatever an earlier training froze."""
    for layer in model._flatten_layers():
        # one by one: Keras ignores a flag that a model itself has already
        layer.trainable = True


def unfrozen_layers(
    suffix: keras.Model, backbone: keras.Model, transferred: Collection[str]
) -> list[keras.Layer]:
    """Returns the layers of a backbone that its training could change.

    Layers whose weights are new are none of them: like the head, they have
    nothing yet that could be kept.

    Args:
        suffix: what follows the frozen part.
        backbone: the backbone, on the same layers.
        transferred: names of its layers whose weights were transferred.
    """
    of_backbone = {id(layer) for layer in backbone.layers}
    return [
        layer
        for layer in suffix.layers
        if id(layer) in of_backbone and layer.name in transferred
    ]


def with_parts(layers: Iterable[keras.Layer]) -> list[keras.Layer]:
    """Returns layers and those within them, such as those of attention."""
    return [part for layer in layers for part in layer._flatten_layers()]


def norms_and_biases(layers: Iterable[keras.Layer]) -> list[keras.Variable]:
    """Returns biases, and scales and offsets of normalisation.

    Ben Zaken et al. 2022, "BitFit: Simple Parameter-efficient Fine-tuning
    for Transformer-based Masked Language-models".

    Args:
        layers: of any kind, with their parts.
    """
    return [
        variable
        for layer in layers
        for variable in layer.trainable_variables
        if variable.name == "bias" or isinstance(layer, _NORMALIZATIONS)
    ]


def hold_statistics(layers: Iterable[keras.Layer]) -> list[keras.Variable]:
    """Makes batch normalisation use its statistics and not change them.

    Its scale and offset can still be trained.

    Args:
        layers: of any kind, with their parts.

    Returns:
        The statistics.
    """
    held: list[keras.Variable] = []
    for layer in layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            held += layer.non_trainable_variables
            trained = layer.trainable_variables
            # this is how Keras is told inference, and freezes all of it
            layer.trainable = False
            for variable in trained:
                variable.trainable = True
    return held
