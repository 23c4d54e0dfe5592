"""Searches as tests of their pages need them."""

from keras_ptft.config import Config
from keras_ptft.search.result import FAILED, STOPPED, Found, Trial
from keras_ptft.search.space import parse_search

SPACE = parse_search("learning_rate=log(1e-4,1e-1) freeze=all,conv2,none")
RECIPE = Config(
    name="second", init_from="first", freeze="conv2", learning_rate=0.01
)
OWN = {"learning_rate": 0.01, "freeze": "conv2"}


def trial(number, accuracy=None, loss=1.0, **changes):
    metrics = {} if accuracy is None else {"accuracy": accuracy, "loss": loss}
    return Trial(number=number, metrics=metrics, **{"seconds": 2.0, **changes})


def found(*trials, **changes):
    """A search of five trials, of which the third is the best."""
    given = trials or (
        trial(0, 0.5, label="the recipe as it is"),
        trial(1, 0.25, settings={"learning_rate": 0.0002, "freeze": "all"}),
        trial(2, 0.75, settings={"learning_rate": 0.03, "freeze": "none"}),
        trial(
            3,
            0.4,
            settings={"learning_rate": 0.05, "freeze": "conv2"},
            state=STOPPED,
        ),
        trial(
            4,
            settings={"learning_rate": 0.1, "freeze": "none"},
            state=FAILED,
            error="The loss is not finite at step 3.",
        ),
    )
    best = max(given, key=lambda one: one.metrics.get("accuracy", 0.0))
    return Found(
        **{
            "name": "second-tune",
            "recipe": "second.flags",
            "machine": "2 CPU cores",
            "method": "tpe, seed 0",
            "search": [dimension.text for dimension in SPACE],
            "metric": "accuracy",
            "trials": given,
            "best": best.number,
            "test": {
                "best": {"accuracy": 0.7, "loss": 1.0},
                "recipe": {"accuracy": 0.6, "loss": 1.0},
            },
            **changes,
        }
    )
