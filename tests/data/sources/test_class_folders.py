import dataclasses
import os
import pathlib
import shutil

import pytest

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading
from keras_ptft.errors import UserError
from tests.data.sources.file_sets import SMALL, Folders, TextFolders, draw

folders_alone = pytest.mark.parametrize(
    "kind", [Folders(), TextFolders()], ids=str
)


@folders_alone
def test_every_file_is_accounted_for(tmp_path, kind):
    """An odd folder, of which each file is used or named with its reason."""
    values = {"cat": range(1, 5), "dog": range(5, 9)}
    spec = kind.build(tmp_path, {"train": values, "test": values})
    ending = kind.ending
    for name in (
        *("README.md", "train/list.csv", f"test/beside{ending}"),
        *(f".cache/a{ending}", f"train/cat/.thumbs/a{ending}"),
        *(f"__MACOSX/train/cat/._a{ending}", "train/dog/labels.xml"),
        *(f"masks/deep/a{ending}", f"masks/.a{ending}", f"._a{ending}"),
    ):
        kind.make(tmp_path / name, 3)
    (tmp_path / "train" / "cat" / f"gone{ending}").symlink_to("nowhere")
    elsewhere = tmp_path.parent / f"{tmp_path.name} elsewhere"
    kind.make(elsewhere / f"a{ending}", 4)
    (tmp_path / "train" / "dog" / "more").symlink_to(elsewhere)
    dataset = load(spec, kind.loading)
    accounted = account(dataset)
    assert accounted.found == kind.found(tmp_path) == 16 + 11
    assert {
        (part.reason, part.split): (part.count, dict(part.classes))
        for part in accounted.left_out
    } == {
        ("in no class folder", ""): (1, {}),
        ("hidden", ""): (4, {}),
        ("in a folder of no split", ""): (1, {}),
        ("in no class folder", "train"): (1, {}),
        ("in no class folder", "test"): (1, {}),
        ("hidden", "train"): (1, {"cat": 1}),
        ("that are broken links or no files", "train"): (1, {"cat": 1}),
        ("of a format that is not read", "train"): (1, {"dog": 1}),
    }
    notes = ("links to folders are not followed: train/dog/more",)
    assert dataset.notes[:1] == notes
    assert account(dataset).as_dict()["splits"]["train"] == {
        "used": 8,
        "left_out": 4,
        "classes": {"cat": 4, "dog": 4},
    }


@folders_alone
def test_folders_of_classes_may_be_links(tmp_path, kind):
    values = {"cat": range(1, 21), "dog": range(21, 41)}
    kind.build(tmp_path / "real", {"": values})
    (tmp_path / "set").mkdir()
    for name in values:
        (tmp_path / "set" / name).symlink_to(tmp_path / "real" / name)
    dataset = load(f"{kind.row}:{tmp_path / 'set'}", kind.loading)
    assert account(dataset).found == 40 and dataset.notes == ()


@folders_alone
def test_one_class_is_named_like_a_split(tmp_path, kind):
    values = {"car": range(1, 21), "plane": range(21, 41)}
    spec = kind.build(tmp_path, {"": {**values, "train": range(50, 70)}})
    dataset = load(spec, kind.loading)
    assert dataset.label_names == ("car", "plane", "train")
    note = "folder train is taken for a class, as car beside it is"
    assert dataset.notes == (note,)


@folders_alone
def test_the_folder_of_one_class_is_told_of_the_one_above(
    tmp_path, kind, monkeypatch
):
    kind.build(tmp_path / "set", {"": {"cat": [1], "dog": [2]}})
    hint = "if it is one class of cat, dog, give --dataset="
    for path in (tmp_path / "set" / "cat", "set/cat"):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UserError) as caught:
            load(f"{kind.row}:{path}", kind.loading)
        above = pathlib.Path(path).parent
        assert f"{hint}{kind.row}:{above}, or sort " in str(caught.value)
    shutil.rmtree(tmp_path / "set" / "dog")
    with pytest.raises(UserError) as caught:
        load(f"{kind.row}:set/cat", kind.loading)
    assert "no folder: sort " in str(caught.value)


