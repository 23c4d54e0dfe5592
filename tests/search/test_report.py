"""The page of a search."""

import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from keras_ptft.search.report import write_page
from keras_ptft.search.space import parse_search
from tests.comparison.test_report import Page
from tests.evaluation.report.pages import pictures, words
from tests.search.found import OWN, SPACE, found, trial

BEST = {"dark": "#f28a45", "light": "#c75000"}


@pytest.fixture(scope="module")
def pixels_for_figures():
    """Figures are drawn here."""


def written(folder, searched=None, space=SPACE, own=OWN):
    write_page(
        folder,
        searched or found(),
        space,
        own,
        flags="--name=<b>\n--epochs=3\n",
        sentences=["The best is trial 2.", "One <i>seed</i> each."],
    )
    return (folder / "tune.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written(tmp_path_factory.mktemp("page"))


def pixels(image, color):
    near = np.abs(image - (*to_rgb(color), 1)).max(axis=-1) < 0.5 / 255
    return int(near.sum())


def test_the_table_has_every_trial_the_best_first(page):
    table = Page(page).tables[0]
    assert table[0] == [
        "trial",
        "validation accuracy %",
        "loss",
        "settings",
        "seconds",
        "note",
    ]
    assert [row[0] for row in table[1:]] == ["2", "0", "1", "3", "4"]
    assert table[1][1:4] == [
        "75.00",
        "1.0000",
        "learning_rate=0.03 freeze=none",
    ]
    assert table[5][1:3] == ["–", "–"]
    assert page.count('<tr class="best">') == 1


def test_it_needs_no_other_file_and_runs_nothing(page):
    sources = re.findall(r"(?:src|srcset|href)=\"([^\"]{5})", page)
    assert sources == ["data:"] * 4
    assert {"script", "i", "b"}.isdisjoint(Page(page).tags)
    assert "http" not in page
    assert "--name=<b> --epochs=3" in words(page)


def test_it_says_how_it_was_judged(page):
    text = words(page)
    assert text.startswith("second-tune The best is trial 2. One <i>seed</i>")
    assert "Trials are judged by the validation split alone." in text
    assert "searched learning_rate=log(0.0001,0.1) freeze=all,conv2" in text
    assert "trials 5, 10 s of training" in text


def test_the_best_is_marked_on_either_page(page):
    dark, light, *courses = pictures(page)
    assert dark.shape == light.shape and dark.shape[1] == 810
    # a diamond in each of two pictures of settings
    for image, mine, other in (
        (dark, "dark", "light"),
        (light, "light", "dark"),
    ):
        assert pixels(image, BEST[mine]) > 100
        assert pixels(image, BEST[other]) == 0
        assert image[0, 0, 3] == 0
    # letters of a dark page are light
    inks = [pixels(image, "#000000") for image in (dark, *courses)]
    assert inks == [0, 0, 0]


def test_a_probe_is_no_point_among_learning_rates(tmp_path):
    probe = trial(1, 0.75, settings={"probe": "lbfgs", "freeze": "all"})
    page = written(tmp_path, found(trial(0, 0.5), probe))
    _, light, *_ = pictures(page)
    # though it is the best
    assert pixels(light, BEST["light"]) == 0


def test_values_without_a_place_in_the_picture_are_numbers(tmp_path):
    long = "cnn(filters=[16, 32, 64], dense=64, dropout=0.5)"
    space = parse_search(f"backbone='{long}',mlp")
    searched = found(trial(0, 0.5), trial(1, 0.75, settings={"backbone": long}))
    page = written(tmp_path, searched, space, {"backbone": "mlp"})
    assert f"backbone: {long} mlp" in words(page)
