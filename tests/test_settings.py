"""Values of settings as people write them."""

import os

import pytest

from keras_ptft import settings
from keras_ptft.config import FIELDS, Config


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("~", "/home/me"),
        ("~/runs", "/home/me/runs"),
        ("~/a ~/b", "/home/me/a ~/b"),
        ("~runs", "~runs"),
        ("folder:~/photos", "folder:~/photos"),
        ("~no_such_user/x", "~no_such_user/x"),
        ("", ""),
        (True, True),
    ],
)
def test_a_path_in_the_home_folder(monkeypatch, value, path):
    monkeypatch.setenv("HOME", "/home/me")
    assert settings.at_home(value) == path


def test_a_path_in_the_home_folder_of_another_user():
    root = os.path.expanduser("~root")
    assert settings.at_home("~root/x") == f"{root}/x"


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_lines_as_editors_save_them(end):
    config = Config(name="数 #1", runs_dir="a [x]*? #é", overwrite=True)
    text = "\ufeff" + config.to_flags().replace("\n", end)
    assert Config(**settings.from_lines(FIELDS, text)) == config
