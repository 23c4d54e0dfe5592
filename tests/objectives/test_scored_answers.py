"""What answers of an export are worth, whatever it runs on."""

import numpy as np
import pytest

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import NUMBERS, SETS, Target
from keras_ptft.data.text.source import TagSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import token_source
from keras_ptft.objectives.classification import Classification
from keras_ptft.objectives.multi_label import MultiLabel
from keras_ptft.objectives.next_token import NextToken
from keras_ptft.objectives.regression import Regression
from keras_ptft.objectives.tagging import Tagging
from tests.infos import text_info

THREE = np.zeros((3, 1), np.float32)


def test_classes_by_hand():
    objective = Classification(DataInfo(label_names=("a", "b")))
    source = ArraySource(THREE, np.array([0, 1, 1]), name="vector")
    shares = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]])
    found = objective.score_answers({"probabilities": shares}, source)
    assert found == {"accuracy": pytest.approx(2 / 3)}


def test_numbers_by_hand():
    info = DataInfo(label_kind=NUMBERS, target=Target("price", 2.0, 1.0))
    source = ArraySource(THREE, name="vector", values=[1, 2, 3])
    answers = {"value": np.array([1, 2, 5])}
    # errors 0, 0, 2; squares about the mean sum to 2
    expected = {"r2": -1.0, "mae": pytest.approx(2 / 3)}
    found = Regression(info).score_answers(answers, source)
    assert list(found) == ["r2", "mae"]
    assert found == expected
    same = ArraySource(THREE, name="vector", values=[2, 2, 2])
    assert Regression(info).score_answers(answers, same) == {}


def test_sets_by_hand():
    info = DataInfo(label_names=("even", "prime"), label_kind=SETS)
    values = [[1, 1], [0, 1], [0, 0]]
    source = ArraySource(THREE, name="vector", values=values)
    chosen = np.array([[True, False], [True, True], [False, False]])
    # 2 of 3 that are given are right, and 2 of 3 that are there are given
    found = MultiLabel(info).score_answers({"chosen": chosen}, source)
    assert found == {"f1_micro": pytest.approx(2 / 3)}


def test_tags_by_hand():
    info = text_info(
        ("[PAD]", "[UNK]", "[MASK]", "[END]", "a"),
        sequence_length=2,
        label_names=("O", "B"),
        tagged=True,
    )
    texts = in_memory([b"a a a", b"a"])
    tags = [np.array([0, 1, 1], np.int32), np.array([1], np.int32)]
    source = token_source(TagSource(texts, tags), info.text_tokenizer)
    # the first text is cut off after 2; padding counts nowhere
    logits = np.array([[[2, 1], [2, 1]], [[1, 2], [2, 1]]])
    found = Tagging(info).score_answers({"logits": logits}, source)
    assert found == {"accuracy": pytest.approx(2 / 3)}


def test_others_have_no_score():
    info = text_info(
        ("[PAD]", "[UNK]", "[MASK]", "[END]", "a"), sequence_length=4
    )
    source = ArraySource(THREE, name="vector")
    assert NextToken(info).score_answers({}, source) == {}
