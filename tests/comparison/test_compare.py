"""Comparisons on the bundled digits, from the recipe to the pages."""

import json
import pathlib
import shutil

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from keras_ptft import Config
from keras_ptft.comparison.compare import compare
from keras_ptft.comparison.settings import CompareConfig
from keras_ptft.experiment import stages
from keras_ptft.experiment.loading import load_dataset
from keras_ptft.experiment.run_dir import read_config
from keras_ptft.files import read_json
from keras_ptft.main import main
from tests.alike import timeless

pytestmark = pytest.mark.slow

FIRST = Config(
    name="first",
    classes="0-4",
    backbone="cnn(filters=[4, 6], dense=8)",
    image_size=8,
    epochs=8,
    explain=False,
    jit_compile="false",
)
RECIPE = """\
# Purpose: tell digits apart.
--name=second
--init_from=first
--classes=5-9
--image_size=8
--freeze=conv2
--learning_rate=0.01
--batch_size=16
--epochs=6
--train_examples=100
--jit_compile=false
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a pretrained run and a recipe, compared."""
    folder = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        stages.pretrain(FIRST)
        pathlib.Path("second.flags").write_text(RECIPE, "utf-8")
        words = ["second.flags", "--seeds=2", "--require=accuracy>=0.2"]
        assert main(["compare", *words]) == 0
    return folder


@pytest.fixture(autouse=True)
def in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def found(name="second"):
    return read_json(f"runs/{name}-compare/compare.json")


def result(run, name="second"):
    return read_json(f"runs/{name}-compare/{run}/result.json")


def test_the_values_are_those_of_the_runs():
    measured = found()["comparison"]
    assert measured["metric"] == "accuracy"
    assert measured["recipe"] == "second.flags"
    variants = ["scratch", "probe", "linear", "fine-tuned"]
    assert [s["variant"] for s in measured["scores"]] == variants
    for scores in measured["scores"]:
        assert scores["seeds"] == [0, 1]
        assert scores["train_examples"] == 100
        for name, values in scores["metrics"].items():
            assert values == [
                result(f"{scores['variant']}-all-{seed}")["metrics"]["test"][
                    name
                ]
                for seed in range(2)
            ]


def test_each_is_what_it_says():
    scratch = result("scratch-all-0")
    assert scratch["transfer"]["share"] == 0.0
    tuned = result("fine-tuned-all-0")
    assert tuned["transfer"]["share"] == 1.0
    assert tuned["trained_parameters"] < scratch["trained_parameters"]
    reason = result("probe-all-0")["plan"]["reason"]
    assert reason.startswith("solved by lbfgs")
    linear = result("linear-all-0")
    assert linear["stage"] == "linear"
    # 64 pixels and a bias, of 5 classes
    assert linear["trained_parameters"] == 65 * 5


def test_all_variants_of_a_seed_see_the_same_examples():
    def data(run):
        path = f"runs/second-compare/{run}/environment.json"
        return read_json(path)["data"]

    for seed in range(2):
        tuned = data(f"fine-tuned-all-{seed}")
        for variant in ("scratch", "probe", "linear"):
            assert data(f"{variant}-all-{seed}") == tuned
    one, other = data("linear-all-0"), data("linear-all-1")
    assert all(one[split] != other[split] for split in one)


def test_the_linear_model_is_that_of_scikit_learn():
    description = result("linear-all-0")["plan"]["reason"]
    assert description.startswith("logistic regression on pixels, C=")
    strength = float(description.split("C=")[1].split()[0].rstrip(",;"))
    config = read_config("runs/second-compare/linear-all-0")
    splits = load_dataset(config, None, "warn").dataset.splits
    arrays = {
        name: source.gather(np.arange(len(source))).numpy().reshape(-1, 64)
        for name, source in splits.items()
    }
    plain = LogisticRegression(C=strength, max_iter=5000, tol=1e-8)
    plain.fit(arrays["train"] / 255, splits["train"].labels)
    score = plain.score(arrays["test"] / 255, splits["test"].labels)
    test = result("linear-all-0")["metrics"]["test"]
    assert test["accuracy"] == pytest.approx(score)


def test_the_pages_say_it():
    folder = pathlib.Path("runs/second-compare")
    page = (folder / "compare.html").read_text("utf-8")
    text = (folder / "compare.md").read_text("utf-8")
    for sentence in found()["summary"]["sentences"]["recipe"]:
        assert sentence in text.replace("\\", "") and sentence in page


