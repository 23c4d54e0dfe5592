"""Whether training gathers its batches from rows that the device holds."""

import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.errors import UserError

# of a device that has memory of its own, for rows
_DEVICE_BYTES = 1e9


def choose_resident(setting: str, source: Source, *, changing: bool) -> bool:
    """Decides whether batches are gathered inside of the training loop.

    There no batch is handed over, and on a GPU none is copied. The batches
    are the same to the bit. But tf.data makes the next batch on one core of
    the host while another trains: on 2 cores an epoch of an MLP takes 0.53 s
    here and 0.59 by tf.data, with augmentation 0.93 and 0.76.

    Args:
        setting: "true", "false", or "auto" for where it is possible and
            faster: on a CPU for batches that are only gathered, on a GPU for
            rows of 1 GB at most; not on a TPU, where it was never run:
            there no example may be changed, and "true" holds them as they
            are stored in its memory.
        source: the training split.
        changing: whether examples are changed after they are gathered.

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
    if tf.config.list_logical_devices("GPU"):
        return size <= _DEVICE_BYTES
    return not changing
