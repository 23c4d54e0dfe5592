"""What a report tells of texts."""

import numpy as np

from keras_ptft.data.leakage.overlap import ShownPair
from keras_ptft.evaluation.evaluation import WordVectors
from keras_ptft.evaluation.report.report import DataFindings
from tests.evaluation.report.pages import pictures, report, words


def test_texts_in_two_splits_are_told(tmp_path):
    places = ("train", "test"), ("a.csv, line 4", "number 7")
    pairs = [
        ShownPair(*places, 0, (), text)
        for text in ("订 <b>机票</b>", "", "or" * 1000)
    ]
    counts = {"train_in_test": 3, "near": None}
    page = report(
        tmp_path / "a.html", ["a", "b"], data=DataFindings(counts, pairs)
    )
    text = words(page)
    where = "training, a.csv, line 4 test, number 7"
    assert f"订 <b>机票</b> {where}" in text
    assert f"(empty) {where}" in text
    assert f"oro… {where}" in text
    assert "bits" not in text


def test_a_run_that_answers_with_its_loss(tmp_path):
    metrics = {"examples": 1234, "loss": 1.5, "accuracy": 0.5}
    metrics["perplexity"] = 4.4817
    history = [{"epoch": 1, "loss": 2.0, "val_loss": 1.5, "seconds": 1.0}]
    page = report(
        tmp_path / "a.html",
        [],
        metrics=metrics,
        history=history,
        title="Run",
        titles={"accuracy": "accuracy by token"},
    )
    assert 'alt="Loss by epoch" width="414"' in page
    assert words(page).startswith(
        "Run 50.00 % accuracy by token 1.5000 loss (nats) 4.48 perplexity "
        "1,234 test examples Learning curves What it was made of stage"
    )
    assert len(pictures(page)) == 1


def test_nearest_words_are_told(tmp_path):
    metrics = {"examples": 9, "loss": 2.5}
    near = [("猫", [("<狗>", 0.912), ("鱼", 0.5)]), ("to", [])]
    trained = WordVectors(["猫", "to"], np.eye(2), near)
    page = report(
        tmp_path / "a.html", [], metrics=metrics, word_vectors=trained
    )
    assert "cosines 猫 <狗> 0.91 鱼 0.50 to What it was made" in words(page)


def test_requests_of_no_class_are_told(tmp_path):
    outside = {
        "examples": 1000,
        "auroc": 0.93211,
        "chosen_on": "validation",
        "threshold": 0.4567891,
        "recall": 0.654,
        "false_rejection": 0.0512,
    }
    path = tmp_path / "a.html"
    text = words(report(path, ["a", "b"], out_of_scope=outside))
    row = "0.456789 rejects at most 5 % of the validation examples 65.4 % 5.1 %"
    assert f"{row} 1,000 examples" in text and "is 0.9321." in text
    outside["at_reject_below"] = {
        "threshold": 0.7,
        "recall": 0.9,
        "false_rejection": 0.25,
    }
    text = words(report(path, ["a", "b"], out_of_scope=outside))
    assert f"{row} 0.7 as set 90.0 % 25.0 % 1,000 examples" in text


def test_of_many_classes_the_weakest_come_first(tmp_path):
    names = [f"intent_{number}" for number in range(31)]
    text = words(report(tmp_path / "a.html", names))
    first, _, rest = text.partition("All 31 classes")
    assert first.count("intent_") < 40 and "macro average" in first
    assert rest.count("intent_") == 31
    few = words(report(tmp_path / "a.html", names[:30]))
    assert "lowest F1" not in few and few.count("macro average") == 1


def test_tags_are_told_by_entity(tmp_path):
    scores = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 4}
    metrics = {
        "examples": 20,
        "accuracy": 0.9,
        "loss": 0.2,
        "entities": 5,
        "entity_precision": 0.6,
        "entity_recall": 0.4,
        "entity_f1": 0.48,
        "per_class": {"PER": scores},
    }
    titles = {"accuracy": "accuracy by token"}
    page = report(tmp_path / "a.html", [], metrics=metrics, titles=titles)
    text = words(page)
    assert "90.00 % accuracy by token 0.4800 entity F1" in text
    assert "Entities class precision recall F1 entities PER" in text
    assert "PER 0.5000 0.2500 0.3333 4 all entities 0.6000 0.4000" in text
    assert "matrix" not in text and len(pictures(page)) == 2
