import dataclasses
import re

from tests.comparison.measured import one_budget, three_budgets, written


def lines(text, start):
    return [line for line in text.splitlines() if line.startswith(start)]


def test_markdown_has_the_numbers_and_sentences_of_the_page(tmp_path):
    markdown = written(tmp_path, one_budget())[1]
    assert lines(markdown, "| fine-tuned |") == [
        "| fine-tuned | 50 | 92.00 ± 4.30 "
        "| +10.00 ± 2.48 **helped** (+7.52 to +12.48, p = 0.007) "
        "| +5.00 ± 7.45 **undecided** (-2.45 to +12.45, p = 0.102) "
        "| 1,234 | 2.0 |"
    ]
    assert lines(markdown, "#") == [
        "# digits",
        "## 10 labels a class",
        "## How it was measured",
    ]
    assert lines(markdown, "- fine-tuned: pretraining") == [
        "- fine-tuned: pretraining helped by 10.0 ± 2.5 points "
        "(95 % interval, 3 seeds)"
    ]
    assert "- machine: 2 CPU cores\n" in markdown


def test_each_budget_has_a_table_with_as_many_cells_in_every_row(tmp_path):
    markdown = written(tmp_path, three_budgets("a|b\\|c"))[1]
    assert len(lines(markdown, "| variant |")) == 3
    counts = [
        len(re.findall(r"(?<!\\)(?:\\\\)*\|", line))
        for line in lines(markdown, "|")
    ]
    # six columns in three tables of a heading, a rule and three variants
    assert counts == [7] * 15
    assert len(lines(markdown, r"| a\|b\\\|c |")) == 3


def test_a_recipe_may_have_fences_of_its_own(tmp_path):
    measured = dataclasses.replace(one_budget(), recipe="--a=1\n```\n--b=|")
    markdown = written(tmp_path, measured)[1]
    assert markdown.endswith("````\n--a=1\n```\n--b=|\n````\n")
