"""A model card, for people and for Hugging Face."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
import yaml

from keras_ptft.config import Config
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import NUMBERS, SETS, Target
from keras_ptft.evaluation.evaluation import Evaluation
from keras_ptft.evaluation.metrics.calibration import calibration, rescaled
from keras_ptft.evaluation.report.card import Served, task_of, write_card
from keras_ptft.evaluation.report.report import DataFindings
from tests.evaluation.report.pages import LINEAGE, example_metrics
from tests.evaluation.report.test_markdown import ACCOUNT, LEAKS
from tests.infos import text_info

NAMES = ("cat: no", "dog")
IMAGE = DataInfo(tf.TensorSpec((8, 8, 3), tf.uint8, "image"), NAMES)
TABLE = DataInfo(tf.TensorSpec((2,), tf.float32, "vector"))
WORDS = text_info(("[PAD]", "[UNK]", "[MASK]", "[END]", "a"), sequence_length=4)
SERVED = Served(IMAGE, True, {})


def written(tmp_path, **changes):
    given = {
        "title": "my: run",
        "lineage": LINEAGE,
        "evaluation": Evaluation({"test": example_metrics(NAMES)}),
        "data": DataFindings(LEAKS, account=ACCOUNT),
        "served": SERVED,
    }
    path = tmp_path / "MODEL_CARD.md"
    write_card(path, **{**given, **changes})
    return path.read_text(encoding="utf-8")


def section(text, heading):
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_its_head_is_what_hugging_face_reads(tmp_path):
    metrics = example_metrics(NAMES)
    evaluation = Evaluation({"test": metrics}, {"accuracy": "word: accuracy"})
    lineage = LINEAGE._replace(
        config=Config(dataset="folder:/home/me/my photos/")
    )
    text = written(tmp_path, evaluation=evaluation, lineage=lineage)
    start, head, _ = text.split("---\n", 2)
    found = yaml.safe_load(head)
    assert start == "" and "/home/me" not in text
    assert found["library_name"] == "keras"
    assert found["pipeline_tag"] == "image-classification"
    assert found["tags"] == ["keras", "image-classification", "pretrain"]
    assert found["metrics"] == ["accuracy", "f1", "loss"]
    (model,) = found["model-index"]
    (result,) = model["results"]
    assert model["name"] == "my: run"
    assert result["dataset"] == {
        "name": "folder:my photos",
        "type": "folder",
        "split": "test",
    }
    values = {row["type"]: row["value"] for row in result["metrics"]}
    assert values == {
        "accuracy": metrics["accuracy"],
        "f1": metrics["f1_macro"],
        "loss": 0.25,
    }
    assert result["metrics"][0]["name"] == "word: accuracy"


@pytest.mark.parametrize(
    ("objective", "info", "task"),
    [
        ("classification(focal=2.0)", IMAGE, "image-classification"),
        ("classification", WORDS, "other"),
        ("masked_tokens(share=0.2)", WORDS, "fill-mask"),
        ("next_token", WORDS, "text-generation"),
        ("skipgram", WORDS, "other"),
        ("regression", TABLE, "tabular-regression"),
        ("regression", WORDS, "other"),
        (
            "multi_label",
            DataInfo(TABLE.spec, NAMES, label_kind=SETS),
            "tabular-classification",
        ),
        (
            "tagging",
            text_info(
                WORDS.vocabulary,
                sequence_length=4,
                label_names=NAMES,
                tagged=True,
            ),
            "token-classification",
        ),
    ],
)
def test_tasks_have_the_names_of_the_hub(objective, info, task):
    assert task_of(objective, info) == task


def test_it_tells_what_goes_in_and_what_comes_out(tmp_path):
    use = section(written(tmp_path), "Intended use")
    assert "- input image: uint8 of shape (8, 8, 3)\n" in use
    assert "- labels, 2: cat: no, dog\n" in use
    assert "are not known: whoever publishes the model" in use
    info = DataInfo(
        TABLE.spec,
        columns=("rooms", "age"),
        label_kind=NUMBERS,
        target=Target("price", 1.0, 2.0),
    )
    use = section(
        written(tmp_path, served=Served(info, True, {})), "Intended use"
    )
    assert "- columns: rooms, age\n" in use
    assert "- number that is predicted: price\n" in use
    text = written(tmp_path, served=Served(WORDS, False, {}))
    assert "- texts: at most 4 tokens of words, the rest is cut off" in text
    assert "keras_ptft.predict" not in text and 'load_model("model.k' in text


def test_data_scores_and_calibration(tmp_path):
    labels = np.array([0, 1, 1, 0, 1, 1])
    logits = np.log([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7]] * 2)
    metrics = example_metrics(NAMES)
    metrics["calibration"] = {
        **calibration(labels, logits / 2, None),
        "applied": rescaled(labels, logits, 2.0),
    }
    metrics["intervals"] = {"accuracy": [0.9, 0.95]}
    text = written(tmp_path, evaluation=Evaluation({"test": metrics}))
    assert "| hidden |  | 3 | .\\_a\\|b.png |" in section(text, "Training data")
    worth = section(text, "Evaluation")
    assert "| 90.00 to 95.00 |" in worth and "| dog | 0." in worth
    assert "These are the probabilities of logits divided by 2, the" in worth
    limits = section(text, "Limits")
    assert "Inputs of no class: not measured; a label is given" in limits
    assert "right as it is sure" not in limits
    assert "test examples: not measured" not in limits


def test_what_is_not_known_is_said(tmp_path):
    data = DataFindings({**LEAKS, "near": None})
    lineage = LINEAGE._replace(
        stage="finetune",
        config=Config(init_from="hub:resnet"),
        transfer={"matched": ["a"], "reshaped": [], "missing": [], "share": 1},
    )
    text = written(tmp_path, data=data, lineage=lineage)
    weights = section(text, "Pretrained weights")
    assert "- weights from: hub:resnet\n- licence: not known\n" in weights
    limits = section(text, "Limits")
    for told in (
        "--seed=0: how far scores vary",
        "vary with the test examples: not measured",
        "as right as it is sure: not known",
        "Near duplicates in two splits: not looked for",
        "pretraining has seen test examples: not known",
        "groups of people: not measured",
    ):
        assert told in limits
    assert "licence of this model: not known" in text


def test_known_weights_bring_their_licence(tmp_path):
    facts = {"licence": "Apache-2.0", "source": "a package"}
    lineage = LINEAGE._replace(config=Config(init_from="efficientnet_lite0"))
    text = written(tmp_path, lineage=lineage, served=Served(IMAGE, True, facts))
    weights = section(text, "Pretrained weights")
    assert "- licence: Apache-2.0\n- source: a package" in weights
    scratch = section(written(tmp_path), "Pretrained weights")
    assert scratch.strip() == "- weights from: random weights"


def test_the_same_run_gives_the_same_bytes(tmp_path):
    first = written(tmp_path)
    assert first == written(tmp_path)
    assert pathlib.Path.cwd().as_posix() not in first


def test_of_many_classes_the_weakest_are_shown(tmp_path):
    names = [f"class {number}" for number in range(150)]
    evaluation = Evaluation({"test": example_metrics(names)})
    info = DataInfo(IMAGE.spec, tuple(names))
    text = written(
        tmp_path, evaluation=evaluation, served=Served(info, True, {})
    )
    worth = section(text, "Evaluation")
    assert "Of 150, those with the lowest F1:" in worth
    assert worth.count("| class ") == 11
    assert "class 99, ...\n" in section(text, "Intended use")
