"""The section of the reports about attacks."""

from keras_ptft.evaluation.report.attacks import tell_attacks
from keras_ptft.files import read_text, write_text

FOUND = {
    "attacker": "who knows <all>",
    "members": 20,
    "others": 20,
    "auc": 0.5,
    "advantage": 0.0,
    "intervals": {"auc": [0.4, 0.6], "advantage": [-0.1, 0.1]},
    "by_chance": {"auc": 0.5, "advantage": 0.0},
    "generalisation": {"loss": {"members": 0.5, "others": 0.75}},
    "notes": [],
    "roc": {"fpr": [0.0, 0.5, 1.0], "tpr": [0.0, 0.5, 1.0]},
}


def test_a_section_is_added_once(tmp_path):
    write_text(tmp_path / "report.html", "<body>scores</body>\n")
    write_text(tmp_path / "report.md", "# scores\n")
    for _ in range(2):
        tell_attacks(tmp_path, {"test": {}, "attack loss": FOUND})
    page = read_text(tmp_path / "report.html")
    assert page.count("<h2>Membership inference</h2>") == 1
    assert page.startswith("<body>scores<!-- attacks -->")
    assert page.endswith("<!-- end of attacks -->\n</body>\n")
    assert "who knows &lt;all&gt;" in page
    text = read_text(tmp_path / "report.md")
    assert text.startswith("# scores\n<!-- attacks -->\n")
    assert text.count("- loss: An attacker who knows") == 1


def test_reports_that_are_missing_stay_away(tmp_path):
    tell_attacks(tmp_path, {"attack loss": FOUND})
    write_text(tmp_path / "report.md", "# scores\n")
    tell_attacks(tmp_path, {"test": {}})
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]
    assert read_text(tmp_path / "report.md") == "# scores\n"
