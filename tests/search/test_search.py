"""Searches on the bundled digits, killed and resumed too."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

import keras_ptft
from keras_ptft import Config, UserError
from keras_ptft.experiment import stages
from keras_ptft.experiment.run_dir import read_config
from keras_ptft.files import read_json
from keras_ptft.main import main
from keras_ptft.search import run
from keras_ptft.search.settings import TuneConfig
from keras_ptft.search.trial import run_trial
from keras_ptft.search.tune import tune

pytestmark = pytest.mark.slow

RECIPE = """\
# Purpose: tell digits apart.
--name=small
--dataset=npz:digits.npz
--backbone=mlp(hidden=[8])
--learning_rate=0.001
--epochs=2
--jit_compile=false
"""
SEARCH = TuneConfig(
    search="learning_rate=log(1e-3,1e-1) optimizer=adam,'sgd(momentum=0.9)'",
    trials=4,
)


def write_digits(path, *, other_test=False):
    """300 digits to learn from and 100 to test on, or others than these."""
    digits = load_digits()
    images = digits.images.astype(np.uint8)
    test = slice(400, 500) if other_test else slice(300, 400)
    labels = digits.target[test]
    np.savez(
        path,
        x_train=images[:300],
        y_train=digits.target[:300],
        x_test=images[test],
        y_test=9 - labels if other_test else labels,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with data and a recipe, searched."""
    folder = tmp_path_factory.mktemp("tune")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_digits("digits.npz")
        pathlib.Path("small.flags").write_text(RECIPE, "utf-8")
        words = ["small.flags", f"--search={SEARCH.search}", "--trials=4"]
        assert main(["tune", *words]) == 0
    return folder


@pytest.fixture(autouse=True)
def in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def found(name="small-tune"):
    return read_json(f"runs/{name}/tune.json")


def untimed(trials):
    return [{k: v for k, v in t.items() if k != "seconds"} for t in trials]


def as_found(trials):
    return untimed(
        json.loads(json.dumps(list(map(dataclasses.asdict, trials))))
    )


def result(number, name="small-tune"):
    return read_json(f"runs/{name}/trial-{number:03}/result.json")


def test_trials_are_judged_by_their_validation_split():
    searched = found()
    assert [trial["number"] for trial in searched["trials"]] == [0, 1, 2, 3]
    for trial in searched["trials"]:
        metrics = result(trial["number"])["metrics"]
        for name, value in trial["metrics"].items():
            assert metrics["validation"][name] == value
        scored = trial["number"] in (0, searched["best"])
        assert ("test" in metrics) is scored
        config = read_config(f"runs/small-tune/trial-{trial['number']:03}")
        for name, value in trial["settings"].items():
            assert getattr(config, name) == value
    assert searched["metric"] == "accuracy"
    scores = [trial["metrics"]["accuracy"] for trial in searched["trials"]]
    assert scores[searched["best"]] == max(scores)


def test_the_test_scores_are_those_of_the_kept_models():
    searched = found()
    for name, number in (("recipe", 0), ("best", searched["best"])):
        test = result(number)["metrics"]["test"]
        assert searched["test"][name]["accuracy"] == test["accuracy"]
        report = pathlib.Path(f"runs/small-tune/trial-{number:03}/report.html")
        assert report.exists()


def test_what_was_found_is_a_recipe_that_gives_the_same():
    best = pathlib.Path("runs/small-tune/best.flags")
    assert main(["run", str(best)]) == 0
    again = read_json("runs/small_tuned/result.json")["metrics"]
    assert again == result(found()["best"])["metrics"]


def test_the_test_split_decides_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_digits("digits.npz", other_test=True)
    tuned = tune(Config.from_flags(RECIPE), SEARCH, path="small.flags")
    searched = read_json(folder / "runs/small-tune/tune.json")
    assert as_found(tuned.found.trials) == untimed(searched["trials"])
    assert tuned.found.best == searched["best"]
    assert tuned.found.test != searched["test"]


def test_a_search_that_was_killed_goes_on_as_if_it_had_not(
    folder, tmp_path, monkeypatch, caplog, capsys
):
    class Killed(BaseException):
        pass

    def killed_in_the_third(order):
        if order.number == 2:
            # in the middle of its training, with a checkpoint of an epoch
            run_trial(order)
            (tmp_path / "runs/small-tune/trial-002/result.json").unlink()
            raise Killed
        return run_trial(order)

    monkeypatch.chdir(tmp_path)
    write_digits("digits.npz")
    recipe = Config.from_flags(RECIPE)
    with monkeypatch.context() as patch:
        patch.setattr(run, "run_trial", killed_in_the_third)
        with pytest.raises(Killed):
            tune(recipe, SEARCH)
    searched = read_json(folder / "runs/small-tune/tune.json")
    tuned = tune(recipe, SEARCH)
    assert as_found(tuned.found.trials) == untimed(searched["trials"])
    # again: every trial is known
    caplog.clear()
    again = tune(recipe, SEARCH)
    assert again.found == tuned.found
    assert caplog.messages == ["Scoring on the test split."]
    # a trial can be scored on its test split later
    (other, *_) = {1, 2, 3} - {tuned.found.best}
    scores = keras_ptft.evaluate(f"runs/small-tune/trial-{other:03}")
    assert scores["examples"] == 100
    # the data change: what is trained now cannot be compared
    data = dict(np.load("digits.npz"))
    np.savez("digits.npz", **{**data, "y_train": data["y_train"][::-1]})
    with pytest.raises(UserError) as caught:
        tune(recipe, dataclasses.replace(SEARCH, trials=5))
    assert str(caught.value) == (
        "runs/small-tune/trial-004 was trained on data that changed since the "
        "first trial: choose another --name, or --overwrite the search."
    )
    # the runs of a search are no runs of their own
    capsys.readouterr()
    assert main(["runs"]) == 0
    assert "left out (small-tune): see --all" in capsys.readouterr().out
    assert main(["runs", "--all", "--sort=seconds"]) == 0
    assert "small-tune/trial-003" in capsys.readouterr().out


