"""Images that are decoded from files, each once where they are kept."""

import abc
import functools
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.cache_folder import CacheFolder
from keras_ptft.data.core.dataset import DerivedSource, Source
from keras_ptft.data.core.rows import Rows
from keras_ptft.data.images.decoded import KeptPhotos, open_photos


class EncodedSource(Source):
    """Examples that are decoded each time they are gathered."""

    spec: tf.TensorSpec

    @abc.abstractmethod
    def encoded(self, indices: tf.Tensor) -> tf.Tensor:
        """Reads examples as they are stored.

        Args:
            indices: int64 tensor of shape (batch,).

        Returns:
            String tensor of shape (batch,), whose content the hashes are of.
        """

    @abc.abstractmethod
    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        """Makes inputs of what `encoded` returned.

        Args:
            encoded: string tensor of shape (batch,).

        Returns:
            uint8 tensor of shape (batch, *spec.shape).
        """

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        return self.decode(self.encoded(indices))


class DecodedSource(DerivedSource):
    """The examples of another source, which are decoded when first gathered.

    Args:
        source: decodes them.
        photos: what was decoded of them, and perhaps of others.
        rows: the row in `photos` of each example.
    """

    def __init__(
        self, source: EncodedSource, photos: KeptPhotos, rows: np.ndarray
    ) -> None:
        super().__init__(source)
        self._encoded, self._photos = source, photos
        self._rows = Rows(np.asarray(rows, np.int64))

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        indices = tf.convert_to_tensor(indices, tf.int64)
        rows = self._rows.gather(indices)
        known = tf.numpy_function(self._photos.has, [rows], tf.bool)
        known = tf.ensure_shape(known, indices.shape)
        # none are decoded where all are known
        encoded = self._encoded.encoded(tf.boolean_mask(indices, ~known))
        images = self._encoded.decode(encoded)
        found = tf.numpy_function(
            self._photos.filled, [rows, known, images, encoded], tf.uint8
        )
        shape = [*indices.shape, *self._encoded.spec.shape]
        return tf.ensure_shape(found, shape)

    def gather_at_epoch(
        self, epoch: tf.Tensor, indices: tf.Tensor
    ) -> tf.Tensor:
        del epoch
        return self.gather(indices)


def decoded_once(
    sources: Mapping[str, EncodedSource], cache: CacheFolder
) -> dict[str, Source]:
    """Returns sources that keep what they decode, in one file of all.

    Args:
        sources: the splits of a data set, whose inputs have one form.
        cache: the folder of the file.

    Returns:
        The same splits; where there is no room they decode as before.
    """
    hashes = np.unique(np.concatenate([s.hashes for s in sources.values()]))
    first = next(iter(sources.values()))
    shape, encoding = tuple(first.spec.shape), first.encoding
    photos = KeptPhotos(
        functools.partial(open_photos, cache, hashes, shape, encoding)
    )
    return {
        split: DecodedSource(
            source, photos, np.searchsorted(hashes, source.hashes)
        )
        for split, source in sources.items()
    }
