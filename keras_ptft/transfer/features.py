"""What a frozen prefix says of each example, as one more source."""

import logging
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.batching import evaluation_batches, unweighted
from keras_ptft.data.pipeline.epoch_views import Views
from keras_ptft.errors import UserError
from keras_ptft.transfer.cache import FeatureCache, entry_bytes, keys_of

_LOG = logging.getLogger("keras_ptft")

# gathering from memory takes half the time of gathering from a map
_IN_MEMORY = 1e9


def outputs_of(
    model: keras.Model, source: Source, *, batch_size: int = 256
) -> np.ndarray:
    """A model's outputs in inference, for every example once, in order.

    Args:
        model: one input as `source.spec` says, and one output.
        source: the examples.
        batch_size: examples computed at a time.

    Returns:
        Array of shape (examples, *output shape) in the output's dtype.
    """
    outputs = np.zeros(*_array(model, source))
    start = 0
    for part in _parts(model, source, batch_size):
        outputs[start : start + len(part)] = part
        start += len(part)
    return outputs


def cache_features(
    prefix: keras.Model, sources: Mapping[str, Source], cache: FeatureCache
) -> dict[str, Source] | None:
    """Runs a frozen prefix over each source once, and never again.

    Args:
        prefix: frozen model from raw input to features.
        sources: splits by name; of `Views`, each view is computed.
        cache: keeps the features for later runs.

    Returns:
        The same splits with features as inputs, in memory where they take
        1 GB at most, or None where the cache has no room for them.
    """
    views = {
        name: source.sources if isinstance(source, Views) else (source,)
        for name, source in sources.items()
    }
    every = [view for several in views.values() for view in several]
    try:
        rows = iter(_rows(prefix, every, cache))
    except UserError as error:
        _LOG.warning("%s The frozen part runs at every step instead.", error)
        return None
    features = {
        name: tuple(_source(next(rows), view) for view in several)
        for name, several in views.items()
    }
    return {
        name: Views(several) if isinstance(sources[name], Views) else several[0]
        for name, several in features.items()
    }


def _rows(
    prefix: keras.Model, sources: Sequence[Source], cache: FeatureCache
) -> list[np.ndarray]:
    """Features of each source, computed where they are not known."""
    sizes = [entry_bytes(*_array(prefix, source)) for source in sources]
    if sum(sizes) > cache.limit:
        raise UserError(
            f"Features would take {sum(sizes) / 1e6:,.1f} MB, over "
            f"--feature_cache_gb={cache.limit / 1e9:g}."
        )
    keys = keys_of(prefix, sources)
    rows = [
        cache.read(key, *_array(prefix, source))
        for key, source in zip(keys, sources, strict=True)
    ]
    missing = [number for number, found in enumerate(rows) if found is None]
    needed = sum(sizes[number] for number in missing)
    cache.make_room(needed, keep=keys)
    _announce(sources, missing, cache, needed)
    for number in missing:
        key, source = keys[number], sources[number]
        cache.write(key, _parts(prefix, source))
        rows[number] = cache.read(key, *_array(prefix, source))
        if rows[number] is None:
            raise UserError(f"Another process removed what {cache.folder} had.")
    # another process may have written meanwhile
    cache.make_room(0, keep=keys)
    in_memory = sum(sizes) <= _IN_MEMORY
    return [np.asarray(mapped) if in_memory else mapped for mapped in rows]


def _announce(
    sources: Sequence[Source],
    missing: Sequence[int],
    cache: FeatureCache,
    needed: int,
) -> None:
    computed = sum(len(sources[number]) for number in missing)
    known = sum(map(len, sources)) - computed
    if known:
        _LOG.info("Features of %s examples are in %s.", f"{known:,}", cache)
    if computed:
        what = f"{computed:,} examples, {needed / 1e6:,.1f} MB"
        _LOG.info("Computing features of %s, into %s.", what, cache)


def _source(features: np.ndarray, source: Source) -> ArraySource:
    return ArraySource(features, source.labels, source.hashes, name="features")


def _array(
    model: keras.Model, source: Source
) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of a model's outputs for a source."""
    dtype = tf.as_dtype(model.outputs[0].dtype).as_numpy_dtype
    return (len(source), *model.output_shape[1:]), np.dtype(dtype)


def _parts(
    model: keras.Model, source: Source, batch_size: int = 256
) -> Iterator[np.ndarray]:
    """A model's outputs, some examples at a time."""
    infer = tf.function(
        lambda inputs: model(inputs, training=False), autograph=False
    )
    left = len(source)
    batches = evaluation_batches(
        source, unweighted, batch_size=min(batch_size, max(left, 1))
    )
    for inputs, _, _ in batches:
        part = infer(inputs).numpy()[:left]
        yield part
        left -= len(part)
