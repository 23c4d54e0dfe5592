"""What a TPU needs of a training step, tested without one.

The step is the one that `fit` runs on each replica. XLA compiles all of it,
as it does for a TPU, here for the CPU.
"""

import dataclasses
import subprocess
import sys
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import describe
from keras_ptft.config import Config
from keras_ptft.data import Loading, load
from keras_ptft.data.core.dataset import Dataset, take
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.data.pipeline.batching import (
    evaluation_batches,
    training_batch,
)
from keras_ptft.data.pipeline.showing import Showing
from keras_ptft.data.text.pair_source import pair_source
from keras_ptft.data.text.pairs import joined
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import TokenSource
from keras_ptft.errors import UserError
from keras_ptft.experiment.encoding import encoded
from keras_ptft.experiment.stage_checks import check_pretraining
from keras_ptft.experiment.tpu import REFUSED
from keras_ptft.models import BACKBONES, efficientnet_lite
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.objectives.classification import Classification
from keras_ptft.objectives.objective import TeacherFacts
from keras_ptft.registry import lookup
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.execution.plan import make_plan
from keras_ptft.training.execution.tpu_step import check_step, faults
from keras_ptft.training.fit import FitConfig, fit, training_batches
from keras_ptft.training.optimizers import OPTIMIZERS, make_optimizer
from keras_ptft.training.optimizers.averages import start_averages
from keras_ptft.training.teachers import average_teacher
from keras_ptft.training.training_model import TrainingModel
from keras_ptft.training.tuning import whole
from keras_ptft.transfer.lora import LORA
from tests.conftest import ROOT
from tests.objectives import (
    test_compared_texts,
    test_objectives,
    test_text_steps,
)

BATCH = 4
IMAGES = {
    "mlp": "mlp(hidden=[6, 4])",
    "mlp_small": "mlp_small(hidden=[6, 4])",
    "cnn": "cnn(filters=[4], dense=6)",
    "cnn_single": "cnn_single(filters=[4], dense=6)",
    "cnn_5x5": "cnn_5x5(filters=[4], dense=6)",
    "resnet_small": "resnet_small(filters=[4, 6], blocks=1)",
    "vit_small": "vit_small(patch=4, width=8, depth=1, heads=2)",
}
# they need more pixels
LARGE = {
    "tanh_cnn": "tanh_cnn(filters=[4, 4], dense=6)",
    "efficientnet_lite0": "efficientnet_lite0",
    "applications": "applications:VGG16",
}
TEXTS = {
    "embedding": "embedding(width=8)",
    "rnn": "rnn(width=8, units=4, bidirectional=True)",
    "textcnn": "textcnn(width=8, filters=4, kernels=[2, 3])",
    "transformer": "transformer(width=8, depth=1, heads=2, ratio=2)",
    "bert": "bert(width=8, depth=1, heads=2, ratio=2, longest=16)",
}
TEXT_OBJECTIVES = test_text_steps.CASES | {
    name: (spec, "transformer(width=8, depth=1, heads=2)")
    for name, spec in test_compared_texts.CASES.items()
}
# of four texts no word is to be dropped
TEXT_OBJECTIVES |= {
    "cbow": ("cbow(shared=8, subsample=0)", TEXTS["embedding"]),
    "skipgram": ("skipgram(subsample=0)", TEXTS["embedding"]),
}


def test_every_row_has_a_case():
    assert IMAGES.keys() | LARGE.keys() | TEXTS.keys() == BACKBONES.keys()
    every = test_objectives.CASES.keys() | TEXT_OBJECTIVES.keys()
    assert every == OBJECTIVES.keys()


def digits(size=8):
    """A few images, and their info."""
    dataset = load("digits", Loading(image_size=size))
    return take(dataset.splits["train"], np.arange(16)), dataset.info


def texts(info, windows=False):
    """Texts of 0 to 12 words, all padded to 12, or windows of them."""
    if windows:
        return test_text_steps.source(OBJECTIVES["next_token"])
    random = np.random.default_rng(0)
    lengths = random.integers(0, 13, 16)
    ids = random.integers(4, 24, lengths.sum()).astype(np.int32)
    source = TokenSource(
        ids,
        np.cumsum(lengths),
        np.arange(16) % 3,
        np.arange(16, dtype=np.uint64),
        longest=12,
        tags=ids % 3 if info.tagged else None,
    )
    source.pad_to_longest()
    return source


def pairs():
    words = [joined((f"{i} 2", f"{i + 1} 3 4")).encode() for i in range(16)]
    tokenizer = test_compared_texts.PAIRS.text_tokenizer
    return pair_source(TextSource(in_memory(words)), tokenizer, one_length=True)


