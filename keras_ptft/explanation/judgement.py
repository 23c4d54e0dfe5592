"""What a model made of every example of a split, by the kind of labels."""

import abc
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow as tf
from scipy.special import expit

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import CLASSES, NUMBERS, SETS
from keras_ptft.evaluation.metrics.multi_label import DEFAULT
from keras_ptft.evaluation.metrics.probabilities import probability_parts


class Told(NamedTuple):
    """What a reader is told of an example.

    Attributes:
        true: its label, its labels, or its number.
        predicted: what was predicted.
        measure: how sure the model was, or how far it is off.
        output: the answer that is explained, with what it is measured in.
    """

    true: str
    predicted: str
    measure: str
    output: str


class Judgement(abc.ABC):
    """What a model made of the examples of a split.

    Attributes:
        heading: what its worst examples are called.
        measure: what `Told.measure` is.
        verdicts: on its worst examples, and on the best.
        outputs: which output decides, int64 of shape (examples,).
        wrong: bool of shape (examples,); of numbers, nowhere.
        groups: the class of each example, int64 of shape (examples,); of
            no classes all 0.

    Args:
        info: what is known of the data.
        source: the examples.
        answers: of the model, float of shape (examples, outputs).
        metrics: of the split, as `result.json` has them.
    """

    heading: ClassVar[str]
    measure: ClassVar[str]
    verdicts: ClassVar[tuple[str, str]] = ("wrong", "right")
    outputs: np.ndarray
    wrong: np.ndarray
    groups: np.ndarray

    @abc.abstractmethod
    def __init__(
        self,
        info: DataInfo,
        source: Source,
        answers: np.ndarray,
        metrics: Mapping[str, Any],
    ) -> None: ...

    @abc.abstractmethod
    def worst(self, count: int) -> np.ndarray:
        """Returns indices of the examples it is worst in, the worst first."""

    @abc.abstractmethod
    def best(self, count: int) -> np.ndarray:
        """Returns indices of examples that it is right in."""

    @abc.abstractmethod
    def told(self, index: int) -> Told:
        """Returns what a reader is told of an example."""

    def score(self, answers: tf.Tensor, output: int) -> tf.Tensor:
        """Computes what is explained of some answers.

        Args:
            answers: of shape (examples, outputs).
            output: which one decides.

        Returns:
            Of shape (examples,).
        """
        return answers[:, output]


class OfClasses(Judgement):
    """One class an example; the surest mistakes are the worst."""

    heading = "Surest mistakes"
    measure = "probability"

    def __init__(
        self,
        info: DataInfo,
        source: Source,
        answers: np.ndarray,
        metrics: Mapping[str, Any],
    ) -> None:
        del metrics
        self._names, self._temperature = info.label_names, info.temperature
        self.outputs, self.groups = answers.argmax(axis=1), source.labels
        self.wrong = self.outputs != source.labels
        parts = probability_parts(answers)
        self._sure = np.concatenate([part.max(axis=1) for _, part in parts])

    def worst(self, count: int) -> np.ndarray:
        """Returns the mistakes it was surest of; often the label is wrong."""
        return _surest(self.wrong, self._sure, count)

    def best(self, count: int) -> np.ndarray:
        """Returns the first right examples, of as many classes as it can."""
        right = np.flatnonzero(~self.wrong)
        firsts = np.unique(self.groups[right], return_index=True)[1]
        others = np.setdiff1d(np.arange(len(right)), firsts)
        return right[np.concatenate([np.sort(firsts), others])[:count]]

    def told(self, index: int) -> Told:
        """Returns both classes, and the probability of the predicted one."""
        predicted = self._names[self.outputs[index]]
        return Told(
            self._names[self.groups[index]],
            predicted,
            f"{self._sure[index]:.4f}",
            f"the log-odds of {predicted}",
        )

    def score(self, answers: tf.Tensor, output: int) -> tf.Tensor:
        """Computes the log-odds of a class, which do not saturate."""
        answers = answers / self._temperature
        others = [i for i in range(answers.shape[-1]) if i != output]
        rest = tf.reduce_logsumexp(tf.gather(answers, others, axis=1), axis=1)
        return answers[:, output] - rest


