"""Texts without labels: one a line, or one long text."""

import pathlib
from collections.abc import Sequence

import numpy as np

from keras_ptft.data.core.account import SHOWN, LeftOut
from keras_ptft.data.core.dataset import Dataset, Loading, Source
from keras_ptft.data.text.files import TextFile, block_end, text_file
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import FileTexts
from keras_ptft.errors import UserError, check_range

# settings of tables and of files of one example each
_OF_OTHERS = ("group_column", "group_pattern", "image_column", "image_root")
_SPLITS = ("train", "validation", "test")
# a part of a file: the offsets of its start and its end
_Span = tuple[TextFile, int, int]


def lines(
    loading: Loading, /, path: str, *, test_fraction: float = 0.1
) -> Dataset:
    """Files of one text a line, without labels.

    Blank lines are left out. The lines stay in the files, which must not
    change while they are in use, and are split by their content.

    Args:
        loading: the settings of the run.
        path: a file, or several separated by commas.
        test_fraction: fraction of the lines held out for testing.

    Raises:
        UserError: a missing or empty file, text that is not UTF-8, or a
            line of more than 16 MB.
    """
    loading.refuse("lines", *_OF_OTHERS)
    texts, blank, first = FileTexts(), 0, []
    for file in _files(path):
        for number, (start, line) in enumerate(file.lines(), 1):
            if line.strip():
                text = line.removesuffix(b"\n").removesuffix(b"\r")
                texts.append(file, start, text)
                continue
            blank += 1
            if blank <= SHOWN:
                first.append(f"{file.path}, line {number}")
    if not len(texts):
        raise UserError(
            f"{path} has only blank lines, expected text: add some."
        )
    unused = LeftOut("without content", blank, tuple(first))
    return Dataset(
        {"train": TextSource(texts)},
        (),
        test_fraction=test_fraction,
        left_out=(unused,) if blank else (),
    )


def text(
    loading: Loading,
    /,
    path: str,
    *,
    train_fraction: float = 0.8,
    test_fraction: float = 0.1,
    block_size: int = 4096,
) -> Dataset:
    """One long text, in blocks of whole lines, split by position.

    The first part is for training, the last for testing, and the part
    between them for validation. With train_fraction=0.9 there is none; then
    --validation_fraction=0 keeps all of the first 90 % for training. Blocks
    stay in the files, which must not change while they are in use.

    Args:
        loading: the settings of the run.
        path: a file, or several separated by commas, read as one text.
        train_fraction: fraction of the text, from its start, to train on.
        test_fraction: fraction of the text, at its end, to test on.
        block_size: most bytes of a block; longer lines are cut between
            words, or else between characters.

    Raises:
        UserError: a missing or empty file, text that is not UTF-8, or
            fractions that overlap.
    """
    loading.refuse("text", *_OF_OTHERS)
    check_range("block_size", block_size, 64)
    _check_fractions(train_fraction, test_fraction)
    fractions = train_fraction, 1 - test_fraction
    sources: dict[str, Source] = {}
    for split, spans in _spans(_files(path), fractions, block_size).items():
        texts = FileTexts()
        for file, start, end in spans:
            for at, block in file.blocks(start, end, block_size):
                texts.append(file, at, block)
        if len(texts) or split != "validation":
            sources[split] = TextSource(texts, contiguous=True)
    return Dataset(sources, ())


def _files(path: str) -> list[TextFile]:
    if pathlib.Path(path).expanduser().exists():
        return [text_file(path)]
    parts = (part.strip() for part in path.split(","))
    return [text_file(part) for part in parts if part]


def _check_fractions(train: float, test: float) -> None:
    if not (0 < train < 1 and 0 < test < 1 and train + test < 1 + 1e-9):
        raise UserError(
            "train_fraction and test_fraction must lie between 0 and 1 and "
            f"add up to 1 at most, got {train:g} and {test:g}."
        )


def _spans(
    files: Sequence[TextFile], fractions: Sequence[float], block_size: int
) -> dict[str, list[_Span]]:
    """Returns the spans of each split, cut at the last end of a line."""
    sizes = [file.end - file.start for file in files]
    ends = np.cumsum(sizes)
    cuts = [0, *(round(part * ends[-1]) for part in fractions), ends[-1]]
    found: dict[str, list[_Span]] = {split: [] for split in _SPLITS}
    for file, size, end in zip(files, sizes, ends, strict=True):
        inside = (min(max(cut - end + size, 0), size) for cut in cuts)
        offsets = [_line_before(file, int(at), block_size) for at in inside]
        for split, first, last in zip(
            _SPLITS, offsets[:-1], offsets[1:], strict=True
        ):
            if first < last:
                found[split].append((file, first, last))
    return found


def _line_before(file: TextFile, position: int, block_size: int) -> int:
    """Returns the offset to cut at before a position in the text."""
    offset = file.start + position
    if offset in (file.start, file.end):
        return offset
    first = max(file.start, offset - block_size)
    with file.opened() as stream:
        return first + block_end(file.read(stream, first, offset - first))
