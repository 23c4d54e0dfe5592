"""The texts of TensorFlow Datasets, read whole into memory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.sources.arrays import name_labels
from keras_ptft.data.sources.split_discovery import with_test
from keras_ptft.data.sources.text_lines import cut_blocks
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import InMemoryTexts, held
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest

_BATCH = 256
# requests that belong to none of the classes, as CLINC calls them
_OUTSIDE = "test_oos"
# more texts to train on, as the reviews of IMDB have them
_UNLABELLED = "unsupervised"


class Columns(NamedTuple):
    """Which features of a set are used.

    Attributes:
        text: the text.
        label: what tells the classes apart; empty: unlabelled.
        names: of the classes, where the set knows them.
    """

    text: str
    label: str
    names: tuple[str, ...]


def text_columns(info: Any, name: str, loading: Loading) -> Columns | None:
    """What to read of a set of texts; None: of images, or not to be told.

    Args:
        info: the `tfds.core.DatasetInfo` of the set.
        name: of the set.
        loading: whose `text_column` and `label_column` choose. Unless they
            do, it is the only text, or the one called so or that the set
            itself calls its input; and likewise the label.

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
    return Columns(wanted or usual[0], *label)


def read_texts(
    builder: Any, splits: Sequence[str], columns: Columns, test_fraction: float
) -> Dataset:
    """The texts of a prepared set.

    Of a set with out-of-scope requests they are the split "outside", with
    label -1. Where a split is one text, it is cut into blocks of lines.

    Args:
        builder: a prepared `tfds.core.DatasetBuilder`.
        splits: those of "train", "validation" and "test" that it has.
        columns: what to read.
        test_fraction: share of the examples held out for testing where
            there is no test split.
    """
    parts = {split: split for split in splits}
    extra = builder.info.splits
    if columns.label and _OUTSIDE in extra:
        parts["outside"] = _OUTSIDE
    if not columns.label and _UNLABELLED in extra:
        parts["train"] = f"train+{_UNLABELLED}"
    if not columns.label and extra["train"].num_examples == 1:
        sources = {k: _running(builder, k, columns) for k in parts}
        return with_test(sources, (), test_fraction)
    read = {k: _read(builder, part, columns) for k, part in parts.items()}
    names, codes = _codes(columns, read["train"][1])
    sources = {
        split: _source(split, texts, labels, codes if columns.label else None)
        for split, (texts, labels) in read.items()
    }
    return with_test(sources, names, test_fraction)


def _label(
    known: Mapping[str, Any], name: str, wanted: str, paired: str
) -> tuple[str, tuple[str, ...]]:
    """The column of labels, or "", and the names it knows."""
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
    kind = getattr(feature, "np_dtype", None)
    whole = kind is not None and np.issubdtype(kind, np.integer)
    return whole and feature.shape == ()


def _no_column(
    setting: str, column: str, name: str, columns: Sequence[str]
) -> UserError:
    return UserError(
        f"tfds:{name} has no {setting} column {column!r}"
        f"{nearest(column, columns)}: choose by --{setting}_column one of "
        f"{', '.join(columns) or 'none, it has none'}."
    )


def _read(
    builder: Any, split: str, columns: Columns
) -> tuple[InMemoryTexts, list[Any]]:
    """The texts of a split, and the value that labels each."""
    labels = []

    def texts() -> Iterator[bytes]:
        for batch in _batches(builder, split):
            if columns.label:
                labels.extend(batch[columns.label].tolist())
            yield from batch[columns.text].tolist()

    return held(texts()), labels


def _running(builder: Any, split: str, columns: Columns) -> TextSource:
    """One long text, as blocks."""
    whole = [
        text
        for batch in _batches(builder, split)
        for text in batch[columns.text].tolist()
    ]
    texts = held(block for text in whole for block in cut_blocks(text))
    return TextSource(texts, running=True)


def _batches(builder: Any, split: str) -> Iterator[dict[str, np.ndarray]]:
    examples = builder.as_dataset(split=split, shuffle_files=False)
    return examples.batch(_BATCH).as_numpy_iterator()


def _codes(
    columns: Columns, values: Sequence[Any]
) -> tuple[tuple[str, ...], dict[Any, int]]:
    """The label names, and the index of each value."""
    if columns.names:
        return columns.names, {n: n for n in range(len(columns.names))}
    distinct = sorted(set(values))
    shown = [v.decode() if isinstance(v, bytes) else v for v in distinct]
    numbers, names = name_labels(np.array(shown))
    return names, dict(zip(distinct, numbers.tolist(), strict=True))


def _source(
    split: str,
    texts: InMemoryTexts,
    labels: Sequence[Any],
    codes: Mapping[Any, int] | None,
) -> TextSource:
    if codes is None:
        return TextSource(texts)
    if split == "outside":
        return TextSource(texts, np.full(len(texts), -1))
    unknown = set(labels) - set(codes)
    if unknown:
        raise UserError(
            f"The {split} split has label {min(unknown)!r}, which train has "
            "not: choose another --label_column."
        )
    return TextSource(texts, np.array([codes[label] for label in labels]))
