"""A path alone, and the row that reads it."""

import pytest

from keras_ptft.data import Loading, load, named
from keras_ptft.errors import UserError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "digits"):
        (tmp_path / name).mkdir()
    (tmp_path / "a: b.CSV").write_text("a,label\n")
    return tmp_path


@pytest.mark.parametrize(
    ("spec", "row"),
    [
        ("photos", "folder"),
        ("{here}/photos", "folder"),
        ("./photos/", "folder"),
        ("a: b.CSV", "csv"),
        ("gone/wines.csv", "csv"),
        ("x.npz", "npz"),
        ("x.tsv", "tsv"),
        ("x.jsonl", "jsonl"),
        ("x.parquet", "parquet"),
    ],
)
def test_a_path_alone_is_told_its_row(here, spec, row):
    spec = spec.format(here=here)
    with pytest.raises(UserError) as caught:
        load(spec, Loading())
    assert str(caught.value) == (
        f"--dataset={spec} is a path, expected what reads it before it: "
        f"write --dataset={row}:{spec}."
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("photo", "Unknown dataset 'photo'"),
        ("gone/photos", "Cannot read dataset 'gone/photos'"),
        ("x.xml", "Cannot read dataset 'x.xml'"),
        ("cvs:wines.csv", 'did you mean "csv"'),
        ("(" * 5000, "Cannot read dataset"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_is_no_path_is_not_taken_for_one(spec, message):
    with pytest.raises(UserError, match=message):
        named(spec)


@pytest.mark.usefixtures("here")
def test_a_row_comes_before_a_folder_of_its_name():
    assert named("digits").name == "digits"
