"""Fine-tunes a model in phases, each of which may unfreeze more of it.

Without `--unfreeze` there is one phase, from the first epoch to the last.
With `--probe` the head is solved before the first of them.
"""

import dataclasses
import itertools
import logging
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Source
from keras_ptft.errors import UserError
from keras_ptft.experiment.builders import freeze_of
from keras_ptft.experiment.frozen import frozen_inputs
from keras_ptft.experiment.probing import is_probe, is_solved, solve
from keras_ptft.experiment.results import TrainingResult
from keras_ptft.experiment.training import Training
from keras_ptft.objectives import Objective
from keras_ptft.training.callbacks import Watchers
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.fit import NOBODY
from keras_ptft.training.timer import Timer
from keras_ptft.training.tuning import Phase, Tuning
from keras_ptft.transfer import audit
from keras_ptft.transfer.cut import cut_points, split
from keras_ptft.transfer.unfreezing import Step, parse_unfreeze

_LOG = logging.getLogger("keras_ptft")

Tune = Callable[[keras.Model | None, keras.Model], Tuning]
"""(prefix or None, suffix) → which variables are trained, and how."""

Solved = tuple[keras.Model | None, keras.Model]
"""The backbone, and the head that is solved on what it gives."""


@dataclasses.dataclass(frozen=True)
class Cut:
    """A model, cut for one phase.

    Attributes:
        prefix: the frozen part, or None.
        suffix: the rest.
        tuning: what of it is trained, and how.
    """

    prefix: keras.Model | None
    suffix: keras.Model
    tuning: Tuning


def check_unfreeze(config: Config) -> None:
    """Finds errors in `unfreeze` that show before data are loaded.

    Raises:
        UserError: there is one.
    """
    if not config.unfreeze:
        return
    unfreeze = f"--unfreeze={config.unfreeze}"
    for name in filter(config.is_set, ("freeze", "lora")):
        raise UserError(
            f"{unfreeze} and --{name}={getattr(config, name)} exclude each "
            "other: leave out one of the two."
        )
    parse_unfreeze(config.unfreeze, config.epochs)


class Phases:
    """Where a model is cut in each phase of a fine-tuning.

    A model is cut anew when its phase begins, since a cut also sets which
    layers are trainable.

    Args:
        config: the settings.
        model: backbone and head.
        backbone: the part of the model that the head reads.
        tune: decides what of a suffix is trained.
        teacher: a frozen model from the same inputs, whose answers are
            learned; None: there is none.

    Attributes:
        teacher: as it was given.
        steps: where it is cut, and from which epoch on.
        last: the cut of the last phase.
        current: the cut of the phase that has begun.
        solved_first: backbone and head, where the head is solved before the
            first phase.

    Raises:
        UserError: no such cut point, or one that is not nearer the input
            than the one before.
    """

    def __init__(
        self,
        config: Config,
        model: keras.Model,
        backbone: keras.Model,
        tune: Tune,
        teacher: keras.Model | None = None,
    ) -> None:
        self.teacher = teacher
        self._model, self._backbone, self._tune = model, backbone, tune
        self.solved_first: Solved | None = None
        if is_solved(config) and not is_probe(config):
            # every cut sets what is trainable, and the last one counts
            self.solved_first = split(model, backbone, "all")
        self.steps: Sequence[Step] = [Step(0, freeze_of(config))]
        if config.unfreeze:
            self.steps = parse_unfreeze(config.unfreeze, config.epochs)
            self._check_order()
        begins = self._begins()
        prefix, suffix = split(model, backbone, self.steps[-1].freeze)
        self.last = Cut(prefix, suffix, tune(prefix, suffix))
        self.current = self.last
        self._last_begins = [
            begins.get(id(v), 0) for v in self.last.tuning.variables
        ]

    def cut(self, index: int) -> Cut:
        """Cuts the model for a phase, which then is the current one."""
        if len(self.steps) == 1:
            return self.last
        freeze = self.steps[index].freeze
        prefix, suffix = split(self._model, self._backbone, freeze)
        last = self.last.tuning
        phase = Phase(
            variables=last.variables,
            factors=last.factors,
            begins=self._last_begins,
            model=self.last.suffix,
            is_last=index == len(self.steps) - 1,
        )
        tuning = dataclasses.replace(self._tune(prefix, suffix), phase=phase)
        self.current = Cut(prefix, suffix, tuning)
        return self.current

    def _check_order(self) -> None:
        for before, after in itertools.pairwise(self.steps):
            if self._frozen(after) >= self._frozen(before):
                points = cut_points(self._backbone)
                raise UserError(
                    f"--unfreeze must go from the output to the input, and "
                    f"{after.freeze!r} frees no more than {before.freeze!r} "
                    "before it: the cut points are, from the input on, none, "
                    f"{', '.join(points)}, all."
                )

    def _begins(self) -> dict[int, int]:
        """The epoch that frees a variable, by its id; 0 are left out."""
        begins: dict[int, int] = {}
        for before, after in itertools.pairwise(self.steps):
            prefix, _ = split(self._model, self._backbone, before.freeze)
            if prefix is not None:
                begins |= {id(v): after.epoch for v in prefix.variables}
        return begins

    def _frozen(self, step: Step) -> int:
        """How many layers are frozen."""
        prefix, _ = split(self._model, self._backbone, step.freeze)
        return 0 if prefix is None else len(prefix.layers)


