import numpy as np
import pytest

from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.sources.file_groups import groups_by_pattern
from keras_ptft.errors import UserError

NAMES = ["cat/anna_1.png", "dog/anna_2.png", "dog/ü-bob_1.png"]


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (r"/([^/]+)_\d", ["anna", "anna", "ü-bob"]),
        (r"[^/]+_", ["anna_", "anna_", "ü-bob_"]),
        (r"^(cat|dog)/.*(\d)", ["cat", "dog", "dog"]),
    ],
)
def test_the_first_group_or_all_that_matches(pattern, groups):
    found = groups_by_pattern(pattern, NAMES)
    assert found.dtype == np.uint64
    assert found.tolist() == [content_hash(name.encode()) for name in groups]


def test_without_a_pattern_there_are_no_groups():
    assert groups_by_pattern("", NAMES) is None


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("anna", NAMES[2]), ("(cat)|dog", NAMES[1]), (r"(x*)", NAMES[0])],
)
def test_a_name_without_a_group(pattern, name):
    with pytest.raises(UserError) as caught:
        groups_by_pattern(pattern, NAMES)
    assert str(caught.value) == (
        f"--group_pattern={pattern} must find a group in the name of every "
        f"file, got none in {name!r}: correct it, or rename the file."
    )


def test_no_regular_expression():
    message = r"^--group_pattern=\(a must be a regular expression, but missing"
    with pytest.raises(UserError, match=message):
        groups_by_pattern("(a", NAMES)