def backbone_for(spec, source, info):
    row = lookup(BACKBONES, spec, "backbone")
    size = info.tokenizer.size if info.tokenizer else 0
    return row(BackboneInput(source.spec, vocabulary_size=size))


def taught(model, objective, optimizer, backbone):
    """How a model is trained, with the teacher that its objective asks for."""
    tuning = whole(model)
    if objective.teacher == "average":
        optimizer.build(tuning.variables)
        start_averages(optimizer, tuning.variables)
        teacher = average_teacher(model, optimizer, tuning.variables)
        return dataclasses.replace(tuning, teacher=teacher)
    if objective.teacher == "model":
        logits = keras.layers.Dense(10)(backbone.output)
        frozen = keras.Model(backbone.input, logits)
        return dataclasses.replace(tuning, frozen_teacher=frozen)
    return tuning


def make_loop(objective, backbone, optimizer="adam", accumulate=1, adapt=None):
    if objective.teacher == "model":
        names = objective.info.label_names
        objective.follow(TeacherFacts("teacher", 10, names))
    model = objective.assemble(backbone)
    if adapt is not None:
        adapt(model)
    made = make_optimizer(
        optimizer,
        "constant",
        learning_rate=0.1,
        total_steps=4,
        ema=objective.momentum,
    )
    return TrainingModel(
        model,
        objective,
        optimizer=made,
        tuning=taught(model, objective, made, backbone),
        plan=make_plan(
            get_strategy("one_device"),
            model,
            batch_size=BATCH,
            steps_per_epoch=1,
            jit_compile="false",
        ),
        steps_per_epoch=1,
        gradient_accumulation=accumulate,
    )


def assert_static(batches):
    for spec in tf.nest.flatten(batches.element_spec):
        assert spec.shape.is_fully_defined(), spec
        assert spec.dtype != tf.string


def shown(loop, source):
    """The batches that `fit` would train on."""
    parts = loop.gradient_accumulation
    config = FitConfig(batch_size=BATCH, gradient_accumulation=parts)
    return training_batches(source, loop.objective, config)


def assert_ready(loop, source):
    """Compiles the step, and takes one."""
    batches = shown(loop, source)
    assert_static(batches)
    assert_static(
        evaluation_batches(source, loop.objective.transform, batch_size=BATCH)
    )
    step = tf.function(loop.replica_step, autograph=False, jit_compile=True)
    before = [v.numpy() for v in loop.tuning.variables]
    for batch in batches.take(1):
        assert faults(step.get_concrete_function(batch)) == []
        loss, stops = step(batch).numpy()
        assert np.isfinite(loss) and stops == 0
    pairs = zip(before, loop.tuning.variables, strict=True)
    assert max(np.abs(old - new.numpy()).max() for old, new in pairs) > 0


def image_case(spec, size=8, **settings):
    keras.utils.set_random_seed(0)
    source, info = digits(size)
    backbone = backbone_for(spec, source, info)
    return make_loop(Classification(info), backbone, **settings), source


def text_case(spec):
    keras.utils.set_random_seed(0)
    info = dataclasses.replace(test_text_steps.info(), tagged=False)
    source = texts(info)
    backbone = backbone_for(spec, source, info)
    return make_loop(Classification(info), backbone), source


def test_a_step_on_images():
    assert_ready(*image_case(IMAGES["mlp"]))


# a variant is the same function with other settings
OF_THEIR_OWN = {n for n in IMAGES if not isinstance(BACKBONES[n], partial)}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OF_THEIR_OWN - {"mlp"}))
def test_backbones_of_images(name):
    assert_ready(*image_case(IMAGES[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LARGE))
def test_large_backbones(name, monkeypatch):
    # one block of each kind: sixteen take XLA half a minute on a CPU
    some = efficientnet_lite._STAGES[:1]
    some += (dataclasses.replace(efficientnet_lite._STAGES[2], blocks=1),)
    monkeypatch.setattr(efficientnet_lite, "_STAGES", some)
    assert_ready(*image_case(LARGE[name], size=32, optimizer="sgd"))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TEXTS))
def test_backbones_of_texts(name):
    assert_ready(*text_case(TEXTS[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(test_objectives.CASES))
def test_objectives_of_images(name):
    keras.utils.set_random_seed(0)
    row = lookup(OBJECTIVES, test_objectives.CASES[name], "objective")
    source, info = test_objectives.digits_as(row.function.label_kind)
    backbone = test_objectives.small_backbone(row.name)
    assert_ready(make_loop(row(info), backbone), source)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TEXT_OBJECTIVES))