class OfSets(Judgement):
    """Sets of labels; of each example the surest wrong label counts."""

    heading = "Surest wrong labels"
    measure = "probability"

    def __init__(
        self,
        info: DataInfo,
        source: Source,
        answers: np.ndarray,
        metrics: Mapping[str, Any],
    ) -> None:
        self._names = info.label_names
        labels = metrics.get("per_class", {})
        limits = [
            labels.get(name, {}).get("threshold", DEFAULT)
            for name in self._names
        ]
        self._shares = expit(answers.astype(np.float64))
        self._given = self._shares >= np.array(limits)
        self._true = np.asarray(source.values) > 0
        off = self._given != self._true
        self.wrong = off.any(axis=1)
        self.groups = np.zeros(len(answers), np.int64)
        # of a label that was left out, how sure it was to be left out
        sure = np.where(self._given, self._shares, 1 - self._shares)
        self._sure = np.where(off, sure, 0.0).max(axis=1)
        decides = np.where(self.wrong[:, None], sure * off, self._shares)
        self.outputs = decides.argmax(axis=1)

    def worst(self, count: int) -> np.ndarray:
        """Returns the examples with the surest wrong labels."""
        return _surest(self.wrong, self._sure, count)

    def best(self, count: int) -> np.ndarray:
        """Returns the first examples that have labels, all of them right."""
        right = ~self.wrong & self._true.any(axis=1)
        return np.flatnonzero(right)[:count]

    def told(self, index: int) -> Told:
        """Returns both sets, and the probability of the label that counts."""
        output = self.outputs[index]
        name = self._names[output]
        return Told(
            self._named(self._true[index]),
            self._named(self._given[index]),
            f"{self._shares[index, output]:.4f} of {name}",
            f"the log-odds of {name}",
        )

    def _named(self, chosen: np.ndarray) -> str:
        names = [self._names[i] for i in np.flatnonzero(chosen).tolist()]
        return ", ".join(names) or "none"


class OfNumbers(Judgement):
    """A number an example; the largest errors are the worst."""

    heading = "Largest errors"
    measure = "error"
    verdicts = "far off", "near"

    def __init__(
        self,
        info: DataInfo,
        source: Source,
        answers: np.ndarray,
        metrics: Mapping[str, Any],
    ) -> None:
        del metrics
        self._name = info.target.name or "the number"
        self._true, self._answers = np.asarray(source.values), answers[:, 0]
        self._errors = self._answers - self._true
        self.outputs = self.groups = np.zeros(len(answers), np.int64)
        self.wrong = np.zeros(len(answers), bool)

    def worst(self, count: int) -> np.ndarray:
        """Returns the examples whose numbers are the farthest off."""
        return np.argsort(-np.abs(self._errors), kind="stable")[:count]

    def best(self, count: int) -> np.ndarray:
        """Returns the examples whose numbers are the nearest."""
        return np.argsort(np.abs(self._errors), kind="stable")[:count]

    def told(self, index: int) -> Told:
        """Returns both numbers and the error."""
        return Told(
            f"{self._true[index]:.6g}",
            f"{self._answers[index]:.6g}",
            f"{self._errors[index]:+.4g}",
            self._name,
        )


def _surest(wrong: np.ndarray, sure: np.ndarray, count: int) -> np.ndarray:
    """Indices of wrong examples, the one it was surest of first."""
    indices = np.flatnonzero(wrong)
    order = np.argsort(-sure[indices], kind="stable")
    return indices[order[:count]]


JUDGEMENTS: dict[str, Callable[..., Judgement]] = {
    CLASSES: OfClasses,
    SETS: OfSets,
    NUMBERS: OfNumbers,
}
