from keras_ptft.search.result import (
    FAILED,
    STOPPED,
    best_of,
    goodness,
    headline,
    settings_text,
)
from keras_ptft.search.watching import validation_metrics
from tests.search.found import trial


def test_the_headline_is_the_first_metric_of_the_table_of_runs():
    assert headline({"loss": 1.0, "f1_macro": 0.5, "accuracy": 0.5}) == (
        "accuracy"
    )
    assert headline({"loss": 1.0, "rmse": 2.0, "mae": 1.5}) == "mae"
    # a metric of an objective alone has no better and worse
    assert headline({"my_score": 3.0, "loss": 1.0}) == "loss"


def test_more_is_better_of_goodness():
    assert goodness("mae", 2.0) < goodness("mae", 1.0)
    assert goodness("accuracy", 0.5) < goodness("accuracy", 0.75)


def test_the_best_has_the_lower_loss_of_several_alike():
    trials = [trial(0, 0.5, 2.0), trial(1, 0.75, 3.0), trial(2, 0.75, 2.5)]
    assert best_of(trials, "accuracy").number == 2
    # losses of different objectives tell nothing: the first
    other = trial(3, 0.75, 0.1, settings={"objective": "focal"})
    assert best_of([*trials, other], "accuracy").number == 1


def test_the_best_is_complete():
    trials = [
        trial(0, 0.5),
        trial(1, 0.9, state=STOPPED),
        trial(2, state=FAILED, error="no"),
    ]
    assert best_of(trials, "accuracy").number == 0


def test_settings_as_a_line_has_them():
    settings = {"learning_rate": 1e-05, "deterministic": True, "freeze": "all"}
    assert settings_text(settings) == (
        "learning_rate=1e-05 deterministic=true freeze=all"
    )


def test_metrics_of_an_epoch():
    logs = {"loss": 1.0, "val_loss": 2.0, "val_accuracy": 0.5, "val_own": 1.0}
    assert validation_metrics(logs) == {"loss": 2.0, "accuracy": 0.5}