def test_objectives_of_texts(name):
    keras.utils.set_random_seed(0)
    spec, body = TEXT_OBJECTIVES[name]
    row = lookup(OBJECTIVES, spec, "objective")
    info = test_text_steps.info()
    if row.function.pairs:
        info, source = test_compared_texts.PAIRS, pairs()
    else:
        info = dataclasses.replace(info, tagged=name == "tagging")
        source = texts(info, row.function.windows)
    backbone = backbone_for(body, source, info)
    assert_ready(make_loop(row(info), backbone), source)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OPTIMIZERS.keys() - {"adam", "sgd"}))
def test_optimizers(name):
    keras.utils.set_random_seed(0)
    source, info = digits()
    # without hidden units: where one is dead, Adafactor divides 0 by 0
    backbone = test_objectives.small_backbone("")
    assert_ready(make_loop(Classification(info), backbone, name), source)


def adapted(model):
    (dense,) = (x for x in model.layers if x.name == "features_dense")
    LORA["lora"]([dense], rank=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "settings"),
    [
        ("mixed_bfloat16", {}),
        ("float32", {"accumulate": 2}),
        ("mixed_bfloat16", {"accumulate": 2, "adapt": adapted}),
    ],
    ids=["bfloat16", "accumulated", "low rank"],
)
def test_ways_to_train(precision, settings):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        assert_ready(*image_case(IMAGES["cnn"], **settings))
    finally:
        keras.config.set_dtype_policy(before)


EIGHT = """
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
eight = [tf.config.LogicalDeviceConfiguration()] * 8
tf.config.set_logical_device_configuration(cpu, eight)
from keras_ptft.training.distribution.strategies import get_strategy
from tests.objectives.test_objectives import CASES, step
assert get_strategy("mirrored").num_replicas_in_sync == 8
for name in ("classification", "contrastive"):
    _, one = step(CASES[name], "one_device")
    _, eight = step(CASES[name], "mirrored")
    for first, second in zip(one, eight, strict=True):
        np.testing.assert_allclose(first, second, atol=2e-6)
"""


@pytest.mark.slow
def test_eight_replicas_train_as_one_does():
    done = subprocess.run(
        [sys.executable, "-c", EIGHT],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr


class ByPython(Classification):
    """Computes its loss in NumPy, which a TPU cannot."""

    def loss(self, targets, outputs):
        del targets
        found = tf.numpy_function(np.mean, [outputs], tf.float32)
        return tf.reduce_mean(outputs, 1) + tf.ensure_shape(found, [])


class Named(Classification):
    """Leaves out examples by a string, whose number depends on the batch."""

    def loss(self, targets, outputs):
        text = tf.strings.as_string(targets)
        kept = tf.where(text != "3")
        return tf.reduce_mean(outputs, 1) + tf.cast(tf.size(kept), tf.float32)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (ByPython, "operation PyFunc calls Python"),
        (Named, "operation AsString handles strings"),
        (Named, "operation Where has an output whose shape depends on"),
    ],
)
def test_what_a_tpu_cannot_run_is_told(kind, told):
    source, info = digits()
    loop = make_loop(kind(info), test_objectives.small_backbone(""))
    with pytest.raises(UserError) as raised:
        check_step(loop, shown(loop, source))
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_texts_of_several_lengths_are_told():
    info = dataclasses.replace(test_text_steps.info(), tagged=False)
    source = test_text_steps.source(OBJECTIVES["classification"])
    source.has_targets = False
    source._tags = None
    backbone = backbone_for(TEXTS["embedding"], source, info)
    loop = make_loop(Classification(info), backbone)
    message = r"an input has the open shape \(4, None\)"
    with pytest.raises(UserError, match=message):
        check_step(loop, shown(loop, source))


def test_one_length_changes_padding_alone():
    ids, ends = np.arange(4, 24, dtype=np.int32), [3, 3, 14, 20]
    given = ids, ends, np.zeros(4), np.zeros(4)
    several, one = (TokenSource(*given, longest=12) for _ in range(2))
    one.pad_to_longest()
    for index in tf.range(4, dtype=tf.int64):
        short, whole = (s.gather(index[None])[0] for s in (several, one))
        assert len(whole) == 12
        np.testing.assert_array_equal(whole[: len(short)], short)
        assert not np.any(whole[len(short) :])


