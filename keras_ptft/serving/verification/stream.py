"""Cases on their way to another process, one part after the other.

No TensorFlow here, as in `cases`.
"""

import io
import struct
from collections.abc import Iterator
from typing import IO

from keras_ptft.serving.verification.cases import (
    Cases,
    read_cases,
    write_cases,
)

# how many bytes follow
_SIZE = struct.Struct("<Q")


def send(stream: IO[bytes], cases: Cases) -> None:
    """Writes a part of the cases, which `received` yields.

    Args:
        stream: of the other process.
        cases: as `write_cases` takes them.
    """
    buffer = io.BytesIO()
    write_cases(buffer, cases)
    content = buffer.getvalue()
    stream.write(_SIZE.pack(len(content)) + content)
    stream.flush()


def received(stream: IO[bytes]) -> Iterator[Cases]:
    """Yields the parts that `send` wrote, until the stream ends.

    Args:
        stream: of this process.

    Example:

    >>> stream = io.BytesIO()
    >>> for name in ("a", "b"):
    ...     send(stream, {name: []})
    >>> _ = stream.seek(0)
    >>> list(received(stream))
    [{'a': []}, {'b': []}]
    """
    while head := stream.read(_SIZE.size):
        (size,) = _SIZE.unpack(head)
        yield read_cases(io.BytesIO(stream.read(size)))
