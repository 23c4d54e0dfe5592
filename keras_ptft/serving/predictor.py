"""A trained model ready to be asked, wherever it is kept."""

import dataclasses
import os
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_ptft import files
from keras_ptft.errors import UserError, first_line
from keras_ptft.models.saved import load_model
from keras_ptft.serving.export import LABELS
from keras_ptft.serving.versions import versions
from keras_ptft.training.runs import is_complete

_BATCH = 256


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A model that answers with probabilities.

    Attributes:
        label_names: a name for each probability.
        input_spec: shape without the batch axis, dtype and name of the
            model's input.
        infer: a batch of inputs → probabilities, as TensorFlow computes.
    """

    label_names: tuple[str, ...]
    input_spec: tf.TensorSpec
    infer: Callable[[tf.Tensor], tf.Tensor]

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of one example."""
        return tuple(self.input_spec.shape)

    def probabilities(self, inputs: np.ndarray) -> np.ndarray:
        """What the model says of each example.

        Args:
            inputs: of shape (examples, *input_shape) and the input's dtype.

        Returns:
            Probabilities, float32 of shape (examples, classes).
        """
        results = [np.zeros((0, len(self.label_names)), np.float32)]
        for start in range(0, len(inputs), _BATCH):
            batch = inputs[start : start + _BATCH]
            batch = tf.constant(batch, self.input_spec.dtype)
            results.append(self.infer(batch).numpy())
        return np.concatenate(results)


def load_predictor(path: str | os.PathLike) -> Predictor:
    """Loads a model from wherever training or exporting left it.

    Args:
        path: a run folder, a `.keras` file with `labels.json` beside it, the
            folder of an exported version, or the folder that holds the
            versions, of which the highest is taken.

    Raises:
        UserError: there is no model, its run is not complete, it cannot be
            read, or its label names are missing or do not match.
    """
    path = pathlib.Path(path)
    if path.is_file() and path.suffix == ".keras":
        return _from_keras(path)
    if (path / "saved_model.pb").is_file():
        return _from_saved_model(path)
    if (path / "flags.flags").is_file() and not is_complete(path):
        raise UserError(
            f"The run in {path} is not complete: expected its result.json; "
            "run its stage again, which finishes it."
        )
    if (path / "model.keras").is_file():
        return _from_keras(path / "model.keras")
    if path.is_dir() and (found := versions(path)):
        return load_predictor(found[-1])
    raise UserError(
        f"No model in {path}: expected a run folder, a .keras file, or an "
        "export with saved_model.pb; check the path."
    )


def _from_keras(path: pathlib.Path) -> Predictor:
    model = load_model(path)
    image = model.inputs[0]
    spec = tf.TensorSpec(image.shape[1:], image.dtype, image.name)

    @tf.function(input_signature=[tf.TensorSpec(image.shape, image.dtype)])
    def infer(inputs):
        logits = model(inputs, training=False)
        return tf.nn.softmax(tf.cast(logits, tf.float32))

    names = _label_names(path.with_name("labels.json"), model.output_shape)
    return Predictor(names, spec, infer)


def _from_saved_model(path: pathlib.Path) -> Predictor:
    try:
        loaded = tf.saved_model.load(os.fspath(path))
        signature = loaded.signatures["serving_default"]
        outputs = signature.structured_outputs["probabilities"].shape.as_list()
        ((name, spec),) = signature.structured_input_signature[1].items()
    # a broken export fails in as many ways as it can be broken
    except Exception as error:
        raise UserError(
            f"Cannot read the model {path}, expected an export of keras-ptft: "
            f"{first_line(error)}: export it again."
        ) from error

    def infer(inputs):
        # a signature does not keep what was loaded alive
        answers = loaded.signatures["serving_default"](**{name: inputs})
        return answers["probabilities"]

    names = _label_names(path / LABELS, tuple(outputs))
    spec = tf.TensorSpec(spec.shape[1:], spec.dtype, name)
    return Predictor(names, spec, infer)


def _label_names(
    path: pathlib.Path, output_shape: tuple[int | None, ...]
) -> tuple[str, ...]:
    names = files.read_json(path)
    if not isinstance(names, list) or not all(
        isinstance(name, str) for name in names
    ):
        raise UserError(
            f"{path} must hold a list of label names: restore the file that "
            "was written with the model."
        )
    if len(output_shape) != 2:
        raise UserError(
            f"The model beside {path} must give a number for each of its "
            f"{len(names)} classes, got outputs of shape {output_shape}: "
            "give the model of a run."
        )
    if len(names) != output_shape[-1]:
        raise UserError(
            f"{path} holds {len(names)} label names, expected "
            f"{output_shape[-1]}, as the model has outputs: restore the "
            "file that was written with the model."
        )
    return tuple(names)