def test_processes_find_the_same(folder, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    write_digits("digits.npz")
    capfd.readouterr()
    searching = dataclasses.replace(SEARCH, parallel=2)
    tuned = run.search(Config.from_flags(RECIPE), searching)
    # what is proposed first depends on the seed and the number alone
    searched = read_json(folder / "runs/small-tune/tune.json")["trials"]
    assert len(tuned.trials) == len(searched)
    for mine, other in zip(tuned.trials, searched, strict=True):
        assert mine.number == other["number"]
        assert mine.settings == other["settings"]
        assert mine.metrics == pytest.approx(other["metrics"], rel=1e-4)
    # TensorFlow's chatter when a process begins
    assert capfd.readouterr().err == ""


def test_weak_trials_are_stopped_after_few_epochs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_digits("digits.npz")
    searching = TuneConfig(
        search="learning_rate=0.03,1e-6 batch_size=32,64",
        trials=5,
        method="hyperband",
    )
    searched = run.search(Config.from_flags(RECIPE), searching)
    stopped = [t for t in searched.trials if t.state == "stopped"]
    assert {t.settings["learning_rate"] for t in stopped} == {1e-6}
    for trial in searched.trials:
        place = f"runs/small-tune/trial-{trial.number:03}"
        lines = pathlib.Path(place, "history.csv").read_text().splitlines()
        # a heading, and an epoch a line
        assert len(lines) == (2 if trial in stopped else 3)
        is_complete = pathlib.Path(place, "result.json").exists()
        assert is_complete == (trial not in stopped)


def test_a_budget_without_a_search(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = Config(
        name="first",
        classes="0-4",
        image_size=8,
        backbone="cnn_single(filters=[4], dense=4)",
        epochs=1,
        train_examples=60,
        batch_size=30,
        explain=False,
        jit_compile="false",
    )
    stages.pretrain(first)
    recipe = first.replace(
        name="second", classes="5-9", init_from="first", backbone=""
    )
    # the start, and whether there is time for the probe; then it is late
    ticks = iter([0.0, 0.0, *[1e6] * 100])
    searched = run.search(
        recipe, TuneConfig(budget="1h"), clock=lambda: next(ticks)
    )
    labels = [trial.label for trial in searched.trials]
    assert labels == ["the recipe as it is", "probe"]
    assert all(trial.state == "complete" for trial in searched.trials)
    assert searched.notes == [
        "The time of 1h was up after 2 trials.",
        "Not tried: last block, whole backbone, freeze=flatten, freeze=none, "
        "optimizer=adamw, optimizer=sgd(momentum=0.9), augment=shift.",
    ]
    # with more time, the others come
    more = TuneConfig(budget="1h", trials=5)
    searched = run.search(recipe, more, clock=lambda: 0.0)
    labels = [trial.label for trial in searched.trials]
    assert labels[:4] == [
        "the recipe as it is",
        "probe",
        "last block",
        "whole backbone",
    ]
    assert len(labels) == 5


def test_trials_that_fail_are_named_and_skipped(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    write_digits("digits.npz")
    recipe = Config.from_flags(RECIPE).replace(optimizer="sgd")
    searching = TuneConfig(
        search="clip_norm=0.0,1.0 resize=stretch,'crop(share=7)'",
        trials=5,
        method="random",
    )
    tuned = tune(recipe, searching)
    failed = [t for t in tuned.found.trials if t.state == "failed"]
    assert failed
    assert all(t.settings["resize"] == "crop(share=7)" for t in failed)
    assert f"trial {failed[0].number}: failed, " in caplog.text
    assert "Of the trials, " in " ".join(tuned.sentences)


def test_a_recipe_without_validation(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_digits("digits.npz")
    pathlib.Path("a.flags").write_text(
        RECIPE + "--validation_fraction=0\n", "utf-8"
    )
    assert main(["tune", "a.flags"]) == 2
    assert capsys.readouterr().err == (
        "keras-ptft: tune judges trials by a validation split, and this "
        "recipe has none: set --validation_fraction=0.1.\n"
    )
    assert not list(tmp_path.glob("runs/small-tune/trial-*"))
