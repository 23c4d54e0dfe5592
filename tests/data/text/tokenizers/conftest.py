"""Texts to learn from, and what a tokenizer makes of a text."""

import csv
import json

import pytest
import tensorflow as tf


@pytest.fixture(scope="session")
def requests(shared_data):
    """15,000 English requests."""
    text = (shared_data / "clinc_oos" / "data_full.json").read_text("utf-8")
    return [request for request, _ in json.loads(text)["train"]]


@pytest.fixture(scope="session")
def sentences(shared_data):
    """A language and a split of SIB-200 → its sentences."""

    def of(language, split):
        path = shared_data / "sib200" / f"{language}_{split}.tsv"
        with path.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
            return [row["text"] for row in rows]

    return of


@pytest.fixture(scope="session")
def chinese(sentences):
    """701 Chinese sentences."""
    return sentences("zho_Hans", "train")


@pytest.fixture
def batches():
    """Texts → what `learn` reads them from, 1,000 at a time."""

    def of(texts):
        starts = range(0, len(texts), 1000)
        return lambda: (tf.constant(texts[i : i + 1000]) for i in starts)

    return of


@pytest.fixture
def tokens():
    """A tokenizer and a text → the text's tokens."""

    def of(tokenizer, text):
        ids = tokenizer(tf.constant([text])).flat_values.numpy()
        if tokenizer.width > 1:
            ids = ids[:, 0]
        return [tokenizer.vocabulary[i] for i in ids]

    return of
