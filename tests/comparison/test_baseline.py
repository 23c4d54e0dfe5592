"""The linear baseline, against scikit-learn's own and by hand."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_diabetes
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from keras_ptft import data
from keras_ptft.comparison import baseline
from keras_ptft.comparison.baseline import has_baseline, linear_baseline
from keras_ptft.data import Dataset, Loading
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import take
from keras_ptft.data.core.splits import hold_out_validation, subset
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import TokenSource, token_source
from keras_ptft.data.text.token_source import texts_of as texts_in
from keras_ptft.data.text.tokenizers import learn
from keras_ptft.errors import UserError
from keras_ptft.objectives.classification import Classification
from keras_ptft.objectives.masked_tokens import MaskedTokens
from keras_ptft.objectives.multi_label import MultiLabel
from keras_ptft.objectives.next_token import NextToken
from keras_ptft.objectives.regression import Regression


def digits(size=8):
    return data.load("digits", Loading(image_size=size))


def arrays(source):
    every = np.arange(len(source))
    inputs = source.gather(tf.constant(every)).numpy()
    return inputs.reshape(len(every), -1), source.labels


def of(objective, dataset):
    return linear_baseline(dataset, objective(dataset.info))


def test_digits_against_scikit_learn():
    dataset = hold_out_validation(digits(), 0.2)
    found = of(Classification, dataset)
    parts = {name: arrays(part) for name, part in dataset.splits.items()}
    inputs, labels = parts["train"]
    models = [
        LogisticRegression(C=C, max_iter=5000).fit(inputs / 255, labels)
        for C in (0.001, 0.01, 0.1, 1.0, 10.0)
    ]
    pixels, true = parts["validation"]
    losses = [
        -np.log(model.predict_proba(pixels / 255)[range(len(true)), true])
        for model in models
    ]
    best = models[int(np.argmin(np.mean(losses, axis=1)))]
    pixels, true = parts["test"]
    shares = best.predict_proba(pixels / 255)[range(len(true)), true]
    assert found.description == f"logistic regression on pixels, C={best.C:g}"
    assert found.metrics["accuracy"] > 0.94
    assert found.metrics["accuracy"] == pytest.approx(
        # one example may be on the other side
        best.score(pixels / 255, true),
        abs=1.5 / len(true),
    )
    assert found.metrics["loss"] == pytest.approx(
        -np.log(shares).mean(), rel=0.02
    )
    assert found.metrics["examples"] == len(true)
    assert found.parameters == 10 * 64 + 10


def test_metrics_are_those_of_a_run_and_the_same_again():
    dataset = subset(digits(), "train", 100, seed=3)
    objective = Classification(dataset.info)
    found = linear_baseline(dataset, objective)
    keras.utils.set_random_seed(1)
    again = linear_baseline(dataset, objective)
    assert found.metrics == again.metrics
    assert found.description == again.description
    source = dataset.splits["test"]
    inputs = keras.Input((8, 8, 1), name="image", dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1.0)(inputs))
    model = keras.Model(inputs, objective.head(flat))
    ours = objective.evaluate(model, Dataset({"test": source}, ("",) * 10))
    assert set(found.metrics) == set(ours.metrics["test"])
    assert 0.75 < found.metrics["accuracy"] < 0.97


def test_one_label_a_class_leaves_nothing_to_choose_by():
    found = of(Classification, subset(digits(), "train", 10, seed=0))
    assert found.description == (
        "logistic regression on pixels, C=0.1 (too few examples to choose it)"
    )
    # a tenth is chance
    assert found.metrics["accuracy"] > 0.4


def test_large_images_are_averaged_and_many_are_thinned(monkeypatch):
    monkeypatch.setattr(baseline, "_MOST", 300)
    dataset = digits(64)
    found = of(Classification, dataset)
    count = len(dataset.splits["train"])
    assert found.description.startswith(
        "logistic regression on pixels averaged down to 32×32, C="
    )
    assert found.description.endswith(
        f", on 300 of {count:,} training examples"
    )
    assert found.parameters == 10 * 1024 + 10
    assert found.metrics["accuracy"] > 0.9


def sib200(shared_data, language):
    path = shared_data / "sib200" / language
    return data.load(f"tsv:{path}", Loading(label_column="category"))


def texts_of(source):
    every = source.gather(tf.range(len(source), dtype=tf.int64)).numpy()
    return [text.decode() for text in every], source.labels


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "analyzer", "least"),
    [("zho_Hans", "char", 0.78), ("eng_Latn", "char_wb", 0.72)],
)
def test_topics_against_scikit_learn(shared_data, language, analyzer, least):
    dataset = sib200(shared_data, language)
    found = of(Classification, dataset)
    plain = make_pipeline(
        make_union(
            TfidfVectorizer(analyzer=analyzer, ngram_range=(1, 3)),
            TfidfVectorizer(),
        ),
        LinearSVC(random_state=0),
    )
    plain.fit(*texts_of(dataset.splits["train"]))
    theirs = plain.score(*texts_of(dataset.splits["test"]))
    # the most common of the 7 topics has a quarter of the examples
    assert found.metrics["accuracy"] > max(theirs - 0.02, least)
    assert found.metrics["examples"] == 204
    assert "loss" not in found.metrics
    of_probabilities = {"brier_score", "calibration_error", "calibration"}
    assert not of_probabilities & set(found.metrics)
    assert set(found.metrics["intervals"]) >= {"accuracy", "f1_macro"}
    assert "loss" not in found.metrics["intervals"]
    assert found.description.startswith(
        "linear SVM on TF-IDF of words and characters, C="
    )
    again = of(Classification, dataset)
    assert again.metrics == found.metrics


@pytest.mark.slow
def test_tokens_are_read_by_their_texts(shared_data):
    dataset = sib200(shared_data, "zho_Hans")
    dataset = subset(dataset, "train", 70, seed=0)
    train = dataset.splits["train"]
    tokenizer = learn("characters", lambda: texts_in(train), 64)
    parts = dataset.splits.items()
    tokens = {name: token_source(part, tokenizer) for name, part in parts}
    encoded = Dataset(tokens, dataset.label_names, tokenizer)
    found, ours = of(Classification, encoded), of(Classification, dataset)
    assert found.metrics == ours.metrics
    assert found.metrics["accuracy"] > 0.4


@pytest.mark.slow
def test_requests_are_told_apart(shared_data, tmp_path):
    path = shared_data / "clinc_oos" / "data_full.json"
    content = json.loads(path.read_text("utf-8"))
    names = {"train": "train", "val": "validation", "test": "test"}
    for split, name in names.items():
        lines = [
            json.dumps({"text": text, "label": label})
            for text, label in content[split]
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    dataset = data.load(f"jsonl:{tmp_path}", Loading())
    found = of(Classification, subset(dataset, "train", 1500, seed=0))
    # 150 intents, 10 requests each
    assert found.metrics["accuracy"] > 0.75


def diabetes(validation=0.2):
    inputs, values = load_diabetes(return_X_y=True)
    source = ArraySource(
        inputs.astype(np.float32), name="vector", values=values
    )
    every = np.arange(len(source))
    parts = {
        "train": take(source, every[every % 5 > 0]),
        "test": take(source, every[every % 5 == 0]),
    }
    return hold_out_validation(Dataset(parts, ()), validation)


def test_numbers_against_scikit_learn():
    dataset = diabetes()
    found = of(Regression, dataset)
    parts = {
        name: (arrays(part)[0], part.values)
        for name, part in dataset.splits.items()
    }
    models = {
        alpha: make_pipeline(StandardScaler(), Ridge(alpha=alpha))
        for alpha in (1e4, 1e3, 100.0, 10.0, 1.0, 0.1)
    }
    errors = {}
    for alpha, model in models.items():
        model.fit(*parts["train"])
        inputs, values = parts["validation"]
        errors[alpha] = np.mean((model.predict(inputs) - values) ** 2)
    best = min(errors, key=errors.get)
    inputs, values = parts["test"]
    predicted = models[best].predict(inputs)
    assert found.description == f"ridge regression on numbers, alpha={best:g}"
    assert found.metrics["r2"] == pytest.approx(r2_score(values, predicted))
    assert found.metrics["mae"] == pytest.approx(
        np.abs(values - predicted).mean()
    )
    assert found.metrics["r2"] > 0.4
    std = dataset.info.target.std
    assert found.metrics["loss"] == pytest.approx(
        (found.metrics["rmse"] / std) ** 2
    )
    assert found.parameters == 11


def test_numbers_without_a_validation_split():
    found = of(Regression, diabetes(validation=0))
    assert found.metrics["r2"] > 0.4
    assert of(Regression, diabetes(validation=0)).metrics == found.metrics


def valued(dataset, values_of):
    """Texts with values in place of classes."""
    parts = {}
    for name, part in dataset.splits.items():
        texts, labels = texts_of(part)
        source = TextSource(in_memory([text.encode() for text in texts]))
        source.values = values_of(labels).astype(np.float32)
        parts[name] = source
    return parts


@pytest.mark.slow
def test_sets_and_numbers_of_texts(shared_data):
    dataset = sib200(shared_data, "zho_Hans")
    # of travel and geography, places; of politics and sports, people
    table = np.array([[0, 1], [1, 0], [0, 0], [0, 1], [0, 0], [0, 1], [1, 0]])
    parts = valued(dataset, lambda labels: table[labels])
    found = of(MultiLabel, Dataset(parts, ("places", "people")))
    assert found.description.startswith(
        "linear SVM of each label on TF-IDF of words and characters, C="
    )
    assert found.metrics["f1_micro"] > 0.7
    assert "loss" not in found.metrics
    parts = valued(dataset, lambda labels: 10.0 + table[labels, 0])
    found = of(Regression, Dataset(parts, ()))
    assert found.description.startswith(
        "ridge regression on TF-IDF of words and characters, alpha="
    )
    assert found.metrics["r2"] > 0.2


def digit_sets():
    """Which of "even", "above 4" and "prime" each digit is."""
    bundled = digits()
    table = np.array(
        [[n % 2 == 0, n > 4, n in (2, 3, 5, 7)] for n in range(10)], np.float32
    )
    parts = {
        name: ArraySource(
            arrays(part)[0].reshape(-1, 8, 8, 1), values=table[part.labels]
        )
        for name, part in bundled.splits.items()
    }
    return Dataset(parts, ("even", "above 4", "prime"))


def test_sets_against_scikit_learn():
    dataset = hold_out_validation(digit_sets(), 0.2)
    found = of(MultiLabel, dataset)
    name, _, C = found.description.rpartition(", C=")
    assert name == "logistic regression of each label on pixels"
    train, test = dataset.splits["train"], dataset.splits["test"]
    model = OneVsRestClassifier(LogisticRegression(C=float(C), max_iter=5000))
    model.fit(arrays(train)[0] / 255, train.values)
    shares = model.predict_proba(arrays(test)[0] / 255)
    losses = np.where(test.values, -np.log(shares), -np.log1p(-shares))
    assert found.metrics["loss"] == pytest.approx(losses.mean(), rel=0.02)
    assert found.metrics["f1_micro"] > 0.85
    # 10 digits have 7 sets of these labels
    assert found.metrics["exact_match"] > 0.7
    assert set(found.metrics["per_class"]) == set(dataset.label_names)
    assert found.parameters == 3 * 64 + 3


def test_objectives_without_a_label_an_example_have_none(shared_data):
    dataset = sib200(shared_data, "zho_Hans")
    train = dataset.splits["train"]
    tokenizer = learn("characters", lambda: texts_in(train), 64)
    info = Dataset(
        {"train": token_source(train, tokenizer)},
        dataset.label_names,
        tokenizer,
    ).info
    assert has_baseline(Classification(info))
    for objective in (MaskedTokens, NextToken):
        assert not has_baseline(objective(info))
    with pytest.raises(UserError) as error:
        linear_baseline(dataset, MaskedTokens(info))
    assert str(error.value) == (
        "A linear model needs a label or a number an example, and "
        "MaskedTokens has none: leave linear out of --beside."
    )


def test_tokens_alone_are_refused():
    ids = np.array([5, 6, 7], np.int32)
    source = TokenSource(ids, [1, 3], [0, 1], np.zeros(2), longest=4)
    dataset = Dataset({"train": source, "test": source}, ("cat", "dog"))
    with pytest.raises(UserError) as error:
        of(Classification, dataset)
    assert str(error.value) == (
        "A linear model needs texts, or inputs of a fixed shape, and this "
        "data set has tokens alone: leave linear out of --beside."
    )
