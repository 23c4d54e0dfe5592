"""What a run came to: the typed contract behind `result.json`."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics import shown_metrics

RESULT_FILE = "result.json"
SCHEMA = 1
"""Version of the schema; a field that changes its meaning raises it."""

_COMPLETE = "complete"


def _help(text: str) -> dict[str, str]:
    return {"help": text}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What one training came to."""

    plan: Mapping[str, Any] = dataclasses.field(
        metadata=_help(
            "how steps were executed: strategy, replicas, XLA and why; or how "
            "a probe was solved"
        ),
        default_factory=dict,
    )
    history: Sequence[Mapping[str, float]] = dataclasses.field(
        metadata=_help(
            "an epoch a row: epoch, loss, metrics, val_..., learning_rate, "
            "seconds"
        ),
        default_factory=list,
    )
    trained_parameters: int = dataclasses.field(
        metadata=_help("numbers that training could change"), default=0
    )
    steps: Mapping[str, float] = dataclasses.field(
        metadata=_help(
            "seconds of tracing and of steps, and of those waited for data"
        ),
        default_factory=dict,
    )
    range_test: Mapping[str, Any] | None = dataclasses.field(
        metadata=_help(
            "with --learning_rate=find: the rates that were tried, the loss "
            "of a step with each, and the rate that was found"
        ),
        default=None,
    )
    resumed: Sequence[int] = dataclasses.field(
        metadata=_help("steps at which the training was resumed"),
        default_factory=list,
    )
    privacy: Mapping[str, Any] | None = dataclasses.field(
        metadata=_help(
            "with --privacy: the mechanism, epsilon that all steps have spent "
            "and that was asked for, delta, clip, noise_multiplier, "
            "sampling_rate, capacity of a batch, steps, the accountant, and "
            "what neighbours and group it is about"
        ),
        default=None,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScratchResult(TrainingResult):
    """The same model trained from random weights."""

    seconds: Mapping[str, float] = dataclasses.field(
        metadata=_help("seconds by part of the program"), default_factory=dict
    )
    metrics: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        metadata=_help('metrics of "test"'), default_factory=dict
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportResult:
    """A version that a run was published as."""

    base: str = dataclasses.field(metadata=_help("folder of the versions"))
    path: str = dataclasses.field(metadata=_help("folder of this version"))
    version: int = dataclasses.field(metadata=_help("its number"))
    largest_difference: Mapping[str, float] = dataclasses.field(
        metadata=_help(
            "signature to the largest difference from the Keras model"
        )
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunResult(TrainingResult):
    """Everything that `result.json` holds; `to_json` and `from_json`.

    `keras-ptft describe result` prints the fields. Fields that do not apply
    to a run are None here, and absent there.
    """

    schema: int = dataclasses.field(
        metadata=_help("version of this schema"), default=SCHEMA
    )
    run: str = dataclasses.field(metadata=_help("name of the run folder"))
    stage: str = dataclasses.field(
        metadata=_help(
            "pretrain or finetune; linear for a baseline of a comparison"
        )
    )
    status: str = dataclasses.field(
        metadata=_help("complete"), default=_COMPLETE
    )
    objective: str = dataclasses.field(
        metadata=_help("what the model was trained for"), default=""
    )
    data: Mapping[str, Any] | None = dataclasses.field(
        metadata=_help(
            "examples found, used by split and class or label, or the range "
            "of their numbers, left out and why; and notes of what was "
            "changed or guessed"
        ),
        default=None,
    )
    leaks: Mapping[str, Any] | None = dataclasses.field(
        metadata=_help(
            "examples in two splits: exact copies by pair, near, action"
        ),
        default=None,
    )
    transfer: Mapping[str, Any] | None = dataclasses.field(
        metadata=_help(
            "fine-tuning: layers whose weights were loaded or not, the "
            "fraction of parameters, how much of each layer was trained, and "
            "of each kernel that was pruned the zeros and their number in all"
        ),
        default=None,
    )
    audit: Mapping[str, Any] | None = dataclasses.field(
        metadata=_help("fine-tuning: frozen variables, and those that changed"),
        default=None,
    )
    teacher: Mapping[str, Any] | None = dataclasses.field(
        metadata=_help(
            "with --teacher: its name, and the fingerprint of its weights"
        ),
        default=None,
    )
    federated: Mapping[str, Any] | None = dataclasses.field(
        metadata=_help(
            "of federate: its settings, the clients with their examples, and "
            "the bytes that travel to or from one in a round"
        ),
        default=None,
    )
    scratch: ScratchResult | None = dataclasses.field(
        metadata=_help(
            "the same model from random weights, with --compare_scratch"
        ),
        default=None,
    )
    forgetting: Mapping[str, Any] | None = dataclasses.field(
        metadata=_help(
            "with --forgetting: metrics of the pretraining task, before and "
            "after the fine-tuning"
        ),
        default=None,
    )
    seconds: Mapping[str, float] = dataclasses.field(
        metadata=_help("seconds by part of the program"), default_factory=dict
    )
    metrics: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        metadata=_help(
            "metrics by split; also of later evaluations, by their settings"
        ),
        default_factory=dict,
    )
    out_of_scope: Mapping[str, Any] | None = dataclasses.field(
        metadata=_help("how well examples of no class are rejected"),
        default=None,
    )
    comparison: Sequence[Mapping[str, Any]] = dataclasses.field(
        metadata=_help("the rows of the table that is printed"),
        default_factory=list,
    )
    export: ExportResult | None = dataclasses.field(
        metadata=_help("the version it was published as"), default=None
    )

    def replace(self, **changes: Any) -> "RunResult":
        """Returns the same result with some fields changed."""
        return dataclasses.replace(self, **changes)

    def with_comparison(self) -> "RunResult":
        """Returns the result with its rows of the table of runs."""
        rows = [comparison_row(self.run, self)]
        if self.scratch is not None:
            rows.append(comparison_row("the same from scratch", self.scratch))
        return self.replace(comparison=rows)

    def to_json(self) -> dict[str, Any]:
        """Returns what `result.json` holds."""
        fields = dataclasses.asdict(self)
        ordered = {f.name: fields[f.name] for f in _ordered()}
        return {k: v for k, v in ordered.items() if v is not None}

    @classmethod
    def from_json(cls, found: Any, path: str | os.PathLike) -> "RunResult":
        """Reads what `to_json` gave.

        Args:
            found: the content of the file.
            path: the file, for errors.

        Raises:
            UserError: no result, or one of a later schema.
        """
        if not isinstance(found, dict) or not {"run", "status"} <= set(found):
            raise UserError(f"{path} must hold a result: run its stage again.")
        if found.get("schema", 0) > SCHEMA:
            raise UserError(
                f"{path} has schema {found['schema']}, expected at most "
                f"{SCHEMA}: use the keras-ptft that wrote it."
            )
        known = {field.name for field in dataclasses.fields(cls)}
        values = {k: v for k, v in found.items() if k in known}
        if "scratch" in values:
            values["scratch"] = ScratchResult(**values["scratch"])
        if "export" in values:
            values["export"] = ExportResult(**values["export"])
        return cls(**values)

    def write(self, folder: str | os.PathLike) -> None:
        """Writes `result.json`, whole or not at all."""
        files.write_json(pathlib.Path(folder, RESULT_FILE), self.to_json())


def read_result(folder: str | os.PathLike) -> RunResult | None:
    """Reads the result of a run; None where it is not complete.

    Args:
        folder: a run folder.

    Raises:
        UserError: a file that holds no result.
    """
    path = pathlib.Path(folder, RESULT_FILE)
    if not path.exists():
        return None
    result = RunResult.from_json(files.read_json(path), path)
    return result if result.status == _COMPLETE else None


def comparison_row(
    name: str, result: RunResult | ScratchResult
) -> dict[str, Any]:
    """Returns a row of the table of runs.

    Args:
        name: what the run is called there.
        result: of a training that was scored.

    Returns:
        As `table_cells` takes it; `seconds` are those of the training.
    """
    seconds = result.seconds
    return {
        "run": name,
        **shown_metrics(result.metrics.get("test", {})),
        "trained_parameters": result.trained_parameters,
        "seconds": seconds.get("features", 0.0) + seconds["train"],
    }


def describe_result() -> str:
    """Returns the documentation of `result.json`, a field a line."""
    lines = [
        f"  {field.name:20}{field.metadata['help']}" for field in _ordered()
    ]
    return "\n".join([f"result.json, schema {SCHEMA}", *lines])


def _ordered() -> list[dataclasses.Field]:
    """The fields as the file has them: what the run is comes first."""
    first = ("schema", "run", "stage", "status", "objective")
    fields = {field.name: field for field in dataclasses.fields(RunResult)}
    return [fields.pop(name) for name in first] + list(fields.values())
