"""Runs the blocks of a page, as a reader would who types them."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys

from keras_ptft import main
from tests.docs import command_lines
from tests.docs.pages import ROOT, RUN, blocks

_SCRIPTS = {
    "keras-ptft": "-m keras_ptft",
    "python": "",
}


def run_page(name, folder):
    """Runs every block of a page in order in a folder, its working folder."""
    namespace = {"__name__": "__page__"}
    printed = ""
    for block in blocks(name):
        if block.is_output:
            assert_printed(block, printed)
        elif block.language in RUN and not block.reason:
            printed = _run(block, folder, namespace)


def _run(block, folder, namespace):
    """What a block prints."""
    stream = io.StringIO()
    if block.language == "python":
        # lines of errors are those of the page
        code = "\n" * (block.line - 1) + block.code
        with contextlib.redirect_stdout(stream):
            exec(compile(code, f"{block.page}.md", "exec"), namespace)
        return stream.getvalue()
    lines = command_lines.lines(block.code)
    if not all(map(command_lines.is_plain, lines)):
        return _in_a_shell(block, folder)
    for line in lines:
        (words,) = command_lines.words_of(line)
        error = io.StringIO()
        with (
            contextlib.redirect_stdout(stream),
            contextlib.redirect_stderr(error),
        ):
            code = main.main(words)
        assert code == 0, f"{block.where}: {line}\n{error.getvalue()}"
    return stream.getvalue()


def _in_a_shell(block, folder):
    programs = folder / ".bin"
    programs.mkdir(exist_ok=True)
    for name, words in _SCRIPTS.items():
        path = programs / name
        python = shlex.quote(sys.executable)
        path.write_text(f'#!/bin/sh\nexec {python} {words} "$@"\n')
        path.chmod(0o755)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["sh", "-eu", "-c", block.code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{block.where}\n{done.stderr}"
    return done.stdout


def assert_printed(block, printed):
    """Compares what was printed with what the page says; ... is anything."""
    wanted = re.escape(block.code.strip()).replace(r"\.\.\.", ".*?")
    # the widths of columns are no promise
    pattern = re.sub(r"(?:\\ |\\\n|\s)+", r"\\s+", wanted)
    assert re.fullmatch(rf"\s*{pattern}\s*", printed, re.DOTALL), (
        f"{block.where} is not what was printed:\n{printed}"
    )
