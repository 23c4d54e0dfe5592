"""Seeds, precision and devices of a process; its replicas and workers."""

import functools
import logging
import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError, first_line
from keras_ptft.training.distribution import cluster

_LOG = logging.getLogger("keras_ptft")
_P = ParamSpec("_P")
_R = TypeVar("_R")

TPU = "tpu"
"""What --strategy calls a TPU."""

MakeBatches = Callable[..., tf.data.Dataset]
"""(shard=...) → batches, as `data.pipeline.batching` makes them."""


def prepare(*, seed: int, precision: str, deterministic: bool) -> None:
    """Seeds Python, NumPy and TensorFlow and sets the Keras dtype policy.

    Deterministic operations stay enabled until the process ends: TensorFlow
    cannot disable them.
    """
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def restoring_precision(stage: Callable[_P, _R]) -> Callable[_P, _R]:
    """Makes a function restore the dtype policy when it returns.

    So a notebook that runs one stage in half precision keeps its own policy.
    """

    @functools.wraps(stage)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        policy = keras.config.dtype_policy()
        try:
            return stage(*args, **kwargs)
        finally:
            keras.config.set_dtype_policy(policy)

    return wrapped


@functools.cache
def get_strategy(name: str) -> tf.distribute.Strategy:
    """Returns the `tf.distribute` strategy called `name`, one a process.

    A second MirroredStrategy in a process would mix up the collectives of
    synchronised batch statistics with those of the first. A strategy over
    several workers must be made before TensorFlow has done anything else,
    and waits until all workers have joined.

    Args:
        name: "auto" is "multi_worker" where TF_CONFIG describes several
            workers; otherwise it mirrors over all GPUs if there are several,
            and is TensorFlow's default strategy if not. "one_device" is the
            first GPU, or else the CPU. "mirrored" copies the model to every
            GPU or, on a machine without one, to every logical CPU.
            "multi_worker" copies it to all devices of the workers that the
            environment describes (see `training.distribution.cluster`),
            "tpu" to the cores of the TPU in TPU_NAME, or of this machine.

    Raises:
        UserError: unknown name, or no such cluster or TPU.

    Example:

    >>> get_strategy("one_device").num_replicas_in_sync
    1
    """
    if name == "auto" and cluster.several_workers(os.environ):
        name = "multi_worker"
    if name == "multi_worker":
        return _multi_worker(cluster.find_cluster(os.environ))
    if name == TPU:
        return _tpu(os.environ.get("TPU_NAME", "local"))
    gpus = tf.config.list_logical_devices("GPU")
    devices = [
        device.name for device in gpus or tf.config.list_logical_devices("CPU")
    ]
    if name == "one_device":
        return tf.distribute.OneDeviceStrategy(devices[0])
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy(devices)
    if name == "auto":
        return tf.distribute.get_strategy()
    raise UserError(
        f"Unknown strategy {name!r}; there are: auto, one_device, mirrored, "
        "multi_worker, tpu."
    )


