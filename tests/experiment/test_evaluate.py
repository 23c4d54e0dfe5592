"""Scores of a run's model on the data that people have for it."""

import math
import os
import pathlib
import shutil

import numpy as np
import pytest

from keras_ptft import Config, UserError, evaluate
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.evaluation.metrics.classification import accuracy
from keras_ptft.evaluation.predictions import read_predictions
from keras_ptft.experiment.stages import pretrain
from keras_ptft.files import read_json, write_json, write_text
from keras_ptft.main import main

HEADING = "length,width,depth,mass,label"
NAMES = ("blue", "green", "red")
PLAIN = {"explain": False, "jit_compile": "false"}
pytestmark = pytest.mark.usefixtures("place")


def rows(count, seed, order=(0, 1, 2, 3)):
    """Rows of a table whose first number says what they are."""
    numbers = np.random.default_rng(seed)
    made = []
    for index in range(count):
        kind = index % 3
        cells = [3.0 * kind, *numbers.normal(size=3)]
        shown = [f"{cells[n]:.3f}" for n in order]
        made.append(",".join([*shown, NAMES[kind]]))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a table, and runs of all its classes and of two."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_text(folder / "train.csv", "\n".join([HEADING, *rows(240, 0)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pretrain(
            Config(
                name="wines",
                dataset="csv:train.csv",
                backbone="mlp(hidden=[16])",
                epochs=12,
                batch_size=16,
                learning_rate=0.01,
                **PLAIN,
            )
        )
        pretrain(
            Config(
                name="pair",
                dataset="csv:train.csv",
                classes="blue,green",
                backbone="mlp(hidden=[8])",
                epochs=1,
                **PLAIN,
            )
        )
    return folder


