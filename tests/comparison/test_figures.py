import base64
import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from keras_ptft.comparison.figures import (
    DARK,
    LIGHT,
    comparison_png,
    is_logarithmic,
    plotted_names,
)
from keras_ptft.comparison.styles import styles_of
from keras_ptft.comparison.summary import summarise
from tests.comparison.measured import (
    TUNED,
    comparison,
    one_budget,
    scores,
    three_budgets,
)

both_themes = pytest.mark.parametrize("theme", [LIGHT, DARK])


@pytest.fixture(scope="module")
def pixels_for_figures():
    """Figures are drawn here."""


def picture(measured, theme=LIGHT):
    summary = summarise(measured)
    styles = styles_of(row.variant for row in summary.rows)
    text = comparison_png(summary, styles, theme)
    return imread(io.BytesIO(base64.b64decode(text)))


def pixels(image, color):
    """How many pixels are of a color, and opaque."""
    near = np.abs(image - (*to_rgb(color), 1)).max(axis=-1) < 0.5 / 255
    return int(near.sum())


def shaded(image):
    """The share of pixels that have a color but are no line."""
    return float(np.mean((image[..., 3] > 0.02) & (image[..., 3] < 0.5)))


@both_themes
@pytest.mark.parametrize("measured", [one_budget(), three_budgets()])
def test_variants_have_their_colors_on_either_page(measured, theme):
    image = picture(measured, theme)
    for style in styles_of(one.variant for one in measured.scores).values():
        mine, other = style.light, style.dark
        if theme is DARK:
            mine, other = other, mine
        assert pixels(image, mine) > 100
        assert pixels(image, other) == 0


def test_intervals_of_three_budgets_are_bands():
    one_seed = comparison(
        scores("scratch", [0.5], "2", train_examples=10),
        scores("scratch", [0.6], "9", train_examples=45),
    )
    assert shaded(picture(three_budgets())) > 0.2
    # the grid alone
    assert shaded(picture(one_seed)) < 0.05


def test_one_value_everywhere_is_drawn():
    image = picture(comparison(scores("scratch", [1.0, 1.0])))
    assert pixels(image, styles_of(["scratch"])["scratch"].light) > 100


def test_a_variant_may_lack_a_budget():
    image = picture(
        comparison(
            scores("scratch", TUNED, "2", train_examples=10),
            scores("scratch", TUNED, "9", train_examples=45),
            scores("fine-tuned", TUNED, "9", train_examples=45),
        )
    )
    assert pixels(image, styles_of(["fine-tuned"])["fine-tuned"].light) > 100


@pytest.mark.parametrize(
    "name", ["微调", "_hidden", "a$b$", "a" * 29, "two\nlines"]
)
def test_names_that_cannot_be_drawn_are_numbers(name):
    assert plotted_names(["scratch", name]) == {"scratch": "1", name: "2"}
    assert picture(three_budgets(name)).shape[1] == 810


@pytest.mark.parametrize("most, logarithmic", [(40, False), (41, True)])
def test_budgets_that_span_much_are_on_a_logarithmic_axis(most, logarithmic):
    rows = summarise(
        comparison(
            scores("scratch", TUNED, "2", train_examples=10),
            scores("scratch", TUNED, "9", train_examples=most),
        )
    ).rows
    assert is_logarithmic(rows) is logarithmic


def test_a_variant_has_the_same_style_whatever_is_beside_it():
    assert (
        styles_of(["linear", "fine-tuned"])["fine-tuned"]
        == styles_of(["fine-tuned", "own"])["fine-tuned"]
    )


def test_twenty_variants_of_a_user_look_different():
    styles = styles_of(f"own {number}" for number in range(20))
    looks = {(s.light, s.marker) for s in styles.values()}
    assert len(looks) == len({(s.dark, s.sign) for s in styles.values()}) == 20
