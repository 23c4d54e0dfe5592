"""A training that is killed again and again ends in the same bits.

`python -m tests.kill_forever --minutes=N` does more of it.
"""

import random

import pytest

from tests.alike import differences
from tests.kill import RECIPES, SAVING, killed, undisturbed


def assert_survives(name, tmp_path, aims, seed):
    """Kills a recipe, compares it with itself undisturbed; kills by place."""
    recipe = RECIPES[name]
    undisturbed(recipe, tmp_path / "undisturbed")
    falls = killed(recipe, tmp_path / "killed", aims, random.Random(seed))
    assert differences(tmp_path / "undisturbed", tmp_path / "killed") == []
    print(f"{name}: {falls.total()} kills: {dict(falls)}")
    return falls


@pytest.mark.slow
def test_one_kill(tmp_path):
    assert assert_survives("mlp", tmp_path, (SAVING,), 0).total() == 1


# 25 kills, if each aim is met
@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_kills(tmp_path, name):
    aims = RECIPES[name].aims
    falls = assert_survives(name, tmp_path, aims, 1)
    # how many instants pass unseen depends on the speed of the machine
    assert falls.total() >= len(aims) // 2
