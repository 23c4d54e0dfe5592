"""Features computed by a frozen prefix once, as a source of examples."""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.epoch_views import Views
from keras_ptft.errors import UserError
from keras_ptft.models.structure import output_tensors
from keras_ptft.training.forward import forward, only_outputs
from keras_ptft.training.pace import told
from keras_ptft.transfer.cache import (
    Entry,
    FeatureCache,
    key_of_output,
    keys_of,
)
from keras_ptft.transfer.folding import folded

_LOG = logging.getLogger("keras_ptft")

# gathering from memory takes half the time of gathering from a mapped file
IN_MEMORY_BYTES = 1e9

# of one source, by the name of the output; "" where it has no name
_Entries = dict[str, Entry]
_Rows = dict[str, np.ndarray]


def cache_features(
    prefix: keras.Model, sources: Mapping[str, Source], cache: FeatureCache
) -> dict[str, Source] | None:
    """Runs a frozen prefix over each source once, and never again.

    It runs on the strategy that the prefix was built under.

    Args:
        prefix: frozen model from raw input to features, or to a dict of
            them, of fixed shapes.
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
    features: dict[str, Source] = {}
    for name, several in views.items():
        computed = tuple(_source(next(rows), view) for view in several)
        whole = isinstance(sources[name], Views)
        features[name] = Views(computed) if whole else computed[0]
    return features


def _rows(
    prefix: keras.Model, sources: Sequence[Source], cache: FeatureCache
) -> list[_Rows]:
    """Features of each source, computed where the cache does not have them."""
    entries = [
        _entries(prefix, key, len(source))
        for key, source in zip(keys_of(prefix, sources), sources, strict=True)
    ]
    every = [entry for named in entries for entry in named.values()]
    size = sum(entry.size for entry in every)
    cache.check_limit(size)
    rows = [_read(cache, named) for named in entries]
    missing = [
        {name: entry for name, entry in named.items() if name not in found}
        for named, found in zip(entries, rows, strict=True)
    ]
    keys = [entry.key for entry in every]
    needed = sum(entry.size for named in missing for entry in named.values())
    cache.make_room(needed, keep=keys)
    computed = [len(s) for s, m in zip(sources, missing, strict=True) if m]
    _announce(sum(map(len, sources)), sum(computed), cache, needed)
    for source, lacking, found in zip(sources, missing, rows, strict=True):
        if lacking:
            _compute(prefix, source, cache, lacking)
            found |= _read(cache, lacking)
        if not lacking.keys() <= found.keys():
            raise UserError(f"Another process removed features in {cache}.")
    # another process may have written meanwhile
    cache.make_room(0, keep=keys)
    if size <= IN_MEMORY_BYTES:
        rows = [{n: np.asarray(x) for n, x in found.items()} for found in rows]
    return rows


def _entries(prefix: keras.Model, key: str, count: int) -> _Entries:
    """Where the cache keeps each output of a prefix for one source."""
    outputs = output_tensors(prefix)
    if not isinstance(outputs, dict):
        outputs = {"": outputs}
    return {
        name: Entry(
            key_of_output(key, name),
            (count, *tensor.shape[1:]),
            np.dtype(tf.as_dtype(tensor.dtype).as_numpy_dtype),
        )
        for name, tensor in outputs.items()
    }


def _read(cache: FeatureCache, entries: _Entries) -> _Rows:
    found = {name: cache.read(entry) for name, entry in entries.items()}
    return {name: rows for name, rows in found.items() if rows is not None}


def _compute(
    prefix: keras.Model, source: Source, cache: FeatureCache, entries: _Entries
) -> None:
    """Writes the entries of a source, all in one pass over it."""
    with contextlib.ExitStack() as stack:
        append = {
            name: stack.enter_context(cache.writing(entry.key))
            for name, entry in entries.items()
        }
        parts = forward(folded(prefix), source, only_outputs)
        for rows in told(parts, f"of {len(source):,} examples", size=_count):
            for name in entries:
                append[name](rows[name] if name else rows)


def _count(rows: Any) -> int:
    """Examples of a batch of features, or of several by name."""
    return len(next(iter(rows.values())) if isinstance(rows, dict) else rows)


def _announce(
    total: int, computed: int, cache: FeatureCache, needed: int
) -> None:
    if total > computed:
        known = f"{total - computed:,}"
        _LOG.info("Features of %s examples are in %s.", known, cache)
    if computed:
        what = f"{computed:,} examples, {needed / 1e6:,.1f} MB"
        _LOG.info("Computing features of %s, into %s.", what, cache)


def _source(rows: _Rows, source: Source) -> ArraySource:
    inputs = rows.get("", rows)
    return ArraySource(
        inputs,
        source.labels,
        source.hashes,
        name="features",
        values=source.values,
    )