def distributed(
    strategy: tf.distribute.Strategy, make_batches: MakeBatches
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Returns global batches of which each replica gets its part.

    Args:
        strategy: of the training.
        make_batches: makes a shard of each batch; a worker makes only its
            own.
    """
    if not _has_workers(strategy):
        return strategy.experimental_distribute_dataset(make_batches())
    return strategy.distribute_datasets_from_function(
        functools.partial(per_worker_batches, make_batches)
    )


def per_worker_batches(
    make_batches: MakeBatches, context: tf.distribute.InputContext
) -> tf.data.Dataset:
    """Returns a worker's shard of each batch, split for its replicas.

    Args:
        make_batches: as in `distributed`; the last tensor of a batch is its
            weights.
        context: which worker this is, and how many replicas there are.
    """
    workers = context.num_input_pipelines
    batches = make_batches(shard=(context.input_pipeline_id, workers))
    replicas = context.num_replicas_in_sync // workers
    if replicas == 1:
        return batches
    weights = batches.element_spec[-1]
    parts = batches.cardinality() * replicas
    batches = batches.rebatch(weights.shape[0] // replicas, drop_remainder=True)
    if parts > 0:
        # without it Keras would ask for one more
        return batches.apply(tf.data.experimental.assert_cardinality(parts))
    return batches


def all_reduce_mean(strategy: tf.distribute.Strategy, value: float) -> float:
    """Returns the mean of all workers' values, once all have called it.

    With a single process it is `value`.
    """
    if not _has_workers(strategy):
        return value
    return float(_mean_over(strategy)(tf.constant(value, tf.float64)))


def all_gather(
    strategy: tf.distribute.Strategy, rows: np.ndarray
) -> np.ndarray:
    """Returns the rows of all workers in the order of their replicas.

    Args:
        strategy: of the training.
        rows: one row for each replica of this worker.
    """
    if not _has_workers(strategy):
        return rows
    first = first_replica(strategy)
    values = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(
            rows[context.replica_id_in_sync_group - first][None]
        )
    )
    return strategy.gather(values, axis=0).numpy()


def of_first(
    strategy: tf.distribute.Strategy, values: np.ndarray
) -> np.ndarray:
    """Returns the values of the first worker, once all have called it.

    With a single process they are `values`.

    Args:
        strategy: of the training.
        values: of this worker, of one shape in all.
    """
    if not _has_workers(strategy):
        return values
    replicas = len(strategy.extended.worker_devices)
    return all_gather(strategy, np.stack([values] * replicas))[0]


def gather_replicas(strategy: tf.distribute.Strategy, values: Any) -> Any:
    """Concatenates the parts of all replicas, in every worker.

    Args:
        strategy: that computed `values`.
        values: structure of per-replica tensors whose first axis is the
            example.

    Returns:
        The same structure of tensors with the examples of all replicas, in
        the order of the batch.
    """

    def gathered(value: Any) -> tf.Tensor:
        if _has_workers(strategy):
            return strategy.gather(value, axis=0)
        local = strategy.experimental_local_results(value)
        return tf.concat(local, axis=0)

    return tf.nest.map_structure(gathered, values)


def first_replica(strategy: tf.distribute.Strategy) -> int:
    """Returns the index, among all replicas, of this worker's first one."""
    if not _has_workers(strategy):
        return 0
    local_replicas = len(strategy.extended.worker_devices)
    return strategy.cluster_resolver.task_id * local_replicas


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes for all workers."""
    resolver = strategy.cluster_resolver
    return not _has_workers(strategy) or not resolver.task_id


@functools.cache
def _mean_over(
    strategy: tf.distribute.Strategy,
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns (number) → its mean over the workers, traced once."""

    @tf.function(autograph=False)
    def mean(number: tf.Tensor) -> tf.Tensor:
        copies = strategy.run(tf.identity, args=(number,))
        return strategy.reduce("MEAN", copies, axis=None)

    return mean


def _has_workers(strategy: tf.distribute.Strategy) -> bool:
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def _multi_worker(found: cluster.Cluster) -> tf.distribute.Strategy:
    _LOG.info(
        "Worker %d of %s: waiting for the others.",
        found.index,
        ", ".join(found.workers),
    )
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(found.workers)}),
        task_type="worker",
        task_id=found.index,
        rpc_layer="grpc",
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except (RuntimeError, tf.errors.OpError) as error:
        reason = first_line(error).rstrip(".")
        raise UserError(
            f"Cannot join the workers as {found.workers[found.index]}: "
            f"{reason}. Check the addresses, and join before TensorFlow is "
            "used in the process."
        ) from error


def _tpu(name: str) -> tf.distribute.Strategy:
    try:
        if name == "local" and not tf.config.list_physical_devices("TPU"):
            raise ValueError("TensorFlow finds none on this machine")
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(name)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        reason = first_line(error).rstrip(".")
        raise UserError(
            f"--strategy=tpu needs a TPU, got none as {name}: {reason}. Set "
            "TPU_NAME, install tensorflow-tpu, or use --strategy=auto."
        ) from error
    return tf.distribute.TPUStrategy(resolver)
