"""Seeds test on one split where a run has seen what others would test on."""

import pytest

from keras_ptft import Config
from keras_ptft.comparison.one_split import why_one_split
from keras_ptft.comparison.plan import cells, variants
from keras_ptft.comparison.settings import CompareConfig
from keras_ptft.experiment.results import RunResult


@pytest.fixture
def folder(tmp_path):
    """Of the runs `views`, on all digits, and `low`, on five of them."""
    for name, classes in (("views", ""), ("low", "0-4")):
        run = tmp_path / name
        run.mkdir()
        config = Config(name=name, classes=classes)
        (run / "flags.flags").write_text(config.to_flags())
        (run / "backbone.keras").touch()
        RunResult(run=name, stage="pretrain").write(run)
    return tmp_path


def tuned(folder, **settings):
    return Config(name="tuned", runs_dir=str(folder), **settings)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"init_from": "views"}, "the backbone was pretrained on"),
        ({"init_from": "low", "classes": "0-4"}, "the backbone was pretrained"),
        ({"init_from": "low", "classes": "5-9"}, ""),
        ({"init_from": "views", "dataset": "mnist"}, ""),
        ({"init_from": "views", "folds": 3}, ""),
        ({"init_from": "efficientnet_lite0"}, ""),
        ({"teacher": "low"}, "the teacher was trained for"),
        ({"teacher": "efficientnet_lite0"}, ""),
        ({}, ""),
    ],
)
def test_what_a_run_has_seen_says_whether_seeds_share_a_split(
    folder, settings, why
):
    found = why_one_split([tuned(folder, **settings)])
    assert bool(found) == bool(why) and found.startswith(why)


def test_labels_and_weights_differ_between_seeds_nevertheless(folder, caplog):
    recipe = tuned(folder, init_from="views", train_per_class=10)
    compare = CompareConfig(seeds=2, beside="scratch")
    runs = list(cells(variants(recipe, compare), compare, (), "cells"))
    assert [run.config.seed for run in runs] == [0, 0, 1, 1]
    assert {run.config.split_seed for run in runs} == {0}
    told = "All seeds have the split that the backbone was pretrained on"
    assert caplog.text.count(told) == 1
