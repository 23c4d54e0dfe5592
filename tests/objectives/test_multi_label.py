"""Sets of labels, from the loss to the answer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import SETS
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import token_source
from keras_ptft.errors import UserError
from keras_ptft.files import read_json, write_json
from keras_ptft.objectives.micro_f1 import MicroF1
from keras_ptft.objectives.multi_label import MultiLabel
from keras_ptft.objectives.saved import (
    THRESHOLDS_FILE,
    read_objective,
    write_objective,
)
from keras_ptft.serving.inference.results import LabelSet
from tests.infos import text_info

NAMES = ("even", "prime")
INFO = DataInfo(label_names=NAMES, label_kind=SETS)
CHOSEN = DataInfo(label_names=NAMES, label_kind=SETS, thresholds=(0.25, 0.75))


def rows(shares, values):
    """Examples that are logits of these probabilities."""
    shares = np.array(shares)
    logits = np.log(shares / (1 - shares)).astype(np.float32)
    return ArraySource(logits, name="vector", values=values)


def identity():
    inputs = keras.Input((2,), name="vector")
    return keras.Model(inputs, keras.layers.Identity()(inputs))


def test_the_loss_by_hand():
    shares = rows([[0.5, 0.75]], [[1, 0]])
    targets, logits = shares.targets(tf.constant([0])), shares.gather([0])
    loss = MultiLabel(INFO).loss(targets, logits)
    np.testing.assert_allclose(loss, [(np.log(2) + np.log(4)) / 2], rtol=1e-6)


def test_extreme_logits_stay_finite():
    loss = MultiLabel(INFO).loss(
        tf.constant([[1.0, 0.0]]), tf.constant([[-1e4, 1e4]])
    )
    assert loss.numpy().tolist() == [1e4]


def test_micro_f1_counts_over_batches_and_weights():
    metric = MicroF1()
    metric.update_state([[1, 0]], [[2.0, 1.0]], sample_weight=[2.0])
    metric.update_state([[1, 1]], [[-1.0, 3.0]])
    metric.update_state([[1, 1]], [[-1.0, -3.0]], sample_weight=[0.0])
    # right 2 + 1, given 4 + 1, true 2 + 2
    assert float(metric.result()) == pytest.approx(2 * 3 / 9)
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_scores_by_hand():
    # the first gets both labels from its thresholds, the second none
    source = rows([[0.3, 0.8], [0.2, 0.7]], [[1, 1], [0, 1]])
    found = MultiLabel(CHOSEN).score(identity(), source)
    assert found["exact_match"] == 1 / 2
    assert found["f1_micro"] == pytest.approx(2 * 2 / 5)
    per = found["per_class"]
    assert (per["even"]["f1"], per["prime"]["recall"]) == (1.0, 1 / 2)
    assert per["prime"]["threshold"] == 0.75
    losses = np.log([0.3, 0.8, 0.8, 0.7])
    assert found["loss"] == pytest.approx(-losses.mean())


def test_thresholds_are_chosen_on_the_validation_split():
    validation = rows(
        [[0.3, 0.9], [0.2, 0.6], [0.1, 0.4]], [[1, 1], [0, 0], [0, 0]]
    )
    test = rows([[0.27, 0.7], [0.2, 0.8]], [[1, 0], [0, 1]])
    splits = {"train": test, "validation": validation, "test": test}
    dataset = Dataset(splits, NAMES)
    found = MultiLabel(INFO).evaluate(identity(), dataset)
    assert found.thresholds == pytest.approx({"even": 0.25, "prime": 0.75})
    # at 0.5 the first would have no label that is right
    assert found.metrics["test"]["exact_match"] == 1.0
    scores = MultiLabel(INFO).score_splits(identity(), dataset)
    assert scores == found.metrics
    fixed = MultiLabel(INFO, threshold=0.6).evaluate(identity(), dataset)
    assert fixed.thresholds == {}
    threshold = fixed.metrics["test"]["per_class"]["even"]["threshold"]
    assert threshold == pytest.approx(0.6)


def test_without_a_validation_split_they_are_one_half():
    test = rows([[0.6, 0.4]], [[1, 0]])
    dataset = Dataset({"train": test, "test": test}, NAMES)
    found = MultiLabel(INFO).evaluate(identity(), dataset)
    assert found.thresholds == {}
    assert found.metrics["test"]["exact_match"] == 1.0


def test_answers_are_labels():
    objective, model = MultiLabel(CHOSEN), identity()
    source = rows([[0.3, 0.7], [0.2, 0.9], [0.1, 0.1]], [[0, 0]] * 3)
    answers = objective.predictor(model).run(source.gather([0, 1, 2]).numpy())
    assert answers["chosen"].tolist() == [
        [True, False],
        [False, True],
        [False, False],
    ]
    found = objective.decode(["a", "b", "c"], answers, 0.0)
    assert [row.labels for row in found] == [("even",), ("prime",), ()]
    assert found[0] == LabelSet(
        "a", ("even",), pytest.approx({"even": 0.3, "prime": 0.7})
    )
    # a threshold for all that is above their own
    found = objective.decode(["a", "b", "c"], answers, 0.5)
    assert [row.labels for row in found] == [(), ("prime",), ()]


def test_signatures_answer_with_what_passes_the_thresholds():
    source = rows([[0.3, 0.7], [0.25, 0.9], [0.1, 0.9]], [[0, 0]] * 3)
    found = MultiLabel(CHOSEN).signatures(identity(), source)
    assert [one.name for one in found] == [
        "serving_default",
        "examples",
        "classify",
    ]
    outputs = found[0].cases[0].outputs
    assert set(outputs) == {"logits", "probabilities", "chosen"}
    # the second is too near to its threshold to prove anything
    assert outputs["chosen"].tolist() == [[True, False], [False, True]]


def test_texts_are_answered_with_names():
    words = ("[PAD]", "[UNK]", "[MASK]", "[END]", "two", "four")
    info = text_info(words, sequence_length=4, label_names=NAMES)
    info = DataInfo(
        label_names=NAMES, label_kind=SETS, tokenizer=info.tokenizer
    )
    ids = keras.Input((None,), dtype="int32", name="tokens")
    # "two" is even and prime, "four" is even alone
    table = keras.layers.Embedding(6, 2, name="table")
    model = keras.Model(ids, keras.layers.GlobalMaxPooling1D()(table(ids)))
    logits = np.full((6, 2), -3.0)
    logits[4], logits[5] = [3.0, 3.0], [3.0, -3.0]
    table.set_weights([logits])
    objective = MultiLabel(info)
    asked = np.array([b"two", b"four", b"no"], object)
    answers = objective.predictor(model).run(asked)
    assert answers["chosen"].tolist() == [[1, 1], [1, 0], [0, 0]]
    texts = TextSource(in_memory(asked.tolist()))
    source = token_source(texts, info.tokenizer)
    of_texts, of_ids, *_ = objective.signatures(model, source)
    assert (of_texts.name, of_ids.name) == ("serving_default", "tokens")
    expected = of_texts.cases[0].outputs["labels"][-3:].tolist()
    assert expected == [[b"even", b"prime"], [b"even", b""], [b"", b""]]
    found = of_texts.function(tf.constant(asked))["labels"].numpy()
    assert found.tolist() == expected


def test_thresholds_are_read_back(tmp_path):
    write_objective(tmp_path, "multi_label", CHOSEN)
    assert read_json(tmp_path / THRESHOLDS_FILE) == {
        "even": 0.25,
        "prime": 0.75,
    }
    # a person may change them
    write_json(tmp_path / THRESHOLDS_FILE, {"prime": 1, "even": 0.5})
    assert read_objective(tmp_path).info.thresholds == (0.5, 1.0)
    (tmp_path / THRESHOLDS_FILE).unlink()
    assert read_objective(tmp_path).info.thresholds == ()


@pytest.mark.parametrize(
    "found",
    [{"even": 0.5}, {"even": 0.5, "prime": 2}, {"even": "1", "prime": 0}, []],
)
def test_thresholds_that_are_none(found, tmp_path):
    write_objective(tmp_path, "multi_label", INFO)
    write_json(tmp_path / THRESHOLDS_FILE, found)
    with pytest.raises(UserError, match="from 0 to 1 for each of even, prime"):
        read_objective(tmp_path)


def test_a_threshold_out_of_range():
    with pytest.raises(UserError, match="'threshold' must be from 0 to 1"):
        MultiLabel(INFO, threshold=1.5)


def test_data_without_sets():
    with pytest.raises(UserError, match="needs a set of labels an example, th"):
        MultiLabel(DataInfo(label_names=NAMES))
