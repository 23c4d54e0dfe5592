"""Whether training gathers its batches from rows that the device holds."""

import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.errors import UserError

# of a device that has memory of its own, for rows
_DEVICE_BYTES = 1e9


def choose_resident(setting: str, source: Source) -> bool:
    """Decides whether batches are gathered inside of the training loop.

    There no batch is handed over, and on a GPU none is copied. The batches
    are the same to the bit.

    Args:
        setting: "true", "false", or "auto" for where it is possible, and
            where the rows take 1 GB of the memory of a GPU at most; on a TPU,
            where it was never run, auto is false.
        source: the training split.

    Raises:
        UserError: the setting is "true", and the source reads files or
            Python objects.
    """
    size = source.bytes_held
    if setting == "false":
        return False
    if setting == "true":
        if size is None:
            raise UserError(
                "--resident=true needs examples in memory, got a data set "
                "that is read from files: use --resident=auto."
            )
        return True
    if size is None or tf.config.list_logical_devices("TPU"):
        return False
    has_gpu = bool(tf.config.list_logical_devices("GPU"))
    return size <= _DEVICE_BYTES or not has_gpu
