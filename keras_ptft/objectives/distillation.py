"""Classification that is learned from the answers of another model."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError, check_range
from keras_ptft.objectives.classification import Classification
from keras_ptft.objectives.objective import TeacherFacts


class Distillation(Classification):
    """Cross-entropy with labels and with the answers of a teacher.

    Hinton et al. 2015, "Distilling the Knowledge in a Neural Network". With
    p and q the softmax of the logits of teacher and student, both divided by
    the temperature T, the loss is

        alpha * T² * KL(p || q) + (1 - alpha) * cross-entropy with the label.

    T² keeps the gradients of the first part as large for any temperature.
    The teacher answers for the images that the student sees, augmented and
    mixed as they are (Beyer et al. 2022, "Knowledge distillation: A good
    teacher is patient and consistent").

    In everything else it is classification. Where no teacher answers, as
    where the run is scored, the loss is the cross-entropy with the labels;
    in training and validation it is that above. `keras.distillation` is not
    used: it gives one number a batch, and batches are summed here by example,
    over any number of replicas; it runs the teacher in every step, also where
    its answers could be computed once; and "kl_divergence" by its name is that
    of logits there, not of probabilities (Keras 3.15).

    Args:
        info: what is known of the data; its labels count.
        temperature: T; the higher, the more the wrong classes say.
        alpha: how much the teacher counts, from 0 to 1. With 1, labels are
            not used, and data need none.
        positive: see `Classification`.

    Raises:
        UserError: a setting out of its range, or no label an example.

    Example:

    >>> info = DataInfo(label_names=("cat", "dog"))
    >>> objective = Distillation(info, temperature=2.0, alpha=1.0)
    >>> logits = tf.constant([[2.0, 0.0]])
    >>> targets = objective.taught(tf.constant([1]), logits)
    >>> float(objective.loss(targets, logits)[0])
    0.0
    """

    teacher = "model"
    teacher_gives = "logits"
    label_free: ClassVar[Mapping[str, Any]] = {"alpha": 1.0}
    # a probe would minimise the cross-entropy alone
    probe = ""

    def __init__(
        self,
        info: DataInfo,
        /,
        *,
        temperature: float = 4.0,
        alpha: float = 0.9,
        positive: str = "",
    ) -> None:
        super().__init__(info, positive=positive)
        check_range("temperature", temperature, 0.01, 1000.0)
        check_range("alpha", alpha, 0.0, 1.0)
        self.temperature, self.alpha = temperature, alpha

    def follow(self, teacher: TeacherFacts) -> None:
        """Checks that the teacher answers with the labels of the data.

        Raises:
            UserError: with others, or in another order.
        """
        ours, theirs = self.info.label_names, teacher.label_names
        if ours == theirs:
            return
        raise UserError(
            f"--teacher={teacher.name} must answer with the labels of the "
            f"data in their order, {_difference(ours, theirs)}: choose the "
            "same classes for both by --classes, or another teacher."
        )

    def taught(self, targets: tf.Tensor, taught: tf.Tensor) -> Any:
        """Returns the labels with the teacher's logits."""
        return {"label": targets, "logits": tf.cast(taught, tf.float32)}

    def loss(self, targets: Any, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the loss, in nats; of labels alone the cross-entropy."""
        if not isinstance(targets, Mapping):
            return super().loss(targets, outputs)
        soft = soft_cross_entropy(
            targets["logits"], outputs, temperature=self.temperature
        )
        hard = super().loss(targets["label"], outputs)
        return self.alpha * soft + (1.0 - self.alpha) * hard

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes the accuracy by the labels."""
        return [keras.metrics.MeanMetricWrapper(self._right, name="accuracy")]

    def _right(self, targets: Any, outputs: tf.Tensor) -> tf.Tensor:
        has_teacher = isinstance(targets, Mapping)
        labels = targets["label"] if has_teacher else targets
        return self._hits(labels, outputs)


def soft_cross_entropy(
    taught: tf.Tensor, outputs: tf.Tensor, *, temperature: float
) -> tf.Tensor:
    """Computes T² * KL(teacher || student) of each example, in nats.

    Args:
        taught: logits of the teacher, (batch, classes).
        outputs: logits of the student, (batch, classes).
        temperature: T, by which both are divided.

    Returns:
        float32 of shape (batch,).

    Example:

    >>> taught, outputs = tf.constant([[100.0, 0.0]]), tf.zeros((1, 2))
    >>> float(soft_cross_entropy(taught, outputs, temperature=1.0)[0])
    0.6931471824645996
    """
    theirs = tf.nn.log_softmax(taught / temperature)
    ours = tf.nn.log_softmax(outputs / temperature)
    divergence = tf.reduce_sum(tf.exp(theirs) * (theirs - ours), axis=-1)
    return temperature**2 * divergence


def _difference(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """What is unlike in two lists of labels, on one line."""
    if sorted(ours) == sorted(theirs):
        pairs = zip(ours, theirs, strict=True)
        one, other = next((a, b) for a, b in pairs if a != b)
        return f"got the same in another order, as {other!r} for {one!r}"
    text = f"got {len(theirs)} for {len(ours)}"
    if missing := sorted({*ours} - {*theirs}):
        text += f", without {missing[0]!r}"
    if more := sorted({*theirs} - {*ours}):
        text += f", with {more[0]!r}"
    return text
