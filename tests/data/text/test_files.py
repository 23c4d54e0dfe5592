import os

import pytest

from keras_ptft.data.text import files
from keras_ptft.data.text.files import (
    block_end,
    decoded_lines,
    pieces,
    text_file,
    whole_lines,
)
from keras_ptft.errors import UserError


@pytest.fixture
def written(tmp_path):
    def write(content):
        (tmp_path / "a.txt").write_bytes(content)
        return text_file(tmp_path / "a.txt")

    return write


def test_pieces_end_where_lines_do(written, monkeypatch):
    monkeypatch.setattr(files, "_PIECE", 6)
    file = written("ab\ncd\n猫猫猫猫\nx".encode())
    found = list(whole_lines(file))
    # the third line is longer than a piece, which grows to hold it
    assert found == [
        (0, b"ab\ncd\n"),
        (6, "猫猫猫猫\nx".encode()),
    ]
    assert file.line_of(0) == 1
    assert file.line_of(18) == 3 and file.line_of(19) == 4


def test_a_byte_order_mark_is_no_text(written):
    file = written(b"\xef\xbb\xbfab\r\n")
    assert list(decoded_lines(file)) == ["ab\r\n"]


def test_lines_end_at_line_feeds_alone(written):
    text = "a\u2028b\x0bc\u0085d\n\ne"
    file = written(text.encode())
    assert list(decoded_lines(file)) == ["a\u2028b\x0bc\u0085d\n", "\n", "e\n"]


def test_blocks_end_at_a_line_a_word_or_a_character(written):
    text = "one two\nthree four five 北京北京"
    file = written(text.encode())
    found = [
        content.decode()
        for _, content in pieces(file, 0, file.end, 11, block_end)
    ]
    assert found == ["one two\n", "three four ", "five ", "北京北", "京"]


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
        list(whole_lines(written(content)))
    assert "\n" not in str(caught.value)


def test_a_line_too_long(written, monkeypatch):
    monkeypatch.setattr(files, "_PIECE", 64)
    monkeypatch.setattr(files, "MOST_BYTES", 2**20)
    assert len(next(whole_lines(written(b"a" * 10**6)))[1]) == 10**6
    with pytest.raises(UserError, match=r"line 2: .* at most 1 MB"):
        list(whole_lines(written(b"b\n" + b"a" * 2**21 + b"\n")))


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
    assert "Cannot read a\\x00b: embedded null" in refused("a\0b")
    for content in (b"", b"\xef\xbb\xbf"):
        (tmp_path / "empty").write_bytes(content)
        assert "empty is empty, expected text" in refused(tmp_path / "empty")


def test_a_file_that_changes(tmp_path, written):
    file = written(b"before")
    (tmp_path / "a.txt").write_bytes(b"behind it")
    with pytest.raises(UserError, match="has changed since it was first read"):
        list(whole_lines(file))
    (tmp_path / "a.txt").unlink()
    with pytest.raises(UserError, match=r"Cannot read .*a\.txt: No such"):
        list(whole_lines(file))
