"""Tagged words in CoNLL files."""

import dataclasses
import pathlib
import re
from collections.abc import Iterator, Mapping

import numpy as np

from keras_ptft.data.core.account import LeftOut, left_out
from keras_ptft.data.core.dataset import Dataset, Loading, Source
from keras_ptft.data.core.labels import sorted_names, unknown_label
from keras_ptft.data.sources.split_discovery import split_files, unread_files
from keras_ptft.data.text.files import TextFile, decoded_lines, text_file
from keras_ptft.data.text.source import TagSource
from keras_ptft.data.text.storage import InMemoryTexts
from keras_ptft.errors import UserError

_ENDINGS = ("conll", "txt", "tsv", "iob", "iob2", "bio")
_CELL = re.compile(r"[^ \t\r\n]+")
_IOB = re.compile(r"O|[BI]-\S+")
_START = "-DOCSTART-"


@dataclasses.dataclass(frozen=True)
class _Sentence:
    line: int
    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclasses.dataclass
class _Read:
    """What is in one file; `starts` are its lines of -DOCSTART-."""

    file: TextFile
    sentences: list[_Sentence]
    starts: list[int]
    notes: tuple[str, ...] = ()


def conll(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Tagged words, one a line, a blank line after each sentence.

    White space separates the columns; the first is the word, the last its
    tag. Lines of -DOCSTART- are left out. Tags are those of chunks (O,
    B-PER, I-PER), or any others, such as parts of speech. A chunk that
    begins with I- is read as one that begins with B-.

    Tjong Kim Sang and De Meulder 2003, "Introduction to the CoNLL-2003
    Shared Task".

    Args:
        loading: the settings of the run.
        path: a file, split by the content of its sentences; a folder with
            train.conll, test.conll and dev.conll (or .txt, .tsv, .iob,
            .iob2, .bio); or what the names of such files begin with.
        test_fraction: fraction of the sentences held out for testing if
            there is no test file.

    Raises:
        UserError: a missing or empty file, a word without a tag, a tag
            that is no chunk's among such or that training lacks, or text
            that is not UTF-8.
    """
    loading.refuse(
        "conll", "group_column", "group_pattern", "image_column", "image_root"
    )
    files = split_files(path, _ENDINGS, "CoNLL")
    read = {split: _read(text_file(file)) for split, file in files.items()}
    names = _tag_names(read)
    sources: dict[str, Source] = {
        split: _source(part, names) for split, part in read.items()
    }
    return Dataset(
        sources,
        names,
        test_fraction=test_fraction,
        left_out=tuple(p for s, part in read.items() for p in _starts(s, part)),
        notes=(
            *unread_files(path, files, _ENDINGS),
            *(note for part in read.values() for note in part.notes),
        ),
    )


def _read(file: TextFile) -> _Read:
    starts: list[int] = []
    found = list(_parsed(file, starts))
    if not found:
        raise UserError(
            f"{file.path} has no sentences, expected some: add them."
        )
    if not any(tag[:2] in ("B-", "I-") for s in found for tag in s.tags):
        return _Read(file, found, starts)
    fixed = [_in_chunks(sentence, file.path) for sentence in found]
    changed = [s for s, t in zip(found, fixed, strict=True) if s != t]
    if not changed:
        return _Read(file, found, starts)
    note = (
        f"I- read as B- where a chunk begins, in {len(changed):,} of "
        f"{len(found):,} sentences of {file.path.name}, the first at line "
        f"{changed[0].line}"
    )
    return _Read(file, fixed, starts, (note,))


def _parsed(file: TextFile, starts: list[int]) -> Iterator[_Sentence]:
    words: list[str] = []
    tags: list[str] = []
    start = 1
    for line, text in enumerate(decoded_lines(file), 1):
        cells = _CELL.findall(text)
        if cells and cells[0] != _START:
            if len(cells) < 2:
                raise UserError(
                    f"{file.path}, line {line}: expected a word and its tag, "
                    f"got {cells[0]!r}: add the tag."
                )
            words.append(cells[0])
            tags.append(cells[-1])
            continue
        if cells:
            starts.append(line)
        if words:
            yield _Sentence(start, tuple(words), tuple(tags))
        words, tags, start = [], [], line + 1
    if words:
        yield _Sentence(start, tuple(words), tuple(tags))


def _starts(split: str, part: _Read) -> tuple[LeftOut, ...]:
    names = (f"{part.file.path.name}, line {line}" for line in part.starts)
    return left_out(f"of {_START}", names, split=split)


def _in_chunks(sentence: _Sentence, path: pathlib.Path) -> _Sentence:
    """Returns the sentence with B- at the beginning of every chunk."""
    tags, before = [], "O"
    for line, tag in enumerate(sentence.tags, sentence.line):
        if not _IOB.fullmatch(tag):
            raise UserError(
                f"{path}, line {line}: expected a tag O, B-name or I-name as "
                f"others are, got {tag!r}: correct it."
            )
        begins = tag[0] == "I" and before[1:] != tag[1:]
        tags.append(f"B{tag[1:]}" if begins else tag)
        before = tag
    return dataclasses.replace(sentence, tags=tuple(tags))


def _tag_names(read: Mapping[str, _Read]) -> tuple[str, ...]:
    """Returns all tags, O first, then sorted.

    Other splits may have the inside of a chunk that training has the
    beginning of, and no other tag that it lacks.
    """
    tags = {
        split: {tag for s in part.sentences for tag in s.tags}
        for split, part in read.items()
    }
    known = tags["train"]
    for split, own in tags.items():
        for tag in sorted(own):
            begins = tag[:2] == "I-" and f"B{tag[1:]}" in known
            if tag not in known and not begins:
                where = str(read[split].file.path)
                raise unknown_label(tag, sorted(known), where)
    every = set().union(*tags.values())
    outside = ("O",) if "O" in every else ()
    return (*outside, *sorted_names(every - {"O"}))


def _source(part: _Read, names: tuple[str, ...]) -> TagSource:
    texts = InMemoryTexts(part.file.path)
    codes = {name: index for index, name in enumerate(names)}
    for sentence in part.sentences:
        texts.append(" ".join(sentence.words).encode(), sentence.line)
    tags = [
        np.array([codes[tag] for tag in sentence.tags], np.int32)
        for sentence in part.sentences
    ]
    return TagSource(texts, tags)
