"""Several runs of one recipe, one after the other or some at a time."""

import concurrent.futures
import concurrent.futures.process
import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from typing import Any

from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.experiment.pretrained import named_anywhere
from keras_ptft.experiment.trainer_process import begin

_STAGES = "keras_ptft.experiment.stages"


def check_one_machine(command: str, config: Config) -> None:
    """Refuses workers, of which each would train all runs.

    Raises:
        UserError: the settings or the environment name several.
    """
    if config.strategy == "multi_worker" or "TF_CONFIG" in os.environ:
        raise UserError(
            f"{command} trains on one machine, got several workers: use "
            "--parallel=N for several processes."
        )


def standing_alone(recipe: Config) -> Config:
    """Returns the recipe, without what follows it, for any folder of runs.

    Raises:
        UserError: there is nothing of the name `init_from` or `teacher`.
    """
    return named_anywhere(recipe).replace(
        export_to="",
        compare_scratch=False,
        forgetting=False,
        # what a single model looks at, many are not compared by
        explain=False,
    )


@contextlib.contextmanager
def trainers(count: int) -> Iterator[concurrent.futures.Executor]:
    """Gives what trains: some processes, or of one this process itself.

    An error in the block leaves out what has not begun.

    Args:
        count: how many at a time.

    Raises:
        UserError: a process was ended from outside.
    """
    if count == 1:
        yield _Here()
        return
    # a process that was forked cannot use TensorFlow
    context = multiprocessing.get_context("spawn")
    processes = concurrent.futures.ProcessPoolExecutor(
        count, context, begin, (_STAGES,)
    )
    with processes as pool:
        try:
            yield pool
        except concurrent.futures.process.BrokenProcessPool as error:
            raise UserError(
                "A process that trained was ended from outside, as where "
                "memory is short: lower --parallel, and start the same "
                "command again, which goes on from there."
            ) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class _Here(concurrent.futures.Executor):
    """This process, which does at once what it is given."""

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[Any]:
        done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        done.set_result(fn(*args, **kwargs))
        return done

    def map(
        self, fn: Callable[..., Any], *iterables: Any, **options: Any
    ) -> Iterator[Any]:
        """Does each when its result is asked for."""
        del options
        return map(fn, *iterables)
