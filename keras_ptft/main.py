"""The command line: a flag for each setting, then one of COMMANDS.

TensorFlow is imported by the commands that need it, so that help and error
messages appear at once.
"""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from absl import flags

from keras_ptft import (
    environment,
    files,
    flagfiles,
    recipes,
    settings,
    usage,
)
from keras_ptft import launch as launching
from keras_ptft.config import (
    EVALUATE_FIELDS,
    FIELDS,
    PREDICT_FIELDS,
    Config,
    EvaluateConfig,
    PredictConfig,
)
from keras_ptft.errors import TrainingInterrupted, UserError
from keras_ptft.loading import load

_UNMET = 1
_UNANSWERED = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: the words after the program's name; None: the process's own.

    Returns:
        The exit code: 0, 1 if a comparison or a monitored log is not as
        required, a server answers wrongly, the doctor finds a failure, or a
        run cannot be pushed to its URL, 2 for an error that the user can
        correct, 3 if predict left out inputs and answered the others, 130 if
        interrupted, 143 if terminated.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # a terminal may lack characters that a path or a label has
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _dispatch(words)
    except UserError as error:
        print(f"keras-ptft: {error}", file=sys.stderr)
        return error.exit_code
    except TrainingInterrupted as stop:
        print(f"keras-ptft: {stop}", file=sys.stderr)
        return 128 + stop.signum
    except KeyboardInterrupt:
        print("keras-ptft: interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output is gone, and the interpreter would
        # complain when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if (line := usage.explain_exception(error)) is None:
            raise
        print(f"keras-ptft: {line}", file=sys.stderr)
        return 2


def _dispatch(words: list[str]) -> int:
    command = words[0] if words else "--help"
    if command in ("--help", "-h", "help"):
        print(usage.overview())
        return 0
    if command == "--version":
        print(environment.versions())
        return 0
    if command not in COMMANDS:
        raise UserError(usage.unknown_command(command))
    if {"--help", "-h", "--helpfull"} & set(words[1:]):
        print(usage.command_help(command))
        return 0
    # what predict prints may be read by another program
    stream = sys.stderr if command == "predict" else sys.stdout
    logging.basicConfig(format="%(message)s", stream=stream)
    logging.getLogger("keras_ptft").setLevel(logging.INFO)
    return COMMANDS[command](words[1:]) or 0


def run(words: list[str]) -> None:
    """Runs recipes one after the other and compares them in a table."""
    named, overrides = _divided(words)
    if not named:
        raise UserError(
            "run needs a recipe: keras-ptft run RECIPE... [--setting=value]."
        )
    configs = []
    for recipe in recipes.resolve(named):
        present, positional = parse([f"--flagfile={recipe}", *overrides])
        if positional:
            raise UserError(
                f"Expected --setting=value in and after {recipe}, got "
                f"{positional[0]!r}: correct it."
            )
        configs.append(Config(**present))
    stages = load("experiment.stages", {config.strategy for config in configs})
    for config in configs:
        # an error in the last one must not wait for the first to end
        stages.builders.check(config)
    rows = []
    for config in configs:
        rows += stages.training_of(config)(config).comparison
    if stages.is_chief(config):
        _print_table(rows)


def compare(words: list[str]) -> int:
    """Trains a recipe several ways, and says what that proves."""
    from keras_ptft.comparison.settings import COMPARE_FIELDS, CompareConfig

    recipe, own, config = _one_recipe("compare", words, COMPARE_FIELDS)
    asked = CompareConfig(**own)
    comparison = load("comparison.compare")
    found = comparison.compare(config, asked, path=recipe)
    print(f"\n{load('comparison.terminal').lines(found.summary)}")
    print(f"\nSee {found.folder / 'compare.html'}.")
    for sentence in found.unmet:
        print(f"keras-ptft: {sentence}", file=sys.stderr)
    return _UNMET if found.unmet else 0


def tune(words: list[str]) -> None:
    """Searches settings for a recipe, and says what they are worth."""
    from keras_ptft.search.settings import TUNE_FIELDS, TuneConfig

    recipe, own, config = _one_recipe("tune", words, TUNE_FIELDS)
    asked = TuneConfig(**own)
    searching = load("search.tune")
    tuned = searching.tune(config, asked, path=recipe)
    print(f"\n{load('search.tables').text_table(tuned.found)}\n")
    for sentence in tuned.sentences:
        print(sentence)
    page, flags = (tuned.folder / n for n in ("tune.html", "best.flags"))
    print(f"\nSee {page}; the recipe that was found is {flags}.")


def federate(words: list[str]) -> None:
    """Trains a recipe by clients, and prints its scores."""
    from keras_ptft.federated.settings import FEDERATE_FIELDS, FederateConfig

    _, own, config = _one_recipe("federate", words, FEDERATE_FIELDS)
    asked = FederateConfig(**own)
    federation = load("federated.federate", {config.strategy})
    _print_table(federation.train(config, asked).comparison)


def train(stage: str, words: list[str]) -> None:
    """Runs one stage, "pretrain" or "finetune", and prints its scores."""
    present, positional = parse(words)
    _expect(stage, positional, 0)
    config = Config(**present)
    stages = load("experiment.stages", {config.strategy})
    rows = getattr(stages, stage)(config).comparison
    if stages.is_chief(config):
        _print_table(rows)


def evaluate(words: list[str]) -> None:
    """Scores a run on the whole test split."""
    present, positional = parse(words, {**EVALUATE_FIELDS, **FIELDS})
    (folder,) = _expect("evaluate RUN", positional, 1)
    Config(**{k: v for k, v in present.items() if k in FIELDS})
    EvaluateConfig(**{k: v for k, v in present.items() if k not in FIELDS})
    scoring = load("experiment.scoring")
    scores = scoring.score(folder, **present)
    if "attacker" in scores.metrics:
        told = load("evaluation.membership.telling")
        print("\n".join(told.attack_lines(scores.metrics)))
        scores.write()
        return
    shown = load("evaluation.metrics").shown_metrics(scores.metrics)
    examples = {"examples": scores.metrics["examples"]}
    for name, value in {**examples, **shown}.items():
        print(f"{name} {value:.6g}")
    if "by" in scores.metrics:
        told = load("evaluation.subgroups").group_lines(scores.metrics)
        print("\n".join(["", *told]))
    # what was computed is shown even where it cannot be written
    scores.write()


def predict(words: list[str]) -> int:
    """Prints a label and its probability for each input, or more text."""
    present, positional = parse(words, PREDICT_FIELDS)
    model, *inputs = _expect("predict MODEL INPUT...", positional, 2)
    config = PredictConfig(**present)
    is_printed = not (config.csv or config.jsonl or config.parquet)
    predicting = load("experiment.predicting")
    with contextlib.closing(
        predicting.predict_rows(model, inputs, **present)
    ) as results:
        for row in results:
            if is_printed:
                print(row)
    return _UNANSWERED if results.unanswered else 0


def export(words: list[str]) -> None:
    """Publishes a run as the next version for TensorFlow Serving."""
    present, positional = parse(words)
    (folder,) = _expect("export RUN", positional, 1)
    Config(**present)
    load("experiment.exporting").export(folder, **present)


def rollback(words: list[str]) -> None:
    """Makes an older version of an export the newest."""
    from keras_ptft.serving.versioning import rollback as serving

    present, positional = parse(words, serving.ROLLBACK_FIELDS)
    folder = _exported("rollback", positional)
    serving.rollback(folder, to=serving.RollbackConfig(**present).to)


def promote(words: list[str]) -> None:
    """Makes the canary of an export stable."""
    from keras_ptft.serving.versioning import releases

    _, positional = parse(words, {})
    folder = _exported("promote", positional)
    releases.promote(folder)


def versions(words: list[str]) -> None:
    """Lists the versions of an export."""
    from keras_ptft.serving.versioning.listing import version_table

    _, positional = parse(words, {})
    folder = _exported("versions", positional)
    print(version_table(folder))


def serve(words: list[str]) -> int:
    """Serves an export, or tries that with real requests."""
    from keras_ptft.serving.smoke import serve as serving
    from keras_ptft.serving.smoke.settings import SERVE_FIELDS, ServeConfig

    present, positional = parse(words, SERVE_FIELDS)
    folder = _exported("serve", positional)
    config = ServeConfig(**present)
    if not config.smoke:
        return serving.serve(folder, config)
    return load("serving.smoke.smoke").smoke(folder, config)


def monitor(words: list[str]) -> int:
    """Says what moved in logged requests since training."""
    from keras_ptft.serving.monitoring.settings import (
        MONITOR_FIELDS,
        MonitorConfig,
    )

    present, positional = parse(words, MONITOR_FIELDS)
    folder, *logs = _expect("monitor EXPORT LOG...", positional, 2)
    present |= {k: tuple(v) for k, v in present.items() if isinstance(v, list)}
    MonitorConfig(**present)
    found = load("experiment.monitoring").monitor(folder, logs, **present)
    print("\n".join(found.lines))
    for sentence in found.unmet:
        print(f"keras-ptft: {sentence}", file=sys.stderr)
    return _UNMET if found.unmet else 0


def runs(words: list[str]) -> None:
    """Lists the runs of a folder, or removes some of them."""
    from keras_ptft.runs.command import answer
    from keras_ptft.runs.settings import RUNS_FIELDS, RunsConfig

    present, positional = parse(words, RUNS_FIELDS)
    if len(positional) > 1:
        raise UserError(
            "Expected keras-ptft runs [RUNS_DIR] [--setting=value], got "
            f"{' '.join(positional)} there: name one folder."
        )
    folder = positional[0] if positional else Config().runs_dir
    if files.is_url(folder):
        # by the file systems of TensorFlow
        load("remote.listing")
    for line in answer(folder, RunsConfig(**present)):
        print(line)


def describe(words: list[str]) -> None:
    """Lists models, data sets, optimizers, ..., or documents one."""
    if len(words) > 1:
        raise UserError(
            f"Expected keras-ptft describe [NAME], got {' '.join(words)} "
            "after it: ask for one at a time."
        )
    if words and (told := recipes.describe(words[0])):
        print(told)
        return
    described = load("describe")
    print(described.row(words[0]) if words else described.tables())


def doctor(words: list[str]) -> int:
    """Says whether this machine can do the work, and what is missing."""
    from keras_ptft.doctor import command
    from keras_ptft.doctor.settings import DOCTOR_FIELDS, DoctorConfig

    present, positional = parse(words, DOCTOR_FIELDS)
    _expect("doctor", positional, 0)
    return 0 if command.doctor(DoctorConfig(**present)) else _UNMET


def launch(words: list[str]) -> int:
    """Starts a command in several processes that train together."""
    split = words.index("--") if "--" in words else len(words)
    present, positional = parse(words[:split], launching.JOB_FIELDS)
    _expect("launch [--workers=N] -- COMMAND", positional, 0)
    return launching.launch(launching.Job(**present), words[split + 1 :])


COMMANDS: dict[str, Callable[[list[str]], int | None]] = {
    "run": run,
    "compare": compare,
    "tune": tune,
    "federate": federate,
    "pretrain": partial(train, "pretrain"),
    "finetune": partial(train, "finetune"),
    "evaluate": evaluate,
    "predict": predict,
    "export": export,
    "versions": versions,
    "promote": promote,
    "rollback": rollback,
    "serve": serve,
    "monitor": monitor,
    "runs": runs,
    "describe": describe,
    "doctor": doctor,
    "launch": launch,
}


def parse(
    words: list[str], fields: Mapping[str, Any] = FIELDS
) -> tuple[dict[str, Any], list[str]]:
    """Reads flags and flagfiles.

    Args:
        words: of the command line, after the command.
        fields: the settings that there are.

    Returns:
        The settings that were given, by name, and the other words.
    """
    values = flags.FlagValues()
    for field in fields.values():
        _define(field, values)
    try:
        _, *positional = values(["keras-ptft", *flagfiles.expanded(words)])
    except flags.UnrecognizedFlagError as error:
        raise UserError(
            usage.unknown_setting(error.flagname, fields)
        ) from error
    except flags.Error as error:
        raise UserError(usage.wrong_value(str(error), fields)) from error
    present = {
        name: settings.at_home(values[name].value)
        for name in fields
        if values[name].present
    }
    return present, positional


class _NumberOrWord(flags.FloatParser):
    """Reads a number, or one of a few words.

    Args:
        words: those that it leaves as they are.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__()
        self._words = words

    def parse(self, argument: Any) -> Any:
        return argument if argument in self._words else super().parse(argument)


def _define(field: Any, values: flags.FlagValues) -> None:
    about = (field.name, field.default, field.metadata["help"])
    if words := settings.words_of(field):
        parser = _NumberOrWord(words)
        flags.DEFINE(parser, *about, flag_values=values)
        return
    if settings.is_repeated(field):
        flags.DEFINE_multi_string(*about, flag_values=values)
        return
    define = {
        bool: flags.DEFINE_boolean,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        str: flags.DEFINE_string,
    }[field.type]
    define(*about, flag_values=values)


def _divided(words: list[str]) -> tuple[list[str], list[str]]:
    """Returns recipes, and the settings that follow them."""
    split = next((i for i, w in enumerate(words) if w.startswith("-")), None)
    return words[:split], words[split:] if split else []


def _one_recipe(
    command: str, words: list[str], own: Mapping[str, Any]
) -> tuple[str, dict[str, Any], Config]:
    """Reads the words of a command that makes many runs of one recipe.

    Args:
        command: its name.
        words: of the command line, after the command.
        own: the settings that the command has beside those of a run.

    Returns:
        The recipe's path, the command's own settings, and those of the run.
    """
    named, overrides = _divided(words)
    form = f"{command} RECIPE"
    *_, recipe = recipes.resolve(_expect(form, named, 1))
    present, positional = parse(
        [f"--flagfile={recipe}", *overrides], {**own, **FIELDS}
    )
    _expect(form, [recipe, *positional], 1)
    given = {k: v for k, v in present.items() if k in own}
    given |= {k: tuple(v) for k, v in given.items() if isinstance(v, list)}
    fields = {k: v for k, v in present.items() if k in FIELDS}
    return recipe, given, Config(**fields)


def _expect(form: str, words: list[str], count: int) -> list[str]:
    """Checks for as many words as `form` has, or more where it ends in dots."""
    if len(words) < count or (len(words) > count and form[-1] != "."):
        raise UserError(
            f"Expected keras-ptft {form} [--setting=value], got "
            f"{' '.join(words) or 'nothing'} there: see --help."
        )
    return words


def _exported(command: str, words: list[str]) -> str:
    """The folder of an export, which must be on this machine."""
    (folder,) = _expect(f"{command} EXPORT", words, 1)
    if files.is_url(folder):
        raise UserError(
            f"keras-ptft {command} needs an export on this machine, got "
            f"{folder}: copy it to a folder, as by gcloud storage cp -r, and "
            "name that."
        )
    return folder


def _print_table(rows: list[dict[str, Any]]) -> None:
    from keras_ptft.evaluation.report.runs_table import format_table

    print(f"\n{format_table(rows)}")
