"""Comparisons as tests of their page need them."""

from keras_ptft.comparison.report import write_comparison
from keras_ptft.comparison.result import Comparison, Scores
from keras_ptft.comparison.summary import summarise

SCRATCH = [0.80, 0.82, 0.84]
LINEAR = [0.85, 0.85, 0.91]
TUNED = [0.90, 0.93, 0.93]


def scores(variant, values, budget="10", metric="accuracy", **others):
    given = {
        "train_examples": 50.0,
        "seeds": range(len(values)),
        "metrics": {metric: values},
        "seconds": [1.5] * len(values),
        "trained_parameters": 1234,
    }
    return Scores(variant=variant, budget=budget, **{**given, **others})


def comparison(*found, **changes):
    given = {
        "name": "digits",
        "recipe": "flags/digits.flags",
        "metric": "accuracy",
        "machine": "2 CPU cores",
    }
    return Comparison(scores=found, **{**given, **changes})


def one_budget(seeds=3):
    """What three variants have at one budget, worked by hand in the tests."""
    return comparison(
        scores("scratch", SCRATCH[:seeds]),
        scores("fine-tuned", TUNED[:seeds], seconds=[2.0, 3.0, 4.0][:seeds]),
        scores("linear", LINEAR[:seeds], trained_parameters=650),
    )


def three_budgets(own="lora"):
    """What four variants have at three budgets, one of them the user's."""
    return comparison(
        *(
            scores(name, [v + step for v in values], budget, train_examples=n)
            for budget, n, step in (
                ("2", 10, -0.2),
                ("10", 50, 0),
                ("40", 200, 0.05),
            )
            for name, values in (
                ("scratch", SCRATCH),
                ("fine-tuned", TUNED),
                (own, LINEAR),
            )
        )
    )


def written(folder, measured):
    """The page and the Markdown of a comparison."""
    write_comparison(folder, measured, summarise(measured))
    return [
        (folder / name).read_text(encoding="utf-8")
        for name in ("compare.html", "compare.md")
    ]
