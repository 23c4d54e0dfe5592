"""Data with one thing wrong: one line, exit code 2, and nothing left behind."""

import os
import shutil

import pytest

from keras_ptft.main import main
from tests.bad_input.data_cases import CASES
from tests.bad_input.data_files import MAKERS
from tests.bad_input.told import assert_told

# a few seconds each, and told in short by other tests
pytestmark = pytest.mark.slow

RUN = (
    "pretrain --backbone=mlp_small --epochs=1 --batch_size=4 --name=numbers "
    "--dataset=csv:good.csv --validation_fraction=0"
)


@pytest.fixture(scope="module")
def folder(made):
    """The data, and a run on images and one on a table beside them."""
    place = made / "data"
    place.mkdir()
    for make in MAKERS:
        make(place)
    shutil.copytree(made / "runs/parent", place / "runs/parent")
    before = os.getcwd()
    os.chdir(place)
    assert main(RUN.split()) == 0
    os.chdir(before)
    return place


@pytest.fixture
def place(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    "words, told", CASES, ids=[words[-60:] for words, _ in CASES]
)
def test_data_with_one_thing_wrong(place, capfd, words, told):
    assert_told(words, told, place, capfd)
