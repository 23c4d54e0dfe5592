"""What a user is told of a mistake."""

import re

from keras_ptft.main import main


def assert_told(words, told, place, capfd):
    """A command ends with one line and exit code 2, and leaves nothing."""
    before = _found(place)
    code = main(words.split())
    error = capfd.readouterr().err
    assert (code, error.count("\n")) == (2, 1), error
    assert error.startswith("keras-ptft: ")
    assert re.search(told, error), error
    assert _found(place) == before


def _found(place):
    """Everything but photos decoded before the mistake was found."""
    kept = place / "runs" / ".features"
    return sorted(
        path
        for path in place.rglob("*")
        if path not in (kept, kept.parent) and kept not in path.parents
    )
