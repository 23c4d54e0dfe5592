"""What a model says of an example, for the terminal and for files."""

import dataclasses
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from keras_ptft.serving.inputs.skipped import Skipped

Cells = Mapping[str, str | float]
"""A row of a file of results: column to cell."""


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The label of one example.

    Attributes:
        name: the file, with `[index]` where a file holds several examples;
            of a text that came without a file, the text, shortened.
        label: name of the most probable class, or "" where that was not
            probable enough; of a model that tags words, `word/tag` of each.
        probability: of that class, 0 to 1; of tags, the least of all words'.
    """

    name: str
    label: str
    probability: float

    def __str__(self) -> str:
        return f"{self.name}  {self.label or '(none)'}  {self.probability:.4f}"

    @property
    def answer(self) -> str:
        """What was predicted: the label."""
        return self.label

    def cells(self) -> Cells:
        """Returns the columns and cells of its row in a file."""
        return {
            "input": self.name,
            "label": self.label,
            "probability": self.probability,
        }


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The number that was predicted for one example.

    Attributes:
        name: of the input, as `Prediction` has it.
        value: the number, in the units of the training data.
    """

    name: str
    value: float

    def __str__(self) -> str:
        return f"{self.name}  {self.value:.6g}"

    @property
    def answer(self) -> float:
        """What was predicted: the number."""
        return self.value

    def cells(self) -> Cells:
        """Returns the columns and cells of its row in a file."""
        return {"input": self.name, "value": self.value}


@dataclasses.dataclass(frozen=True)
class LabelSet:
    """The labels of one example.

    Attributes:
        name: of the input, as `Prediction` has it.
        labels: those that are probable enough; maybe none.
        probabilities: of every label there is, by its name.
    """

    name: str
    labels: Sequence[str]
    probabilities: Mapping[str, float]

    def __str__(self) -> str:
        shown = (
            f"{label} {self.probabilities[label]:.4f}" for label in self.labels
        )
        return f"{self.name}  {', '.join(shown) or '(none)'}"

    @property
    def answer(self) -> tuple[str, ...]:
        """What was predicted: the labels."""
        return tuple(self.labels)

    def cells(self) -> Cells:
        """Returns the columns and cells of its row in a file.

        Labels have semicolons between them, as in a column that is read.
        """
        return {
            "input": self.name,
            "labels": ";".join(self.labels),
            **{f"probability of {k}": p for k, p in self.probabilities.items()},
        }


@dataclasses.dataclass(frozen=True)
class Generated:
    """A text that a language model continued.

    Attributes:
        name: of the input, as `Prediction` has it.
        text: the input and what follows it.
    """

    name: str
    text: str

    def __str__(self) -> str:
        return self.text

    def cells(self) -> Cells:
        """Returns the columns and cells of its row in a file."""
        return {"input": self.name, "text": self.text}


Answer = Prediction | Estimate | LabelSet
"""What a model answers of one example."""

Result = Answer | Generated
"""One row of the answers to a user."""


class Results(Iterator[Result]):
    """Results as they come, one an input, and a count of those without one.

    Args:
        rows: yields the results; closed early, it removes what it began.
        skipped: what has no result.

    Example:

    >>> rows = (Generated(name, name * 2) for name in ("a", "b"))
    >>> results = Results(rows, Skipped())
    >>> [row.text for row in results], results.unanswered
    (['aa', 'bb'], 0)
    """

    def __init__(
        self, rows: Generator[Result, None, None], skipped: Skipped
    ) -> None:
        self._rows, self._skipped = rows, skipped

    def __next__(self) -> Result:
        return next(self._rows)

    @property
    def unanswered(self) -> int:
        """How many of the inputs that were read so far have no result."""
        return self._skipped.count

    def close(self) -> None:
        """Stops early: files that are not complete are removed."""
        self._rows.close()


class TaggedWord(NamedTuple):
    """A word, its most probable tag, and the probability of that tag."""

    word: str
    tag: str
    probability: float

    def __str__(self) -> str:
        return f"{self.word}/{self.tag}"


def tagged_words(outputs: Mapping[str, np.ndarray]) -> list[list[TaggedWord]]:
    """Returns the tagged words of each text.

    Args:
        outputs: `words`, `tags` and `probabilities` of a tagger, as
            `Predictor.run` returns them.
    """
    highest = outputs["probabilities"].max(-1)
    rows = zip(outputs["words"], outputs["tags"], highest, strict=True)
    return [
        [
            TaggedWord(
                word.decode("utf-8", "replace"),
                tag.decode(),
                float(probability),
            )
            for word, tag, probability in zip(*row, strict=True)
            if word
        ]
        for row in rows
    ]
