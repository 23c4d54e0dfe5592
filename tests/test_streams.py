"""What is written to standard error below Python, and what is seen of it."""

import os

import pytest

from keras_ptft.streams import silenced_stderr


def test_nothing_is_shown(capfd):
    with silenced_stderr():
        os.write(2, b"inside")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


@pytest.mark.parametrize("show", [False, True])
def test_errors_may_show_everything(capfd, show):
    with pytest.raises(ValueError), silenced_stderr(show_on_error=show):
        os.write(2, b"inside")
        raise ValueError
    assert capfd.readouterr().err == ("inside" if show else "")
