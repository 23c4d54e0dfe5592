"""The command line: a flag a setting, then one of COMMANDS.

TensorFlow is imported by the commands that need it, so that help and
mistakes answer at once.
"""

import contextlib
import importlib
import io
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import partial
from typing import Any

from absl import flags

from keras_ptft import launch as launching
from keras_ptft import usage
from keras_ptft.config import FIELDS, Config
from keras_ptft.errors import TrainingInterrupted, UserError

_JOINING = {"multi_worker", "tpu"}
PRINTED_METRICS = {
    *("examples", "accuracy", "loss", "f1_macro"),
    *("entity_f1", "perplexity"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: the words after the program's name; None: the process's own.

    Returns:
        The exit code: 0, 2 for what the user can mend, 130 if interrupted,
        143 if terminated.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # a terminal may know fewer letters than a path or a label has
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _dispatch(words)
    except UserError as error:
        print(f"keras-ptft: {error}", file=sys.stderr)
        return 2
    except TrainingInterrupted as stop:
        print(f"keras-ptft: {stop}", file=sys.stderr)
        return 128 + stop.signum
    except KeyboardInterrupt:
        print("keras-ptft: interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output is gone, and the interpreter's last
        # flush would complain of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if (line := usage.limit(error)) is None:
            raise
        print(f"keras-ptft: {line}", file=sys.stderr)
        return 2


def _dispatch(words: list[str]) -> int:
    command = words[0] if words else "--help"
    if command in ("--help", "-h", "help"):
        print(usage.overview())
        return 0
    if command == "--version":
        from keras_ptft import __version__

        print(f"keras-ptft {__version__}")
        return 0
    if command not in COMMANDS:
        raise UserError(usage.unknown_command(command))
    if {"--help", "-h", "--helpfull"} & set(words[1:]):
        print(usage.command_help(command))
        return 0
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("keras_ptft").setLevel(logging.INFO)
    return COMMANDS[command](words[1:]) or 0


def run(words: list[str]) -> None:
    """Runs recipes one after the other and compares them in a table."""
    split = next((i for i, w in enumerate(words) if w.startswith("-")), None)
    recipes, overrides = words[:split], words[split:] if split else []
    if not recipes:
        raise UserError(
            "run needs a recipe: keras-ptft run RECIPE... [--setting=value]."
        )
    configs = []
    for recipe in recipes:
        present, positional = _parse([f"--flagfile={recipe}", *overrides])
        if positional:
            raise UserError(
                f"Expected --setting=value in and after {recipe}, got "
                f"{positional[0]!r}: correct it."
            )
        configs.append(Config(**present))
    stages = _load("experiment.stages", {config.strategy for config in configs})
    for config in configs:
        # a mistake in the last one must not wait for the first
        stages.parts.check(config)
    rows = []
    for config in configs:
        stage = stages.finetune if config.init_from else stages.pretrain
        rows += stage(config)["comparison"]
    if stages.is_chief(config):
        _print_table(rows)


def train(stage: str, words: list[str]) -> None:
    """Runs one stage, "pretrain" or "finetune", and tells its scores."""
    present, positional = _parse(words)
    _expect(stage, positional, 0)
    config = Config(**present)
    stages = _load("experiment.stages", {config.strategy})
    rows = getattr(stages, stage)(config)["comparison"]
    if stages.is_chief(config):
        _print_table(rows)


def evaluate(words: list[str]) -> None:
    """Scores a run on the whole test split."""
    present, positional = _parse(words)
    (folder,) = _expect("evaluate RUN", positional, 1)
    Config(**present)
    outcome = _load("experiment.commands")
    metrics = outcome.evaluate(folder, **present)
    for name, value in metrics.items():
        if name in PRINTED_METRICS:
            print(f"{name} {value:.6g}")


def predict(words: list[str]) -> None:
    """ImageHashes a label and its probability for each input, or more text."""
    present, positional = _parse(words)
    model, *inputs = _expect("predict MODEL INPUT...", positional, 2)
    csv = Config(**present).csv
    outcome = _load("experiment.commands")
    for row in outcome.predict(model, inputs, **present):
        if not csv:
            print(row)


def export(words: list[str]) -> None:
    """Publishes a run as the next version for TensorFlow Serving."""
    present, positional = _parse(words)
    (folder,) = _expect("export RUN", positional, 1)
    target = Config(**present).export_to
    outcome = _load("experiment.commands")
    outcome.export(folder, target)


def describe(words: list[str]) -> None:
    """Lists models, data sets, optimizers, ..., or tells of one."""
    if len(words) > 1:
        raise UserError(
            f"Expected keras-ptft describe [NAME], got {' '.join(words)} "
            "after it: ask for one at a time."
        )
    described = _load("describe")
    print(described.row(words[0]) if words else described.tables())


def launch(words: list[str]) -> int:
    """Starts a command in several processes that train together."""
    split = words.index("--") if "--" in words else len(words)
    present, positional = _parse(words[:split], launching.JOB_FIELDS)
    _expect("launch [--workers=N] -- COMMAND", positional, 0)
    return launching.launch(launching.Job(**present), words[split + 1 :])


COMMANDS = {
    "run": run,
    "pretrain": partial(train, "pretrain"),
    "finetune": partial(train, "finetune"),
    "evaluate": evaluate,
    "predict": predict,
    "export": export,
    "describe": describe,
    "launch": launch,
}


def _parse(
    words: list[str], fields: Mapping[str, Any] = FIELDS
) -> tuple[dict[str, Any], list[str]]:
    """Reads flags and flagfiles.

    Returns:
        The settings that were given, by name, and the other words.
    """
    values = flags.FlagValues()
    for field in fields.values():
        _define(field, values)
    try:
        with contextlib.redirect_stderr(io.StringIO()) as warned:
            _, *expanded = values.read_flags_from_files(["keras-ptft", *words])
        if warned.getvalue():
            raise UserError(usage.circular(words))
        _check_comments(set(expanded) - set(words))
        _, *positional = values(["keras-ptft", *expanded])
    except flags.UnrecognizedFlagError as error:
        raise UserError(
            usage.unknown_setting(error.flagname, fields)
        ) from error
    except flags.CantOpenFlagFileError as error:
        raise UserError(usage.unreadable(error.__context__)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(usage.unreadable(error)) from error
    except flags.Error as error:
        raise UserError(usage.wrong_value(str(error), fields)) from error
    present = {n: values[n].value for n in fields if values[n].present}
    return present, positional


def _check_comments(lines: set[str]) -> None:
    """Refuses a comment that a flagfile would make part of a value."""
    for line in sorted(lines):
        if re.search(r"(^|\s)#", line):
            raise UserError(
                f"Expected one setting a line, got {line!r}: give the "
                "comment a line of its own."
            )


def _define(field: Any, values: flags.FlagValues) -> None:
    define = {
        bool: flags.DEFINE_boolean,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        str: flags.DEFINE_string,
    }[field.type]
    description = field.metadata["help"]
    define(field.name, field.default, description, flag_values=values)


def _expect(form: str, words: list[str], count: int) -> list[str]:
    """Words, as many as `form` asks for, or more where it ends in dots."""
    if len(words) < count or (len(words) > count and form[-1] != "."):
        raise UserError(
            f"Expected keras-ptft {form} [--setting=value], got "
            f"{' '.join(words) or 'nothing'} there: see --help."
        )
    return words


def _print_table(rows: list[dict[str, Any]]) -> None:
    from keras_ptft.evaluation.report.runs_table import format_table

    print(f"\n{format_table(rows)}")


def _load(module: str, strategies: Set[str] = frozenset()) -> Any:
    """A module of ours that needs TensorFlow, imported without its chatter.

    That is written by C++ before any setting can silence it, and again when
    the devices are first looked at, and says nothing wrong. So the stream
    itself is set aside; should the import fail, all of it is shown.
    Strategies that join other machines must find the devices untouched.
    """
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if level in ("0", "1"):
        return importlib.import_module(f"keras_ptft.{module}")
    with capture_stderr():
        loaded = importlib.import_module(f"keras_ptft.{module}")
        if not strategies & _JOINING and "TF_CONFIG" not in os.environ:
            config = importlib.import_module("tensorflow").config
            config.list_logical_devices()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return loaded


@contextlib.contextmanager
def capture_stderr() -> Iterator[None]:
    """Keeps what is written to standard error, and shows it on failure."""
    sys.stderr.flush()
    stream = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            aside.seek(0)
            os.write(stream, aside.read())
            raise
        finally:
            os.dup2(stream, 2)
            os.close(stream)
