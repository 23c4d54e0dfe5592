"""The Markdown that reports are made of."""

from keras_ptft.evaluation.report.markup import (
    code,
    escaped,
    items,
    table,
    text_table,
)


def test_signs_of_markdown_are_escaped():
    assert escaped("a|b") == r"a\|b"
    assert escaped("*a* _b_ `c` <d> $e$") == (r"\*a\* \_b\_ \`c\` \<d\> \$e\$")
    assert escaped("two\nlines ") == "two lines"


def test_texts_are_to_the_left_and_numbers_to_the_right():
    rows = [["a", "b", "c"], ["x|y", "1", "**z**"]]
    assert table(rows, (0, 2)).splitlines() == [
        "| a | b | c |",
        "| --- | ---: | --- |",
        "| x|y | 1 | **z** |",
    ]
    assert text_table(rows).splitlines()[2] == r"| x\|y | 1 | \*\*z\*\* |"


def test_lists_and_code():
    assert items(["a_b", "c"]) == "- a\\_b\n- c"
    assert code("x = 1", "python") == "```python\nx = 1\n```"
    assert code("```\n````") == "`````\n```\n````\n`````"