def test_what_is_required_decides_the_exit_code_and_a_header_is_written(
    tmp_path, monkeypatch, capsys
):
    # what the other tests read stays
    shutil.copytree("runs", tmp_path / "runs")
    path = pathlib.Path(shutil.copy("second.flags", tmp_path))
    monkeypatch.chdir(tmp_path)
    before = pathlib.Path("runs/second-compare/compare.json").read_bytes()
    words = ["compare", "second.flags", "--seeds=2", "--write_header"]
    required = ["--require=accuracy>=0.999", "--require=gain>=0.9"]
    capsys.readouterr()
    assert main([*words, *required, "--require=loss<=9"]) == 1
    shown, errors = capsys.readouterr()
    errors = errors.splitlines()
    assert len(errors) == 2
    assert "accuracy >= 0.999" in errors[0] and "gain >= 0.9" in errors[1]
    # every run was complete
    assert "fine-tuned" in shown and "See runs/second-compare/" in shown
    after = pathlib.Path("runs/second-compare/compare.json").read_bytes()
    assert after == before
    first, *_, last = path.read_text("utf-8").splitlines()
    assert first == "# Purpose: tell digits apart."
    assert last == "--jit_compile=false"
    assert "# Measured: test accuracy over seeds 0 to 1 on" in path.read_text()


def test_a_metric_is_named(tmp_path, monkeypatch, capsys):
    shutil.copytree("runs", tmp_path / "runs")
    shutil.copy("second.flags", tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ["--seeds=1", "--beside=", "--require=acuracy>=0.9"]
    assert main(["compare", "second.flags", *words]) == 2
    assert 'did you mean "accuracy"' in capsys.readouterr().err


def test_an_error_names_the_variant(capsys):
    own = "--variant=wide: --freeze=conv9"
    words = ["second.flags", "--name=third", "--seeds=1", "--beside="]
    assert main(["compare", *words, own]) == 2
    error = capsys.readouterr().err
    assert error.startswith("keras-ptft: wide, seed 0: ")
    assert len(error.splitlines()) == 1


def test_processes_side_by_side_give_the_same(folder, tmp_path, monkeypatch):
    shutil.copytree(folder / "runs/first", tmp_path / "runs/first")
    shutil.copy(folder / "second.flags", tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ["second.flags", "--seeds=2", "--parallel=2"]
    assert main(["compare", *words]) == 0

    def values(place):
        path = place / "runs/second-compare/compare.json"
        return timeless(json.loads(path.read_text("utf-8")))

    assert values(tmp_path) == values(folder)


def test_one_that_was_killed_ends_with_the_same(folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path / "again")
    monkeypatch.chdir(tmp_path / "again")
    place = pathlib.Path("runs/second-compare")
    expected = timeless(read_json(place / "compare.json"))
    # as if it was killed in the last run but two, in its second epoch
    (place / "compare.json").unlink()
    (place / "compare.html").unlink()
    for name in ("probe-all-1", "linear-all-1"):
        shutil.rmtree(place / name)
    stopped = place / "scratch-all-1"
    for name in ("result.json", "report.html", "model.keras"):
        (stopped / name).unlink()
    config = CompareConfig(seeds=2)
    recipe = Config.from_flags(RECIPE)
    compare(recipe, config, path="second.flags")
    assert timeless(read_json(place / "compare.json")) == expected


def test_more_labels_in_the_same_steps():
    recipe = Config.from_flags(RECIPE).replace(name="third", epochs=2)
    config = CompareConfig(seeds=1, budgets="4,100%", beside="scratch")
    compared = compare(recipe, config)
    few, many = (result(f"fine-tuned-{b}-0", "third") for b in ("4", "100%"))
    assert many["data"]["splits"]["train"]["used"] > 100
    counts = few["data"]["splits"]["train"]["classes"]
    assert set(counts.values()) == {4}
    # the recipe takes 100 examples: 6 batches of 16 in each of 2 epochs; of 20
    # examples there is a batch an epoch
    assert len(few["history"]) == 12
    assert len(many["history"]) == 2
    budgets = list(compared.summary.sentences)
    assert budgets == ["4", "100%"]
