import dataclasses
import re
from html.parser import HTMLParser

import pytest

from keras_ptft.errors import DiskError
from tests.comparison.measured import (
    comparison,
    one_budget,
    scores,
    three_budgets,
    written,
)
from tests.evaluation.report.pages import pictures, words

VOID = "meta", "img", "source"
both = pytest.mark.parametrize("measured", [one_budget(), three_budgets()])


@pytest.fixture(scope="module")
def pixels_for_figures():
    """Figures are drawn here."""


class Page(HTMLParser):
    """Tables as lists of rows of texts, on a page whose tags must match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tables, self.tags = [], [], set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, _):
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            cell = f"{self.tables[-1][-1][-1]} {data}"
            self.tables[-1][-1][-1] = " ".join(cell.split())


def test_a_table_has_the_numbers_of_the_summary(tmp_path):
    # the standard deviations are 2, 1.732 and 3.464 points, t is 4.3027 and
    # p of a t with two degrees of freedom is 1 - t / sqrt(t² + 2)
    page = Page(written(tmp_path, one_budget())[0])
    headings, *rows = page.tables[0]
    assert headings == [
        "variant",
        "training examples",
        "accuracy %",
        "gain over scratch, points",
        "gain over linear, points",
        "trained parameters",
        "seconds",
    ]
    assert rows == [
        [
            "■ scratch",
            "50",
            "82.00 ± 4.97",
            "–",
            "-5.00 ± 4.97 no better -9.97 to -0.03, p = 0.099",
            "1,234",
            "1.5",
        ],
        [
            "● fine-tuned",
            "50",
            "92.00 ± 4.30",
            "+10.00 ± 2.48 helped +7.52 to +12.48, p = 0.007",
            "+5.00 ± 7.45 undecided -2.45 to +12.45, p = 0.102",
            "1,234",
            "2.0",
        ],
        [
            "▲ linear",
            "50",
            "87.00 ± 8.61",
            "+5.00 ± 4.97 better +0.03 to +9.97, p = 0.049",
            "–",
            "650",
            "1.5",
        ],
    ]


@both
def test_a_page_needs_no_other_file_and_runs_nothing(tmp_path, measured):
    page = written(tmp_path, measured)[0]
    sources = re.findall(r"(?:src|srcset|href)=\"([^\"]{5})", page)
    assert sources == ["data:", "data:"]
    assert "script" not in Page(page).tags and "http" not in page
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "compare.html",
        "compare.md",
    ]


def test_budgets_have_sentences_on_top_and_a_table_each(tmp_path):
    page = written(tmp_path, three_budgets())[0]
    text = words(page)
    titles = ["2 labels a class", "10 labels a class", "40 labels a class"]
    assert [text.index(f"With {title}") for title in titles] == sorted(
        text.index(f"With {title}") for title in titles
    )
    assert text.index("With 40 labels") < text.index("Bands are 95 %")
    assert text.count("fine-tuned: pretraining helped by 10.0 ± 2.5") == 3
    *tables, facts = Page(page).tables
    assert [table[2][2] for table in tables] == [
        "72.00 ± 4.30",
        "92.00 ± 4.30",
        "97.00 ± 4.30",
    ]
    assert facts[0] == ["variants", "scratch, fine-tuned, lora"]
    assert facts[2:] == [["seeds", "0, 1, 2"], ["machine", "2 CPU cores"]]
    assert "flags/digits.flags" in text


def test_the_worth_in_labels_is_told_first(tmp_path):
    # scratch has the 0.72 of 10 labels between 0.62 and 0.82, so with
    # 10 * 5 ** 0.5 of them
    page, markdown = written(tmp_path, three_budgets())
    told = "Pretraining is worth about 2.2 times the labels: scratch needs 22"
    assert words(page).startswith(f"digits {told}")
    assert markdown.startswith(f"# digits\n\n**{told}")


def test_one_seed_has_no_interval(tmp_path):
    page, markdown = written(tmp_path, one_budget(seeds=1))
    row = Page(page).tables[0][2]
    assert row[2] == "90.00 one seed, no interval"
    assert row[3] == "+10.00 undecided one seed, no interval"
    assert "One seed, no interval." in words(page)
    assert "One seed has no spread" in words(page) and "Holm" not in page
    assert "90.00 (one seed, no interval)" in markdown


def test_other_metrics_are_those_that_tables_show(tmp_path):
    metrics = {
        "accuracy": [0.5, 0.5],
        "loss": [1.0, 1.0],
        "recall_macro": [0.5, 0.5],
        "roc_auc": [0.75, 0.75],
    }
    few = {"accuracy": [0.5, 0.5], "my_score": [2.0, 2.0]}
    measured = comparison(
        scores("scratch", [0, 0], metrics=metrics),
        scores("own", [0, 0], metrics=few),
    )
    headings, scratch, own = Page(written(tmp_path, measured)[0]).tables[0]
    assert headings[4:7] == ["ROC AUC", "loss", "my score"]
    assert scratch[4:7] == ["0.7500 ± 0.0000", "1.0000 ± 0.0000", "–"]
    assert own[3] == "0.00 ± 0.00 undecided 0.00 to 0.00, p = 1.000"
    assert own[4:7] == ["–", "–", "2.0000 ± 0.0000"]


def test_less_of_a_metric_that_is_better_low_is_a_gain(tmp_path):
    measured = comparison(
        scores("scratch", [12.0, 14.0], metric="mae"),
        scores("fine-tuned", [10.0, 12.0], metric="mae"),
        metric="mae",
    )
    page = Page(written(tmp_path, measured)[0])
    assert page.tables[0][0][2:4] == ["MAE", "gain over scratch"]
    assert page.tables[0][2][3].startswith("+2.0000 ± 0.0000")


def test_names_are_text_and_not_markup(tmp_path):
    own = "<script>a</script> & <b>"
    measured = dataclasses.replace(
        three_budgets(own), name="<i>x</i>", recipe="--name=<img>\n--a=1"
    )
    page = written(tmp_path, measured)[0]
    assert {"script", "i"}.isdisjoint(Page(page).tags)
    assert f"▼ {own} " in words(page) and "--name=<img> --a=1" in words(page)


def test_names_that_the_font_lacks_are_numbers_in_the_picture(tmp_path):
    page = written(tmp_path, three_budgets("微调"))[0]
    assert "Numbers in the picture are those of the tables" in words(page)
    assert [row[0] for row in Page(page).tables[0][1:]] == [
        "■ 1 scratch",
        "● 2 fine-tuned",
        "▼ 3 微调",
    ]
    assert "Numbers in" not in words(written(tmp_path, three_budgets())[0])


def test_a_recipe_without_budgets_is_one_of_its_own(tmp_path):
    measured = comparison(scores("fine-tuned", [0.5, 0.7], "recipe"))
    page, markdown = written(tmp_path, measured)
    assert "The labels of the recipe variant" in words(page)
    assert "## The labels of the recipe\n\n| variant |" in markdown


@both
def test_a_page_has_a_light_and_a_dark_picture(tmp_path, measured):
    dark, light = pictures(written(tmp_path, measured)[0])
    assert dark.shape == light.shape and dark.shape[1] == 810
    # no background of their own
    assert dark[0, 0, 3] == light[0, 0, 3] == 0


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match=r"Cannot write .*compare\.html"):
        written(tmp_path / "file", one_budget())


def test_folds_are_told_in_place_of_seeds(tmp_path):
    measured = dataclasses.replace(one_budget(), folds=3)
    page, markdown = written(tmp_path, measured)
    text = words(page)
    assert "Lines are 95 % intervals over folds." in text
    # √(1 / 3 + 1 / 2) in place of √(1 / 3): 1.5811 times 2.48 and 4.97
    assert "helped by 10.0 ± 3.9 points (95 % interval, 3 folds)" in text
    assert Page(page).tables[0][1][2] == "82.00 ± 7.86"
    assert "may do as well (undecided over 3 folds)" in markdown
    assert "seed" not in text and "seed" not in markdown
