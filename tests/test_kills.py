"""A training that is killed again and again ends in the same bits.

`python -m tests.kill_forever --minutes=N` does more of it.
"""

import random

import pytest

from tests.alike import differences
from tests.kill import RECIPES, killed, undisturbed
from tests.kill_forever import random_aims


# 29 kills
@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_kills(tmp_path, name):
    """Kills a recipe at every aim, and compares it with itself undisturbed."""
    recipe = RECIPES[name]
    whole, folder = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed(recipe, whole)
    aims = recipe.aims
    assert killed(recipe, folder, aims, whole) == list(aims)
    assert differences(whole, folder) == []


def test_random_moments_come_from_the_seed():
    one, other = (random_aims(50, random.Random(seed)) for seed in (1, 1))
    assert one == other and 1 <= len(one) <= 4
    assert all(1 <= aim.count <= 50 for aim in one)
