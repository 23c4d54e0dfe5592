"""What a search comes to, in sentences."""

from collections.abc import Sequence

from keras_ptft.evaluation.metrics import metric_of
from keras_ptft.search.result import FAILED, STOPPED, Found, settings_text


def sentences(found: Found, proof: str) -> list[str]:
    """Returns what is said of a search, above its table or below it.

    Args:
        found: what it came to.
        proof: the command that would prove it; empty: there is none.
    """
    said = [_best(found), _test(found), _caveat(found, proof)]
    said += [_incomplete(found), *found.notes]
    return [sentence for sentence in said if sentence]


def _best(found: Found) -> str:
    metric = metric_of(found.metric)
    best, recipe = found.trial(found.best), found.trial(0)
    score = metric.text(best.metrics[found.metric])
    if best == recipe:
        return (
            f"No trial is better than the recipe as it is: validation "
            f"{metric.title} {score}."
        )
    own = metric.text(recipe.metrics[found.metric])
    return (
        f"The best is trial {best.number}: {settings_text(best.settings)}; "
        f"validation {metric.title} {score}, with the recipe as it is {own}."
    )


def _test(found: Found) -> str:
    """The test scores, by the metric that trials are judged by."""
    texts = {}
    for name, metrics in found.test.items():
        if found.metric in metrics:
            text = metric_of(found.metric).text(metrics[found.metric])
            texts[name] = text
    if "recipe" not in texts:
        return ""
    title = metric_of(found.metric).title
    if found.best == 0:
        return f"Its test {title} is {texts['recipe']}."
    return (
        f"Test {title}, read once, after the search: {texts['best']}, with "
        f"the recipe as it is {texts['recipe']}."
    )


def _caveat(found: Found, proof: str) -> str:
    if found.best == 0:
        return ""
    if proof:
        return f"That is one seed each; this would prove it: {proof}"
    return (
        "That is one seed each: train both with other values of --seed to "
        "prove it."
    )


def _incomplete(found: Found) -> str:
    def count(state: str) -> int:
        return sum(trial.state == state for trial in found.trials)

    told: Sequence[str] = [
        f"{count(state):,} {how}"
        for state, how in ((FAILED, "failed"), (STOPPED, "were stopped early"))
        if count(state)
    ]
    return f"Of the trials, {' and '.join(told)}." if told else ""
