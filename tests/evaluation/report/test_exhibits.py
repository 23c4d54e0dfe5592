"""Single examples on a page."""

import re

import numpy as np

from keras_ptft.evaluation.report.exhibits import (
    Exhibit,
    Explained,
    Insight,
    heat_colors,
    insight_parts,
)
from tests.evaluation.report.pages import pictures, report, words
from tests.evaluation.report.test_feature_map import laid_out

IMAGE = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)


def exhibit(**changes):
    given = ("<b>.jpg", "cat", "dog", "0.9000")
    return Exhibit(*given)._replace(**changes)


def explained(one, effects, **changes):
    given = Explained(one, "wrong", "the log-odds of dog", np.array(effects))
    return given._replace(**changes)


def page(path, **given):
    """A page without other pictures, which take a while to draw."""
    told = Insight(
        "Surest mistakes", "probability", given.pop("worst", [exhibit()])
    )
    return report(
        path / "a.html",
        [],
        metrics={"examples": 9, "loss": 2.5},
        history=[],
        insight=told._replace(**given),
    )


def test_mistakes_are_shown_as_pictures(tmp_path):
    found = page(tmp_path, worst=[exhibit(image=IMAGE)] * 2)
    row = "true cat predicted dog probability 0.9000 <b>.jpg"
    assert f"Surest mistakes {row} {row} What it was made" in words(found)
    assert "<b>.jpg" not in found and found.count('class="small"') == 2
    picture = pictures(found)[-1]
    np.testing.assert_allclose(picture[..., 0] * 255, IMAGE[..., 0], atol=1.01)


def test_mistakes_are_told_as_texts(tmp_path):
    texts = "book <b>two</b>\nseats", ""
    found = page(tmp_path, worst=[exhibit(text=text) for text in texts])
    assert (
        "text true predicted probability from book <b>two</b> seats cat dog "
        "0.9000 <b>.jpg (empty) cat dog 0.9000" in words(found)
    )


def test_mistakes_are_told_as_rows(tmp_path):
    row = exhibit(columns=[("age", 41.25), ("income", 12345.678)])
    assert (
        "true predicted probability from age income cat dog 0.9000 <b>.jpg "
        "41.25 1.235e+04" in words(page(tmp_path, worst=[row]))
    )


def test_images_have_their_maps_beside_them(tmp_path):
    heat = np.eye(3)
    one = explained(exhibit(image=IMAGE), heat)
    right = exhibit(image=IMAGE, true="dog")
    two = explained(right, heat, verdict="right")
    found = page(
        tmp_path, explained=[one, two], method="Grad-CAM", reading="So."
    )
    text = words(found)
    assert "What the model looks at By Grad-CAM. So. least most wrong:" in text
    assert "wrong: dog, true cat probability 0.9000, <b>.jpg right: dog " in (
        text
    )
    assert [p.shape[0] for p in pictures(found)[-4:]] == [8, 64, 8, 64]
    assert "what speaks for the log-odds of dog in it" in found
    assert heat_colors()[0] in found


def test_words_are_as_dark_as_they_count(tmp_path):
    pieces = ["<i>we", " see", " snow"]
    one = explained(exhibit(text="x"), [0.5, -1.0, 0.0], pieces=pieces)
    found = page(tmp_path, explained=[one])
    assert "<i>we see snow wrong: dog" in words(found).replace("  ", " ")
    spans = re.findall(r'<span class="(for|against)" style="([^"]*)">', found)
    shown = [
        (side, float(re.search(r"/\s*([\d.]+)\)", style)[1]))
        for side, style in spans
    ]
    assert shown == [("for", 0.3), ("against", 0.6), ("against", 0.0)]


def test_of_a_long_text_the_part_that_counts_is_shown():
    effects = np.zeros(200)
    effects[120] = 1.0
    one = explained(
        exhibit(text="x"), effects, pieces=[f" w{n}" for n in range(200)]
    )
    parts = insight_parts(Insight("a", "b", [], explained=[one]))
    shown = [word for _, word, _, _ in parts["explained"][0]["words"]]
    assert len(shown) == 82 and shown[0] == shown[-1] == "…"
    assert "w120" in shown


def test_columns_have_bars_to_both_sides(tmp_path):
    columns = [("age", 41.0), ("<b>", -2.5)]
    one = explained(exhibit(columns=columns), [0.25, -0.5], columns=columns)
    found = page(tmp_path, explained=[one])
    assert (
        "<b>.jpg ; effects on the log-odds of dog: column value effect <b> "
        "-2.5 -0.5 age 41 +0.25" in words(found)
    )
    bars = re.findall(
        r'<span class="(for|against)"\s+style="width: ([\d.]+)%', found
    )
    assert bars == [("against", "50.0"), ("for", "25.0")]


def test_features_and_notes_are_shown(tmp_path):
    found = page(tmp_path, feature_map=laid_out(), notes=["Left out."])
    text = words(found)
    assert "Test examples by their features The 40 test examples by" in text
    assert "Left out." in text


def test_without_examples_a_page_says_nothing(tmp_path):
    found = page(tmp_path, worst=[])
    assert "Surest" not in found and "looks at" not in found
    assert not pictures(found)
