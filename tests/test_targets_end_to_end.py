"""Numbers, sets of labels and two classes, from a file to an answer."""

import csv
import json
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf
from sklearn import datasets, metrics

from keras_ptft import Config, evaluate
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.experiment.stages import pretrain
from keras_ptft.files import read_json
from keras_ptft.main import main
from tests.bad_input.told import assert_told

# trains and exports; its parts are tested beside them
pytestmark = pytest.mark.slow

LABELS = ("even", "prime", "above 4")
PLAIN = ("--explain=false", "--jit_compile=false")
MLP = ("--backbone=mlp(hidden=[32])", "--batch_size=16", "--jit_compile=false")


def write_csv(path, heading, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heading)
        writer.writerows(rows)


def write_diabetes():
    """442 patients: ten measurements, and how far they are a year later."""
    bundled = datasets.load_diabetes()
    rows = np.column_stack([bundled.data, bundled.target])
    write_csv("diabetes.csv", [*bundled.feature_names, "progression"], rows)
    write_csv("new.csv", bundled.feature_names, bundled.data[:3])


def labels_of(digit):
    return [digit % 2 == 0, digit in (2, 3, 5, 7), digit > 4]


def write_digits():
    """The bundled digits, with what is true of each."""
    bundled = datasets.load_digits()
    flags = np.array([labels_of(n) for n in bundled.target], int)
    names = bundled.feature_names
    rows = np.column_stack([bundled.data, flags])
    write_csv("digits.csv", [*names, *LABELS], rows.astype(int))
    write_csv("new_digits.csv", names, bundled.data[:40])


def write_cancer():
    """569 tumours of two kinds."""
    bundled = datasets.load_breast_cancer()
    kinds = bundled.target_names[bundled.target]
    rows = [[*x, kind] for x, kind in zip(bundled.data, kinds, strict=True)]
    write_csv("cancer.csv", [*bundled.feature_names, "label"], rows)


def done(*words):
    assert main(list(words)) == 0


@pytest.fixture(scope="module")
def pixels_for_figures():
    """Figures are drawn here."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder in which a model of each kind was trained and exported."""
    place = tmp_path_factory.mktemp("targets")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        write_diabetes()
        write_digits()
        write_cancer()
        done(
            *("pretrain", "--name=numbers", "--dataset=csv:diabetes.csv"),
            *("--label_column=progression", "--objective=regression", *MLP),
            *("--epochs=8", "--export_to=saved/numbers"),
        )
        done(
            *("pretrain", "--name=sets", "--dataset=csv:digits.csv"),
            f"--label_columns={','.join(LABELS)}",
            *("--objective=multi_label", *MLP, "--epochs=6"),
            *("--export_to=saved/sets", "--explain=false"),
        )
        done(
            *("pretrain", "--name=two", "--dataset=csv:cancer.csv", *MLP),
            *("--objective=classification(positive='malignant', focal=2.0)",),
            *("--epochs=6", "--explain=false"),
        )
    return place


@pytest.fixture
def place(runs, monkeypatch):
    monkeypatch.chdir(runs)
    return runs


def result_of(run):
    return read_json(f"runs/{run}/result.json")


def report_of(run):
    return pathlib.Path(f"runs/{run}/report.html").read_text("utf-8")


