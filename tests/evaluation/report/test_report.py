import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from keras_ptft.config import Config
from keras_ptft.data.core.account import Account, LeftOut
from keras_ptft.data.leakage.overlap import ShownPair
from keras_ptft.errors import UserError
from keras_ptft.evaluation.report.report import DataFindings, class_counts
from tests.evaluation.report.pages import (
    LINEAGE,
    metrics_of,
    pictures,
    report,
    words,
)

WITHOUT_VALIDATION = [
    {"epoch": 1, "loss": 0.5, "accuracy": 0.8, "seconds": 1.0}
]


@pytest.mark.parametrize(
    "label_names",
    [
        ["no", "yes"],
        [str(digit) for digit in range(10)],
        ["猫", "狗", "🐼"],
        ["$x$ and $y", "a" * 200, "<b>"],
        [f"class {number}" for number in range(20)],
        [f"intent_{number}" for number in range(150)],
    ],
    ids=["2", "10", "chinese", "hostile", "20", "150"],
)
def test_any_label_names_make_a_page(tmp_path, label_names):
    page = report(tmp_path / "report.html", label_names)
    assert [picture.ndim for picture in pictures(page)] == [3, 3, 3]
    assert sorted(tmp_path.iterdir()) == [tmp_path / "report.html"]


def test_the_page_tells_the_scores(tmp_path):
    metrics = metrics_of(
        np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0]), ["猫", "狗"]
    )
    page = report(tmp_path / "report.html", ["猫", "狗"], metrics=metrics)
    for text in ("60.00 %", "0.5833", "0.6667", "猫", "狗", "cnn(dropout=0.2)"):
        assert text in page


def test_the_page_needs_no_other_file(tmp_path):
    page = report(tmp_path / "report.html", ["no", "yes"])
    sources = re.findall(r"(?:src|href)=\"([^\"]{5})", page)
    assert set(sources) == {"data:"}
    assert "<script" not in page and "http" not in page


def test_names_and_settings_are_text_not_markup(tmp_path):
    page = report(
        tmp_path / "report.html",
        ["<script>alert(1)</script>", "b"],
        title="<i>title</i>",
        lineage=LINEAGE._replace(config=Config(name="<img src=x>")),
    )
    assert "<script" not in page
    assert "<i>title" not in page and "<img src=x" not in page


def test_every_tag_is_closed(tmp_path):
    page = report(tmp_path / "report.html", ["no", "yes"])
    open_tags = []

    class Check(HTMLParser):
        def handle_starttag(self, tag, _):
            if tag not in ("meta", "img"):
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Check().feed(page)
    assert not open_tags


def test_history_may_lack_validation_or_be_empty(tmp_path):
    path = tmp_path / "report.html"
    assert "Learning" in report(path, ["a", "b"], history=WITHOUT_VALIDATION)
    page = report(path, ["a", "b"], history=[])
    assert "Learning" not in page and len(pictures(page)) == 1


def test_runs_are_compared(tmp_path):
    rows = [
        {
            "run": name,
            "accuracy": accuracy,
            "f1_macro": 0.9,
            "trained_parameters": 93322,
            "seconds": 5.25,
        }
        for name, accuracy in (("a", 0.95), ("scratch", 0.91))
    ]
    path = tmp_path / "report.html"
    page = report(path, ["a", "b"], comparison=rows)
    assert "scratch 91.00 0.9000 93,322 5.2" in words(page)
    # beside the number of the run, too, but for what scratch does not have
    assert "accuracy from scratch 91.00 %" in words(page)
    assert "macro F1 from scratch 0.9000" in words(page)
    assert words(page).count("from scratch") == 2
    # a run alone is told by its cards
    for alone in ([], rows[:1]):
        page = report(path, ["a", "b"], comparison=alone)
        assert "Comparison" not in page and "from scratch" not in words(page)


