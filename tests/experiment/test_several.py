"""Several runs of one recipe, here or in processes."""

import os

import pytest

from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.experiment.several import (
    check_one_machine,
    standing_alone,
    trainers,
)
from tests.runs.folders import scored, write_run


def test_one_trains_in_this_process_when_it_is_asked_for():
    done = []

    def train(number):
        done.append(number)
        return os.getpid()

    with trainers(1) as pool:
        results = pool.map(train, range(3))
        assert done == []
        assert next(results) == os.getpid()
        assert done == [0]
        assert pool.submit(train, 7).result() == os.getpid()
    assert done == [0, 7]


def test_an_error_in_this_process_is_that_of_the_caller():
    with trainers(1) as pool, pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 1, 0)


@pytest.mark.slow
def test_a_process_that_is_ended_from_outside():
    with pytest.raises(UserError) as caught, trainers(2) as pool:
        pool.submit(os._exit, 1).result()
    assert str(caught.value) == (
        "A process that trained was ended from outside, as where memory is "
        "short: lower --parallel, and start the same command again, which "
        "goes on from there."
    )


def test_a_recipe_that_stands_alone(tmp_path):
    write_run(tmp_path / "first", result=scored(loss=1.0))
    backbone = tmp_path / "first" / "backbone.keras"
    backbone.touch()
    recipe = Config(
        init_from="first",
        runs_dir=str(tmp_path),
        export_to="saved",
        compare_scratch=True,
    )
    assert standing_alone(recipe) == Config(
        init_from=str(backbone), runs_dir=str(tmp_path), explain=False
    )
    assert standing_alone(Config(export_to="saved")) == Config(explain=False)
    known = Config(init_from="efficientnet_lite0", explain=False)
    assert standing_alone(known) == known


def test_workers_are_refused():
    with pytest.raises(UserError, match=r"^tune trains on one machine, got"):
        check_one_machine("tune", Config(strategy="multi_worker"))
