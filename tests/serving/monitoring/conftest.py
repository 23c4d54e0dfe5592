"""Exports with statistics, and requests to them."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import token_source
from keras_ptft.objectives.saved import make_objective, write_objective
from keras_ptft.serving.export import EXTRA
from keras_ptft.serving.monitoring.statistics import (
    measure_splits,
    write_statistics,
)
from keras_ptft.serving.monitoring.watched import watch_signatures
from keras_ptft.serving.signatures.arrays import (
    endpoint,
    expected_outputs,
    input_specs,
)
from keras_ptft.serving.signatures.intake import Intake, limited
from keras_ptft.serving.signatures.signature import Signature, cases
from keras_ptft.serving.signatures.text import text_signatures

NAMES = tuple("0123456789")
KINDS = ("card", "天气")
TIMES = 25
# fewer examples than are measured at once
INTAKE = Intake(largest_batch=100, most_text_bytes=1000)


def parts_of(info, splits):
    """What `experiment.exporting` adds to a version of a classifier."""
    objective = make_objective("classification", info)

    def objective_part(draft):
        write_objective(draft.folder / EXTRA, "classification", info)
        return {}

    def statistics_part(draft):
        watched = watch_signatures(
            draft.signatures,
            objective.info,
            objective.predictor,
            INTAKE.largest_batch,
        )
        found = measure_splits(watched, splits, 2000)
        return write_statistics(draft.folder / EXTRA, found)

    return {
        "objective": objective_part,
        "intake": lambda _: dataclasses.asdict(INTAKE),
        "statistics": statistics_part,
    }


@pytest.fixture(scope="session")
def thirds(digits):
    """The digits in three parts, each by every writer."""
    images, labels = digits
    return [(images[n::3], labels[n::3]) for n in range(3)]


@pytest.fixture(scope="session")
def watched_signatures(model, digit_signatures, thirds):
    """Answers and features of digits."""
    hidden = keras.Model(model.input, model.layers[-1].input)
    function = endpoint(
        hidden, lambda x: {"features": hidden(x, training=False)}
    )
    given = {"image": thirds[0][0][:4]}
    proofs = cases(given, expected_outputs(function, given))
    features = Signature("features", function, input_specs(hidden), proofs)
    return [limited(x, INTAKE) for x in (*digit_signatures, features)]


@pytest.fixture(scope="session")
def watched_export(watched_signatures, thirds, publish):
    """An export of digits with features; the last third is not in it."""
    train, test = (ArraySource(*third) for third in thirds[:2])
    info = DataInfo(train.spec, NAMES)
    parts = parts_of(info, {"train": train, "test": test})
    return publish(watched_signatures, **parts).path


@pytest.fixture(scope="session")
def watched_text_export(text_model, tokenizer, text_examples, publish):
    """An export that tells cards from the weather, of 200 texts."""
    texts = in_memory(text_examples[1].tolist() * TIMES)
    labels = np.tile(np.repeat([0, 1], 4), TIMES)
    source = token_source(TextSource(texts, labels), tokenizer)
    info = DataInfo(source.spec, KINDS, tokenizer=tokenizer)
    signatures = text_signatures(
        text_model, tokenizer, KINDS, *text_examples, tagging=False
    )
    parts = parts_of(info, {"train": source, "test": source})
    return publish([limited(x, INTAKE) for x in signatures], **parts).path


@pytest.fixture
def last_third(thirds):
    """Images that are like those of training, and none of them."""
    return thirds[2][0]
