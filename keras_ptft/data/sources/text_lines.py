"""Texts without labels: one a line, or running."""

import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.core.splits import split_test
from keras_ptft.data.text.files import (
    TextFile,
    block_end,
    pieces,
    text_file,
    whole_lines,
)
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import FileTexts, text_hashes
from keras_ptft.errors import UserError, check_range

_SPLITS = ("train", "validation", "test")
# starts and lengths in the file, and content hashes, of some texts
_Places = tuple[np.ndarray, np.ndarray, np.ndarray]
# a part of a file: its first byte, and the first behind it
_Span = tuple[TextFile, int, int]


def lines(
    _loading: Loading, /, path: str, *, test_fraction: float = 0.1
) -> Dataset:
    """Files of one text a line, without labels.

    Blank lines are left out. The lines stay in the files, which must not
    change while they are in use, and are split by their content.

    Args:
        path: a file, or several with commas between.
        test_fraction: share of the lines held out for testing.

    Raises:
        UserError: a missing or empty file, no text in UTF-8, or a line of
            more than 16 MB.
    """
    files = [text_file(file) for file in _paths(path)]
    found = [_joined(map(_lines, whole_lines(file))) for file in files]
    source = _source(files, found, running=False)
    if not len(source):
        raise UserError(
            f"{path} has only blank lines, expected text: add some."
        )
    return split_test(source, (), test_fraction)


def text(
    _loading: Loading,
    /,
    path: str,
    *,
    train_fraction: float = 0.8,
    test_fraction: float = 0.1,
    block_size: int = 4096,
) -> Dataset:
    """Running text, in blocks of whole lines, split by position.

    The first part is for training, the last for testing, and what lies
    between for validation. With train_fraction=0.9 nothing does; then
    --validation_fraction=0 keeps all of the first 90 % for training. Blocks
    stay in the files, which must not change while they are in use.

    Args:
        path: a file, or several with commas between, read as one text.
        train_fraction: share of the text, from its start, to train on.
        test_fraction: share of the text, at its end, to test on.
        block_size: bytes that a block has at most; longer lines are cut
            between words, or else between characters.

    Raises:
        UserError: a missing or empty file, no text in UTF-8, or fractions
            that overlap.
    """
    check_range("block_size", block_size, 64)
    _check_fractions(train_fraction, test_fraction)
    files = [text_file(file) for file in _paths(path)]
    sources = {}
    shares = train_fraction, 1 - test_fraction
    for split, spans in _spans(files, shares, block_size).items():
        parts = [_blocks(span, block_size) for span in spans]
        owners = [file for file, _, _ in spans]
        source = _source(owners, parts, running=True)
        if len(source) or split != "validation":
            sources[split] = source
    return Dataset(sources, ())


def cut_blocks(content: bytes, block_size: int = 4096) -> Iterator[bytes]:
    """A long text in blocks of whole lines, as `text` cuts files.

    Example:

    >>> list(cut_blocks(b"to be\\nor not\\n", 8))
    [b'to be\\n', b'or not\\n']
    """
    start = 0
    while start < len(content):
        window = content[start : start + block_size]
        if start + len(window) < len(content):
            window = window[: block_end(window)]
        yield window
        start += len(window)


def _paths(path: str) -> list[pathlib.Path]:
    whole = pathlib.Path(path).expanduser()
    if whole.exists():
        return [whole]
    parts = [part.strip() for part in path.split(",") if part.strip()]
    return [pathlib.Path(part).expanduser() for part in parts]


def _source(
    files: Sequence[TextFile], found: Sequence[_Places], *, running: bool
) -> TextSource:
    counts = [len(starts) for starts, _, _ in found]
    texts = FileTexts(files, counts, *_joined(found))
    return TextSource(texts, running=running)


def _joined(found) -> _Places:
    """Places one after the other, also where there are none."""
    none = np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.uint64)
    columns = zip(none, *found, strict=True)
    return tuple(np.concatenate(column) for column in columns)


def _lines(piece: tuple[int, bytes]) -> _Places:
    """Where the lines of a piece stand that are not blank."""
    start, content = piece
    texts = content.split(b"\n")
    starts = np.cumsum([start, *(len(text) + 1 for text in texts)])[:-1]
    if b"\r" in content:
        texts = [text.removesuffix(b"\r") for text in texts]
    kept = [n for n, text in enumerate(texts) if text and not text.isspace()]
    texts = [texts[number] for number in kept]
    lengths = np.fromiter(map(len, texts), np.int32, len(texts))
    return starts[kept], lengths, text_hashes(texts)


def _check_fractions(train: float, test: float) -> None:
    if not (0 < train < 1 and 0 < test < 1 and train + test < 1 + 1e-9):
        raise UserError(
            "train_fraction and test_fraction must lie between 0 and 1 and "
            f"add up to 1 at most, got {train:g} and {test:g}."
        )


def _spans(
    files: Sequence[TextFile], shares: Sequence[float], block_size: int
) -> dict[str, list[_Span]]:
    """The spans of each split, cut where a line ends before its share."""
    sizes = [file.end - file.start for file in files]
    ends = np.cumsum(sizes)
    cuts = [0, *(round(share * ends[-1]) for share in shares), ends[-1]]
    found = {split: [] for split in _SPLITS}
    for file, size, end in zip(files, sizes, ends, strict=True):
        inside = (min(max(cut - end + size, 0), size) for cut in cuts)
        places = [_line_before(file, int(at), block_size) for at in inside]
        for split, first, last in zip(
            _SPLITS, places[:-1], places[1:], strict=True
        ):
            if first < last:
                found[split].append((file, first, last))
    return found


def _line_before(file: TextFile, place: int, block_size: int) -> int:
    """Where to cut before a byte, counted from the start of the text."""
    place += file.start
    if place in (file.start, file.end):
        return place
    first = max(file.start, place - block_size)
    with file.opened() as stream:
        return first + block_end(file.read(stream, first, place - first))


def _blocks(span: _Span, block_size: int) -> _Places:
    file, start, end = span
    found = [
        (at, len(block), text_hashes([block]))
        for at, block in pieces(file, start, end, block_size, block_end)
    ]
    starts, lengths, hashes = zip(*found, strict=True)
    return np.array(starts), np.array(lengths, np.int32), np.concatenate(hashes)
