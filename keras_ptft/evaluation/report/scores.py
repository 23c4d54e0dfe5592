"""What is read of a run first: its scores, and what stands beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_ptft.evaluation.metrics import metric_of, shown_metrics
from keras_ptft.evaluation.report.calibration import interval_texts

Beside = dict[str, dict[str, str]]
"""Name of another model to its numbers, by what the card says of each."""


def score_cards(
    metrics: Mapping[str, Any], titles: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Returns what is read first: each number, and what it is.

    Args:
        metrics: of the test split.
        titles: titles of metrics that METRICS calls otherwise.

    Example:

    >>> score_cards({"examples": 1200, "loss": 1.5, "perplexity": 4.4817}, {})
    [('1.5000', 'loss (nats)'), ('4.48', 'perplexity'), \
('1,200', 'test examples')]
    """
    cards = []
    for name, value in shown_metrics(metrics).items():
        metric = metric_of(name)
        title = titles.get(name, metric.title)
        has_unit = metric.unit and name not in titles
        unit = f" ({metric.unit})" if has_unit else ""
        cards.append((metric.text(value), f"{title}{unit}"))
    return [*cards, (f"{metrics['examples']:,}", "test examples")]


def interval_cards(
    metrics: Mapping[str, Any], titles: Mapping[str, str]
) -> dict[str, str]:
    """Returns the interval of each number, by what the card says of it.

    Args:
        metrics: as in `score_cards`.
        titles: as in `score_cards`.
    """
    texts, cards = interval_texts(metrics), score_cards(metrics, titles)
    # the last card counts the test examples
    named = zip(shown_metrics(metrics), cards[:-1], strict=True)
    return {card[1]: texts[name] for name, card in named if name in texts}


def scratch_cards(
    comparison: Sequence[Mapping[str, Any]], titles: Mapping[str, str]
) -> Beside:
    """Returns what each number is from scratch, where that was trained.

    Args:
        comparison: runs side by side, as `table_cells` takes them.
        titles: as in `score_cards`.
    """
    if len(comparison) < 2:
        return {}
    # the last one counts the test examples, which are the same
    cards = score_cards({**comparison[1], "examples": 0}, titles)[:-1]
    return {"from scratch": {card[1]: card[0] for card in cards}}


def constant_cards(
    metrics: Mapping[str, Any], titles: Mapping[str, str]
) -> Beside:
    """Returns the accuracy of whoever always says the most frequent class.

    Args:
        metrics: as in `score_cards`; of entities and of sets of labels there
            is no such class.
        titles: as in `score_cards`.

    Example:

    >>> classes = {"cat": {"support": 3}, "dog": {"support": 1}}
    >>> constant_cards({"accuracy": 0.9, "per_class": classes}, {})
    {'always cat': {'accuracy': '75.00 %'}}
    """
    support = {
        name: scores["support"]
        for name, scores in metrics.get("per_class", {}).items()
    }
    others = {"entity_f1", "exact_match"} & set(metrics)
    if not support or others or "accuracy" not in metrics:
        return {}
    most = max(support, key=lambda name: support[name])
    share = support[most] / sum(support.values())
    ((text, what), _) = score_cards({"accuracy": share, "examples": 0}, titles)
    return {f"always {most}": {what: text}}
