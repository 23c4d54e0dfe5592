"""What is removed, and what is not."""

import os
import re

import pytest

from keras_ptft.errors import UserError
from keras_ptft.runs.delete import delete_runs
from keras_ptft.runs.listing import list_runs
from tests.runs.folders import names, scored, write_run


def delete(folder, text):
    return delete_runs(text, list_runs(folder, within_comparisons=True))


def refused(folder, text):
    """The message, after which all is there."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(UserError) as caught:
        delete(folder, text)
    assert sorted(folder.rglob("*")) == before
    return str(caught.value)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "runs"
    write_run(folder / "a", result=scored(loss=1.0))
    write_run(folder / "b", result=scored(loss=1.0), init_from="a")
    write_run(folder / "c", init_from=str(folder / "b" / "backbone.keras"))
    (folder / "b" / "backbone.keras").write_bytes(bytes(2_000_000))
    return folder


@pytest.mark.slow
def test_real_runs(runs_dir):
    assert refused(runs_dir, "digits") == (
        f"{runs_dir / 'digits'} is the parent (init_from) of tuned: keep it, "
        "or --delete these too."
    )
    told = delete(runs_dir, "tuned")
    assert re.fullmatch(
        rf"Removed {runs_dir / 'tuned'}: \d\d files, 0\.\d MB\.", told[0]
    )
    # features of its frozen part are kept for other runs
    assert names(runs_dir) == [".features", "digits"]
    assert len(delete(runs_dir, "digits")) == 1
    assert names(runs_dir) == [".features"]


def test_a_run_goes_with_all_its_files(folder):
    (folder / "c" / "checkpoints").mkdir()
    (folder / "c" / "checkpoints" / "mine.txt").write_text("12345")
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (folder / "c" / "link").symlink_to(outside)
    (folder / "c" / "broken").symlink_to("nowhere")
    # flags, environment, mine.txt and a link to no folder
    (line,) = delete(folder, "c")
    assert line == f"Removed {folder / 'c'}: 4 files, 0.0 MB."
    assert names(folder) == ["a", "b"] and names(outside) == ["kept"]
    # and the pages, the result, and two million bytes
    (line,) = delete(folder, " b/ ")
    assert line == f"Removed {folder / 'b'}: 5 files, 2.0 MB."


def test_parents_stay(folder):
    parent = "is the parent (init_from) of"
    keep = "keep it, or --delete these too."
    assert refused(folder, "a") == f"{folder / 'a'} {parent} b: {keep}"
    assert refused(folder, "b") == f"{folder / 'b'} {parent} c: {keep}"
    assert refused(folder, "a,b") == f"{folder / 'b'} {parent} c: {keep}"
    assert len(delete(folder, "a,b,c,a")) == 3
    assert names(folder) == []


def test_many_children_are_counted(folder):
    for name in "defg":
        write_run(folder / "x-compare" / name, init_from=str(folder / "a"))
    assert refused(folder, "a") == (
        f"{folder / 'a'} is the parent (init_from) of b, x-compare/d, "
        "x-compare/e and 2 more: keep it, or --delete these too."
    )


def test_a_folder_that_was_moved(folder):
    moved = folder.rename(folder.with_name("moved"))
    # b names it in its own folder, c by a path that leads nowhere now
    assert " of b: " in refused(moved, "a")
    assert " of c: " in refused(moved, "b")


def test_a_run_of_that_name_elsewhere_is_no_parent(folder, tmp_path):
    write_run(tmp_path / "more" / "z")
    write_run(folder / "z")
    write_run(folder / "of z", init_from=str(tmp_path / "more" / "z"))
    assert len(delete(folder, "z")) == 1
    assert names(folder) == ["a", "b", "c", "of z"]


def test_a_child_whose_settings_are_damaged_still_has_a_parent(folder):
    text = "--init_from=a\n--of_a_later_version=1\n"
    (folder / "b" / "flags.flags").write_text(text)
    assert " of b: " in refused(folder, "a")
    (folder / "b" / "result.json").write_text("{")
    assert len(delete(folder, "b,c")) == 2


@pytest.mark.parametrize("text", ["d", "..", ".", "a,,b", "a/checkpoints"])
def test_what_is_no_run(folder, text):
    (folder / "a" / "checkpoints").mkdir()
    unknown = next(n for n in text.split(",") if n not in ("a", "b"))
    told = refused(folder, text)
    assert told.startswith(
        f"--delete must name runs in {folder}, as a,b, and there is no run "
        f"{unknown!r}"
    )
    assert told.endswith(": see keras-ptft runs --all.")


def test_the_nearest_run_is_named(folder):
    write_run(folder / "digits")
    assert "no run 'digit' (did you mean \"digits\"?)" in refused(
        folder, "digit"
    )


def test_a_comparison_is_no_run(folder):
    write_run(folder / "x-compare" / "d")
    assert "there is no run 'x-compare'" in refused(folder, "x-compare")


def test_a_folder_without_settings_is_no_run_folder(folder):
    (folder / "c" / "flags.flags").unlink()
    assert refused(folder, "c") == (
        f"{folder / 'c'} is not a run folder, expected flags.flags in it: "
        "look at what it holds, and remove it by hand."
    )


def test_a_link_is_not_followed(folder):
    moved = (folder / "c").rename(folder.parent / "c")
    (folder / "c").symlink_to(moved)
    assert refused(folder, "c") == (
        f"{folder / 'c'} is a link to another folder, expected a run folder: "
        "remove the link by hand."
    )


def test_a_run_that_another_process_writes_to_stays(folder):
    (folder / "c" / "checkpoints").mkdir()
    path = folder / "c" / "checkpoints" / f".partial-{os.getppid()}-x.npz"
    path.touch()
    assert refused(folder, "c") == (
        f"{folder / 'c'} is written to by another process: wait until that "
        "ends, or stop it."
    )
    # what a process left that was killed is no reason
    path.rename(path.with_name(".partial-999999999-x.npz"))
    assert delete(folder, "c") == [f"Removed {folder / 'c'}: 3 files, 0.0 MB."]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove from any folder")
def test_a_removal_that_fails_leaves_a_run(folder):
    (folder / "c" / "checkpoints").mkdir()
    (folder / "c" / "checkpoints" / "x").touch()
    (folder / "c" / "checkpoints").chmod(0o500)
    with pytest.raises(UserError) as caught:
        delete(folder, "c")
    assert str(caught.value).startswith(
        f"Cannot remove {folder / 'c'}: Permission denied."
    )
    assert (folder / "c" / "flags.flags").exists()
    (folder / "c" / "checkpoints").chmod(0o700)
    assert len(delete(folder, "c")) == 1