@pytest.mark.usefixtures("place")
class TestNumbers:
    def test_they_are_learned_and_accounted_for(self):
        result = result_of("numbers")
        test = result["metrics"]["test"]
        # scikit-learn's linear regression explains half of the variance
        assert 0.2 < test["r2"] < 0.7 and 40 < test["mae"] < 60
        assert test["rmse"] > test["mae"]
        assert {"mae", "rmse", "r2", "loss"} <= set(result["comparison"][0])
        train = result["data"]["splits"]["train"]
        assert train["lowest"] == 25.0 and 140 < train["mean"] < 165
        last = result["history"][-1]
        validation = result["metrics"]["validation"]
        assert validation["loss"] == pytest.approx(last["val_loss"], rel=1e-4)
        assert validation["mae"] == pytest.approx(last["val_mae"], rel=1e-4)

    def test_the_report_shows_them(self):
        report = report_of("numbers")
        assert "<h2>Predicted numbers</h2>" in report
        assert "<h2>Largest errors</h2>" in report
        assert re.search(r"diabetes.csv, line \d+", report)
        assert "loss (mse, standardised)" in report and "nats" not in report

    def test_the_run_and_its_export_predict_the_same(self, capsys):
        done("predict", "runs/numbers", "new.csv", "--jsonl=-")
        ours = capsys.readouterr().out
        done("predict", "saved/numbers", "new.csv", "--jsonl=-")
        theirs = capsys.readouterr().out
        values = [json.loads(line)["value"] for line in ours.splitlines()]
        served = [json.loads(line)["value"] for line in theirs.splitlines()]
        assert len(values) == 3 and served == pytest.approx(values, rel=1e-5)
        done("predict", "runs/numbers", "new.csv")
        printed = capsys.readouterr().out.splitlines()
        assert printed[0] == f"new.csv[0]  {values[0]:.6g}"

    def test_the_export_answers_with_a_value(self):
        answer = tf.saved_model.load("saved/numbers/1").signatures
        found = answer["serving_default"](vector=tf.zeros((2, 10)))
        assert set(found) == {"value"} and found["value"].shape == (2,)

    def test_a_new_file_is_scored_by_the_names_of_its_columns(self):
        bundled = datasets.load_diabetes()
        heading = ["progression", *bundled.feature_names[::-1]]
        rows = np.column_stack([bundled.target, bundled.data[:, ::-1]])[:90]
        write_csv("other.csv", heading, rows)
        found = evaluate("runs/numbers", dataset="csv:other.csv")
        done("predict", "runs/numbers", "other.csv", "--csv=found.csv")
        with open("found.csv") as file:
            values = [float(row["value"]) for row in csv.DictReader(file)]
        expected = metrics.mean_absolute_error(bundled.target[:90], values)
        assert found["mae"] == pytest.approx(expected, rel=1e-4)
        assert found["examples"] == 90
        # the loss is in the standard deviations of training
        target = read_json("runs/numbers/objective.json")["target"]
        loss = (found["rmse"] / target["std"]) ** 2
        assert found["loss"] == pytest.approx(loss, rel=1e-4)

    def test_frozen_features_keep_their_numbers(self):
        done(
            *("finetune", "--name=tuned", "--init_from=numbers"),
            *("--dataset=csv:diabetes.csv", "--label_column=progression"),
            *("--objective=regression(loss='mae')", "--batch_size=16"),
            *("--epochs=20", "--learning_rate=0.01", "--on_leak=warn"),
            *PLAIN,
        )
        result = result_of("tuned")
        assert result["audit"]["changed"] == []
        assert result["metrics"]["test"]["r2"] > 0.2


