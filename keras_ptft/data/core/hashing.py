"""Hashes of what examples hold."""

import hashlib

import numpy as np


def content_hash(content) -> np.uint64:
    """First 64 bits of the BLAKE2b digest of bytes or of a C array."""
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def content_hashes(array: np.ndarray) -> np.ndarray:
    """The `content_hash` of each row's bytes, uint64 of shape (rows,)."""
    rows = (content_hash(np.ascontiguousarray(row)) for row in array)
    return np.fromiter(rows, np.uint64, len(array))
