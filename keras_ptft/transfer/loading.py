"""Weights from a pretrained backbone into a fresh one, with a report."""

import dataclasses
import os
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models.precision import rebuilt
from keras_ptft.models.saved import load_model
from keras_ptft.models.structure import InputSpec, input_spec, input_tensors

_SHOWN = 8


@dataclasses.dataclass(frozen=True)
class TransferReport:
    """What became of each layer that has weights.

    Attributes:
        matched: layers whose weights were copied.
        reshaped: layers of the same name but another shape, kept fresh.
        missing: layers the pretrained backbone does not have, kept fresh.
        unused: pretrained layers that the fresh backbone does not have.
        share: fraction of the fresh backbone's parameters that was copied,
            0 to 1.
    """

    matched: tuple[str, ...]
    reshaped: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    share: float

    def as_dict(self) -> dict[str, Any]:
        """Returns the report for JSON, with lists."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }

    def __str__(self) -> str:
        parts = [f"{self.share:.1%} of the backbone's parameters transferred"]
        for name, value in dataclasses.asdict(self).items():
            if isinstance(value, tuple) and value:
                parts.append(f"{len(value)} {name} ({_some(value)})")
        return "; ".join(parts)


def _some(names: tuple[str, ...]) -> str:
    """The names of layers, of many only the first ones and the last."""
    if len(names) <= _SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[: _SHOWN - 1])}, ..., {names[-1]}"


def load_backbone(path: str | os.PathLike) -> keras.Model:
    """Reads a functional backbone from a `.keras` file.

    A classifier may be given too: where the last layer is called "logits",
    the model under that layer is the backbone. This is the documented
    convention for users' own files.

    Args:
        path: a `.keras` file.

    Returns:
        Functional model that returns features of shape (batch, width), or a
        dict of outputs by name.

    Raises:
        UserError: see `load_model`; or its only output is not of that shape.
    """
    model = load_model(path)
    if isinstance(model.output, dict):
        return model
    if model.layers[-1].name == "logits":
        features = model.layers[-1].input
        return keras.Model(input_tensors(model), features, name="backbone")
    if len(model.output_shape) != 2:
        raise UserError(
            f"The model in {path} must give features of shape (batch, width), "
            f"got {model.output_shape}: add pooling or Flatten and save again."
        )
    return model


def check_input(backbone: keras.Model, spec: InputSpec) -> None:
    """Raises a UserError unless the backbone takes inputs of this spec.

    Args:
        backbone: pretrained model.
        spec: of one example, without the batch axis; of several inputs, by
            name.
    """
    expected = input_spec(backbone)
    theirs, ours = _by_name(expected), _by_name(spec)
    if theirs.keys() != ours.keys():
        raise UserError(
            f"The backbone takes {_described(theirs)}, this data "
            f"set has {_described(ours)}: pretrain on such inputs."
        )
    for name in theirs:
        _check_one(theirs[name], ours[name], f" {name!r}" if name else "")


def _by_name(spec: InputSpec) -> dict[str, tf.TensorSpec]:
    return {"": spec} if isinstance(spec, tf.TensorSpec) else dict(spec)


def _described(inputs: dict[str, tf.TensorSpec]) -> str:
    if "" in inputs:
        return "one input without a name"
    return f"inputs named {', '.join(sorted(inputs))}"


def _check_one(expected: tf.TensorSpec, spec: tf.TensorSpec, name: str) -> None:
    shape, ours = tuple(expected.shape), tuple(spec.shape)
    if shape == ours and expected.dtype == spec.dtype:
        return
    remedy = "pretrain on such inputs"
    if len(shape) == len(ours) == 3 and shape[0] not in (None, ours[0]):
        remedy = f"set --image_size={shape[0]}, or {remedy}"
    raise UserError(
        f"The backbone takes {expected.dtype.name} inputs{name} of "
        f"shape {shape}, this data set has {spec.dtype.name} {ours}: {remedy}."
    )


def fresh_copy(backbone: keras.Model) -> keras.Model:
    """Builds the same architecture with new random weights.

    It has this process's precision, not the one the backbone was saved in.
    """
    return rebuilt(backbone, keras.config.dtype_policy().name)


def transfer_weights(
    pretrained: keras.Model, backbone: keras.Model, *, least: float
) -> TransferReport:
    """Copies the weights of every layer of the same name and shapes.

    Args:
        pretrained: where the weights come from.
        backbone: gets them, in place.
        least: lowest fraction of `backbone`'s parameters to be copied.

    Returns:
        What was copied and what was not.

    Raises:
        UserError: less than that was copied.
    """
    sources = {layer.name: layer for layer in pretrained.layers}
    targets = {layer.name: layer for layer in backbone.layers if layer.weights}
    matched, reshaped, missing = [], [], []
    for name, layer in targets.items():
        if name not in sources or not sources[name].weights:
            missing.append(name)
        elif _shapes(sources[name]) != _shapes(layer):
            reshaped.append(name)
        else:
            layer.set_weights(sources[name].get_weights())
            matched.append(name)
    copied = sum(targets[name].count_params() for name in matched)
    unused = [n for n, s in sources.items() if s.weights and n not in targets]
    report = TransferReport(
        matched=tuple(matched),
        reshaped=tuple(reshaped),
        missing=tuple(missing),
        unused=tuple(unused),
        share=copied / max(backbone.count_params(), 1),
    )
    if report.share < least:
        raise UserError(
            f"Only {report}. Expected at least {least:.1%}: use the "
            "--backbone that was pretrained, or lower --min_transferred."
        )
    return report


def nothing_transferred(backbone: keras.Model) -> TransferReport:
    """Returns the report of a backbone that keeps its random weights."""
    names = tuple(layer.name for layer in backbone.layers if layer.weights)
    return TransferReport((), (), names, (), 0.0)


def _shapes(layer: keras.Layer) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]
