"""What a model made of examples, by numbers worked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import NUMBERS, SETS, Target
from keras_ptft.explanation.judgement import (
    JUDGEMENTS,
    OfClasses,
    OfNumbers,
    OfSets,
    Told,
)


def rows(count, labels=None, **settings):
    return ArraySource(np.eye(count), labels, name="vector", **settings)


def of_classes(shares, labels):
    info = DataInfo(label_names=("cat", "dog", "fox"))
    return OfClasses(info, rows(len(labels), labels), np.log(shares), {})


def test_the_surest_mistakes_come_first():
    found = of_classes(
        [
            [0.5, 0.3, 0.2],
            [0.1, 0.8, 0.1],
            [0.6, 0.2, 0.2],
            [0.8, 0.1, 0.1],
            [0.2, 0.6, 0.2],
        ],
        [0, 1, 1, 2, 1],
    )
    assert found.worst(12).tolist() == [3, 2] and found.worst(1).tolist() == [3]
    assert found.wrong.tolist() == [False, False, True, True, False]
    assert found.told(3) == Told("fox", "cat", "0.8000", "the log-odds of cat")
    # one of each class before another of the same
    assert found.best(4).tolist() == [0, 1, 4]
    assert found.outputs.tolist() == [0, 1, 0, 0, 1]


def test_mistakes_that_are_as_sure_stay_in_their_order():
    found = of_classes([[0.6, 0.2, 0.2]] * 3, [1, 2, 1])
    assert found.worst(2).tolist() == [0, 1] and not len(found.best(4))


def test_log_odds_are_those_of_the_probability():
    shares = np.array([[0.5, 0.25, 0.25], [0.2, 0.7, 0.1]])
    found = of_classes(shares, [0, 0])
    answers = tf.constant(np.log(shares) + 7)
    expected = np.log(shares[:, 1] / (1 - shares[:, 1]))
    np.testing.assert_allclose(found.score(answers, 1), expected, rtol=1e-6)
    # what an answer was divided by, its score is too
    info = DataInfo(label_names=("cat", "dog", "fox"), temperature=2.0)
    scaled = OfClasses(info, rows(2, [0, 0]), np.log(shares), {})
    np.testing.assert_allclose(
        scaled.score(2 * answers, 1), expected, rtol=1e-6
    )


def test_wrong_labels_of_sets_are_judged_by_their_thresholds():
    info = DataInfo(label_names=("red", "big", "old"), label_kind=SETS)
    true = [[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]]
    shares = np.array(
        [[0.9, 0.3, 0.1], [0.2, 0.3, 0.7], [0.8, 0.6, 0.2], [0.1, 0.1, 0.1]]
    )
    limits = {"red": {"threshold": 0.5}, "big": {"threshold": 0.25}}
    found = OfSets(
        info,
        rows(4, values=true),
        np.log(shares / (1 - shares)),
        {"per_class": limits},
    )
    # big is given from 0.25, old from one half
    assert found.wrong.tolist() == [True, True, False, False]
    assert found.worst(9).tolist() == [1, 0]
    assert found.told(1) == Told(
        "big", "big, old", "0.7000 of old", "the log-odds of old"
    )
    assert found.told(0).measure == "0.3000 of big"
    assert found.told(3)[:2] == ("none", "none")
    # of what is right, the likeliest label; a set of none shows nothing
    assert found.best(4).tolist() == [2] and found.outputs[2] == 0


def test_a_label_that_is_missed_is_sure_where_it_is_improbable():
    info = DataInfo(label_names=("red", "big"), label_kind=SETS)
    logits = np.array([[-3.0, 0.5], [-1.0, 2.0]])
    source = rows(2, values=[[1, 0], [1, 1]])
    found = OfSets(info, source, logits, {})
    assert found.worst(2).tolist() == [0, 1]
    assert found.told(0).measure == "0.0474 of red"


def test_the_largest_errors_of_numbers_come_first():
    info = DataInfo(label_kind=NUMBERS, target=Target(name="price"))
    source = rows(4, values=[1.0, 2.0, 3.0, 4.0])
    found = OfNumbers(info, source, np.array([[1.5], [2.0], [0.0], [4.25]]), {})
    assert found.worst(9).tolist() == [2, 0, 3, 1]
    assert found.best(2).tolist() == [1, 3]
    assert found.told(2) == Told("3", "0", "-3", "price")
    assert not found.wrong.any()
    answers = tf.constant([[2.0], [3.0]])
    assert found.score(answers, 0).numpy().tolist() == [2.0, 3.0]


@pytest.mark.parametrize("kind", ["classes", "numbers", "sets"])
def test_each_kind_of_labels_has_a_judgement(kind):
    assert JUDGEMENTS[kind].heading
