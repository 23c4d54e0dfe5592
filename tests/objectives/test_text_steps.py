"""A step of every objective on texts, with the program's own backbones."""

import functools

import keras
import numpy as np
import pytest

from keras_ptft.data.text.token_source import TokenSource
from keras_ptft.data.text.window_source import TokenWindowSource
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.registry import lookup
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.execution.plan import make_plan
from keras_ptft.training.fit import FitConfig, fit
from keras_ptft.training.optimizers.optimizers import make_optimizer
from keras_ptft.training.training_model import TrainingModel
from tests.infos import text_info

SPECIALS = ("[PAD]", "[UNK]", "[MASK]", "[END]")
CASES = {
    "masked_tokens": (
        "masked_tokens(rate=0.3)",
        "transformer(width=16, depth=1, heads=2, dropout=0)",
    ),
    "next_token": ("next_token", "rnn(width=16, units=16)"),
    "skipgram": ("skipgram(window=3)", "embedding(width=16)"),
    "cbow": ("cbow(window=0, shared=8)", "textcnn(width=16)"),
    "tagging": ("tagging", "rnn(width=16, units=16)"),
}


def info(width=1):
    return text_info(
        (*SPECIALS, *map(str, range(20))),
        label_names=("O", "B-a", "I-a"),
        tagged=True,
        width=width,
        counts=np.array([0] * 4 + list(range(1, 21))),
        sequence_length=12,
    )


def source(objective, width=1):
    """128 texts of 0 to 12 words, or 128 windows of 12."""
    random = np.random.default_rng(0)
    lengths = random.integers(0, 13, 128)
    size = 128 * 12 if objective.windows else lengths.sum()
    ids = random.integers(4, 24, size).astype(np.int32)
    tags = ids % 3
    if width > 1:
        ids = np.stack([ids, 24 + ids % 16, 0 * ids], -1)[:, :width]
    if objective.windows:
        return TokenWindowSource(ids, 12)
    hashes = np.arange(128, dtype=np.uint64)
    ends = np.cumsum(lengths)
    return TokenSource(ids, ends, 0 * ends, hashes, longest=12, tags=tags)


def make_loop(name, replicas="one_device", width=1, accumulate=1, jit="false"):
    keras.utils.set_random_seed(0)
    spec, body = CASES[name]
    objective = lookup(OBJECTIVES, spec, "objective")(info(width))
    data = source(objective, width)
    chosen = get_strategy(replicas)
    with chosen.scope():
        row = lookup(BACKBONES, body, "backbone")
        size = 24 if width == 1 else 40
        backbone = row(BackboneInput(data.spec, vocabulary_size=size))
        model = objective.assemble(backbone)
        optimizer = make_optimizer(
            "sgd", "constant", learning_rate=1.0, total_steps=2
        )
        plan = make_plan(
            chosen,
            model,
            batch_size=64 // accumulate,
            steps_per_epoch=2,
            jit_compile=jit,
        )
        loop = TrainingModel(
            model,
            objective,
            optimizer=optimizer,
            plan=plan,
            steps_per_epoch=2,
            gradient_accumulation=accumulate,
        )
    schooling = FitConfig(
        epochs=1, batch_size=64 // accumulate, gradient_accumulation=accumulate
    )
    return loop, data, schooling


@functools.cache
def trained(name, **settings):
    """Weights before and after two steps, and the rows of the history."""
    loop, data, schooling = make_loop(name, **settings)
    before = loop.model.get_weights()
    rows = fit(loop, {"train": data, "validation": data}, schooling)
    return before, loop.model.get_weights(), rows


def assert_alike(name, first, second):
    before, one, rows = first
    _, two, others = second
    moved = [np.abs(o - n).max() for o, n in zip(before, one, strict=True)]
    assert max(moved) > 1e-4
    for mine, theirs in zip(one, two, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-6)
    for key in ("loss", "val_loss"):
        assert rows[0][key] == pytest.approx(others[0][key], rel=1e-5), name


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_steps_on_one_and_on_two_replicas(name):
    one = trained(name)
    assert_alike(name, one, trained(name, replicas="mirrored"))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_compiled_steps_in_parts(name):
    one = trained(name)
    compiled = trained(name, accumulate=2, jit="true")
    assert_alike(name, one, compiled)


@pytest.mark.slow
# compiling takes longest of what the others have
@pytest.mark.parametrize("name", ["cbow", "tagging"])
def test_compiled_steps_in_parts_on_two_replicas(name):
    both = trained(name, accumulate=2, jit="true", replicas="mirrored")
    assert_alike(name, trained(name), both)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_tokens_of_several_ids(name):
    _, _, rows = trained(name, width=3)
    assert np.isfinite(rows[0]["loss"])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_steps_in_half_precision(name):
    before = keras.config.dtype_policy()
    exact = trained(name)[2]
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        loop, data, schooling = make_loop(name)
        assert loop.model.output.dtype == "float32"
        rows = fit(loop, {"train": data}, schooling)
    finally:
        keras.config.set_dtype_policy(before)
    assert rows[0]["loss"] == pytest.approx(exact[0]["loss"], rel=0.02)


def test_names_in_a_model_do_not_depend_on_those_before_it():
    names = []
    for _ in range(2):
        model = make_loop("masked_tokens")[0].model
        names.append([operation.name for operation in model.operations])
    assert names[0] == names[1]
