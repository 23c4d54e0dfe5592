"""A tiny training on each device, and an export that is verified.

Trainings go through the program's own `fit`, on the digits that are bundled
with scikit-learn. Those on GPUs and TPUs were never run on one.
"""

import contextlib
import math
import pathlib
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import keras
import tensorflow as tf

from keras_ptft.comparison.machine import processor_facts
from keras_ptft.data import Loading, load
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.pipeline.batching import steps_per_epoch
from keras_ptft.data.pipeline.moments import moments
from keras_ptft.doctor.devices import is_tpu_expected
from keras_ptft.doctor.finding import Finding, failed, ok
from keras_ptft.doctor.settings import DoctorConfig
from keras_ptft.errors import on_one_line
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.cnn import cnn
from keras_ptft.objectives.classification import Classification
from keras_ptft.serving.export import export as write_export
from keras_ptft.streams import only_warnings
from keras_ptft.training.distribution.strategies import TPU, get_strategy
from keras_ptft.training.execution.plan import make_plan
from keras_ptft.training.fit import FitConfig, fit
from keras_ptft.training.optimizers import make_optimizer
from keras_ptft.training.training_model import TrainingModel

_BATCH = 64
_EPOCHS = 4
_FLOAT32, _BFLOAT16, _FLOAT16 = "float32", "mixed_bfloat16", "mixed_float16"
# instructions with which a CPU computes in bfloat16
_HALF = {"avx512_bf16", "amx_bf16", "bf16"}
# compute capability with which a GPU does
_AMPERE = (8, 0)
_WITHOUT_XLA = "use --jit_compile=false"


class Trial(NamedTuple):
    """One way to train.

    Attributes:
        title: what the line calls it.
        strategy: where.
        jit_compile: as --jit_compile.
        precision: as --precision.
    """

    title: str
    strategy: tf.distribute.Strategy
    jit_compile: str = "false"
    precision: str = _FLOAT32


class Trained(NamedTuple):
    """What a training came to.

    Attributes:
        model: as it was trained.
        losses: of each epoch.
        step_seconds: of the steps after the first epoch's.
    """

    model: keras.Model
    losses: list[float]
    step_seconds: float


def trainings(config: DoctorConfig) -> Iterator[Finding]:
    """Trains on each device, with XLA and without, and in half precision."""
    del config
    digits = _digits()
    for trial in _trials():
        try:
            yield _judged(trial, train(trial, digits))
        except Exception as error:
            # whatever a device or its library raises is what is asked for
            remedy = _WITHOUT_XLA if trial.jit_compile == "true" else _other()
            yield failed(f"{trial.title}: {on_one_line(error)[:200]}", remedy)


def export(config: DoctorConfig) -> Iterator[Finding]:
    """Exports a small model and loads it back in a fresh process."""
    del config
    digits = _digits()
    objective = Classification(digits.info)
    model = objective.assemble(_backbone(digits))
    with tempfile.TemporaryDirectory() as folder, only_warnings():
        signatures = objective.signatures(model, digits.splits["test"])
        base = pathlib.Path(folder) / "digits"
        done = write_export(base, signatures, parts={})
    largest = max(done.largest_difference.values())
    yield ok(
        f"{len(signatures)} signatures answer as the model does, but for "
        f"{largest:.1g}",
        signatures=len(signatures),
        largest_difference=largest,
    )


def train(trial: Trial, digits: Dataset) -> Trained:
    """Trains a small CNN on the digits, through the program's own `fit`.

    Args:
        trial: where and how.
        digits: of 8×8 pixels.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(trial.precision)
    try:
        with trial.strategy.scope():
            model = _training_model(trial, digits)
        source = {"train": digits.splits["train"]}
        with only_warnings():
            rows = fit(model, source, FitConfig(_BATCH, epochs=_EPOCHS))
    finally:
        keras.config.set_dtype_policy(before)
    # the first epoch compiles, and warms up
    seconds = min(row["seconds"] for row in rows[1:]) / model.steps_per_epoch
    return Trained(model.model, [row["loss"] for row in rows], seconds)


def _digits() -> Dataset:
    with only_warnings():
        return load("digits", Loading(image_size=8))


def _training_model(trial: Trial, digits: Dataset) -> TrainingModel:
    objective = Classification(digits.info)
    model = objective.assemble(_backbone(digits))
    steps = steps_per_epoch(digits.splits["train"], _BATCH)
    plan = make_plan(
        trial.strategy,
        model,
        batch_size=_BATCH,
        steps_per_epoch=steps,
        jit_compile=trial.jit_compile,
    )
    optimizer = make_optimizer(
        "adam", "constant", learning_rate=3e-3, total_steps=_EPOCHS * steps
    )
    return TrainingModel(
        model, objective, optimizer=optimizer, plan=plan, steps_per_epoch=steps
    )


def _backbone(digits: Dataset) -> keras.Model:
    keras.utils.set_random_seed(0)
    scaling = moments(digits.splits["train"])
    given = BackboneInput(digits.spec, scaling=scaling)
    return cnn(given, filters=(16,), dense=32)


def _judged(trial: Trial, trained: Trained) -> Finding:
    first, last = trained.losses[0], trained.losses[-1]
    text = (
        f"{trial.title}: {1e3 * trained.step_seconds:.3g} ms a step, loss "
        f"{first:.3f} to {last:.3f}"
    )
    facts = {
        "trial": trial.title,
        "step_seconds": trained.step_seconds,
        "losses": trained.losses,
    }
    if not all(map(math.isfinite, trained.losses)) or not last < first:
        remedy = _WITHOUT_XLA if trial.jit_compile == "true" else _other()
        return failed(f"{text}, which does not fall", remedy, **facts)
    return ok(text, **facts)


def _other() -> str:
    return (
        "this device computes wrongly: try another by --strategy=one_device, "
        "CUDA_VISIBLE_DEVICES= or another TensorFlow"
    )


def _trials() -> Iterator[Trial]:
    """Every device in every way that it has."""
    if is_tpu_expected():
        with contextlib.suppress(ValueError):
            strategy = get_strategy(TPU)
            yield Trial("TPU", strategy, "auto")
            yield Trial("TPU, bfloat16", strategy, "auto", _BFLOAT16)
    gpus = tf.config.list_logical_devices("GPU")
    physical = tf.config.list_physical_devices("GPU")
    for device, found in zip(gpus, physical, strict=False):
        details = tf.config.experimental.get_device_details(found)
        newer = details.get("compute_capability", (0, 0)) >= _AMPERE
        yield from _of(device.name, _BFLOAT16 if newer else _FLOAT16)
    if len(gpus) > 1:
        yield Trial(f"{len(gpus)} GPUs together", get_strategy("mirrored"))
    cpu = tf.config.list_logical_devices("CPU")[0]
    half = _BFLOAT16 if _HALF & processor_facts().flags else ""
    yield from _of(cpu.name, half)


def _of(device: str, half: str) -> Iterator[Trial]:
    name = device.removeprefix("/device:")
    strategy = tf.distribute.OneDeviceStrategy(device)
    yield Trial(name, strategy)
    yield Trial(f"{name}, XLA", strategy, "true")
    if half:
        title = half.removeprefix("mixed_")
        yield Trial(f"{name}, {title}", strategy, "false", half)
