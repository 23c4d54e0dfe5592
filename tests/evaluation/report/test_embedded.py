"""Pages as parts of a notebook."""

import re

import pytest

from keras_ptft.evaluation.report.embedded import embedded
from keras_ptft.evaluation.report.scores import constant_cards
from tests.comparison.measured import three_budgets, written
from tests.evaluation.report.pages import report

OURS = ".keras-ptft.keras-ptft"


@pytest.fixture(scope="module", params=["compare", "run"])
def part(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("embedded")
    if request.param == "run":
        page = report(folder / "report.html", ["cat", "dog"])
    else:
        page = written(folder, three_budgets())[0]
    return embedded(page)


def test_it_is_one_element(part):
    assert part.startswith('<div class="keras-ptft"><style>')
    assert part.endswith("</div>")
    for name in ("html", "head", "body", "title", "!DOCTYPE"):
        assert f"<{name}" not in part


def test_its_styles_reach_nothing_else(part):
    style = re.search("<style>(.*?)</style>", part, re.DOTALL)[1]
    assert style.count("{") == style.count("}")
    selectors = [text.strip() for text in re.findall(r"([^{}]+)\{", style)]
    rules = [text for text in selectors if not text.startswith("@")]
    assert len(rules) > 30
    for text in rules:
        if text.startswith(":is("):
            assert re.fullmatch(rf":is\([^()]*\) {re.escape(OURS)}", text)
        else:
            assert all(one.strip().startswith(OURS) for one in text.split(","))


def test_its_colours_follow_the_notebook(part):
    colours = re.findall(
        r'data-jp-theme-light="(\w+)".*?--page: (#\w+)', part, re.S
    )
    assert colours == [("true", "#fff"), ("false", "#14191f")]
    assert "<source" not in part


def test_a_page_without_styles_is_refused():
    with pytest.raises(ValueError, match="a style and a body"):
        embedded("<p>text</p>")


@pytest.mark.parametrize("other", ["entity_f1", "exact_match"])
def test_no_class_is_the_most_frequent_of_entities_and_sets(other):
    metrics = {"accuracy": 0.5, "per_class": {"a": {"support": 2}}, other: 0.5}
    assert constant_cards(metrics, {}) == {}
