"""How a process begins that trains for another one, and when it ends.

It imports no TensorFlow, whose first messages are to be kept silent.
"""

import multiprocessing
import os
import threading

from keras_ptft.extensions import import_modules
from keras_ptft.streams import import_silently


def begin(module: str) -> None:
    """Imports what trains, and ends this process when its parent ends.

    Modules of the user's are imported too.

    Args:
        module: to be imported in silence.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_silently(module)
    import_modules()


def _end_with_parent() -> None:
    """Waits for the end of the one process that waits for this one.

    A parent that is killed cannot tell, and training would go on for hours.
    The same command resumes each run from its last checkpoint.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
