"""Training under op determinism, in a process of its own."""

import json

import pytest

from tests.forked import forked
from tests.training import deterministic

# it takes a process of its own
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    code, told = forked(deterministic.main, folder, folder=folder)
    assert code == 0, told
    return json.loads(told.splitlines()[-1])


def test_waiting_is_not_measured(found):
    # tf.timestamp is refused there
    assert found["waited"] is None


def test_the_same_bits_again(found):
    assert found["again"] == 0.0


def test_the_same_bits_when_resumed(found):
    assert 0 < found["start"] < 44 and found["start"] % 22
    assert found["resumed"] == 0.0
    assert found["history"] is True


def test_one_replica_against_two(found):
    assert found["replicas"] < 1e-5
