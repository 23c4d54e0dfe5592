"""Texts of TensorFlow Datasets, read into memory."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Loading, Source
from keras_ptft.data.sources.arrays import name_labels
from keras_ptft.data.sources.split_discovery import with_test
from keras_ptft.data.text.files import cut_blocks
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import InMemoryTexts, in_memory
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest

_BATCH = 256
_BLOCK_SIZE = 4096
# CLINC's name for requests of no class
_OUT_OF_SCOPE = "test_oos"
# IMDB's name for more texts to train on
_UNLABELLED = "unsupervised"


class TextColumns(NamedTuple):
    """The features of a set that are used.

    Attributes:
        text: the feature with the text.
        label: the feature with the label; empty: unlabelled.
        names: of the classes, if the set has them.
    """

    text: str
    label: str
    names: tuple[str, ...]


def text_columns(info: Any, name: str, loading: Loading) -> TextColumns | None:
    """Chooses the features of a set of texts.

    Args:
        info: the `tfds.core.DatasetInfo` of the set.
        name: of the set.
        loading: its `text_column` and `label_column` choose. By default,
            these are the features named "text" and "label", or the set's
            supervised keys, or its only text.

    Returns:
        The features; None for a set of images, or if the text is ambiguous.

    Raises:
        UserError: no such columns.
    """
    import tensorflow_datasets as tfds

    is_dict = isinstance(info.features, tfds.features.FeaturesDict)
    known = dict(info.features.items()) if is_dict else {}
    texts = [k for k, f in known.items() if isinstance(f, tfds.features.Text)]
    wanted = loading.text_column
    if wanted and wanted not in texts:
        raise _no_column("text", wanted, name, texts)
    if "image" in known and not wanted:
        return None
    paired = info.supervised_keys or ("", "")
    only = texts if len(texts) == 1 else []
    usual = [key for key in ("text", paired[0], *only) if key in texts]
    if not wanted and not usual:
        return None
    label = _label(known, name, loading.label_column, paired[1])
    return TextColumns(wanted or usual[0], *label)


def read_texts(
    builder: Any,
    splits: Sequence[str],
    columns: TextColumns,
    test_fraction: float,
) -> Dataset:
    """Reads the texts of a prepared set.

    Out-of-scope requests become the split "out_of_scope", with label -1. If
    all of train is one text, the texts are cut into blocks of lines.

    Args:
        builder: a prepared `tfds.core.DatasetBuilder`.
        splits: those of "train", "validation" and "test" that it has.
        columns: the features to read.
        test_fraction: fraction of the examples held out for testing if
            there is no test split.

    Returns:
        The data set.

    Raises:
        UserError: a label that the training split does not have.
    """
    parts = {split: split for split in splits}
    stored = builder.info.splits
    if columns.label:
        if _OUT_OF_SCOPE in stored:
            parts["out_of_scope"] = _OUT_OF_SCOPE
        return _labelled(builder, parts, columns, test_fraction)
    if _UNLABELLED in stored:
        parts["train"] = f"train+{_UNLABELLED}"
    is_one = stored["train"].num_examples == 1
    read = _blocks if is_one else _texts
    sources = {
        split: TextSource(
            in_memory(read(builder, part, columns)), contiguous=is_one
        )
        for split, part in parts.items()
    }
    return with_test(sources, (), test_fraction)


def _label(
    known: Mapping[str, Any], name: str, wanted: str, paired: str
) -> tuple[str, tuple[str, ...]]:
    """Returns the feature with the labels, or "", and its class names."""
    import tensorflow_datasets as tfds

    usable = [key for key, feature in known.items() if _is_label(feature)]
    if wanted == "label" and wanted not in known:
        wanted = paired if paired in usable else ""
    if not wanted:
        return "", ()
    if wanted not in usable:
        raise _no_column("label", wanted, name, usable)
    if isinstance(known[wanted], tfds.features.ClassLabel):
        return wanted, tuple(known[wanted].names)
    named = f"{wanted}_name"
    return (named if named in usable else wanted), ()


def _is_label(feature: Any) -> bool:
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.Text):
        return True
    if not isinstance(feature, tfds.features.Tensor) or feature.shape:
        return False
    return np.issubdtype(feature.np_dtype, np.integer)


def _no_column(
    setting: str, column: str, name: str, columns: Sequence[str]
) -> UserError:
    return UserError(
        f"tfds:{name} has no {setting} column {column!r}"
        f"{nearest(column, columns)}: choose by --{setting}_column one of "
        f"{', '.join(columns) or 'none, it has none'}."
    )


def _labelled(
    builder: Any,
    parts: Mapping[str, str],
    columns: TextColumns,
    test_fraction: float,
) -> Dataset:
    read = {k: _read(builder, part, columns) for k, part in parts.items()}
    names, codes = _codes(columns, read["train"][1])
    sources: dict[str, Source] = {}
    for split, (texts, labels) in read.items():
        unknown = set(labels) - set(codes)
        if split == "out_of_scope":
            sources[split] = TextSource(texts, np.full(len(texts), -1))
        elif unknown:
            raise UserError(
                f"The {split} split has label {min(unknown)!r}, which train "
                "has not: choose another --label_column."
            )
        else:
            sources[split] = TextSource(texts, [codes[v] for v in labels])
    return with_test(sources, names, test_fraction)


def _read(
    builder: Any, split: str, columns: TextColumns
) -> tuple[InMemoryTexts, list[Any]]:
    """Returns the texts of a split, and the label of each as stored."""
    texts, labels = InMemoryTexts(), []
    for batch in _batches(builder, split):
        labels.extend(batch[columns.label].tolist())
        for text in batch[columns.text].tolist():
            texts.append(text)
    return texts, labels


def _texts(builder: Any, split: str, columns: TextColumns) -> Iterator[bytes]:
    for batch in _batches(builder, split):
        yield from batch[columns.text].tolist()


def _blocks(builder: Any, split: str, columns: TextColumns) -> Iterator[bytes]:
    for text in _texts(builder, split, columns):
        stream = io.BytesIO(text)
        for _, block in cut_blocks(stream, 0, len(text), _BLOCK_SIZE):
            yield block


def _batches(builder: Any, split: str) -> Iterator[dict[str, np.ndarray]]:
    examples = builder.as_dataset(split=split, shuffle_files=False)
    return examples.batch(_BATCH).as_numpy_iterator()


def _codes(
    columns: TextColumns, values: Sequence[Any]
) -> tuple[tuple[str, ...], dict[Any, int]]:
    """Returns the label names, and the index of each stored label."""
    if columns.names:
        return columns.names, {n: n for n in range(len(columns.names))}
    distinct = sorted(set(values))
    shown = [v.decode() if isinstance(v, bytes) else v for v in distinct]
    indices, names = name_labels(np.array(shown))
    return names, dict(zip(distinct, indices.tolist(), strict=True))
