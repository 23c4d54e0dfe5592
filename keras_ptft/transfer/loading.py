"""Weights from a pretrained backbone into a fresh one, with a report."""

import dataclasses
import os
from typing import Any

import keras

from keras_ptft.errors import UserError
from keras_ptft.models.precision import rebuilt
from keras_ptft.models.saved import load_model


@dataclasses.dataclass(frozen=True)
class TransferReport:
    """What became of each layer that has weights.

    Attributes:
        matched: layers whose weights were copied.
        reshaped: layers of the same name but another shape, kept fresh.
        missing: layers the pretrained backbone does not have, kept fresh.
        unused: pretrained layers that found no place.
        share: transferred share of the fresh backbone's parameters, 0 to 1.
    """

    matched: tuple[str, ...]
    reshaped: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    share: float

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON knows it, with lists."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }

    def __str__(self) -> str:
        parts = [f"{self.share:.1%} of the backbone's parameters transferred"]
        for kind in ("matched", "reshaped", "missing", "unused"):
            layers = getattr(self, kind)
            if layers:
                parts.append(f"{len(layers)} {kind} ({', '.join(layers)})")
        return "; ".join(parts)


def load_backbone(path: str | os.PathLike) -> keras.Model:
    """Reads a functional backbone from a `.keras` file.

    A whole classifier, whose last layer is called "logits", is read as the
    backbone under that layer.

    Raises:
        UserError: see `load_model`; or it gives no features.
    """
    model = load_model(path)
    if model.layers[-1].name == "logits":
        features = model.layers[-1].input
        return keras.Model(model.inputs[0], features, name="backbone")
    if len(model.output_shape) != 2:
        raise UserError(
            f"The model in {path} must give features of shape (batch, width), "
            f"got {model.output_shape}: add pooling or Flatten and save again."
        )
    return model


def check_input(backbone: keras.Model, spec) -> None:
    """Raises a UserError unless the backbone takes inputs of this spec.

    Args:
        backbone: pretrained model.
        spec: `tf.TensorSpec` of one input, without the batch axis.
    """
    expected = backbone.inputs[0]
    shape = tuple(expected.shape[1:])
    theirs = tuple(spec.shape)
    if shape != theirs or expected.dtype != spec.dtype.name:
        remedy = "pretrain on such inputs"
        if len(shape) == len(theirs) == 3 and shape[0] not in (None, theirs[0]):
            remedy = f"set --image_size={shape[0]}, or {remedy}"
        raise UserError(
            f"The pretrained backbone takes {expected.dtype} inputs of shape "
            f"{shape}, this data set has {spec.dtype.name} {theirs}: "
            f"{remedy}."
        )


def fresh_copy(backbone: keras.Model) -> keras.Model:
    """The same architecture with new random weights.

    It computes as this process does now, not as the backbone once did.
    """
    return rebuilt(backbone, keras.config.dtype_policy().name)


def transfer_weights(
    pretrained: keras.Model, backbone: keras.Model, *, least: float
) -> TransferReport:
    """Copies the weights of every layer of one name and the same shapes.

    Args:
        pretrained: where the weights come from.
        backbone: gets them, in place.
        least: least share of `backbone`'s parameters to be transferred.

    Raises:
        UserError: less than that was transferred.
    """
    sources = {layer.name: layer for layer in pretrained.layers}
    targets = {layer.name: layer for layer in backbone.layers if layer.weights}
    kinds = {"matched": [], "reshaped": [], "missing": []}
    for name, layer in targets.items():
        if name not in sources or not sources[name].weights:
            kinds["missing"].append(name)
        elif _shapes(sources[name]) != _shapes(layer):
            kinds["reshaped"].append(name)
        else:
            layer.set_weights(sources[name].get_weights())
            kinds["matched"].append(name)
    copied = sum(targets[name].count_params() for name in kinds["matched"])
    unused = [n for n, s in sources.items() if s.weights and n not in targets]
    report = TransferReport(
        **{kind: tuple(names) for kind, names in kinds.items()},
        unused=tuple(unused),
        share=copied / max(backbone.count_params(), 1),
    )
    if report.share < least:
        raise UserError(
            f"Only {report}. Expected at least {least:.1%}: use the "
            "--backbone that was pretrained, or lower --min_transferred."
        )
    return report


def _shapes(layer: keras.Layer) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]
