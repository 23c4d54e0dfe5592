"""What a model says of many examples, as arrays."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from keras_ptft.serving.inference.results import Answer
from keras_ptft.serving.signatures.text import stack_padded

_SHOWN = 10


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Answered:
    """The answers of a model, one an example, in the order of the inputs.

    Attributes:
        rows: as `keras_ptft.predict` returns them.
        outputs: all that the model answers, by name: arrays of shape
            (examples, ...), shorter texts padded with 0 or b"".
        label_names: a name for each column of the probabilities.
    """

    rows: Sequence[Answer]
    outputs: Mapping[str, np.ndarray]
    label_names: Sequence[str]

    @property
    def labels(self) -> np.ndarray:
        """What was predicted, of shape (examples,).

        That is text; of a regression float64 numbers; of a model that gives
        sets of labels a tuple of texts for each example.
        """
        found = [row.answer for row in self.rows]
        if not any(isinstance(one, tuple) for one in found):
            return np.array(found)
        labels = np.empty(len(found), object)
        labels[:] = found
        return labels

    @property
    def probabilities(self) -> np.ndarray | None:
        """The probability of each label, or None of numbers.

        It is float32 of shape (examples, labels), in the order of
        `label_names`; of a model that tags words (texts, words, tags).
        """
        return self.outputs.get("probabilities")

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.rows)

    def __repr__(self) -> str:
        more = len(self) - _SHOWN
        lines = [str(row) for row in self.rows[:_SHOWN]]
        return "\n".join(lines + [f"... and {more:,} more"] * (more > 0))


def gathered(
    batches: Iterator[tuple[Sequence[Answer], Mapping[str, np.ndarray]]],
    label_names: Sequence[str],
) -> Answered:
    """Gathers the answers to batches.

    Args:
        batches: the answers to some examples, and what the model answered.
        label_names: of the model.
    """
    rows: list[Answer] = []
    parts: list[Mapping[str, np.ndarray]] = []
    for answers, outputs in batches:
        rows += answers
        parts.append(outputs)
    names = parts[0] if parts else ()
    outputs = {name: stack_padded([p[name] for p in parts]) for name in names}
    return Answered(rows, outputs, label_names)
