"""Reports as tests look at them."""

import base64
import dataclasses
import html
import io
import pathlib
import re

import numpy as np
from matplotlib.image import imread

from keras_ptft.config import Config
from keras_ptft.evaluation.evaluation import Evaluation
from keras_ptft.evaluation.metrics.classification import class_metrics
from keras_ptft.evaluation.report.lineage import Lineage
from keras_ptft.evaluation.report.report import Course, write_report

HISTORY = [
    {
        "epoch": epoch,
        "loss": 1 / epoch,
        "accuracy": 1 - 0.5 / epoch,
        "val_loss": 1.2 / epoch,
        "val_accuracy": 0.98 - 0.5 / epoch,
        "seconds": 1.5,
    }
    for epoch in range(1, 6)
]

LINEAGE = Lineage(
    "pretrain",
    pathlib.Path("runs/a"),
    Config(backbone="cnn(dropout=0.2)"),
    {},
)


def example_metrics(label_names, examples=2000):
    generator = np.random.default_rng(0)
    classes = len(label_names)
    labels = generator.integers(0, classes, examples)
    logits = generator.normal(size=(examples, classes))
    logits[np.arange(examples), labels] += 3
    return metrics_of(labels, logits.argmax(axis=1), label_names)


def metrics_of(labels, predicted, label_names):
    return {
        "examples": len(labels),
        "loss": 0.25,
        "accuracy": float(np.mean(labels == predicted)),
        **class_metrics(labels, predicted, label_names),
    }


def report(path, label_names, metrics=None, **changes):
    found = {
        field.name: changes.pop(field.name)
        for field in dataclasses.fields(Evaluation)
        if field.name in changes
    }
    metrics = metrics or example_metrics(label_names)
    given = {
        "title": "A run",
        "lineage": LINEAGE,
        "course": Course(changes.pop("history", HISTORY)),
        "evaluation": Evaluation({"test": metrics}, **found),
    }
    write_report(path, **{**given, **changes})
    return path.read_text(encoding="utf-8")


def words(page):
    """What a reader reads."""
    body = page.partition("</style>")[2]
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", body)).split())


def pictures(page):
    found = re.findall(r"data:image/(png|jpeg);base64,([\w+/=]+)", page)
    return [
        imread(io.BytesIO(base64.b64decode(text)), format=kind)
        for kind, text in found
    ]
