"""What a report tells of single test examples."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.evaluation.evaluation import Evaluation
from keras_ptft.evaluation.report.exhibits import Explained, Insight
from keras_ptft.explanation.exhibits import make_exhibits, named_columns
from keras_ptft.explanation.features import (
    FEWEST,
    MOST,
    feature_layers,
    feature_map,
)
from keras_ptft.explanation.judgement import JUDGEMENTS, Judgement
from keras_ptft.explanation.method import (
    Prepared,
    Subject,
    is_image,
)
from keras_ptft.explanation.methods import METHODS
from keras_ptft.explanation.pieces import token_pieces
from keras_ptft.models.costs import multiply_adds
from keras_ptft.serving.signatures.arrays import in_float32

_MOST_WORST = 12
# of wrong answers, and of right ones
_EACH = 4
# multiply-adds that two CPU cores do in a second or two; counted, and not
# timed, so that a report is the same on every machine
_BUDGET = 5e10
_HALF = {"float16", "bfloat16"}


class _Test(NamedTuple):
    """The test split, what was made of it, and multiply-adds an example."""

    info: DataInfo
    source: Source
    judgement: Judgement
    cost: int


def insight(
    model: keras.Model,
    info: DataInfo,
    splits: Mapping[str, Source],
    found: Evaluation,
) -> Insight | None:
    """Finds the worst test examples, and what a model looks at in some.

    Args:
        model: as it was scored.
        info: what is known of its data.
        splits: "train" and "test".
        found: the scores of the model.

    Returns:
        None where an example has no answer of its own, as where tokens are
        predicted.
    """
    if found.answers is None:
        return None
    source, metrics = splits["test"], found.metrics["test"]
    make = JUDGEMENTS[info.label_kind]
    judgement = make(info, source, found.answers, metrics)
    worst = judgement.worst(_MOST_WORST)
    told = Insight(
        judgement.heading,
        judgement.measure,
        make_exhibits(info, source, judgement, worst),
    )
    test = _Test(info, source, judgement, _cost(model, source))
    told = _with_map(told, model, test)
    subject = Subject(_precise(model), info, splits["train"], judgement.score)
    return _with_explanations(told, subject, test)


def _cost(model: keras.Model, source: Source) -> int:
    """Multiply-adds of an example, of a text as long as they are mostly."""
    length = 0 if source.lengths is None else np.median(source.lengths)
    return max(1, sum(multiply_adds(model, max(1, int(length))).values()))


def _precise(model: keras.Model) -> keras.Model:
    """The model, or one that computes slopes with more than three digits."""
    precisions = {layer.compute_dtype for layer in model.layers}
    return in_float32(model) if precisions & _HALF else model


def _with_map(told: Insight, model: keras.Model, test: _Test) -> Insight:
    features = feature_layers(model)
    if features is None:
        return told
    count = min(MOST, int(_BUDGET // test.cost))
    if count < min(FEWEST, len(test.source)):
        return _without(
            told, "Features of test examples are not laid out", test, FEWEST
        )
    found = feature_map(features, test.info, test.source, test.judgement, count)
    return told._replace(feature_map=found)


def _with_explanations(told: Insight, subject: Subject, test: _Test) -> Insight:
    for method in METHODS.values():
        if (prepared := method.prepare(subject)) is not None:
            break
    else:
        return told
    count = min(_EACH, int(_BUDGET // (2 * test.cost * prepared.passes)))
    if not count:
        what = f"Answers are not explained by {method.title}"
        return _without(told, what, test, 2 * prepared.passes)
    return told._replace(
        method=method.title,
        reading=method.reading,
        explained=list(_explained(subject, prepared, test, count)),
    )


def _without(told: Insight, what: str, test: _Test, examples: int) -> Insight:
    """What is told without a part that would take too long."""
    note = (
        f"{what}: inference of one takes {test.cost:,} multiply-adds, which "
        f"would be done {examples:,} times."
    )
    return told._replace(notes=(*told.notes, note))


def _explained(
    subject: Subject, prepared: Prepared, test: _Test, count: int
) -> Iterator[Explained]:
    """Some wrong answers, then some right ones, with what they are for."""
    worst = test.judgement.worst(count)
    best = test.judgement.best(2 * count)
    best = best[~np.isin(best, worst)][:count]
    parts = zip((worst, best), test.judgement.verdicts, strict=True)
    for chosen, verdict in parts:
        exhibits = make_exhibits(test.info, test.source, test.judgement, chosen)
        for index, exhibit in zip(chosen.tolist(), exhibits, strict=True):
            example = _example(test.source, index)
            # a text may have no token
            if not tf.size(example):
                continue
            effects = prepared.explain(
                example, int(test.judgement.outputs[index])
            )
            explained = Explained(
                exhibit, verdict, test.judgement.told(index).output, effects
            )
            yield _with_parts(explained, subject.info, example)


def _example(source: Source, index: int) -> tf.Tensor:
    """An example with its batch axis, of a text without padding."""
    example = source.gather(tf.constant([index], tf.int64))
    if source.lengths is None:
        return example
    return example[:, : int(source.lengths[index])]


def _with_parts(
    explained: Explained, info: DataInfo, example: tf.Tensor
) -> Explained:
    """Names the parts of a text, or of a row of numbers."""
    if is_image(info.spec):
        return explained
    row = example.numpy()[0]
    if not info.is_text:
        return explained._replace(columns=named_columns(info, row))
    # where a token has several ids, the first is its own
    ids = row if row.ndim == 1 else row[:, 0]
    text = explained.exhibit.text or ""
    pieces = token_pieces(info.text_tokenizer, ids.tolist(), text)
    return explained._replace(pieces=pieces)
