"""Texts of TensorFlow Datasets, read into memory."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ptft.data.core.dataset import (
    OUT_OF_SCOPE,
    Dataset,
    Loading,
    Source,
)
from keras_ptft.data.core.labels import encode_labels, unknown_label
from keras_ptft.data.sources.tfds.splits import unused_splits
from keras_ptft.data.text.files import cut_blocks
from keras_ptft.data.text.pairs import joined
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
        texts: the features with the text, or with its parts.
        label: the feature with the label; empty: unlabelled.
        names: of the classes, if the set has them.
    """

    texts: tuple[str, ...]
    label: str
    names: tuple[str, ...]


def text_columns(info: Any, name: str, loading: Loading) -> TextColumns | None:
    """Chooses the features of a set of texts.

    Args:
        info: the `tfds.core.DatasetInfo` of the set.
        name: of the set.
        loading: its `text_columns` and `label_column` choose, or the columns
            of what is trained. By default, these are the features named
            "text" and "label", or the set's supervised keys, or its only
            text.

    Returns:
        The features; None for a set of images, or if the text is ambiguous.

    Raises:
        UserError: no such columns.
    """
    import tensorflow_datasets as tfds

    is_dict = isinstance(info.features, tfds.features.FeaturesDict)
    known = dict(info.features.items()) if is_dict else {}
    texts = [k for k, f in known.items() if isinstance(f, tfds.features.Text)]
    wanted = loading.text_columns
    if loading.trained is not None and loading.trained.is_text:
        wanted = wanted or loading.trained.columns
    for column in wanted:
        if column not in texts:
            raise _no_column("text", column, name, texts)
    if "image" in known and not wanted:
        return None
    paired = info.supervised_keys or ("", "")
    only = texts if len(texts) == 1 else []
    usual = [key for key in ("text", paired[0], *only) if key in texts]
    if not wanted and not usual:
        return None
    label = _label(known, name, loading.label_column, paired[1])
    return TextColumns(wanted or (usual[0],), *label)


def read_texts(
    builder: Any,
    splits: Mapping[str, str],
    columns: TextColumns,
    test_fraction: float,
) -> Dataset:
    """Reads the texts of a prepared set.

    Out-of-scope requests become the split "out_of_scope", with label -1. If
    all of train is one text, the texts are cut into blocks of lines.

    Args:
        builder: a prepared `tfds.core.DatasetBuilder`.
        splits: those of "train", "validation" and "test" that it has, to
            their names in the set.
        columns: the features to read.
        test_fraction: fraction of the examples held out for testing if
            there is no test split.

    Returns:
        The data set.

    Raises:
        UserError: a label that the training split does not have.
    """
    parts = dict(splits)
    stored = builder.info.splits
    if columns.label and _OUT_OF_SCOPE in stored:
        parts[OUT_OF_SCOPE] = _OUT_OF_SCOPE
    if not columns.label and _UNLABELLED in stored:
        parts["train"] += f"+{_UNLABELLED}"
    read = _labelled if columns.label else _unlabelled
    sources, names = read(builder, parts, columns)
    used = [name for part in parts.values() for name in part.split("+")]
    return Dataset(
        sources,
        names,
        test_fraction=test_fraction,
        columns=columns.texts,
        left_out=unused_splits(builder, used),
    )


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
    builder: Any, parts: Mapping[str, str], columns: TextColumns
) -> tuple[dict[str, Source], tuple[str, ...]]:
    texts, labels = {}, {}
    for split, part in parts.items():
        texts[split], labels[split] = _read(builder, part, columns)
    others = labels.pop(OUT_OF_SCOPE, [])
    where = {k: f"Split {parts[k]!r} of {builder.info.name}" for k in labels}
    if columns.names:
        codes, names = _checked(labels, columns.names, where), columns.names
    else:
        shown = {k: [_shown(v) for v in part] for k, part in labels.items()}
        codes, names = encode_labels(shown, where)
    if OUT_OF_SCOPE in parts:
        codes[OUT_OF_SCOPE] = np.full(len(others), -1)
    return {k: TextSource(texts[k], codes[k]) for k in parts}, names


def _unlabelled(
    builder: Any, parts: Mapping[str, str], columns: TextColumns
) -> tuple[dict[str, Source], tuple[str, ...]]:
    is_one = builder.info.splits[parts["train"]].num_examples == 1
    read = _blocks if is_one else _texts
    return {
        split: TextSource(
            in_memory(read(builder, part, columns)), contiguous=is_one
        )
        for split, part in parts.items()
    }, ()


def _checked(
    labels: Mapping[str, Sequence[int]],
    names: tuple[str, ...],
    where: Mapping[str, str],
) -> dict[str, np.ndarray]:
    """Labels that are indices of the set's own names."""
    for split, values in labels.items():
        for value in set(values):
            if not 0 <= value < len(names):
                raise unknown_label(str(value), names, where[split])
    return {k: np.array(part, np.int64) for k, part in labels.items()}


def _shown(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _read(
    builder: Any, split: str, columns: TextColumns
) -> tuple[InMemoryTexts, list[Any]]:
    """Returns the texts of a split, and the label of each as stored."""
    texts, labels = InMemoryTexts(), []
    for batch in _batches(builder, split):
        labels.extend(batch[columns.label].tolist())
        for text in _joined(batch, columns):
            texts.append(text)
    return texts, labels


def _texts(builder: Any, split: str, columns: TextColumns) -> Iterator[bytes]:
    for batch in _batches(builder, split):
        yield from _joined(batch, columns)


def _joined(
    batch: Mapping[str, np.ndarray], columns: TextColumns
) -> Iterator[bytes]:
    """The text of each example, of one feature as it is stored."""
    parts = [batch[name].tolist() for name in columns.texts]
    if len(parts) == 1:
        return iter(parts[0])
    rows = zip(*parts, strict=True)
    # the features of texts are UTF-8
    return (joined([p.decode() for p in row]).encode() for row in rows)


def _blocks(builder: Any, split: str, columns: TextColumns) -> Iterator[bytes]:
    for text in _texts(builder, split, columns):
        stream = io.BytesIO(text)
        for _, block in cut_blocks(stream, 0, len(text), _BLOCK_SIZE):
            yield block


def _batches(builder: Any, split: str) -> Iterator[dict[str, np.ndarray]]:
    examples = builder.as_dataset(split=split, shuffle_files=False)
    return examples.batch(_BATCH).as_numpy_iterator()
