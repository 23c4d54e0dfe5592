import math

import pytest

from keras_ptft.errors import UserError
from keras_ptft.search.budget import has_room, parse_budget


def test_units():
    assert [parse_budget(text) for text in ("90s", "10m", "2h", "0.5m")] == [
        90,
        600,
        7200,
        30,
    ]
    assert parse_budget("") == math.inf


@pytest.mark.parametrize("text", ["10", "m", "0m", "-3s", "1d", "1h30m", "x"])
def test_what_is_no_time(text):
    with pytest.raises(UserError) as caught:
        parse_budget(text)
    assert str(caught.value) == (
        f"--budget must be a time, as 90s, 10m or 2h, got {text!r}."
    )


def test_room_for_a_trial_of_median_length():
    # the median of 4, 6 and 100 is 6
    assert has_room(54, [100, 4, 6], 60)
    assert not has_room(54.1, [100, 4, 6], 60)
    assert has_room(1e9, [1e9], math.inf)