def leakage(channels, near):
    images = np.arange(2 * 4 * 5 * channels, dtype=np.uint8)
    first, second = images.reshape(2, 4, 5, channels)
    names = ("照片/<b>.jpg", "number 7")
    pair = ShownPair(("validation", "test"), names, 12, (first, second))
    counts = {"validation_in_test": 1_234, "duplicates_in_train": 5}
    return DataFindings({**counts, "near": near, "action": "warn"}, [pair])


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_leaks_are_told_and_shown(tmp_path, channels):
    given = leakage(channels, {"validation_in_test": 2})
    page = report(tmp_path / "report.html", ["a", "b"], data=given)
    text = words(page)
    assert "validation test 1,234 2 The pairs" in text
    assert "validation 照片/<b>.jpg test number 7 12 bits" in text
    shown = pictures(page)[-2:]
    assert [picture.shape[:2] for picture in shown] == [(4, 5), (4, 5)]
    if channels in (3, 4):
        first = given.pairs[0].images[0]
        assert np.array_equal(np.round(shown[0] * 255)[..., :channels], first)


def test_near_copies_that_were_not_looked_for(tmp_path):
    path = tmp_path / "report.html"
    page = report(path, ["a", "b"], data=leakage(3, None))
    assert "1,234 not looked for" in words(page)
    assert "in two splits" not in report(path, ["a", "b"])


def test_an_unwritable_place_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"Cannot write .*report\.html"):
        report(tmp_path / "file" / "report.html", ["a", "b"])


def test_pyplot_stays_unused():
    code = (
        "import sys, keras_ptft.evaluation.report.report; "
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_account_of_the_data_is_shown(tmp_path):
    account = Account(
        7,
        {"train": {"cat": 3, "<i>dog": 1}, "test": {"cat": 1, "<i>dog": 0}},
        (LeftOut("hidden", 2, ("._a.png", ".b.png"), "train"),),
        ("columns are separated by semicolons",),
    )
    data = DataFindings({"near": None}, account=account.as_dict())
    page = report(tmp_path / "report.html", ["a", "b"], data=data)
    assert "<i>dog" not in page
    text = words(page)
    assert "7 examples found, 5 used." in text
    assert "class train test cat 3 1 <i>dog 1 0 all 4 1" in text
    assert "hidden train 2 ._a.png, .b.png" in text
    assert "columns are separated by semicolons" in text


def test_what_was_used_of_the_data_comes_first(tmp_path):
    classes = {f"c{n}": 2 for n in range(11)}
    account = Account(22, {"train": classes}, (), ()).as_dict()
    data = DataFindings({"near": None}, account=account)
    page = report(tmp_path / "report.html", ["a", "b"], data=data)
    assert re.findall("<h2>(.*)</h2>", page) == [
        "Data",
        "Learning curves",
        "Confusion matrix",
        "Most frequent mistakes",
        "Classes",
        "What it was made of",
        "Settings",
    ]
    assert "22 used. Examples by class class train c0 2" in words(page)
    assert page.count("<details>") == 2


def test_every_table_scrolls_in_a_box_of_its_own(tmp_path):
    page = report(tmp_path / "report.html", ["no", "yes"])
    tables = re.findall(r"(<div [^>]*>)\s*<table", page)
    assert len(tables) == page.count("<table") == 5
    for box in tables:
        assert 'class="scroll"' in box and "aria-label=" in box


def test_pictures_lie_on_white_in_the_dark(tmp_path):
    page = report(tmp_path / "report.html", ["no", "yes"])
    assert page.count("<img") == page.count('<img class="figure"') == 3
    assert "@media screen and (prefers-color-scheme: dark)" in page
    assert re.search(r"\.figure {[^}]* background: #fff; }", page)


@pytest.mark.parametrize(
    ("label_names", "told"),
    [
        (["no", "yes"], "columns predicted ones."),
        (
            ["no", "是"],
            "columns predicted ones; numbers on the axes are those of the "
            "class table.",
        ),
        (
            [f"class {n}" for n in range(25)],
            "columns predicted ones, of the 20 that were confused most.",
        ),
    ],
    ids=["names", "numbers", "many"],
)
def test_what_is_on_the_axes_is_told(tmp_path, label_names, told):
    page = report(tmp_path / "report.html", label_names)
    assert told in words(page)


def test_of_many_classes_the_smallest_are_shown():
    classes = {f"c{n}": n for n in range(100)}
    data = {"splits": {"train": {"classes": classes}}}
    rows = class_counts(data)
    assert len(rows) == 30 and rows[0] == ("c0", [0]) and rows[29][1] == [29]
