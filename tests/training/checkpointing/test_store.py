"""Checkpoints are complete or absent, and few of them stay."""

import json
import re

import numpy as np
import pytest

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.training.checkpointing.store import (
    Checkpoint,
    Checkpoints,
    Interval,
    parse_interval,
)


def checkpoint(step, **facts):
    arrays = {
        "0000 dense/kernel": np.full((2, 3), step, np.float32),
        "0001 seed": np.array([step, 2**63], np.uint64),
        "0002 scale": np.float32(step),
        "0003 nothing": np.zeros((0, 4), np.int64),
    }
    return Checkpoint(step, arrays, {"resumed": [], **facts})


def steps(folder):
    return sorted(int(p.name.split("-")[1]) for p in folder.glob("step-*"))


def assert_same(one, other):
    assert (one.step, one.facts) == (other.step, other.facts)
    assert list(one.arrays) == list(other.arrays)
    for name, array in one.arrays.items():
        found = other.arrays[name]
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("epoch", Interval(epochs=1)),
        ("never", Interval()),
        ("1", Interval(steps=1)),
        ("500", Interval(steps=500)),
        ("60s", Interval(seconds=60.0)),
    ],
)
def test_intervals(text, interval):
    assert parse_interval(text) == interval


@pytest.mark.parametrize(
    "text",
    ["", "0", "0s", "-1", "1.5", "60 s", "60m", "s", "epochs", "1" * 10, "٣"],
)
def test_malformed_intervals(text):
    with pytest.raises(UserError) as caught:
        parse_interval(text)
    assert str(caught.value) == (
        "--checkpoint_every must be epoch, never, steps as 500 or seconds as "
        f"60s, got {text!r}."
    )


def test_what_is_written_is_read(tmp_path):
    checkpoints = Checkpoints(tmp_path / "new" / "folder")
    assert checkpoints.latest() is None
    written = checkpoint(7, rows=[{"loss": 0.1 + 0.2}], best=None)
    checkpoints.write(written)
    assert_same(checkpoints.latest(), written)
    assert any(checkpoints.folder.glob("step-*"))
    assert Checkpoint(9, {}, {"resumed": [3]}).resumed == [3, 9]


