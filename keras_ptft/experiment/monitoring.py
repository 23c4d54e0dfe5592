"""What moved in the requests of an export since its model was trained."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from keras_ptft import files
from keras_ptft.errors import UserError, first_line
from keras_ptft.experiment.monitoring_page import write_page
from keras_ptft.objectives.saved import read_objective
from keras_ptft.serving.inference.predictor import load_export
from keras_ptft.serving.inference.resolve import find_model
from keras_ptft.serving.inputs.arrays import Inputs
from keras_ptft.serving.inputs.options import InputOptions
from keras_ptft.serving.inputs.skipped import Skipped
from keras_ptft.serving.monitoring.account import Account
from keras_ptft.serving.monitoring.histograms import Histogram
from keras_ptft.serving.monitoring.judgement import (
    Shift,
    judge,
    sentences,
    verdict_of,
)
from keras_ptft.serving.monitoring.logs import check_logs, request_batches
from keras_ptft.serving.monitoring.require import parse_requirement, unmet
from keras_ptft.serving.monitoring.settings import MonitorConfig
from keras_ptft.serving.monitoring.statistics import (
    Statistics,
    read_statistics,
)
from keras_ptft.serving.monitoring.takers import takers_of
from keras_ptft.serving.monitoring.watched import (
    DEFAULT,
    FEATURES,
    Observed,
    Watched,
)
from keras_ptft.serving.versioning.versions import facts_of


@dataclasses.dataclass(frozen=True)
class Monitored:
    """What some requests say.

    Attributes:
        export: folder of the version.
        shifts: of every quantity, the largest first.
        account: what became of the requests.
        lines: for the terminal.
        unmet: what was required and does not hold, a sentence each.
    """

    export: pathlib.Path
    shifts: Sequence[Shift]
    account: Account
    lines: Sequence[str]
    unmet: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """Returns every number, as JSON has them."""
        return {
            "export": str(self.export),
            "examples": self.account.examples,
            "left_out": self.account.as_dict(),
            "verdict": verdict_of(self.shifts),
            "quantities": [shift.as_dict() for shift in self.shifts],
        }


def monitor(
    export: str | os.PathLike,
    logs: Sequence[str | os.PathLike],
    **settings: Any,
) -> Monitored:
    """Compares logged requests with what an export was trained on.

    The export answers the requests again, so that a log need not hold the
    answers. How right they are is not known: that needs labels.

    Args:
        export: folder of a version, or of versions.
        logs: request logs of TensorFlow Serving, lines of JSON with the
            bodies of REST requests, or files and folders as `predict` takes
            them.
        settings: as `MonitorConfig` has them.

    Returns:
        What moved; it is also in the files that `json` and `html` name.

    Raises:
        UserError: the export has no statistics, or a log cannot be read or
            holds no request.
    """
    config = MonitorConfig(**settings)
    required = [parse_requirement(text) for text in config.require]
    for name in ("json", "html"):
        if path := getattr(config, name):
            files.check_file(path, name)
    check_logs(logs)
    folder, watched, statistics = _opened(export)
    account = Account()
    found: dict[str, Histogram] = {}
    for observed in _observed(watched, logs, config, account):
        found = _together(found, statistics.count(observed))
    if not account.examples:
        reasons = "; ".join(account.sentences()) or "they are empty"
        raise UserError(
            f"Expected requests in {', '.join(str(x) for x in logs)}, got "
            f"none that can be measured: {reasons}."
        )
    shifts = judge(statistics.references, found)
    lines = [f"Left out: {told}." for told in account.sentences()]
    lines += sentences(shifts, account.examples)
    failed = unmet(required, shifts)
    monitored = Monitored(folder, shifts, account, lines, failed)
    if config.json:
        files.write_json(config.json, monitored.as_dict())
    if config.html:
        title = f"What moved in the requests of {folder}"
        write_page(config.html, shifts, title=title, lines=lines)
    return monitored


def _opened(
    export: str | os.PathLike,
) -> tuple[pathlib.Path, Watched, Statistics]:
    """The folder of a version, its model, and what it is compared with."""
    found = find_model(export)
    folder = found.saved_model
    if folder is None:
        raise UserError(
            f"Expected an export, got {os.fspath(export)}, which is a run: "
            "export it first."
        )
    told = facts_of(folder).get("statistics")
    if isinstance(told, Mapping) and told.get("left_out") == "private":
        raise UserError(
            f"Expected an export with statistics of its examples, got {folder} "
            "of a private run, which has none since histograms show examples: "
            "monitor a version of a run without --privacy."
        )
    statistics = read_statistics(found.extra)
    objective = read_objective(found.extra)
    answers = objective.predictor(load_export(folder, DEFAULT))
    features = None
    if statistics.space is not None:
        features = load_export(folder, FEATURES)
    watched = Watched(
        objective.info, answers, features, statistics.column_inputs
    )
    return folder, watched, statistics


def _together(
    first: Mapping[str, Histogram], second: Mapping[str, Histogram]
) -> dict[str, Histogram]:
    return {
        name: first[name].plus(part) if name in first else part
        for name, part in second.items()
    }


def _observed(
    watched: Watched,
    logs: Sequence[str | os.PathLike],
    config: MonitorConfig,
    account: Account,
) -> Iterator[Observed]:
    """What is measured of each batch of the logs."""
    takers = takers_of(watched)
    for log in logs:
        path = pathlib.Path(log)
        requests = request_batches(path, takers, account)
        for batch in requests or _files(watched, path, config):
            yield from _answered(watched, batch, path, account)


def _files(
    watched: Watched, path: pathlib.Path, config: MonitorConfig
) -> Iterator[Inputs]:
    """Inputs in files that `predict` reads."""
    options = InputOptions(
        columns=watched.info.columns,
        text_column=config.text_column,
        image_form=watched.info.image_form,
        skipped=Skipped() if config.skip_bad_images else None,
    )
    for _, batch in watched.answers.batches([path], options):
        yield batch


def _answered(
    watched: Watched, inputs: Inputs, path: pathlib.Path, account: Account
) -> Iterator[Observed]:
    """What is measured of a batch, without examples that the model refuses."""
    rows = _rows(inputs)
    try:
        found = watched.observe(inputs)
    # one of them may be beyond the limits of the export
    except (UserError, tf.errors.InvalidArgumentError) as error:
        if len(rows) > 1:
            for row in rows:
                yield from _answered(watched, row, path, account)
        else:
            account.add_malformed(f"{path}, an example", first_line(error))
    else:
        account.examples += len(rows)
        yield found


def _rows(inputs: Inputs) -> list[Inputs]:
    """Each example of a batch as a batch of its own."""
    if not isinstance(inputs, Mapping):
        return [inputs[n : n + 1] for n in range(len(inputs))]
    count = len(next(iter(inputs.values())))
    return [
        {name: array[n : n + 1] for name, array in inputs.items()}
        for n in range(count)
    ]
