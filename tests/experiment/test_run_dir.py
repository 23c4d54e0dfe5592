"""A run folder is one run's: begun, gone on with, complete."""

import shutil

import pytest

from keras_ptft import files
from keras_ptft.config import Config
from keras_ptft.errors import DiskError, TrainingInterrupted, UserError
from keras_ptft.experiment import run_dir
from keras_ptft.experiment.failure import read_failure
from keras_ptft.experiment.results import RunResult
from keras_ptft.experiment.run_dir import State
from keras_ptft.training.checkpointing.store import Checkpoint, Checkpoints
from keras_ptft.training.nonfinite import NonFiniteError

CONFIG = Config(name="x", epochs=3)
PROVENANCE = {"data": {"train": "a" * 32}, "parent": ""}
PARENT = {"parent": ""}
DEAD = ".partial-999999999-"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "x"


def die_in(folder, config=CONFIG, provenance=PROVENANCE, error=None):
    """A run that begins, writes some of its files, and ends there."""
    with run_dir.exclusive_run(folder, config, provenance):
        Checkpoints(folder / "checkpoints").write(
            Checkpoint(7, {}, {"resumed": []})
        )
        (folder / "model.keras").write_text("weights")
        if error is not None:
            raise error


def names(folder):
    return {path.name for path in folder.iterdir()}


BEGUN = {"flags.flags", "environment.json", "checkpoints", "model.keras"}


def test_what_was_begun_stays(folder):
    assert run_dir.decide(folder, CONFIG, PARENT) is State.NEW
    assert not folder.exists()
    die_in(folder)
    assert names(folder) == BEGUN
    known = files.read_json(folder / "environment.json")
    assert known["data"] == PROVENANCE["data"]
    (folder / "model.keras").write_text("more")
    assert run_dir.decide(folder, CONFIG, PARENT) is State.RESUME
    with run_dir.exclusive_run(folder, CONFIG, PROVENANCE):
        assert (folder / "model.keras").read_text() == "more"


def test_circumstances_may_change(folder):
    die_in(folder)
    now = CONFIG.replace(checkpoint_every="60s", keep_checkpoints=9)
    now = now.replace(export_to="saved_models/x")
    with run_dir.exclusive_run(folder, now, PROVENANCE):
        assert names(folder) == BEGUN
    assert run_dir.read_config(folder) == now


@pytest.mark.parametrize(("size", "parts"), [(32, 2), (16, 4)])
def test_batches_may_shrink_where_steps_stay(folder, caplog, size, parts):
    die_in(folder)
    now = CONFIG.replace(batch_size=size, gradient_accumulation=parts)
    assert run_dir.open_run(folder, now, PARENT) is None
    assert caplog.messages == [
        f"Resuming the incomplete run in {folder}.",
        f"Resuming with batches of {size}, {parts} a step (64 before): the "
        "result is the same but for rounding, unless there is batch "
        "normalization or dropout, which see other batches.",
    ]
    with run_dir.exclusive_run(folder, now, PROVENANCE):
        assert names(folder) == BEGUN
    assert run_dir.read_config(folder) == now
    RunResult(run="x", stage="pretrain").write(folder)
    assert run_dir.decide(folder, CONFIG, PARENT) is State.COMPLETE


@pytest.mark.parametrize("size", [64, 16])
def test_steps_of_another_size_are_refused(folder, size):
    die_in(folder)
    other = CONFIG.replace(batch_size=size, gradient_accumulation=2)
    message = "--gradient_accumulation=1 there, 2 now"
    with pytest.raises(UserError, match=message):
        run_dir.decide(folder, other, PARENT)
    RunResult(run="x", stage="pretrain").write(folder)
    with pytest.raises(UserError, match=message):
        run_dir.decide(folder, other, PARENT)


def test_settings_that_an_editor_on_windows_saved(folder):
    die_in(folder)
    path = folder / "flags.flags"
    lines = path.read_text("utf-8").replace("\n", "\r\n")
    path.write_bytes(lines.encode("utf-8-sig"))
    assert run_dir.read_config(folder) == CONFIG
    assert run_dir.decide(folder, CONFIG, PARENT) is State.RESUME
    path.write_bytes(lines.encode("utf-16"))
    with pytest.raises(UserError, match=r"Expected .* in UTF-8: restore"):
        run_dir.read_config(folder)


