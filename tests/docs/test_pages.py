"""What the documentation shows runs as it stands there."""

import re
import shutil

import keras
import pytest

from keras_ptft.comparison.settings import COMPARE_FIELDS
from keras_ptft.config import EVALUATE_FIELDS, FIELDS, PREDICT_FIELDS
from keras_ptft.federated.settings import FEDERATE_FIELDS
from keras_ptft.launch import JOB_FIELDS
from keras_ptft.main import COMMANDS
from keras_ptft.runs.settings import RUNS_FIELDS
from keras_ptft.search.settings import TUNE_FIELDS
from keras_ptft.serving.monitoring.settings import MONITOR_FIELDS
from keras_ptft.serving.smoke.settings import SERVE_FIELDS
from keras_ptft.serving.versioning.rollback import ROLLBACK_FIELDS
from tests.docs import command_lines
from tests.docs.pages import (
    ROOT,
    RUN,
    SHOWN,
    blocks,
    blocks_of,
    goes_on_from,
    page_files,
    read,
)
from tests.docs.running import assert_printed, run_page

PAGES = sorted(page_files())
RUNNABLE = [
    name
    for name in PAGES
    if any(b.language in RUN and not b.reason for b in blocks(name))
]
SETTINGS = {
    *(*FIELDS, *PREDICT_FIELDS, *EVALUATE_FIELDS, *COMPARE_FIELDS),
    *(*TUNE_FIELDS, *RUNS_FIELDS, *JOB_FIELDS, *ROLLBACK_FIELDS),
    *(*MONITOR_FIELDS, *SERVE_FIELDS, *FEDERATE_FIELDS),
}
# of other programs, which pages name too
OTHERS = {"no-deps", "logdir", "help", "version", "flagfile", "url", "setting"}
OTHERS |= {"model_config_file"}

every_page = pytest.mark.parametrize("name", PAGES)


def prose(name):
    """A page without its blocks that show what others do."""
    text = read(name)
    for block in blocks(name):
        if block.language in SHOWN or block.language.startswith("{"):
            text = text.replace(block.code, "")
    return text


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Runs a page once, and returns the folder with what it left."""
    folders = {}

    def finish(name):
        if name not in folders:
            folder = tmp_path_factory.mktemp("pages") / "page"
            if before := goes_on_from(name):
                shutil.copytree(finish(before), folder)
            else:
                folder.mkdir()
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                run_page(name, folder)
            keras.backend.clear_session()
            folders[name] = folder
        return folders[name]

    return finish


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNNABLE)
def test_every_block_runs(name, finished):
    assert finished(name).is_dir()


@every_page
def test_every_block_is_of_a_known_language(name):
    known = {*RUN, *SHOWN}
    for block in blocks(name):
        is_directive = re.fullmatch(r"\{[\w-]+\}", block.language)
        assert block.language in known or is_directive, block.where


@every_page
def test_every_command_line_can_be_read(name):
    for block in blocks(name):
        if block.language == "sh":
            for line in command_lines.lines(block.code):
                for words in command_lines.words_of(line):
                    command_lines.check(words)


@every_page
def test_every_python_block_can_be_read(name):
    for block in blocks(name):
        if block.language == "python":
            compile(block.code, block.where, "exec")


@every_page
def test_every_setting_and_command_in_the_text_exists(name):
    text = prose(name)
    named = set(re.findall(r"`--([a-z][a-z0-9_-]*)", text))
    # the pages for those who move name what other tools have
    if not name.startswith("moving/"):
        assert named <= SETTINGS | OTHERS, named - SETTINGS
    commands = set(re.findall(r"`keras-ptft ([a-z]+)", text))
    assert commands <= set(COMMANDS)
    for recipe in re.findall(r"flags/\w+\.flags", text):
        assert (ROOT / recipe).exists(), recipe


@every_page
def test_every_link_leads_to_a_file(name):
    path = page_files()[name]
    for link in re.findall(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", prose(name)):
        assert (path.parent / link).exists(), f"{name}: {link}"


def test_blocks_that_are_not_run_say_why():
    told = [
        f"{block.where}: {block.reason}"
        for name in PAGES
        for block in blocks(name)
        if block.language in RUN and "not run" in block.comment
    ]
    # pytest -rP shows it
    print(f"{len(told)} blocks of the documentation are not run:")
    print("\n".join(told))
    assert all(line.partition(": ")[2] for line in told)


PAGE = """\
```sh
keras-ptft runs
```

<!-- not run: needs docker -->
```sh
docker run
```

<!-- output -->
```text
a  ...  b
```
"""


def test_blocks_are_found_with_what_is_said_of_them():
    plain, docker, output = blocks_of(PAGE, "page")
    assert (plain.language, plain.line, plain.reason) == ("sh", 2, "")
    assert docker.reason == "needs docker"
    assert output.is_output and not docker.is_output


def test_output_is_compared_but_for_dots_and_widths():
    *_, output = blocks_of(PAGE, "page")
    assert_printed(output, "a 1\n 2 b\n")
    with pytest.raises(AssertionError, match="page:12 is not what was"):
        assert_printed(output, "a 1")


@pytest.mark.parametrize(
    "line, said",
    [
        ("keras-ptft pretrian", "pretrain"),
        ("keras-ptft pretrain --epoch=1", "epochs"),
        ("keras-ptft launch -- run --epochs=0", "at least 1"),
        ("cat a | keras-ptft predict --top_k=-1 a -", "top_k"),
    ],
)
def test_a_wrong_command_line_is_found(line, said):
    (words,) = command_lines.words_of(line)
    with pytest.raises(ValueError, match=said):
        command_lines.check(words)
