"""A trained model ready to be asked, wherever it is kept."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from keras_ptft import files
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.errors import UserError, first_line
from keras_ptft.models.saved import load_model
from keras_ptft.models.tokens import is_text
from keras_ptft.serving.export import EXTRA, LABELS
from keras_ptft.serving.inference.resolve import GRAPH, find_keras_file
from keras_ptft.serving.signatures.arrays import serving_fn
from keras_ptft.serving.signatures.text import (
    TEXT,
    is_tagging,
    text_serving_fn,
)
from keras_ptft.serving.versions import versions

_BATCH = 256
_ONE_TEXT = tf.TensorSpec((), tf.string, "text")

TaggedWord = tuple[str, str, float]
"""A word, its most probable tag, and the probability of that."""


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A model that answers with probabilities.

    Attributes:
        label_names: a name for each probability.
        input_spec: shape without the batch axis, dtype and name of the
            model's input; of a text model, of the texts.
        infer: a batch of inputs → what the model says of them by name,
            "probabilities" among it, as TensorFlow computes.
        tagging: whether it names the words of a text, not the text.
    """

    label_names: tuple[str, ...]
    input_spec: tf.TensorSpec
    infer: Callable[[tf.Tensor], Mapping[str, tf.Tensor]]
    tagging: bool = False

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of one example."""
        return tuple(self.input_spec.shape)

    def probabilities(self, inputs: np.ndarray) -> np.ndarray:
        """What the model says of each example.

        Args:
            inputs: of shape (examples, *input_shape) and the input's dtype;
                texts as `bytes`.

        Returns:
            Probabilities, float32 of shape (examples, classes).
        """
        results = [np.zeros((0, len(self.label_names)), np.float32)]
        results += [
            self.infer(batch)["probabilities"].numpy()
            for batch in self._batches(inputs)
        ]
        return np.concatenate(results)

    def tags(self, texts: np.ndarray) -> list[list[TaggedWord]]:
        """What a tagging model says of the words of each text.

        Args:
            texts: as `bytes`, of shape (examples,).
        """
        return [
            row
            for batch in self._batches(texts)
            for row in _tagged(self.infer(batch))
        ]

    def _batches(self, inputs: np.ndarray) -> list[tf.Tensor]:
        return [
            tf.constant(inputs[start : start + _BATCH], self.input_spec.dtype)
            for start in range(0, len(inputs), _BATCH)
        ]


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
    if (file := find_keras_file(path)) is not None:
        return _from_keras(file)
    if (path / GRAPH).is_file():
        return _from_saved_model(path)
    if path.is_dir() and (found := versions(path)):
        return load_predictor(found[-1])
    raise UserError(
        f"No model in {path}: expected a run folder, a .keras file, or an "
        "export with saved_model.pb; check the path."
    )


def _from_keras(path: pathlib.Path) -> Predictor:
    model = load_model(path)
    array = model.inputs[0]
    spec = tf.TensorSpec(array.shape[1:], array.dtype, array.name)
    labels = path.with_name("labels.json")
    infer = tf.function(
        serving_fn(model),
        input_signature=[tf.TensorSpec(array.shape, array.dtype)],
        autograph=False,
    )
    if not is_text(spec):
        names = _label_names(labels, model.output_shape)
        return Predictor(names, spec, infer)
    tokenizer = Tokenizer.load(path.parent)
    tagging = is_tagging(model)
    names = _label_names(labels, model.output_shape, tagging=tagging)
    infer = text_serving_fn(infer, tokenizer, names, tagging=tagging)
    if tokenizer.in_graph:
        infer = tf.function(infer, input_signature=[TEXT], autograph=False)
    return Predictor(names, _ONE_TEXT, infer, tagging)


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
        return loaded.signatures["serving_default"](**{name: inputs})

    spec = tf.TensorSpec(spec.shape[1:], spec.dtype, name)
    takes_ids, takes_text = is_text(spec), spec.dtype == tf.string
    tagging = (takes_ids or takes_text) and len(outputs) == 3
    names = _label_names(path / LABELS, tuple(outputs), tagging=tagging)
    if takes_ids:
        tokenizer = Tokenizer.load(path / EXTRA)
        infer = text_serving_fn(infer, tokenizer, names, tagging=tagging)
        spec = _ONE_TEXT
    return Predictor(names, spec, infer, tagging)


def _tagged(answers: Mapping[str, tf.Tensor]) -> list[list[TaggedWord]]:
    words, tags = answers["words"].numpy(), answers["tags"].numpy()
    probabilities = answers["probabilities"].numpy().max(-1)
    rows = zip(words, tags, probabilities, strict=True)
    return [
        [
            (word.decode("utf-8", "replace"), tag.decode(), float(probability))
            for word, tag, probability in zip(*row, strict=True)
            if word
        ]
        for row in rows
    ]


def _label_names(
    path: pathlib.Path,
    output_shape: tuple[int | None, ...],
    *,
    tagging: bool = False,
) -> tuple[str, ...]:
    names = files.read_json(path)
    if not isinstance(names, list) or not all(
        isinstance(name, str) for name in names
    ):
        raise UserError(
            f"{path} must hold a list of label names: restore the file that "
            "was written with the model."
        )
    if tagging and len(names) != output_shape[-1]:
        raise UserError(
            f"The model beside {path} was trained on texts without labels: "
            "fine-tune it first; one of --objective=next_token goes on with "
            "a text by --generate=100."
        )
    if len(output_shape) != 2 + tagging:
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
