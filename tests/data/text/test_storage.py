"""Texts in memory and in their files."""

import pathlib

import numpy as np
import pytest

from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.text.files import text_file
from keras_ptft.data.text.storage import FileTexts, InMemoryTexts, in_memory
from keras_ptft.errors import UserError

TEXTS = [b"one", b"", "北京".encode(), b"two\nlines"]


@pytest.fixture
def in_files(tmp_path):
    """The texts but the empty one, the first two in one file."""
    (tmp_path / "a.txt").write_bytes(b"\n".join([TEXTS[0], TEXTS[2]]))
    (tmp_path / "b.txt").write_bytes(TEXTS[3])
    texts = FileTexts()
    file = text_file(tmp_path / "a.txt")
    texts.append(file, 0, TEXTS[0])
    texts.append(file, 4, TEXTS[2])
    texts.append(text_file(tmp_path / "b.txt"), 0, TEXTS[3])
    return texts


def test_texts_in_memory():
    texts = in_memory(TEXTS)
    assert len(texts) == 4
    assert texts.read(np.array([3, 1, 3])).tolist() == [
        TEXTS[3],
        TEXTS[1],
        TEXTS[3],
    ]
    assert texts.hashes.dtype == np.uint64
    assert texts.hashes.tolist() == [content_hash(text) for text in TEXTS]
    assert texts.name_of(1) == "example 1"


def test_texts_in_memory_may_be_of_a_file():
    texts = InMemoryTexts(pathlib.Path("a.tsv"))
    texts.append(b"one", 7)
    assert texts.name_of(0) == "a.tsv, line 7"


def test_texts_in_files(in_files, tmp_path):
    found = in_files.read(np.array([2, 0, 1, 0])).tolist()
    assert found == [TEXTS[3], TEXTS[0], TEXTS[2], TEXTS[0]]
    assert in_files.read(np.array([], np.int64)).tolist() == []
    stored = [TEXTS[0], TEXTS[2], TEXTS[3]]
    assert in_files.hashes.tolist() == [content_hash(text) for text in stored]
    assert in_files.name_of(1) == f"{tmp_path / 'a.txt'}, line 2"
    # a file that is one text needs no line
    assert in_files.name_of(2) == str(tmp_path / "b.txt")


def test_a_file_that_is_gone(in_files, tmp_path):
    (tmp_path / "b.txt").unlink()
    assert in_files.read(np.array([0])).tolist() == [TEXTS[0]]
    with pytest.raises(UserError, match=r"Cannot read .*b\.txt: No such"):
        in_files.read(np.array([0, 2]))
