"""Command lines of `keras-ptft`, and what is checked without running them."""

import re
import shlex

from keras_ptft import main, usage
from keras_ptft.comparison.settings import COMPARE_FIELDS, CompareConfig
from keras_ptft.config import (
    EVALUATE_FIELDS,
    FIELDS,
    PREDICT_FIELDS,
    Config,
    EvaluateConfig,
    PredictConfig,
)
from keras_ptft.errors import UserError
from keras_ptft.federated.settings import FEDERATE_FIELDS, FederateConfig
from keras_ptft.launch import JOB_FIELDS, Job
from keras_ptft.runs.settings import RUNS_FIELDS, RunsConfig
from keras_ptft.search.settings import TUNE_FIELDS, TuneConfig
from keras_ptft.serving.monitoring.settings import (
    MONITOR_FIELDS,
    MonitorConfig,
)
from keras_ptft.serving.smoke.settings import SERVE_FIELDS, ServeConfig
from keras_ptft.serving.versioning.rollback import (
    ROLLBACK_FIELDS,
    RollbackConfig,
)
from tests.docs.pages import ROOT

PROGRAM = "keras-ptft"
# what a shell reads as more than a word, outside of quotes
_SHELL = re.compile(r"""[|&;<>$*?`~]|\(""")
_OPERATORS = {"|", "||", "&&", ";", "&", ">", ">>", "<", "2>"}
_CLASSES = {
    Config: FIELDS,
    CompareConfig: COMPARE_FIELDS,
    TuneConfig: TUNE_FIELDS,
    FederateConfig: FEDERATE_FIELDS,
    PredictConfig: PREDICT_FIELDS,
    EvaluateConfig: EVALUATE_FIELDS,
    Job: JOB_FIELDS,
    RunsConfig: RUNS_FIELDS,
    MonitorConfig: MONITOR_FIELDS,
    ServeConfig: SERVE_FIELDS,
    RollbackConfig: ROLLBACK_FIELDS,
}


def lines(code):
    """The lines of a block of sh, those that go on joined."""
    return [
        line
        for line in code.replace("\\\n", " ").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]


def is_plain(line):
    """Whether a line starts the program, and needs no shell for it."""
    unquoted = re.sub(r"""'[^']*'|"[^"$`]*\"""", "", line)
    return line.split()[0] == PROGRAM and not _SHELL.search(unquoted)


def words_of(line):
    """The words after the program's name, of each time that it is started."""
    found = []
    words = shlex.split(line, comments=True)
    while PROGRAM in words or f".venv/bin/{PROGRAM}" in words:
        start = next(i for i, w in enumerate(words) if w.endswith(PROGRAM))
        words = words[start + 1 :]
        end = next(
            (i for i, w in enumerate(words) if w in _OPERATORS), len(words)
        )
        found.append(words[:end])
    return found


def check(words):
    """Checks that a command has such settings, and that they can be so."""
    command, *rest = words
    if command.startswith("--"):
        assert command in ("--help", "--version")
        return
    if command not in main.COMMANDS:
        raise UserError(usage.unknown_command(command))
    if command == "describe":
        return
    rest = [w for w in rest if w != "--help"]
    if command == "launch":
        end = rest.index("--")
        check(rest[end + 1 :])
        rest = rest[:end]
    # a run's own flagfile is there once it has run
    rest = [w for w in rest if not w.startswith("--flagfile=runs/")]
    fields = {**usage.COMMANDS[command].fields}
    present, positional = main.parse(rest, fields)
    for kind, own in _CLASSES.items():
        # settings of two commands may have one name
        values = {k: v for k, v in present.items() if fields[k] is own.get(k)}
        if values:
            kind(**{k: _value(v) for k, v in values.items()})
    for word in positional:
        if word.startswith("flags/"):
            assert (ROOT / word).is_file(), word


def _value(value):
    return tuple(value) if isinstance(value, list) else value