@pytest.mark.usefixtures("place")
class TestSets:
    def test_they_are_learned_and_accounted_for(self):
        result = result_of("sets")
        test = result["metrics"]["test"]
        assert test["f1_micro"] > 0.85 and test["exact_match"] > 0.6
        assert list(test["per_class"]) == list(LABELS)
        splits = result["data"]["splits"]
        evens = [part["labels"]["even"] for part in splits.values()]
        assert sum(evens) == (datasets.load_digits().target % 2 == 0).sum()
        assert sum(part["used"] for part in splits.values()) == 1797

    def test_thresholds_go_with_the_model(self):
        thresholds = read_json("runs/sets/thresholds.json")
        per_class = result_of("sets")["metrics"]["test"]["per_class"]
        shown = {k: row["threshold"] for k, row in per_class.items()}
        assert thresholds == shown and list(thresholds) == list(LABELS)
        extra = pathlib.Path("saved/sets/1/assets.extra")
        assert read_json(extra / "thresholds.json") == thresholds
        # what is scored again is scored with them
        before = result_of("sets")["metrics"]["test"]
        assert evaluate("runs/sets") == before

    def test_the_report_shows_each_label(self):
        report = report_of("sets")
        assert "<h2>Labels</h2>" in report and "average precision" in report
        assert "the highest F1" in report and "<td>above 4</td>" in report

    def test_the_run_and_its_export_give_the_labels(self, capsys):
        thresholds = read_json("runs/sets/thresholds.json")
        rows = {}
        for model in ("runs/sets", "saved/sets"):
            done("predict", model, "new_digits.csv", "--csv=-")
            lines = capsys.readouterr().out.splitlines()
            rows[model] = list(csv.DictReader(lines))
        ours = [row["labels"] for row in rows["runs/sets"]]
        assert ours == [row["labels"] for row in rows["saved/sets"]]
        for row in rows["runs/sets"]:
            given = [
                name
                for name in LABELS
                if float(row[f"probability of {name}"]) >= thresholds[name]
            ]
            assert row["labels"] == ";".join(given)
        true = [labels_of(n) for n in datasets.load_digits().target[:40]]
        wanted = [
            ";".join(n for n, has in zip(LABELS, row, strict=True) if has)
            for row in true
        ]
        right = sum(a == b for a, b in zip(ours, wanted, strict=True))
        assert right > 24

    def test_the_export_says_which_labels_pass(self):
        answer = tf.saved_model.load("saved/sets/1").signatures
        found = answer["serving_default"](vector=tf.zeros((2, 64)))
        assert set(found) == {"logits", "probabilities", "chosen"}
        assert found["chosen"].dtype == tf.bool

    def test_a_person_may_change_a_threshold(self, capsys):
        path = pathlib.Path("runs/sets/thresholds.json")
        before = path.read_text()
        path.write_text(json.dumps(dict.fromkeys(LABELS, 0)))
        done("predict", "runs/sets", "new_digits.csv", "--csv=-")
        path.write_text(before)
        lines = capsys.readouterr().out.splitlines()
        labels = [row["labels"] for row in csv.DictReader(lines)]
        assert set(labels) == {"even;prime;above 4"}


@pytest.mark.usefixtures("place")
def test_two_classes_have_a_curve_and_a_threshold():
    test = result_of("two")["metrics"]["test"]
    assert test["roc_auc"] > 0.95 and test["average_precision"] > 0.9
    positive = test["positive"]
    assert positive["class"] == "malignant"
    assert positive["at_best_validation_f1"]["f1"] > 0.8
    per_class = test["per_class"]["malignant"]
    assert positive["recall"] == pytest.approx(per_class["recall"])
    report = report_of("two")
    assert "<h2>Positive class</h2>" in report and "ROC AUC" in report
    assert "malignant from a probability of" in report


@pytest.mark.slow
def test_texts_of_several_labels(shared_data, tmp_path, monkeypatch):
    """Words of CLINC's intents, as credit and limit of credit_limit."""
    monkeypatch.chdir(tmp_path)
    text = (shared_data / "clinc_oos/data_full.json").read_text("utf-8")
    data = json.loads(text)
    for split in ("train", "val", "test"):
        rows = [
            {"text": text, "tags": intent.split("_")}
            for text, intent in data[split]
            if {"credit", "card", "account"} & set(intent.split("_"))
        ]
        lines = (json.dumps(row) for row in rows)
        pathlib.Path(f"{split}.jsonl").write_text("\n".join(lines))
    done(
        *("pretrain", "--name=words", "--dataset=jsonl:.", "--on_leak=drop"),
        *("--label_column=tags", "--objective=multi_label", "--epochs=12"),
        *("--learning_rate=0.02", "--export_to=saved/words", *PLAIN),
    )
    test = result_of("words")["metrics"]["test"]
    assert test["f1_micro"] > 0.8 and len(test["per_class"]) > 8
    answer = tf.saved_model.load("saved/words/1").signatures
    question = ["what is my credit limit"]
    found = answer["serving_default"](text=tf.constant(question))
    labels = [name.decode() for name in found["labels"][0].numpy() if name]
    assert {"credit", "limit"} <= set(labels)
    assert len(labels) == int(found["chosen"].numpy().sum())


