"""The names that clients of an export rely on.

A name here is never changed, nor is what it means: a client of one version
goes on with the next. New names may come.
"""

from typing import NamedTuple


class Promise(NamedTuple):
    """What a signature takes, and what it answers.

    Attributes:
        takes: its inputs.
        answers: its outputs.
        of: the models that have it.
    """

    takes: str
    answers: str
    of: str


SIGNATURES: dict[str, Promise] = {
    "serving_default": Promise(
        "text: strings (batch,); or the model's inputs by their names, as "
        "image, vector, tokens",
        "what the model was trained for, see outputs",
        "every model",
    ),
    "encoded_images": Promise(
        "bytes: whole JPEG, PNG, BMP or GIF files, strings (batch,); in JSON "
        '{"b64": ...}',
        "as serving_default; with --corrupt_images=flag also is_corrupt",
        "models of square images of bytes, grey or in colour",
    ),
    "tokens": Promise(
        "tokens: ids, int32 (batch, tokens), padded on the right with 0",
        "as serving_default; of tagged words logits and probabilities alone",
        "models of texts whose serving_default takes text",
    ),
    "columns": Promise(
        "a number for each column, float32 (batch,) each, by names of "
        "letters, digits and underscores; export.json tells which is which",
        "as serving_default",
        "models of tables of at most 200 columns",
    ),
    "examples": Promise(
        "examples: serialized tf.train.Example, strings (batch,); features "
        "image/encoded, text, a float for each column by its own name, or a "
        "list by the name of the model's input",
        "as serving_default, or encoded_images",
        "every model, but for arrays of several unknown sides",
    ),
    "classify": Promise(
        "inputs: as examples of signature examples",
        "classes: every label (batch, labels); scores: their probabilities, "
        "float32; as TensorFlow Serving's Classify wants it",
        "classifiers, of one label or of sets of them",
    ),
    "regress": Promise(
        "inputs: as examples of signature examples",
        "outputs: the number, float32 (batch,); as TensorFlow Serving's "
        "Regress wants it",
        "models of numbers",
    ),
    "features": Promise(
        "as serving_default",
        "features: what the head reads, float32 (batch, width)",
        "models whose head reads a vector an example",
    ),
}
"""Signature to what is promised of it."""

OUTPUTS: dict[str, str] = {
    "label": "the most probable label, string (batch,)",
    "score": "its probability, float32 (batch,)",
    "probabilities": "of each label, float32 (batch, labels)",
    "logits": "before they become probabilities, float32 (batch, labels)",
    "chosen": "of sets of labels: which are given, bool (batch, labels)",
    "labels": "of sets of labels of texts: names of those, then empty "
    "strings, (batch, labels)",
    "value": "of a number: the number in its own unit, float32 (batch,)",
    "words": "of tagged words: the words of each text, then empty strings, "
    "(batch, words)",
    "tags": "of tagged words: the tag of each word, then empty strings",
    "is_corrupt": "of flagged images: bool (batch,); where it is true, score "
    "is 0, label is empty, and the rest is of a black image",
}
"""Output to what it is, in every signature that has it."""
