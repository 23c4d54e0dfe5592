"""A run as Markdown."""

from keras_ptft.config import Config
from keras_ptft.evaluation.evaluation import Evaluation
from keras_ptft.evaluation.report.markdown import write_markdown
from keras_ptft.evaluation.report.report import Course, DataFindings
from tests.evaluation.report.pages import LINEAGE, example_metrics

NAMES = ["a", "b|c"]
LEAKS = {"train_in_test": 2, "near": {"train_in_test": 1}, "action": "warn"}
ACCOUNT = {
    "found": 1010,
    "used": 1007,
    "splits": {"train": {"used": 1000}, "test": {"used": 7}},
    "left_out": [
        {"reason": "hidden", "split": "", "count": 3, "first": ["._a|b.png"]}
    ],
    "notes": ["commas separate"],
}


def written(tmp_path, metrics=None, **changes):
    given = {
        "title": "A *run*",
        "lineage": LINEAGE._replace(config=Config(epochs=7, name="x")),
        "course": Course([], seconds={"data": 1.0, "train": 3.0}),
        "evaluation": Evaluation({"test": metrics or example_metrics(NAMES)}),
    }
    write_markdown(tmp_path / "report.md", **{**given, **changes})
    return (tmp_path / "report.md").read_text(encoding="utf-8")


def lines(text, start):
    return [line for line in text.splitlines() if line.startswith(start)]


def test_the_scores_come_first_with_their_intervals(tmp_path):
    metrics = example_metrics(NAMES)
    metrics |= {"accuracy": 0.95, "intervals": {"accuracy": [0.931, 0.9744]}}
    text = written(tmp_path, metrics)
    assert text.startswith("# A \\*run\\*\n\n| metric | test split |")
    assert "| accuracy | 95.00 % | 93.10 to 97.44 |\n" in text
    assert "| loss (nats) | 0.2500 | – |\n" in text
    assert "| test examples | 2,000 |  |\n" in text
    assert "from scratch" not in text


def test_scratch_has_a_column_and_the_runs_a_table(tmp_path):
    row = {"run": "x", "trained_parameters": 9, "seconds": 1.0}
    comparison = [
        {**row, "accuracy": 0.95, "loss": 0.25},
        {**row, "run": "the same from scratch", "accuracy": 0.5},
    ]
    text = written(tmp_path, comparison=comparison)
    assert "| metric | test split | 95 % interval | from scratch |" in text
    (accuracy,) = lines(text, "| accuracy |")
    assert accuracy.endswith("| – | 50.00 % |")
    assert lines(text, "| loss (nats) |")[0].endswith("| – | – |")
    assert "| the same from scratch | 50.00 | – | 9 | 1.0 |" in text


def test_data_settings_times_and_commands(tmp_path):
    text = written(tmp_path, data=DataFindings(LEAKS, account=ACCOUNT))
    assert "1,010 examples found, 1,007 used: 1,000 train, 7 test." in text
    assert "| hidden |  | 3 | .\\_a\\|b.png |" in text
    assert "- commas separate\n" in text
    assert "| training | test | 2 | 1 |" in text
    assert lines(text, "| name |") == ["| name | x |  |"]
    assert lines(text, "| epochs |") == ["| epochs | 7 | 5 |"]
    assert "| training | 3.0 | 75.0 % |" in text
    assert "\nkeras-ptft pretrain --name=a-again --epochs=7\n" in text
    assert "--flagfile=runs/a/flags.flags" in text


def test_what_is_not_known_is_left_out(tmp_path):
    text = written(tmp_path, lineage=LINEAGE._replace(config=Config()))
    assert lines(text, "## ") == [
        "## Settings that differ from their defaults",
        "## Where the time went",
        "## To repeat it",
    ]
    assert "\n\nNone.\n\n" in text
    given = LINEAGE._replace(handed_over=["dataset", "backbone"])
    text = written(tmp_path, lineage=given)
    assert "A program handed over the dataset and the backbone, so" in text
    assert "keras-ptft" not in text


def test_forgetting_is_told(tmp_path):
    found = {
        "run": "first",
        "frozen": False,
        "before": {"examples": 1200, "accuracy": 0.981, "loss": 0.1},
        "after": {"examples": 1200, "accuracy": 0.9131, "loss": 0.3},
    }
    told = "- Pretraining task: 98.10 -\\> 91.31 % accuracy (first, 1,200 test"
    text = written(tmp_path, lineage=LINEAGE._replace(forgetting=found))
    assert told in text
    same = {**found, "frozen": True, "after": found["before"]}
    text = written(tmp_path, lineage=LINEAGE._replace(forgetting=same))
    assert "98.10 % accuracy as before, since no pretrained weight" in text
    none = {"run": "first", "not_measured": "No folder photos: check it."}
    text = written(tmp_path, lineage=LINEAGE._replace(forgetting=none))
    assert "task: not measured: No folder photos: check it.\n" in text