def test_names_have_the_step_and_a_digest(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(checkpoint(7))
    (path,) = tmp_path.iterdir()
    assert re.fullmatch("step-000000007-[0-9a-f]{32}.npz", path.name)
    # the same content has the same name, other content another name
    checkpoints.write(checkpoint(7))
    assert list(tmp_path.iterdir()) == [path]
    checkpoints.write(checkpoint(7, more=1))
    (other,) = tmp_path.iterdir()
    assert other.name[:15] == path.name[:15] and other != path


@pytest.mark.parametrize(
    ("keep", "best", "left"),
    [
        (1, {}, [50]),
        (2, {}, [40, 50]),
        (9, {}, [10, 20, 30, 40, 50]),
        # 20 was the best until 30 was, and 30 stays
        (1, {20: 20, 30: 30, 40: 30, 50: 30}, [30, 50]),
        (2, {10: 10, 20: 10, 30: 10, 40: 10, 50: 10}, [10, 40, 50]),
        (2, {50: 50}, [40, 50]),
    ],
)
def test_the_latest_and_the_best_stay(tmp_path, keep, best, left):
    checkpoints = Checkpoints(tmp_path, keep=keep)
    for step in (10, 20, 30, 40, 50):
        checkpoints.write(checkpoint(step), best.get(step))
    assert steps(tmp_path) == left


def test_steps_are_ordered_as_numbers(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=1)
    for step in (999_999_999, 1_000_000_000, 2_000_000_000):
        checkpoints.write(checkpoint(step))
    assert steps(tmp_path) == [2_000_000_000]
    assert checkpoints.latest().step == 2_000_000_000


def test_every_flipped_byte_is_noticed(tmp_path, caplog):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(checkpoint(1))
    checkpoints.write(checkpoint(2))
    newest = max(tmp_path.iterdir())
    whole = newest.read_bytes()
    skipped = 0
    for position in range(0, len(whole), 3):
        broken = bytearray(whole)
        broken[position] ^= 1 << position % 8
        newest.write_bytes(broken)
        found = checkpoints.latest()
        # dates and attributes in the archive are not content
        assert_same(found, checkpoint(found.step))
        skipped += found.step == 1
    assert skipped > len(whole) / 9
    assert all(r.levelname == "WARNING" for r in caplog.records)
    assert len(caplog.records) == skipped


@pytest.mark.parametrize("size", [0, 1, 100, -1, -30])
def test_a_cut_one_is_skipped_with_a_warning(tmp_path, caplog, size):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(checkpoint(1))
    checkpoints.write(checkpoint(2))
    newest = max(tmp_path.iterdir())
    newest.write_bytes(newest.read_bytes()[:size])
    assert_same(checkpoints.latest(), checkpoint(1))
    (message,) = caplog.messages
    assert f"Checkpoint {newest} is damaged (" in message
    assert message.endswith("from an earlier one or from the start.")
    assert "\n" not in message


def test_another_content_under_the_name_is_damage(tmp_path, caplog):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(checkpoint(1))
    (path,) = tmp_path.iterdir()
    with open(path, "wb") as file:
        np.savez(file, **checkpoint(1).arrays, facts=np.array(json.dumps({})))
    assert checkpoints.latest() is None
    assert "its checksum differs" in caplog.text


def test_damaged_ones_make_room_for_whole_ones(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.write(checkpoint(900))
    next(tmp_path.iterdir()).write_bytes(b"")
    assert checkpoints.latest() is None
    # the training starts from the beginning, with earlier checkpoints
    checkpoints.write(checkpoint(100))
    assert steps(tmp_path) == [100]
    assert checkpoints.latest().step == 100


def test_foreign_files_are_neither_read_nor_removed(tmp_path, caplog):
    digest = "0" * 32
    foreign = [
        *("note.txt", "step-1.npz", f"step-1-{digest}.npz", "weights.npz"),
        *(f"step-000000009-{digest}.npz.old", f"xstep-000000009-{digest}.npz"),
        *(f"step-000000009-{digest.upper()[:-1]}G.npz", ".partial-x"),
    ]
    for name in foreign:
        (tmp_path / name).write_text("mine")
    checkpoints = Checkpoints(tmp_path, keep=1)
    assert checkpoints.latest() is None
    for step in (1, 2, 3):
        checkpoints.write(checkpoint(step), best=1)
    assert checkpoints.latest().step == 3
    checkpoints.remove()
    assert {path.name for path in tmp_path.iterdir()} == set(foreign)
    assert all((tmp_path / n).read_text() == "mine" for n in foreign)
    assert not caplog.records


def test_removing_all_removes_an_empty_folder(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.remove()
    checkpoints.write(checkpoint(1))
    checkpoints.remove()
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    left = {
        ".partial-1-model.keras": True,  # process 1 lives
        ".partial-999999999-step-000000001.npz": False,
        ".partial-0999999999-x": True,
        ".partial-x-model.keras": True,
        ".partial-999999999-": True,
        "partial-999999999-model.keras": True,
    }
    for name in left:
        (tmp_path / name).write_text("x")
    files.remove_leftovers(tmp_path)
    files.remove_leftovers(tmp_path / "missing")
    stay = {name for name, stays in left.items() if stays}
    assert {path.name for path in tmp_path.iterdir()} == stay


def test_leftovers_of_this_very_process_are_an_earlier_ones(tmp_path):
    with files.replacing(tmp_path / "x") as partial:
        partial.write_text("x")
        files.remove_leftovers(tmp_path)
        assert not partial.exists()
        partial.write_text("x")
    assert (tmp_path / "x").exists()
