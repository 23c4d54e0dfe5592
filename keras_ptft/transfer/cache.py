"""Features on disk: shared by runs, verified when read, of limited size."""

import contextlib
import dataclasses
import hashlib
import logging
import math
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft import files
from keras_ptft.data.core.cache_folder import CacheFolder, mapped, remove
from keras_ptft.data.core.dataset import Source, fingerprint
from keras_ptft.data.images.decoding import PREPROCESSING_VERSION
from keras_ptft.data.pipeline.epoch_views import Augmented
from keras_ptft.transfer import audit
from keras_ptft.transfer.folding import FOLDING_VERSION

_LOG = logging.getLogger("keras_ptft")

_KIND = "features"
_CHECKSUM = 4
_PROBES = 16


def keys_of(prefix: keras.Model, sources: Iterable[Source]) -> list[str]:
    """Computes, for each source, a key of all that decides its features.

    It covers the model's configuration, which holds the scaling of the input
    and the precision of each layer, its weights, the versions of Keras and
    TensorFlow, the examples with their order and labels, the augmentation,
    the versions of the preprocessing and of the folding, and the inputs of
    some examples, since hashes are of files as they were stored.

    Args:
        prefix: frozen model.
        sources: examples, as they are or `Augmented`.

    Returns:
        32 hex digits for each source.
    """
    digest = hashlib.blake2b(digest_size=16)
    libraries = keras.__version__, tf.__version__
    versions = *libraries, PREPROCESSING_VERSION, FOLDING_VERSION
    # that a layer is trained later does not change what it gives now
    frozen = prefix.to_json().replace('"trainable": true', '"trainable": false')
    facts = *versions, frozen
    digest.update(f"{facts} {audit.fingerprint(prefix)}\n".encode())
    return [_key(digest.copy(), source) for source in sources]


def _key(digest: Any, source: Source) -> str:
    view: tuple[Any, ...] = ()
    if isinstance(source, Augmented):
        view = source.setting, source.seed, source.epoch
    digest.update(f"{fingerprint(source)} {view}\n".encode())
    if len(source):
        some = np.linspace(0, len(source) - 1, _PROBES).astype(np.int64)
        for inputs in keras.tree.flatten(source.gather(tf.constant(some))):
            digest.update(inputs.numpy().tobytes())
    return digest.hexdigest()


def key_of_output(key: str, name: str) -> str:
    """Computes the key of one of several outputs from that of its source.

    Args:
        key: as returned by `keys_of`.
        name: of the output; an only output has none, and the key itself.

    Returns:
        32 hex digits.
    """
    if not name:
        return key
    return hashlib.blake2b(f"{key} {name}".encode(), digest_size=16).hexdigest()


@dataclasses.dataclass(frozen=True)
class Entry:
    """Where the features of some examples are, and what they must look like.

    Attributes:
        key: 32 hex digits.
        shape: (examples, ...).
        dtype: any, bfloat16 too.

    Example:

    >>> Entry("0" * 32, (10, 3), np.dtype(np.float32)).size
    124
    """

    key: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return math.prod(self.shape) * self.dtype.itemsize + _CHECKSUM


class FeatureCache(CacheFolder):
    """A folder of entries, each complete or absent.

    An entry is the bytes of its rows in order, then a checksum of its key
    and of these.

    Args:
        folder: as of a `CacheFolder`.
        limit: as of a `CacheFolder`; photos of the folder count too.

    Example:

    >>> import tempfile
    >>> cache = FeatureCache(tempfile.mkdtemp(), limit=1e6)
    >>> with cache.writing("0" * 32) as append:
    ...     append(np.eye(2))
    ...     append(np.ones((1, 2)))
    >>> entry = Entry("0" * 32, (3, 2), np.dtype(np.float64))
    >>> cache.read(entry).tolist()
    [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """

    def read(self, entry: Entry) -> np.ndarray | None:
        """Maps an entry from disk; a damaged one is removed.

        Returns:
            An array of the entry's shape and dtype, or None if there is no
            such entry.
        """
        path = self.path(entry.key, _KIND)
        try:
            complete = path.stat().st_size == entry.size
            content = mapped(path) if complete else None
        except OSError:
            return None
        if content is None or not _is_intact(entry.key, content):
            _LOG.warning("%s is damaged: it is recomputed.", path)
            remove(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return content[:-_CHECKSUM].view(entry.dtype).reshape(entry.shape)

    @contextlib.contextmanager
    def writing(self, key: str) -> Iterator[Callable[[np.ndarray], None]]:
        """Writes an entry, which is there once the context ends well.

        Args:
            key: of the entry, 32 hex digits.

        Yields:
            A function that appends rows.

        Raises:
            UserError: the folder or the file cannot be written.
        """
        path, checksum = self.path(key, _KIND), zlib.crc32(key.encode())
        with files.replacing(path) as partial, open(partial, "wb") as file:

            def append(rows: np.ndarray) -> None:
                nonlocal checksum
                content = rows.tobytes()
                checksum = zlib.crc32(content, checksum)
                file.write(content)

            yield append
            file.write(checksum.to_bytes(_CHECKSUM, "little"))


def _is_intact(key: str, content: np.ndarray) -> bool:
    rows, stored = content[:-_CHECKSUM], content[-_CHECKSUM:].tobytes()
    checksum = zlib.crc32(rows.data, zlib.crc32(key.encode()))
    return checksum == int.from_bytes(stored, "little")
