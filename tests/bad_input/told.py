"""What a user is told of a mistake."""

import re

from keras_ptft.main import main


def assert_told(words, told, place, capfd):
    """A command ends with one line and exit code 2, and leaves nothing."""
    before = sorted(place.rglob("*"))
    code = main(words.split())
    error = capfd.readouterr().err
    assert (code, error.count("\n")) == (2, 1), error
    assert error.startswith("keras-ptft: ")
    assert re.search(told, error), error
    assert sorted(place.rglob("*")) == before