def fine_tune(
    config: Config,
    phases: Phases,
    objective: Objective,
    sources: Mapping[str, Source],
    *,
    folder: pathlib.Path,
    timer: Timer,
    watchers: Watchers = NOBODY,
) -> tuple[TrainingResult, dict[str, Any]]:
    """Fine-tunes a model in place, or solves its head.

    A training that was interrupted is resumed, in the phase that it was in.

    Args:
        config: the settings.
        phases: where the model is cut.
        objective: what it is trained for.
        sources: the splits.
        folder: the run folder.
        timer: gets the seconds of "features" and "train".
        watchers: callbacks that watch the training.

    Returns:
        The result, and the audit of what was frozen to the end.

    Raises:
        UserError: what was read or computed cannot be trained on.
        RuntimeError: a variable has changed that was frozen in a phase.
    """
    training = Training(config, objective, sources["train"], folder, watchers)
    if phases.solved_first is not None and not training.resumes:
        _solve_first(config, phases.solved_first, objective, sources, timer)
    starts = [step.epoch for step in phases.steps]
    first = sum(start <= training.epoch for start in starts[1:])
    for index in range(first, len(starts)):
        until = [*starts, config.epochs][index + 1]
        with get_strategy(config.strategy).scope():
            cut = phases.cut(index)
        if config.unfreeze:
            _announce(phases.steps[index], cut.tuning)
        before = audit.fingerprints(cut.tuning.frozen)
        with timer("features"):
            frozen = frozen_inputs(
                config, cut.prefix, objective, sources, phases.teacher
            )
        inputs = frozen.sources
        with timer("train"):
            if is_probe(config):
                head, live = cut.suffix, frozen.prefix
                result = solve(config, head, objective, inputs, prefix=live)
            else:
                tuning = frozen.before(cut.tuning)
                epochs = range(starts[index], until)
                result = training.run(cut.suffix, inputs, tuning, epochs)
        audited = audit.audit(before, cut.tuning.frozen)
        if training.ended:
            break
    return result, audited


def _solve_first(
    config: Config,
    solved: Solved,
    objective: Objective,
    sources: Mapping[str, Source],
    timer: Timer,
) -> None:
    """Solves the head on examples as they are, however they are shown."""
    backbone, head = solved
    plain = config.replace(augment="none", mix="none")
    with timer("features"):
        frozen = frozen_inputs(plain, backbone, objective, sources)
    with timer("train"):
        solve(config, head, objective, frozen.sources, prefix=frozen.prefix)


def _announce(step: Step, tuning: Tuning) -> None:
    frozen = {"all": "the backbone is frozen", "none": "nothing is frozen"}
    _LOG.info(
        "Epochs done: %d. From here on %s, %s parameters trained.",
        step.epoch,
        frozen.get(step.freeze, f"frozen up to {step.freeze}"),
        f"{tuning.size:,}",
    )
