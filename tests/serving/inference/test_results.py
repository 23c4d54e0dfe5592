import csv

import pytest

from keras_ptft.errors import UserError
from keras_ptft.serving.inference.results import Generated, Prediction, to_csv

PREDICTIONS = [
    Prediction("a, b.png", "狗", 0.75),
    Prediction("x.npy[3]", "cat", 1.0),
]


def test_results_are_shown_on_a_line():
    assert str(PREDICTIONS[0]) == "a, b.png  狗  0.7500"
    assert str(Prediction("a", "", 0.2)) == "a  (none)  0.2000"
    assert str(Generated("ab", "abcd ")) == "abcd "


def test_csv_goes_to_a_file(tmp_path):
    to_csv(PREDICTIONS, tmp_path / "out" / "found.csv")
    text = (tmp_path / "out" / "found.csv").read_text(encoding="utf-8")
    assert list(csv.reader(text.splitlines())) == [
        ["input", "label", "probability"],
        ["a, b.png", "狗", "0.750000"],
        ["x.npy[3]", "cat", "1.000000"],
    ]
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (PREDICTIONS[1:], "input,label,probability\nx.npy[3],cat,1.000000\n"),
        ([Prediction("", "", 0.5)], "input,label,probability\n,,0.500000\n"),
        ([Generated("ab", "abcd ")], "input,text\nab,abcd \n"),
    ],
)
def test_csv_goes_to_the_terminal(capsys, rows, expected):
    to_csv(rows, "-")
    assert capsys.readouterr().out == expected


def test_csv_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write"):
        to_csv(PREDICTIONS, tmp_path / "file" / "found.csv")