@pytest.fixture
def place(folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def test_the_run_s_own_data_are_scored_by_their_test_split():
    before = read_json("runs/wines/result.json")["metrics"]["test"]
    scored = evaluate("runs/wines")
    assert scored == before
    assert 20 < scored["examples"] < 80


def test_scoring_again_changes_nothing():
    result = pathlib.Path("runs/wines/result.json")
    before = result.read_bytes()
    for _ in range(2):
        evaluate("runs/wines")
        assert result.read_bytes() == before
    test = read_json(result)["metrics"]["test"]
    # all are right, and so are all resamples: macro F1 has no interval
    assert set(test["intervals"]) == {"accuracy", "loss"}
    stored = read_predictions("runs/wines")
    assert set(stored) == {"validation", "test"}
    logits, labels, hashes = stored["test"]
    assert logits.shape == (test["examples"], 3)
    assert accuracy(labels, logits) == test["accuracy"]
    assert len(np.unique(hashes)) == test["examples"]


def test_two_classes_keep_the_threshold_of_the_validation_split():
    result = pathlib.Path("runs/pair/result.json")
    before = result.read_bytes()
    scored = evaluate("runs/pair")
    assert "at_best_validation_f1" in scored["positive"]
    assert result.read_bytes() == before


def test_a_result_of_before_there_were_intervals_is_scored():
    result = read_json("runs/wines/result.json")
    for name in ("intervals", "calibration", "brier_score"):
        del result["metrics"]["test"][name]
    write_json("runs/wines/result.json", result)
    scored = evaluate("runs/wines")
    assert "temperature" not in scored["calibration"]
    assert read_json("runs/wines/result.json")["metrics"]["test"] == scored


def test_all_of_a_new_file_is_scored():
    write_text("new.csv", "\n".join([HEADING, *rows(60, 1)]))
    scored = evaluate("runs/wines", dataset="csv:new.csv")
    assert scored["examples"] == 60
    assert scored["accuracy"] == 1.0
    found = scored["data"]
    assert (found["found"], found["used"]) == (60, 60)
    assert list(found["splits"]) == ["test"]
    stored = read_json("runs/wines/result.json")["metrics"]
    assert stored["test dataset=csv:new.csv"] == scored


def test_columns_are_found_by_the_names_of_training():
    lines = rows(60, 1, order=(3, 2, 1, 0))
    lines = [f"{n},{line}" for n, line in enumerate(lines)]
    heading = "number,mass,depth,width,length,label"
    write_text("new.csv", "\n".join([heading, *lines]))
    scored = evaluate("runs/wines", dataset="csv:new.csv")
    assert scored["accuracy"] == 1.0
    assert any("number" in note for note in scored["data"]["notes"])


def test_a_column_of_training_that_is_missing():
    write_text("new.csv", "lenght,width,depth,mass,label\n1,2,3,4,red\n")
    with pytest.raises(UserError, match="length") as caught:
        evaluate("runs/wines", dataset="csv:new.csv")
    assert "lenght" in str(caught.value)


def test_a_file_may_lack_classes():
    lines = [line for line in rows(90, 2) if not line.endswith("green")]
    write_text("two.csv", "\n".join([HEADING, *lines]))
    scored = evaluate("runs/wines", dataset="csv:two.csv")
    assert scored["examples"] == 60
    assert scored["accuracy"] == scored["f1_macro"] == 1.0
    assert scored["per_class"]["green"]["support"] == 0
    # even all but one
    one = [line for line in lines if line.endswith("red")]
    write_text("one.csv", "\n".join([HEADING, *one]))
    scored = evaluate("runs/wines", dataset="csv:one.csv")
    assert (scored["examples"], scored["f1_macro"]) == (30, 1.0)


def test_a_class_that_the_model_lacks_is_refused():
    lines = [line.replace("red", "Red") for line in rows(9, 2)]
    write_text("new.csv", "\n".join([HEADING, *lines]))
    with pytest.raises(UserError, match=r"'Red', which training lacks .*red"):
        evaluate("runs/wines", dataset="csv:new.csv")


def test_examples_that_were_trained_on_are_told_of():
    scored = evaluate("runs/wines", dataset="csv:./train.csv")
    assert scored["examples"] == 240
    trained = read_json("runs/wines/result.json")["data"]["splits"]["train"]
    (note,) = scored["data"]["notes"]
    assert note == (
        f"{trained['used']} of 240 test examples are among those that the "
        "model was trained on"
    )


def test_a_data_set_that_is_handed_over():
    inputs = np.array([[0, 0, 0, 0], [6, 0, 0, 0]], np.float32)
    source = ArraySource(inputs, [0, 1], name="vector")
    given = Dataset({"train": source}, ("blue", "red"))
    scored = evaluate("runs/wines", dataset=given)
    assert (scored["examples"], scored["accuracy"]) == (2, 1.0)


def test_scores_are_shown_before_they_are_written(capsys):
    # no file can be written beside, which also holds for root
    os.mkdir(f"runs/wines/.partial-{os.getpid()}-result.json")
    assert main(["evaluate", "runs/wines"]) == 2
    told = capsys.readouterr()
    assert "accuracy 1" in told.out
    assert "Cannot write runs/wines/result.json" in told.err


def test_classes_of_the_run_are_those_that_count():
    write_text("new.csv", "\n".join([HEADING, *rows(60, 1)]))
    scored = evaluate("runs/pair", dataset="csv:new.csv")
    assert scored["examples"] == 40
    (left,) = scored["data"]["left_out"]
    assert (left["reason"], left["count"]) == ("of other classes", 20)
    assert left["classes"] == {"red": 20}


def test_classes_that_a_file_lacks_are_named():
    lines = [line for line in rows(90, 2) if not line.endswith("green")]
    write_text("two.csv", "\n".join([HEADING, *lines]))
    scored = evaluate("runs/wines", dataset="csv:two.csv")
    assert scored["data"]["notes"] == [
        "1 of 3 classes has no test examples: green"
    ]


def test_data_that_changed_since_are_told_of(caplog):
    before = read_json("runs/wines/result.json")["metrics"]["test"]
    write_text("train.csv", "\n".join([HEADING, *rows(240, 5)]))
    scored = evaluate("runs/wines")
    assert "test split of csv:train.csv has changed since" in caplog.text
    metrics = read_json("runs/wines/result.json")["metrics"]
    assert metrics["test"] == before
    assert metrics["test of changed data"] == scored


def test_two_splits_without_one_for_testing():
    os.mkdir("new")
    for name, seed in (("train", 6), ("dev", 7)):
        write_text(f"new/{name}.csv", "\n".join([HEADING, *rows(30, seed)]))
    with pytest.raises(UserError, match="one piece or have a test split"):
        evaluate("runs/wines", dataset="csv:new")
    scored = evaluate("runs/wines", dataset="csv:new/dev.csv")
    assert scored["examples"] == 30


@pytest.mark.slow
def test_groups_do_not_matter_where_all_is_scored():
    lines = [f"{line},p{n // 4}" for n, line in enumerate(rows(240, 0))]
    write_text("owned.csv", "\n".join([f"{HEADING},owner", *lines]))
    pretrain(
        Config(
            name="owned",
            dataset="csv:owned.csv",
            group_column="owner",
            backbone="mlp(hidden=[8])",
            epochs=1,
            **PLAIN,
        )
    )
    write_text("new.csv", "\n".join([HEADING, *rows(60, 1)]))
    assert evaluate("runs/owned", dataset="csv:new.csv")["examples"] == 60


def hospitals(count, seed):
    """Rows with a hospital, whose third has labels that are turned round."""
    for index, line in enumerate(rows(count, seed)):
        *cells, label = line.split(",")
        where = "ABC"[index // 3 % 3]
        if where == "C" and index % 2:
            label = NAMES[(NAMES.index(label) + 1) % 3]
        yield ",".join([where, *cells, str(index), label])


def test_groups_by_another_column(capsys):
    heading = "hospital,length,width,depth,mass,age,label"
    write_text("new.csv", "\n".join([heading, *hospitals(180, 3)]))
    words = ["evaluate", "runs/wines", "--dataset=csv:new.csv"]
    assert main([*words, "--by=hospital"]) == 0
    out = capsys.readouterr().out
    stored = read_json("runs/wines/result.json")["metrics"]
    found = stored["test dataset=csv:new.csv by hospital"]["by"]
    counts = {name: part["examples"] for name, part in found["groups"].items()}
    assert counts == {"A": 60, "B": 60, "C": 60}
    assert found["groups"]["A"]["accuracy"] == 1.0
    assert found["groups"]["C"]["accuracy"] == 0.5
    gap = found["largest_gap"]
    assert (gap["worst"], gap["size"]) == ("C", 0.5)
    low, high = found["groups"]["C"]["intervals"]["accuracy"]
    lowest, _ = found["groups"]["A"]["intervals"]["accuracy"]
    # of 1.0 - 0.5 (Newcombe 1998)
    ends = 0.5 - math.hypot(1 - lowest, high - 0.5), 0.5 + (0.5 - low)
    assert (gap["low"], gap["high"]) == pytest.approx(ends)
    assert "Largest gap: 50.00 points of accuracy between A and C" in out
    # a column of many numbers
    scores = evaluate("runs/wines", dataset="csv:new.csv", by="age")
    assert len(scores["by"]["groups"]) == 4
    assert scores["by"]["notes"] == [
        "'age' is told by quartiles of its numbers"
    ]


def test_groups_by_a_column_of_training():
    scores = evaluate("runs/wines", by="length")
    assert (
        sum(part["examples"] for part in scores["by"]["groups"].values())
        == scores["examples"]
    )
    assert {n: v for n, v in scores.items() if n != "by"} == read_json(
        "runs/wines/result.json"
    )["metrics"]["test"]


def test_a_column_that_is_missing_is_told_with_those_there_are(capsys):
    assert main(["evaluate", "runs/wines", "--by=hospital"]) == 2
    assert capsys.readouterr().err == (
        "keras-ptft: train.csv has no column 'hospital': choose by --by one "
        "of length, width, depth, mass, label.\n"
    )
    inputs = np.array([[0, 0, 0, 0], [6, 0, 0, 0]], np.float32)
    given = Dataset(
        {"train": ArraySource(inputs, [0, 1], name="vector")}, ("blue", "red")
    )
    with pytest.raises(UserError, match="Column 'age' needs a table that"):
        evaluate("runs/wines", dataset=given, by="age")
