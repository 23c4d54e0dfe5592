"""Entities are counted as the CoNLL shared tasks count them."""

import pytest

from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics.entities import Span, entity_metrics, spans

# the example of seqeval's README, and what it says of it
TRUE = ["O O O B-MISC I-MISC I-MISC O", "B-PER I-PER O"]
PREDICTED = ["O O B-MISC I-MISC I-MISC I-MISC O", "B-PER I-PER O"]


def parted(texts):
    return [text.split() for text in texts]


def test_numbers_of_seqeval():
    found = entity_metrics(parted(TRUE), parted(PREDICTED))
    scores = [found[f"entity_{n}"] for n in ("precision", "recall", "f1")]
    assert scores == [0.5, 0.5, 0.5] and found["entities"] == 2
    wrong = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    right = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
    assert found["per_class"] == {"MISC": wrong, "PER": right}


def test_scores_by_hand():
    true = ["B-PER O B-LOC B-LOC", "B-ORG O O O"]
    predicted = ["B-PER B-PER B-LOC I-LOC", "O O B-PER O"]
    found = entity_metrics(parted(true), parted(predicted))
    # of 4 entities 1 is found, of 4 answers 1 is right
    assert found["entity_f1"] == 0.25
    per = {"precision": 1 / 3, "recall": 1.0, "f1": 0.5, "support": 1}
    assert found["per_class"]["PER"] == per
    assert found["per_class"]["ORG"]["recall"] == 0.0
    assert list(found["per_class"]) == ["LOC", "ORG", "PER"]


@pytest.mark.parametrize(
    "tags, expected",
    [
        ("B-PER I-PER O B-LOC", [("PER", 0, 2), ("LOC", 3, 4)]),
        # IOB1: B- only parts two of a type
        (
            "I-PER I-PER B-PER O I-LOC",
            [("PER", 0, 2), ("PER", 2, 3), ("LOC", 4, 5)],
        ),
        ("B-PER I-LOC I-LOC", [("PER", 0, 1), ("LOC", 1, 3)]),
        ("B-PER B-PER", [("PER", 0, 1), ("PER", 1, 2)]),
        ("O I-PER", [("PER", 1, 2)]),
        ("B-a-b I-a-b", [("a-b", 0, 2)]),
        ("O O", []),
        ("", []),
    ],
)
def test_spans_of_both_ways_to_tag(tags, expected):
    assert spans(tags.split()) == [Span(*span) for span in expected]


def test_no_entities_count_as_0():
    found = entity_metrics([["O"]], [["O"]])
    assert found["entity_f1"] == found["entities"] == 0
    assert found["per_class"] == {}


@pytest.mark.parametrize("tag", ["PER", "B", "B-", "S-PER", "", "o"])
def test_other_tags_are_refused(tag):
    with pytest.raises(UserError, match=r"O, B-<type> or I-<type>, got"):
        spans(["O", tag])
