"""Gradients of each example, layer by layer, without computing them all.

The gradient of a dense kernel is the sum, over positions, of the products of
what comes in and of the gradient of what goes out. A convolution is the same
over patches of its input. So norms and weighted sums over examples are matrix
products, and no second backward pass is needed.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Optional

import keras
import tensorflow as tf

from keras_ptft.models.structure import input_tensors, output_tensors

Seen = list[tuple[tf.Tensor, tf.Tensor]]
"""What went into each layer, and what came out."""

# of float32, in sums over pairs of positions
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True)
class Part:
    """The gradients of a layer's variables, for each example.

    Attributes:
        rows: what its kernel was multiplied by, of shape
            (batch, positions, inputs).
        passed: gradients of its outputs, (batch, positions, outputs).
        kernel: the kernel, or None where it is not trained.
        bias: likewise.
    """

    rows: tf.Tensor
    passed: tf.Tensor
    kernel: keras.Variable | None
    bias: keras.Variable | None

    def squares(self) -> tf.Tensor:
        """Returns the squared norm of each example's gradient, (batch,)."""
        total = tf.zeros(tf.shape(self.passed)[:1])
        if self.bias is not None:
            total += _square(tf.reduce_sum(self.passed, axis=1))
        if self.kernel is not None:
            total += self._kernel_squares()
        return total

    def sums(self, factors: tf.Tensor) -> list[tuple[keras.Variable, Any]]:
        """Returns the sum over examples, each times a factor, by variable."""
        passed = self.passed * factors[:, None, None]
        found = []
        if self.kernel is not None:
            total = tf.matmul(_flat(self.rows), _flat(passed), transpose_a=True)
            shape = self.kernel.shape
            found.append((self.kernel, tf.reshape(total, shape)))
        if self.bias is not None:
            found.append((self.bias, tf.reduce_sum(passed, axis=[0, 1])))
        return found

    def _kernel_squares(self) -> tf.Tensor:
        rows, passed = self.rows, self.passed
        positions = rows.shape[1]
        if positions == 1:
            return _square(rows[:, 0]) * _square(passed[:, 0])
        numbers = rows.shape[2] * passed.shape[2]
        if positions is None or 2 * positions**2 > numbers:
            return _square(tf.matmul(rows, passed, transpose_a=True))
        # all pairs of positions are fewer than the numbers of a kernel
        pairs = tf.matmul(rows, rows, transpose_b=True)
        pairs *= tf.matmul(passed, passed, transpose_b=True)
        # positions that cancel out leave rounding, which must not hide a norm
        sizes = tf.norm(rows, axis=2) * tf.norm(passed, axis=2)
        rounding = _ROUNDING * tf.square(tf.reduce_sum(sizes, axis=1))
        return tf.nn.relu(tf.reduce_sum(pairs, axis=[1, 2])) + rounding


