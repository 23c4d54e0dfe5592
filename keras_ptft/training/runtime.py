"""The process a run happens in: seeds, precision, devices."""

import functools
from collections.abc import Callable

import keras
import tensorflow as tf

from keras_ptft.errors import UserError


def prepare(*, seed: int, precision: str, deterministic: bool) -> None:
    """Seeds Python, NumPy and TensorFlow and sets the Keras dtype policy.

    Deterministic operations stay switched on until the process ends, since
    TensorFlow has no way back.
    """
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def restoring_precision(stage: Callable) -> Callable:
    """Makes a function leave the dtype policy as it found it.

    A notebook that trains one run in half precision goes on in its own.
    """

    @functools.wraps(stage)
    def wrapped(*args, **kwargs):
        policy = keras.config.dtype_policy()
        try:
            return stage(*args, **kwargs)
        finally:
            keras.config.set_dtype_policy(policy)

    return wrapped


@functools.cache
def strategy(name: str) -> tf.distribute.Strategy:
    """The `tf.distribute` strategy called `name`, one a process.

    A second MirroredStrategy in a process confuses the collectives of
    synchronised batch statistics with those of the first.

    Args:
        name: "auto" mirrors over all GPUs where there are several and is
            TensorFlow's default otherwise; "one_device" is the first GPU,
            or else the CPU; "mirrored" copies the model to every GPU or, on
            a machine without one, to every logical CPU.

    Raises:
        UserError: unknown name.

    Example:

    >>> strategy("one_device").num_replicas_in_sync
    1
    """
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
        f"Unknown strategy {name!r}; there are: auto, one_device, mirrored."
    )
