"""Every run of a folder, and what is no run."""

import shutil
import sys

import pytest

from keras_ptft.comparison.compare import compare
from keras_ptft.comparison.settings import CompareConfig
from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.runs.delete import delete_runs
from keras_ptft.runs.listing import list_runs
from tests.runs.folders import scored, write_run


def listed(folder, within_comparisons=False):
    found = list_runs(folder, within_comparisons=within_comparisons)
    return [run.name for run in found.runs], found.comparisons, found.others


def test_real_runs(runs_dir):
    assert listed(runs_dir) == (["digits", "tuned"], [], [])
    found = list_runs(runs_dir, within_comparisons=True).runs
    assert [run.state for run in found] == ["complete"] * 2


@pytest.mark.slow
def test_a_real_comparison(trained, tmp_path):
    tuned = Config.from_flags((trained / "tuned" / "flags.flags").read_text())
    digits = shutil.copytree(trained / "digits", tmp_path / "digits")
    recipe = tuned.replace(runs_dir=str(tmp_path))
    compare(recipe, CompareConfig(seeds=1, beside="linear"))
    assert listed(tmp_path) == (["digits"], ["tuned-compare"], [])
    found = list_runs(tmp_path, within_comparisons=True)
    cells = ["fine-tuned-all-0", "linear-all-0"]
    names = ["digits", *(f"tuned-compare/{name}" for name in cells)]
    assert [run.name for run in found.runs] == names
    stages = ["pretrain", "finetune", "linear"]
    assert [run.stage for run in found.runs] == stages
    with pytest.raises(UserError) as caught:
        delete_runs("digits", found)
    assert str(caught.value) == (
        f"{digits} is the parent (init_from) of {names[1]}, {names[2]}: keep "
        "it, or --delete these too."
    )
    assert len(delete_runs(",".join(names), found)) == 3
    assert listed(tmp_path, within_comparisons=True) == ([], [], [])


def test_what_is_no_run(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "file").touch()
    write_run(tmp_path / "a-compare", result=scored(loss=1.0))
    (tmp_path / "b-compare" / "nothing").mkdir(parents=True)
    write_run(tmp_path / "b-compare" / "a-10%-0")
    assert listed(tmp_path) == (["a-compare"], ["b-compare"], ["notes"])
    assert listed(tmp_path, within_comparisons=True) == (
        ["a-compare", "b-compare/a-10%-0"],
        [],
        ["notes"],
    )


def test_no_such_folder(tmp_path):
    write_run(tmp_path / "runs" / "a")
    for name, message in [
        (
            "nowhere",
            f"Expected a folder of runs at {tmp_path / 'nowhere'}, there is "
            "none: name the --runs_dir of the runs.",
        ),
        (
            "runs/a/flags.flags",
            f"Expected a folder of runs at {tmp_path / 'runs/a/flags.flags'}, "
            "there is a file: name the --runs_dir of the runs.",
        ),
        (
            "runs/a",
            f"{tmp_path / 'runs/a'} is a run folder, expected a folder that "
            f"holds some: name {tmp_path / 'runs'}.",
        ),
    ]:
        with pytest.raises(UserError) as caught:
            listed(tmp_path / name)
        assert str(caught.value) == message


def calls_of_listing(folder):
    """How many Python functions a listing calls: a time without a clock."""
    count = 0

    def on_event(_frame, event, _arg):
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        list_runs(folder, within_comparisons=True)
    finally:
        sys.setprofile(before)
    return count


def test_the_work_grows_with_the_number_of_runs(tmp_path):
    for index in range(200):
        write_run(
            tmp_path / "many" / f"run-{index:03}",
            result=scored(accuracy=index / 200),
            seed=index,
            init_from=f"run-{index - 1:03}" if index else "",
        )
        if index == 99:
            half = calls_of_listing(tmp_path / "many")
    runs = list_runs(tmp_path / "many", within_comparisons=True).runs
    assert [run.settings["seed"] for run in runs] == [
        str(index) for index in range(200)
    ]
    assert calls_of_listing(tmp_path / "many") == pytest.approx(
        2 * half, rel=0.02
    )