@pytest.mark.slow
def test_numbers_of_texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["good", "bad", "fine", "awful", "great", "poor"]
    scores = dict(zip(words, (4, 1, 3, 0, 5, 2), strict=True))
    random = np.random.default_rng(0)
    rows = []
    for _ in range(400):
        chosen = random.choice(words, 4)
        mean = sum(scores[word] for word in chosen) / 4
        rows.append([" ".join(chosen), 1e6 * mean])
    write_csv("a.csv", ["text", "score"], rows)
    done(
        *("pretrain", "--name=texts", "--dataset=csv:a.csv"),
        *("--text_column=text", "--label_column=score", "--on_leak=drop"),
        *("--objective=regression", "--epochs=20", "--learning_rate=0.02"),
        *("--batch_size=16", "--export_to=saved/texts", *PLAIN),
    )
    assert result_of("texts")["metrics"]["test"]["r2"] > 0.8
    answer = tf.saved_model.load("saved/texts/1").signatures
    asked = tf.constant(["great great great great", "awful awful awful bad"])
    value = answer["serving_default"](text=asked)["value"].numpy()
    assert value[0] > 3e6 > 2e6 > value[1]


def test_numbers_of_an_object(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 3)).astype(np.float32)
    source = ArraySource(x, name="vector", values=x @ [1.0, -2.0, 0.5] + 9)
    config = Config(
        name="given",
        objective="regression",
        backbone="mlp(hidden=[16])",
        epochs=20,
        batch_size=16,
        learning_rate=0.01,
        explain=False,
        jit_compile="false",
    )
    found = pretrain(config, dataset=Dataset({"train": source}, ()))
    assert found.metrics["test"]["r2"] > 0.9


NUMBERS = "--dataset=csv:diabetes.csv --label_column=progression"
REGRESSION = f"pretrain {NUMBERS} --objective=regression"
SETS = "pretrain --dataset=csv:digits.csv --objective=multi_label"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (f"{REGRESSION} --stratify", "--stratify=True is for classes, of whi"),
        (f"{REGRESSION} --classes=1-3", "--classes=1-3 is for classes, of wh"),
        (f"{REGRESSION} --class_weight=balanced", "--class_weight=balanced is"),
        (
            f"{SETS} --label_columns=even --stratify",
            "learns sets: leave it out",
        ),
        (
            f"pretrain {NUMBERS} --label_columns=age",
            "--label_columns=age are f",
        ),
        (
            f"{SETS} --label_columns=even --label_column=prime",
            "--label_columns=even and --label_column=prime exclude each other",
        ),
        (
            f"{REGRESSION} --label_column=cost",
            "no column 'cost': choose by --l",
        ),
        (
            "pretrain --dataset=csv:diabetes.csv --objective=regression "
            "--label_column=",
            "--label_column is empty: name the column that holds it",
        ),
        (f"{SETS} --label_columns=even,odd", "no column 'odd'"),
        (
            f"{SETS} --label_columns=even,pixel_2_2",
            "line 2, column 'pixel_2_2': expected 0 or 1, got '",
        ),
        ("pretrain --objective=regression", "--dataset=digits has classes: gi"),
        (
            "predict runs/numbers new.csv --reject_below=0.5",
            "predicts numbers, --reject_below is for labels",
        ),
        (
            "evaluate runs/numbers --dataset=csv:new.csv",
            "no column 'progression'",
        ),
    ],
)
@pytest.mark.usefixtures("runs")
def test_mistakes_are_told_in_a_line(words, told, place, capfd):
    assert_told(words, told, place, capfd)