def test_other_settings_are_refused_and_overwritten(folder):
    die_in(folder)
    other = CONFIG.replace(epochs=4)
    message = r"\(--epochs=3 there, 4 now\): choose another --name, or --over"
    with pytest.raises(UserError, match=message):
        run_dir.open_run(folder, other, PARENT)
    with run_dir.exclusive_run(
        folder, other.replace(overwrite=True), PROVENANCE
    ):
        assert names(folder) == {"flags.flags", "environment.json"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"data": {"train": "b" * 32}}, "was run on data that changed"),
        ({"parent": "b" * 32}, "was trained from weights that chang"),
    ],
)
def test_another_provenance_is_refused_and_overwritten(folder, changed, told):
    die_in(folder)
    now = PROVENANCE | changed
    with pytest.raises(UserError, match=told) as caught:
        die_in(folder, provenance=now)
    assert "\n" not in str(caught.value)
    assert names(folder) == BEGUN
    with run_dir.exclusive_run(folder, CONFIG.replace(overwrite=True), now):
        assert names(folder) == {"flags.flags", "environment.json"}


def test_overwriting_goes_on_with_what_it_began(folder):
    # or a job that is started again and again would never end
    config = CONFIG.replace(overwrite=True)
    die_in(folder, config)
    with run_dir.exclusive_run(folder, config, PROVENANCE):
        assert names(folder) == BEGUN


def test_killed_between_its_first_two_files(folder):
    die_in(folder)
    (folder / "environment.json").unlink()
    die_in(folder)
    known = files.read_json(folder / "environment.json")
    assert known["data"] == PROVENANCE["data"]


def test_killed_in_the_write_of_its_first_file(folder):
    folder.mkdir(parents=True)
    (folder / f"{DEAD}flags.flags").write_text("--name")
    assert run_dir.decide(folder, CONFIG, PARENT) is State.NEW
    die_in(folder)
    assert names(folder) == BEGUN


@pytest.mark.parametrize("place", ["", "checkpoints", "scratch/checkpoints"])
def test_leftovers_of_a_kill_are_removed(folder, place):
    die_in(folder)
    (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / place / f"{DEAD}x.npz").write_text("half")
    (folder / place / "mine.npz").write_text("mine")
    run_dir.open_run(folder, CONFIG, PARENT)
    assert not list(folder.rglob(".partial-*"))
    assert (folder / place / "mine.npz").exists()


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (UserError("mistake"), False),
        (DiskError("full"), True),
        (TrainingInterrupted("on request", 15), True),
        (RuntimeError("ours"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_mistake_leaves_nothing_and_anything_else_all(folder, error, stays):
    with pytest.raises(type(error)):
        die_in(folder, error=error)
    assert folder.exists() == stays
    if stays:
        assert names(folder) == BEGUN


def test_a_mistake_later_on_takes_nothing_away(folder):
    die_in(folder)
    with pytest.raises(UserError):
        die_in(folder, error=UserError("not finite"))
    assert names(folder) == BEGUN


NOT_A_NUMBER = NonFiniteError("The loss is not finite.", {"step": 9})


def test_what_does_a_step_again_is_kept(folder):
    told = r"^The loss is not finite\. keras_ptft\.replay\('.*x'\) in Python"
    with pytest.raises(UserError, match=told):
        die_in(folder, error=NOT_A_NUMBER)
    assert names(folder) == {"nonfinite"}
    kept = folder / "nonfinite"
    assert names(kept) == BEGUN - {"model.keras"} | {"step.json"}
    assert read_failure(folder) == {"step": 9}
    assert Checkpoints(kept / "checkpoints").latest().step == 7
    # the user may try again with other settings
    other = CONFIG.replace(learning_rate=1e-4)
    assert run_dir.decide(folder, other, PARENT) is State.NEW
    die_in(folder, other)
    assert names(folder) == BEGUN


def test_a_resumed_run_keeps_all_and_the_step(folder):
    die_in(folder)
    for _ in range(2):
        with pytest.raises(UserError, match="is not finite"):
            die_in(folder, error=NOT_A_NUMBER)
        assert names(folder) == BEGUN | {"nonfinite"}


def test_a_folder_without_such_a_step(folder):
    die_in(folder)
    told = "x must be the folder of a run whose loss was not finite, got none"
    with pytest.raises(UserError, match=told):
        read_failure(folder)


def test_a_complete_run_says_so(folder, caplog):
    die_in(folder)
    result = RunResult(run="x", stage="pretrain")
    result.write(folder)
    assert run_dir.decide(folder, CONFIG, PARENT) is State.COMPLETE
    assert run_dir.open_run(folder, CONFIG, PARENT) == result
    assert caplog.messages == [f"{folder} is complete already."]
    shutil.rmtree(folder / "checkpoints")
    with run_dir.exclusive_run(
        folder, CONFIG.replace(overwrite=True), PROVENANCE
    ):
        assert names(folder) == {"flags.flags", "environment.json"}