def as_on_a_tpu(replicas="mirrored", resident=False, view=None):
    """Two epochs of `fit` as on a TPU, on CPUs that play its cores."""
    keras.utils.set_random_seed(0)
    source, info = digits()
    strategy = get_strategy(replicas)
    with strategy.scope():
        objective = Classification(info)
        model = objective.assemble(test_objectives.small_backbone(""))
        plan = make_plan(strategy, model, batch_size=8, steps_per_epoch=2)
        plan = dataclasses.replace(
            plan, strategy="TPUStrategyV2", jit_compile=True, resident=resident
        )
        optimizer = make_optimizer(
            "adam", "constant", learning_rate=0.01, total_steps=4
        )
        loop = TrainingModel(
            model,
            objective,
            optimizer=optimizer,
            plan=plan,
            steps_per_epoch=2,
        )
    config = FitConfig(batch_size=8, epochs=2, showing=Showing(view))
    rows = fit(loop, {"train": source}, config)
    assert loop.waited_seconds is None
    return [row["loss"] for row in rows], model.get_weights()


def test_rows_in_the_memory_of_a_tpu_train_as_tf_data_does():
    losses, weights = as_on_a_tpu()
    held, same = as_on_a_tpu(resident=True)
    assert losses == held
    for one, other in zip(weights, same, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_in_the_memory_of_a_tpu_cannot_be_augmented_there():
    message = "RandomIndexShuffle is run by the host alone"
    view = lookup(AUGMENTATIONS, "flip", "augmentation")
    with pytest.raises(UserError, match=message):
        as_on_a_tpu(resident=True, view=view)
    # tf.data does so on the host
    as_on_a_tpu(view=view)


def test_a_gathering_step_compiles():
    loop, source = image_case(IMAGES["mlp"])
    transform = loop.objective.transform
    make = training_batch(source, transform, batch_size=8, seed=0)
    loop.batch_at = make
    loop.plan = dataclasses.replace(loop.plan, strategy="TPUStrategyV2")
    loop.hold_rows()
    step = tf.function(loop.resident_step, autograph=False, jit_compile=True)
    chosen = make.choose(tf.constant(3, tf.int64))
    concrete = step.get_concrete_function(chosen)
    assert faults(concrete) == []
    assert np.isfinite(step(chosen).numpy()).all()
    # the rows as they are stored, and no copy in the graph
    kinds = [v.dtype for v in concrete.graph.variables]
    assert tf.uint8 in kinds


class TPUStrategyV2:
    """What a plan is made for, where there is none."""

    num_replicas_in_sync = 8


def test_the_plan_for_a_tpu():
    model = test_objectives.small_backbone("")
    settings = {"batch_size": 64, "steps_per_epoch": 1000}
    plan = make_plan(TPUStrategyV2(), model, **settings)
    assert (plan.jit_compile, plan.replicas) == (True, 8)
    # not a second time, within what the TPU compiles
    assert plan.on_tpu and not plan.compiles_pass
    assert plan.steps_per_execution == 256
    assert "XLA on (a TPU runs nothing else), 256 steps a call" in str(plan)
    with pytest.raises(UserError, match="multiple of the 8 replicas"):
        make_plan(TPUStrategyV2(), model, batch_size=60, steps_per_epoch=1)


def test_a_layer_that_a_tpu_cannot_run():
    turn = keras.layers.RandomRotation(0.1, name="turn")
    with pytest.raises(UserError, match="layer 'turn' does not support XLA"):
        make_plan(
            TPUStrategyV2(),
            keras.Sequential([keras.Input((4, 4, 1)), turn]),
            batch_size=8,
            steps_per_epoch=1,
        )


@pytest.mark.parametrize(("name", "value"), sorted(REFUSED, key=str))
def test_settings_that_a_tpu_does_not_take(name, value):
    config = Config(strategy="tpu", **{name: value})
    with pytest.raises(UserError, match=f"--{name}=.* is not for --strategy"):
        check_pretraining(config)
    check_pretraining(config.replace(strategy="auto"))


def test_texts_of_a_tpu_have_one_length():
    words = in_memory([b"one two", b"one", b"three"] * 9)
    text = TextSource(words, [0, 1, 0] * 9)
    dataset = Dataset({"train": text, "test": text}, ("a", "b"))
    config = Config(sequence_length=9, tokenizer="words")
    lengths = {
        strategy: encoded(config.replace(strategy=strategy), dataset, None)
        .splits["train"]
        .gather(tf.constant([0, 1], tf.int64))
        .shape[1]
        for strategy in ("auto", "tpu")
    }
    assert lengths == {"auto": 8, "tpu": 9}


def test_describe_lists_every_row():
    text = describe.row("tpu")
    lines = {line.split()[0] for line in text.splitlines() if line[:2] == "  "}
    assert lines >= BACKBONES.keys() | OBJECTIVES.keys() | OPTIMIZERS.keys()
    assert all(len(line) <= 80 for line in text.splitlines())
