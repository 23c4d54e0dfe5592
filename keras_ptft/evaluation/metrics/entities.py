"""Entities of tagged texts: spans of words, found whole or not at all."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from keras_ptft.errors import UserError


class Span(NamedTuple):
    """An entity: its type, its first word and the word after its last."""

    type: str
    start: int
    end: int


def spans(tags: Sequence[str]) -> list[Span]:
    """Returns the entities of a text whose tags are B-..., I-... or O.

    An entity begins at B-, and at I- where no entity of that type is open.
    So IOB2 is read, where every entity begins with B-, as well as IOB1,
    where only an entity right after another of its type does, and the
    output of a model that follows neither. The CoNLL shared tasks count so.

    Args:
        tags: one a word.

    Raises:
        UserError: a tag of another form.

    Example:

    >>> spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])[1:]
    [Span(type='LOC', start=3, end=4), Span(type='LOC', start=4, end=5)]
    """
    found, start, current = [], 0, ""
    for place, tag in enumerate([*tags, "O"]):
        prefix, kind = _parsed(tag)
        if current and (prefix != "I" or kind != current):
            found.append(Span(current, start, place))
            current = ""
        if kind and not current:
            start, current = place, kind
    return found


def entity_metrics(
    true: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]
) -> dict[str, Any]:
    """Computes precision, recall and F1 of entities, ready for JSON.

    An entity is found where its type and its first and last word are right
    (Tjong Kim Sang and De Meulder 2003, "Introduction to the CoNLL-2003
    Shared Task"). What is not defined, as the recall of no entities, counts
    as 0.

    Args:
        true: the tags of each text.
        predicted: likewise, as many.

    Returns:
        `entities` (true ones), `entity_precision`, `entity_recall` and
        `entity_f1` over all entities, and `per_class` ({type: {`precision`,
        `recall`, `f1`, `support`}}).

    Raises:
        UserError: a tag that has not the form B-type, I-type or O.

    Example:

    >>> found = entity_metrics([["B-PER", "I-PER"]], [["B-PER", "O"]])
    >>> found["entities"], found["entity_f1"]
    (1, 0.0)
    """
    there: Counter[str] = Counter()
    said: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for tags, guesses in zip(true, predicted, strict=True):
        ours, theirs = set(spans(tags)), set(spans(guesses))
        there.update(span.type for span in ours)
        said.update(span.type for span in theirs)
        right.update(span.type for span in ours & theirs)
    total = _scores(there.total(), said.total(), right.total())
    return {
        "entities": total.pop("support"),
        **{f"entity_{name}": value for name, value in total.items()},
        "per_class": {
            kind: _scores(there[kind], said[kind], right[kind])
            for kind in sorted(there | said)
        },
    }


def _parsed(tag: str) -> tuple[str, str]:
    prefix, _, kind = tag.partition("-")
    if tag != "O" and (prefix not in ("B", "I") or not kind):
        raise UserError(
            f"Tags must be O, B-<type> or I-<type>, got {tag!r}: write the "
            "file's tags as IOB2."
        )
    return prefix, kind


def _scores(there: int, said: int, right: int) -> dict[str, float]:
    return {
        "precision": right / said if said else 0.0,
        "recall": right / there if there else 0.0,
        "f1": 2 * right / (there + said) if there + said else 0.0,
        "support": there,
    }
