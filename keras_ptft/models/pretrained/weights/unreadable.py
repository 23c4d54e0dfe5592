"""Why a file of weights cannot be read."""


class Unreadable(Exception):
    """The file is broken, of another format, or would do harm.

    The message says what was expected and what came; `read_weights` adds the
    path and the remedy.
    """
