"""What goes wrong between a URL and its working copy."""

from keras_ptft.errors import DiskError


class RemoteError(DiskError):
    """A URL cannot be read or written; its working copy is kept."""


class MissingError(RemoteError):
    """An object is not there."""


class TakenOverError(RemoteError):
    """Another machine has begun to train the same run."""


class NotPushedError(RemoteError):
    """A run has ended, and is in its working copy alone."""

    exit_code = 1
