"""Paths are refused before there is anything to write; text is read."""

import errno
import os
import stat

import pytest

from keras_ptft import files
from keras_ptft.errors import UserError


def one_line(call, *args):
    with pytest.raises(UserError) as caught:
        call(*args)
    return str(caught.value)


def test_a_folder_that_can_be_made(tmp_path):
    path = tmp_path / "a [1]*?" / "b #é"
    files.check_folder(str(path), "runs_dir")
    assert os.listdir(tmp_path) == []


def test_no_folder_can_be_made(tmp_path):
    (tmp_path / "file").touch()
    path = f"{tmp_path}/file/below"
    assert one_line(files.check_folder, path, "runs_dir") == (
        f"--runs_dir={path} must be a folder that can be written, but "
        f"{tmp_path}/file is no folder: choose another."
    )
    long = f"{tmp_path}/{'n' * 300}"
    assert one_line(files.check_folder, long, "runs_dir").endswith(
        "but it cannot: File name too long: choose another."
    )


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_rights_that_promise_what_a_file_system_forbids():
    # root may write there, by its rights
    message = one_line(files.check_folder, "/proc/runs", "runs_dir")
    assert message.endswith("cannot be written: choose another.")
    message = one_line(files.check_file, "/proc/below/x.csv", "csv")
    assert message.startswith("--csv=/proc/below/x.csv must be a file that ")


def test_a_file_that_can_be_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.csv").touch()
    for path in ("old.csv", "new.csv", "below/new.csv", f"{tmp_path}/x.csv"):
        files.check_file(path, "csv")
    assert os.listdir(tmp_path) == ["old.csv"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".", "that is a folder or a device"),
        ("/dev/null", "that is a folder or a device"),
        ("old.csv/x.csv", "/old.csv is no folder"),
        # the name that it has while it is written is longer
        ("n" * 250, "it cannot: File name too long"),
    ],
)
def test_no_file_can_be_written(tmp_path, monkeypatch, path, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.csv").touch()
    message = one_line(files.check_file, path, "csv")
    assert message.startswith(f"--csv={path} must be a file that can be wri")
    assert message.endswith(f"{reason}: choose another.")


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig"])
def test_text_as_editors_save_it(tmp_path, coding):
    (tmp_path / "x").write_bytes("é\r\n数\n".encode(coding))
    assert files.read_text(tmp_path / "x") == "é\n数\n"


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_no_text(tmp_path, coding):
    (tmp_path / "x").write_bytes("--epochs=1\n".encode(coding))
    with pytest.raises(UnicodeDecodeError):
        files.read_text(tmp_path / "x")


def test_a_mounted_drive_that_cannot_flush_folders(tmp_path, monkeypatch):
    """As Google Drive in Colab: files are written all the same."""
    flushed = []

    def flush(descriptor):
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        flushed.append(is_folder)
        if is_folder:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", flush)
    files.write_text(tmp_path / "a", "text")
    assert (tmp_path / "a").read_text() == "text"
    assert flushed == [False, True]


def test_a_disk_that_fails_is_told(tmp_path, monkeypatch):
    def flush(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", flush)
    message = one_line(files.write_text, tmp_path / "a", "text")
    assert message.startswith(f"Cannot write {tmp_path}/a: Input/output error")


def test_a_url_is_no_file_of_this_machine():
    assert one_line(files.check_file, "gs://b/x.csv", "csv") == (
        "--csv=gs://b/x.csv must be a file that can be written, but it is a "
        "URL, and files are written to folders of this machine: choose another."
    )
