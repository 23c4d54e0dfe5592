"""Content hashes of examples."""

import hashlib
from typing import Any

import numpy as np


def content_hash(content: Any) -> np.uint64:
    """Returns the first 64 bits of the BLAKE2b digest of a C buffer.

    Args:
        content: bytes, or a C-contiguous array.
    """
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def content_hashes(array: np.ndarray) -> np.ndarray:
    """Returns the `content_hash` of each row, uint64 of shape (rows,)."""
    rows = (content_hash(np.ascontiguousarray(row)) for row in array)
    return np.fromiter(rows, np.uint64, len(array))