class LayerGradients:
    """A model whose trained layers tell what went through them.

    Args:
        model: as the trained one, but gives the outputs, and what went into
            and came out of each of `layers`.
        layers: the trained layers.
        variables: the trained variables, in the order of gradients.
    """

    def __init__(
        self,
        model: keras.Model,
        layers: Sequence[keras.Layer],
        variables: Sequence[keras.Variable],
    ) -> None:
        self._model, self._layers, self._variables = model, layers, variables
        self._trained = set(map(id, variables))
        self._passes: list[Seen] = []

    @classmethod
    def of(
        cls, model: keras.Model, variables: Sequence[keras.Variable]
    ) -> Optional["LayerGradients"]:
        """Makes them of a functional model.

        Returns:
            None where a variable is of no dense layer or convolution without
            an activation, or of one that is called several times.
        """
        calls: list[tuple[keras.Layer, Any, Any]] = []

        def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
            outputs = operation(*args, **kwargs)
            if _trains(operation, variables):
                calls.append((operation, args[0], outputs))
            return outputs

        copy = keras.models.clone_model(
            model, clone_function=lambda layer: layer, call_function=call
        )
        layers = [layer for layer, _, _ in calls]
        known = [id(v) for layer in layers for v in layer.variables]
        if not {id(v) for v in variables} <= set(known):
            return None
        if len(set(known)) < len(known) or not all(map(_is_known, layers)):
            return None
        seen = [[x, y] for _, x, y in calls]
        outputs = [output_tensors(copy), seen]
        return cls(keras.Model(input_tensors(copy), outputs), layers, variables)

    def forward(self, inputs: Any) -> Any:
        """Runs the model in training, and keeps what `seen` returns."""
        outputs, seen = self._model(inputs, training=True)
        self._passes.append([(x, y) for x, y in seen])
        return outputs

    def seen(self, batch_size: int | None) -> Seen | None:
        """Returns what went through the layers since the last call.

        Args:
            batch_size: how many examples there are.

        Returns:
            None unless the model was called once, with a row an example.
        """
        passes, self._passes = self._passes, []
        rows = {part.shape[0] for seen in passes for x in seen for part in x}
        return passes[0] if len(passes) == 1 and rows == {batch_size} else None

    def parts(self, seen: Seen, passed: Sequence[tf.Tensor]) -> list[Part]:
        """Returns the gradients of each layer.

        Args:
            seen: what went through the layers.
            passed: gradients of what came out.
        """
        found = []
        for layer, (x, _), y in zip(self._layers, seen, passed, strict=True):
            rows = _ROWS[type(layer)](layer, tf.cast(x, tf.float32))
            count = rows.shape[1] or -1
            y = tf.reshape(y, [tf.shape(y)[0], count, y.shape[-1]])
            found.append(
                Part(
                    rows,
                    tf.cast(y, tf.float32),
                    self._if_trained(layer.kernel),
                    self._if_trained(layer.bias),
                )
            )
        return found

    def in_order(
        self, parts: Sequence[Part], factors: tf.Tensor
    ) -> list[tf.Tensor]:
        """Returns the sums over examples, in the order of the variables.

        Args:
            parts: as `parts` returns them.
            factors: what each example's gradient is multiplied by, (batch,).
        """
        sums = {
            id(variable): total
            for part in parts
            for variable, total in part.sums(factors)
        }
        return [sums[id(variable)] for variable in self._variables]

    def _if_trained(
        self, variable: keras.Variable | None
    ) -> keras.Variable | None:
        return variable if id(variable) in self._trained else None


def _dense_rows(layer: keras.Layer, x: tf.Tensor) -> tf.Tensor:
    del layer
    width = x.shape[-1]
    if x.shape.rank == 2:
        return x[:, None]
    sides = x.shape[1:-1]
    count = sides.num_elements()
    return tf.reshape(x, [tf.shape(x)[0], count or -1, width])


def _patches(layer: keras.Layer, x: tf.Tensor) -> tf.Tensor:
    found = tf.image.extract_patches(
        x,
        sizes=[1, *layer.kernel_size, 1],
        strides=[1, *layer.strides, 1],
        rates=[1, *layer.dilation_rate, 1],
        padding=layer.padding.upper(),
    )
    height, width, depth = found.shape[1:]
    return tf.reshape(found, [-1, height * width, depth])


_ROWS: dict[type, Callable[[keras.Layer, tf.Tensor], tf.Tensor]] = {
    keras.layers.Dense: _dense_rows,
    keras.layers.Conv2D: _patches,
}
"""By the type of a layer, what its kernel is multiplied by."""


def _trains(operation: Any, variables: Sequence[keras.Variable]) -> bool:
    trained = set(map(id, variables))
    return any(id(v) in trained for v in getattr(operation, "variables", ()))


def _is_known(layer: keras.Layer) -> bool:
    """Whether a layer's outputs are its kernel times its rows, plus a bias."""
    if type(layer) not in _ROWS:
        return False
    plain = layer.activation is keras.activations.linear
    plain &= not layer.lora_enabled and not layer.quantization_mode
    if isinstance(layer, keras.layers.Conv2D):
        plain &= layer.groups == 1
        plain &= layer.data_format == "channels_last"
        # patches need to know how many there are
        plain &= None not in layer.input.shape[1:]
    return bool(plain)


def _flat(rows: tf.Tensor) -> tf.Tensor:
    return tf.reshape(rows, [-1, rows.shape[-1]])


def _square(values: tf.Tensor) -> tf.Tensor:
    axes = list(range(1, values.shape.rank))
    return tf.reduce_sum(tf.square(values), axis=axes)