@folders_alone
def test_splits_inside_of_class_folders_are_told_of(tmp_path, kind):
    spec = kind.build(
        tmp_path,
        {"cat": {"train": range(9), "test": [30]}, "dog": {"x": range(9, 18)}},
    )
    dataset = load(spec, kind.loading)
    assert dataset.label_names == ("cat", "dog")
    note = "folders inside of class folders are not read as splits: cat/test"
    assert dataset.notes == (f"{note}, cat/train",)


@folders_alone
def test_a_folder_in_a_folder(tmp_path, kind):
    def refused(path=tmp_path):
        with pytest.raises(UserError) as caught:
            load(f"{kind.row}:{path}", kind.loading)
        return str(caught.value)

    kind.build(tmp_path / "a" / "b", {"": {"cat": [1], "dog": [2]}})
    inner = tmp_path / "a" / "b"
    assert refused() == (
        f"{tmp_path} holds one single folder, below which are the folders "
        f"cat, dog: give --dataset={kind.row}:{inner}, or move them up."
    )
    os.rename(tmp_path / "a", tmp_path / "train")
    assert refused() == (
        f"{tmp_path / 'train'} holds one single folder, below which are the "
        "folders cat, dog: move them up."
    )
    inner = tmp_path / "train" / "b"
    shutil.rmtree(inner / "dog")
    assert "must have at least two classes, got only 'b'" in refused()
    (inner / "cat").rename(inner.parent / "cat")
    inner.rmdir()
    assert "must have at least two classes, got only 'cat'" in refused()


@folders_alone
def test_no_class_folders(tmp_path, kind):
    root = tmp_path / "set"
    for value in range(3):
        kind.make(root / f"{value}{kind.ending}", value)
    with pytest.raises(UserError) as caught:
        load(f"{kind.row}:{root}", kind.loading)
    what = "images" if kind.row == "folder" else "texts"
    assert str(caught.value).startswith(
        f"{root} must hold one folder for each class, got 3 {what} and no "
        f"folder: sort the {what} into class folders, or "
    )
    assert "\n" not in str(caught.value)


@folders_alone
def test_a_class_folder_without_files(tmp_path, kind):
    spec = kind.build(tmp_path, {"": {"cat": [1], "dog": [2]}})
    (tmp_path / "eel").mkdir()
    (tmp_path / "eel" / "a.psd").write_text("")
    with pytest.raises(UserError) as caught:
        load(spec, kind.loading)
    what = "images (.jpg, " if kind.row == "folder" else "texts (.txt)"
    message = f"Class folder {tmp_path / 'eel'} has no {what}"
    assert str(caught.value).startswith(message)


@folders_alone
def test_splits_without_one_to_train_on(tmp_path, kind):
    values = {"cat": [1, 2], "dog": [3, 4]}
    spec = kind.build(tmp_path, {"test": values, "dev": values})
    message = "must have a train split, got validation, test: add one"
    with pytest.raises(UserError, match=message):
        load(spec, kind.loading)
    splits = load(spec, dataclasses.replace(kind.loading, scoring=True)).splits
    assert list(splits) == ["validation", "test"]
    assert splits["test"].labels.tolist() == [0, 0, 1, 1]


@folders_alone
def test_settings_of_tables_are_refused(tmp_path, kind):
    spec = kind.build(tmp_path, {"": {"cat": [1], "dog": [2]}})
    for name in ("group_column", "image_column", "image_root"):
        message = f"^--{name}=x is not for --dataset={kind.row}, which has"
        with pytest.raises(UserError, match=message):
            load(spec, Loading(**{name: "x"}))


def test_names_that_are_no_unicode(tmp_path):
    for name in (b"cat", b"d\xf6g"):
        folder = pathlib.Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        for value in range(9):
            draw(folder / f"{value}.png", value + len(name))
    message = "The name of class folder .* must be in UTF-8: rename it."
    with pytest.raises(UserError, match=message):
        load(f"folder:{tmp_path}", SMALL)
    os.rename(os.fsencode(tmp_path) + b"/d\xf6g", tmp_path / "dog")
    (tmp_path / "dog" / os.fsdecode(b"\xf6.psd")).write_text("")
    (tmp_path / "dog" / "ü a\n.psd").write_text("")
    (left_out,) = load(f"folder:{tmp_path}", SMALL).left_out
    assert left_out.first == ("dog/ü a\\n.psd", "dog/\\udcf6.psd")
