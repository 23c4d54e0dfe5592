"""The same architecture in another precision."""

from typing import Any

import keras

# scaling raw values and summing up a softmax need all 24 bits
_ALWAYS_FLOAT32 = ("normalization", "logits")


def rebuilt(model: keras.Model, precision: str) -> keras.Model:
    """Builds a functional model again, with new random weights.

    Args:
        model: any functional model.
        precision: dtype policy of every layer, except for scaling and
            logits, which stay in float32.

    Returns:
        A model of the same architecture and layer names.

    Example:

    >>> inputs = keras.Input((2,))
    >>> outputs = keras.layers.Dense(1, name="dense")(inputs)
    >>> half = rebuilt(keras.Model(inputs, outputs), "mixed_bfloat16")
    >>> half.get_layer("dense").compute_dtype
    'bfloat16'
    """
    config = model.get_config()
    for layer in config["layers"]:
        if layer["config"].get("name") not in _ALWAYS_FLOAT32:
            layer["config"] = _with_policy(layer["config"], precision)
    return model.__class__.from_config(config)


def _with_policy(config: Any, precision: str) -> Any:
    """Replaces every dtype policy within a configuration."""
    if isinstance(config, (list, tuple)):
        return type(config)(_with_policy(part, precision) for part in config)
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return {**config, "config": {**config["config"], "name": precision}}
    return {k: _with_policy(v, precision) for k, v in config.items()}
