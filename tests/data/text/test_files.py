import io
import os
import re

import pytest

from keras_ptft.data.text import files
from keras_ptft.data.text.files import cut_blocks, decoded_lines, text_file
from keras_ptft.errors import UserError


@pytest.fixture
def written(tmp_path):
    def write(content):
        (tmp_path / "a.txt").write_bytes(content)
        return text_file(tmp_path / "a.txt")

    return write


def test_lines_come_with_their_offsets(written):
    file = written("ab\n\n猫猫猫猫\nx".encode())
    assert list(file.lines()) == [
        (0, b"ab\n"),
        (3, b"\n"),
        (4, "猫猫猫猫\n".encode()),
        (17, b"x"),
    ]
    assert [file.line_of(offset) for offset in (0, 3, 16, 17)] == [1, 2, 3, 4]


def test_the_line_of_an_offset_in_a_large_file(written):
    file = written(b"ab\n" * 3_000_000)
    assert file.line_of(3 * 2_999_999) == 3_000_000


def test_a_byte_order_mark_is_no_text(written):
    file = written(b"\xef\xbb\xbfab\r\n")
    assert list(decoded_lines(file)) == ["ab\r\n"]


def test_lines_end_at_line_feeds_alone(written):
    text = "a\u2028b\x0bc\u0085d\n\ne"
    file = written(text.encode())
    assert list(decoded_lines(file)) == ["a\u2028b\x0bc\u0085d\n", "\n", "e"]


def test_blocks_end_at_a_line_a_word_or_a_character(written):
    text = "one two\nthree four five 北京北京"
    file = written(text.encode())
    found = [block.decode() for _, block in file.blocks(0, file.end, 11)]
    assert found == ["one two\n", "three four ", "five ", "北京北", "京"]


def test_one_line_of_any_length_is_cut():
    content = ("北京" * 5000 + " and so on" * 50).encode()
    found = list(cut_blocks(io.BytesIO(content), 0, len(content), 100))
    assert all(block.decode() and len(block) <= 100 for _, block in found)
    assert all(content[at:].startswith(block) for at, block in found)
    assert b"".join(block for _, block in found) == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ok\nna\xefve\n", "line 2: expected text in UTF-8, got byte 0xef: s"),
        ("Grüße".encode("latin-1"), "line 1: .* got byte 0xfc"),
        ("猫".encode("utf-16"), "line 1: .* got byte 0xff"),
        ("a\nb".encode("utf-16-le"), "line 1: .* got NUL: save the file as"),
        ("猫".encode()[:2], "line 1: .* got byte 0xe7"),
        (b"a\nb\n\n\nc\0", "line 5: .* got NUL"),
    ],
)
def test_what_is_no_utf8(written, content, message):
    with pytest.raises(UserError, match=message) as caught:
        list(written(content).lines())
    assert "\n" not in str(caught.value)


def test_a_line_too_long(written, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 2**20)
    assert next(written(b"a" * 2**20).lines()) == (0, b"a" * 2**20)
    with pytest.raises(UserError, match=r"line 2: .* at most 1 MB"):
        list(written(b"b\n" + b"a" * 2**20 + b"\n").lines())


def test_files_that_cannot_be_read(tmp_path):
    def refused(path):
        with pytest.raises(UserError) as caught:
            text_file(path)
        return str(caught.value)

    assert "Cannot read" in refused(tmp_path / "none")
    assert "No such file or directory" in refused(tmp_path / "none")
    assert "but it is a folder: give a file" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "but it is a pipe or a device" in refused(tmp_path / "pipe")
    assert "a device" in refused("/dev/null")
    # Python 3.13 says which call found it
    expected = r"Cannot read a\\x00b: (stat: )?embedded null"
    assert re.search(expected, refused("a\0b"))
    for content in (b"", b"\xef\xbb\xbf"):
        (tmp_path / "empty").write_bytes(content)
        assert "empty is empty, expected text" in refused(tmp_path / "empty")


def test_a_file_that_changes(tmp_path, written):
    file = written(b"before")
    (tmp_path / "a.txt").write_bytes(b"behind it")
    with pytest.raises(UserError, match="has changed since it was first read"):
        list(file.lines())
    (tmp_path / "a.txt").unlink()
    with pytest.raises(UserError, match=r"Cannot read .*a\.txt: No such"):
        list(file.lines())
