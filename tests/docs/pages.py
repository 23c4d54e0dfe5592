"""The pages of the documentation, and the blocks of code in them.

A block of ```sh or ```python is run, in the order of its page, in a folder
that the page has to itself. What cannot run here has a comment before it:

    <!-- not run: needs docker -->

A text after <!-- output --> is what the block before it prints; ... stands
for anything. A page that begins with <!-- goes on from: PAGE --> starts with
the files that the blocks of that page left.
"""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / "docs"
RUN = ("sh", "python")
SHOWN = ("text", "diff", "json")
_FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=fence)[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_COMMENT = re.compile(r"<!--\s*(.*?)\s*-->\s*\Z", re.DOTALL)
_BEFORE = re.compile(r"<!--\s*goes on from:\s*(\S+)\s*-->")


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: name of its page, as "howto/data".
        line: of the page, at which its code begins, from 1.
        language: as the fence has it; of a directive its name in braces.
        code: without the fence.
        comment: what a comment right before it says, or nothing.
    """

    page: str
    line: int
    language: str
    code: str
    comment: str = ""

    @property
    def where(self):
        return f"{self.page}:{self.line}"

    @property
    def reason(self):
        """Why it is not run, or nothing."""
        return self.comment.partition("not run:")[2].strip()

    @property
    def is_output(self):
        return self.comment == "output"


def page_files():
    """Every page that people read, by name."""
    paths = {"README": ROOT / "README.md"}
    for path in sorted(DOCS.rglob("*.md")):
        paths[path.relative_to(DOCS).with_suffix("").as_posix()] = path
    return paths


def read(name):
    return page_files()[name].read_text(encoding="utf-8")


def blocks(name):
    """Every block of a page, in order."""
    return blocks_of(read(name), name)


def blocks_of(text, name):
    return [_block(text, name, found) for found in _FENCE.finditer(text)]


def _block(text, name, found):
    language = found["info"].strip().partition(" ")[0]
    line = text.count("\n", 0, found.start()) + 2
    before = _COMMENT.search(text[: found.start()])
    comment = before[1] if before else ""
    # the last comment of several
    comment = comment.rpartition("<!--")[2].strip()
    return Block(name, line, language, found["body"], comment)


def goes_on_from(name):
    """The page that a page starts with the files of, or nothing."""
    found = _BEFORE.search(read(name))
    return found[1] if found else ""
