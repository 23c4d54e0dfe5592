"""Tagged words in CoNLL files."""

import dataclasses
import logging
import pathlib
import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.sources.split_discovery import split_files, with_test
from keras_ptft.data.text.files import TextFile, decoded_lines, text_file
from keras_ptft.data.text.source import TagSource
from keras_ptft.data.text.storage import InMemoryTexts
from keras_ptft.errors import UserError

logger = logging.getLogger("keras_ptft")

_ENDINGS = ("conll", "txt", "tsv", "iob", "iob2", "bio")
_CELL = re.compile(r"[^ \t\r\n]+")
_IOB = re.compile(r"O|[BI]-\S+")
_START = "-DOCSTART-"


@dataclasses.dataclass(frozen=True)
class _Sentence:
    line: int
    words: tuple[str, ...]
    tags: tuple[str, ...]


def conll(
    _loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Tagged words, one a line, a blank line after each sentence.

    White space separates the columns; the first is the word, the last its
    tag. Lines of -DOCSTART- are left out. Tags are those of chunks (O,
    B-PER, I-PER), or any others, such as parts of speech. A chunk that
    begins with I- is read as one that begins with B-.

    Tjong Kim Sang and De Meulder 2003, "Introduction to the CoNLL-2003
    Shared Task".

    Args:
        path: a file, split by the content of its sentences; a folder with
            train.conll, test.conll and dev.conll (or .txt, .tsv, .iob,
            .iob2, .bio); or what the names of such files begin with.
        test_fraction: fraction of the sentences held out for testing if
            there is no test file.

    Raises:
        UserError: a missing or empty file, a word without a tag, a tag
            that is no chunk's among such, or text that is not UTF-8.
    """
    files = split_files(path, _ENDINGS, "CoNLL")
    read = {split: _sentences(file) for split, file in files.items()}
    names = _tag_names(s for part in read.values() for s in part)
    sources = {
        split: _source(part, files[split], names)
        for split, part in read.items()
    }
    return with_test(sources, names, test_fraction)


def _sentences(path: pathlib.Path) -> list[_Sentence]:
    found = list(_parsed(text_file(path)))
    if not found:
        raise UserError(f"{path} has no sentences, expected some: add them.")
    if not any(tag[:2] in ("B-", "I-") for s in found for tag in s.tags):
        return found
    fixed = [_in_chunks(sentence, path) for sentence in found]
    changed = [s for s, t in zip(found, fixed, strict=True) if s != t]
    if changed:
        logger.warning(
            "%s: read I- as B- where a chunk begins, in %d of %d sentences, "
            "the first at line %d.",
            path,
            len(changed),
            len(found),
            changed[0].line,
        )
    return fixed


def _parsed(file: TextFile) -> Iterator[_Sentence]:
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
        if words:
            yield _Sentence(start, tuple(words), tuple(tags))
        words, tags, start = [], [], line + 1
    if words:
        yield _Sentence(start, tuple(words), tuple(tags))


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


def _tag_names(sentences: Iterable[_Sentence]) -> tuple[str, ...]:
    """Returns all tags, O first, then sorted."""
    found = {tag for sentence in sentences for tag in sentence.tags}
    return tuple(sorted(found, key=lambda tag: (tag != "O", tag)))


def _source(
    sentences: Sequence[_Sentence], path: pathlib.Path, names: tuple[str, ...]
) -> TagSource:
    texts = InMemoryTexts(path)
    codes = {name: index for index, name in enumerate(names)}
    for sentence in sentences:
        texts.append(" ".join(sentence.words).encode(), sentence.line)
    tags = [
        np.array([codes[tag] for tag in sentence.tags], np.int32)
        for sentence in sentences
    ]
    return TagSource(texts, tags)
