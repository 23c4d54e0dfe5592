"""What was measured is written into the header of a recipe."""

import pytest

from keras_ptft.comparison.header import measured_sentence, write_header
from keras_ptft.comparison.result import Comparison, Scores
from keras_ptft.comparison.summary import summarise

HEAD = "# Purpose: tell digits apart.\n# Command: keras-ptft run a.flags\n"
SETTINGS = "--name=a\n\n# a comment between\n--epochs=5\n"


def scores(variant, values, seconds):
    return Scores(
        variant=variant,
        budget="recipe",
        train_examples=100,
        seeds=(0, 1, 2),
        metrics={"accuracy": values},
        seconds=seconds,
        trained_parameters=7,
    )


@pytest.fixture
def measured():
    comparison = Comparison(
        name="a-compare",
        recipe="a.flags",
        metric="accuracy",
        machine="2 cores of a processor",
        scores=(
            scores("scratch", (0.5, 0.6, 0.7), (4.0, 5.0, 6.0)),
            scores("fine-tuned", (0.9, 0.9, 0.9), (1.0, 2.0, 3.0)),
        ),
    )
    return comparison, summarise(comparison)


def test_means_and_half_of_the_intervals(measured):
    # t(0.975, 2) = 4.3027, times the spread 0.1 over the root of 3
    assert measured_sentence(*measured).startswith(
        "test accuracy over seeds 0 to 2 on 2 cores of a processor: "
        "fine-tuned 90.00 % ± 0.00, 1 s; scratch 60.00 % ± 24.84, 4 s "
        "(means, with half of the 95 % intervals, and the seconds of the "
        "fastest run). fine-tuned: "
    )


@pytest.mark.parametrize(
    "old",
    ["", "# Measured: 3 %.\n", "# Measured: a long\n#   one.\n#   Yes.\n"],
)
def test_one_paragraph_is_replaced_or_added(tmp_path, measured, old):
    path = tmp_path / "a.flags"
    path.write_text(HEAD + old + SETTINGS, "utf-8")
    write_header(path, *measured)
    text = path.read_text("utf-8")
    assert text.startswith(f"{HEAD}# Measured: test accuracy over seeds 0 to 2")
    assert text.endswith(f".\n{SETTINGS}")
    assert text.count("# Measured:") == 1
    assert max(map(len, text.splitlines())) <= 80
    # once more, and nothing changes
    write_header(path, *measured)
    assert path.read_text("utf-8") == text


def test_what_follows_the_paragraph_stays(tmp_path, measured):
    path = tmp_path / "a.flags"
    path.write_text(f"# Measured: 3 %.\n# Note: keep.\n{SETTINGS}", "utf-8")
    write_header(path, *measured)
    assert path.read_text("utf-8").endswith(f".\n# Note: keep.\n{SETTINGS}")
