"""Which variables a fine-tuning moves, to the bit, and how far."""

import pathlib
import re

import keras
import numpy as np
import pytest

from keras_ptft import Config, UserError
from keras_ptft.experiment import stages
from keras_ptft.experiment.tuning import check_tuning
from keras_ptft.transfer.adapter import load_adapter

CNN = "cnn(filters=[6, 8], dense=8, batch_norm=True, dropout=0.2)"
SMALL = {"image_size": 8, "epochs": 1, "explain": False}
SMALL |= {"jit_compile": "false"}

# settings → names of the backbone's variables that move
WAYS = {
    "frozen statistics": (
        {"freeze": "none"},
        {"kernel", "bias", "gamma", "beta"},
    ),
    "new statistics": (
        {"freeze": "none", "batchnorm": "update"},
        {"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"},
    ),
    "norm_and_bias": (
        {"train_only": "norm_and_bias"},
        {"bias", "gamma", "beta"},
    ),
    "lora": ({"lora": "lora(rank=2)"}, {"kernel"}),
    "lora, norm_and_bias": (
        {"lora": "lora(rank=2)", "train_only": "norm_and_bias"},
        {"kernel", "bias", "gamma", "beta"},
    ),
    "layer_decay": (
        {"freeze": "none", "layer_decay": 0.5, "optimizer": "adamw"},
        {"kernel", "bias", "gamma", "beta"},
    ),
    "l2_sp": (
        {"freeze": "none", "l2_sp": 0.1},
        {"kernel", "bias", "gamma", "beta"},
    ),
    "prune": ({"prune": 0.5}, {"kernel", "bias", "gamma", "beta"}),
    "ema": (
        {"freeze": "none", "ema": 0.9},
        {"kernel", "bias", "gamma", "beta"},
    ),
    "from a solved head": (
        {"freeze": "none", "probe": "lbfgs(C=0.1)"},
        {"kernel", "bias", "gamma", "beta"},
    ),
}
# what one of these breaks alone, it breaks beside the others too
WAYS_AT_ONCE = {
    "whole backbone": (
        {
            "freeze": "none",
            "layer_decay": 0.5,
            "optimizer": "adamw",
            "l2_sp": 0.1,
            "ema": 0.9,
            "prune": 0.25,
            "probe": "lbfgs(C=0.1)",
        },
        {"kernel", "bias", "gamma", "beta"},
    ),
    "new statistics": WAYS["new statistics"],
    "norm_and_bias": WAYS["norm_and_bias"],
    "lora": WAYS["lora"],
    "lora, norm_and_bias": WAYS["lora, norm_and_bias"],
}
# each variable of a backbone is trained by one of these, and left by another
WAYS_TOGETHER = ("whole backbone", "new statistics", "lora, norm_and_bias")
every_way_together = pytest.mark.parametrize("way", WAYS_TOGETHER)
# how many parameters some train, and how many variables they freeze
AUDITS = {
    # kernels of 3·3·6, 3·3·6·8 and 8·8, a bias of 8, gamma and beta of 6
    # and of 8, and the head's 8·5 + 5; statistics of two layers
    "frozen statistics": (54 + 432 + 64 + 8 + 28 + 45, 4),
    "new statistics": (631, 0),
    "norm_and_bias": (8 + 28 + 45, 4 + 3),
    # matrices of 3·3·1·2 and 2·6, 3·3·6·2 and 2·8, 8·2 and 2·8
    "lora": (30 + 124 + 32 + 45, 4 + 3 + 5),
}
# the rest is told in short by these, and in the slow suite
some_ways = pytest.mark.parametrize(
    "way",
    [
        way
        if way in ("frozen statistics", "lora, norm_and_bias")
        else pytest.param(way, marks=pytest.mark.slow)
        for way in WAYS
    ],
)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """Folder of runs, with one to start from."""
    folder = tmp_path_factory.mktemp("runs")
    settings = SMALL | {"runs_dir": str(folder), "classes": "0-4"}
    stages.pretrain(Config(name="first", backbone=CNN, **settings))
    return folder


@pytest.fixture
def finetune(pretrained, request):
    """Fine-tunes; returns the result and the folder of the run."""

    def run(name="run", **settings):
        # of a test with long parameters the end tells runs apart
        name = re.sub(r"[^\w-]+", "_", f"{request.node.name}-{name}")
        name = name[-80:].strip("_-")
        settings = SMALL | {"init_from": "first", "classes": "5-9"} | settings
        given = {"runs_dir": str(pretrained), "name": name}
        result = stages.finetune(Config(**given | settings))
        return result, pretrained / name

    return run


def model_of(folder, file="model.keras"):
    return keras.saving.load_model(pathlib.Path(folder) / file, compile=False)


def weights_of(folder):
    return {w.path: w.numpy() for w in model_of(folder).weights}


def moved(before, after):
    """Paths of the backbone's variables of which a bit has changed."""
    paths = [path for path in before if not path.startswith("logits")]
    return {p for p in paths if not np.array_equal(before[p], after[p])}


def largest_difference(one, other):
    assert one.keys() == other.keys()
    return max(np.abs(one[path] - other[path]).max() for path in one)


@some_ways
def test_these_move_and_no_others(finetune, pretrained, way):
    settings, names = WAYS[way]
    before = weights_of(pretrained / "first")
    result, folder = finetune(**settings)
    after = weights_of(folder)
    assert after.keys() == before.keys()
    expected = {path for path in before if path.rpartition("/")[2] in names}
    assert moved(before, after) == {
        path for path in expected if not path.startswith("logits")
    }
    for name in ("kernel", "bias"):
        path = f"logits/{name}"
        assert not np.array_equal(before[path], after[path])
    if way in AUDITS:
        assert_audited(result, *AUDITS[way])


def assert_audited(result, trained, frozen):
    assert result.trained_parameters == trained
    assert result.audit == {"frozen_variables": frozen, "changed": []}


@pytest.mark.slow
def test_what_is_not_trained_is_audited_behind_a_prefix(finetune):
    # the first convolution with its normalisation
    result, _ = finetune(freeze="conv1", lora="lora(rank=2)")
    assert_audited(result, 201, 12)


@pytest.mark.slow
def test_new_layers_of_the_backbone_are_trained_as_the_head_is(finetune):
    wider = CNN.replace("dense=8", "dense=9")
    settings = {"backbone": wider, "min_transferred": 0.1}
    result, _ = finetune(train_only="norm_and_bias", **settings)
    assert result.transfer["reshaped"] == ["features_dense"]
    # gamma and beta, and all of both dense layers
    assert result.trained_parameters == 28 + 8 * 9 + 9 + 9 * 5 + 5


@pytest.mark.slow
def test_what_an_earlier_fine_tuning_froze_is_trained_again(finetune):
    _, folder = finetune("frozen", freeze="conv2")
    result, _ = finetune(
        "again", init_from=folder.name, freeze="none", compare_scratch=True
    )
    assert result.trained_parameters == 631
    assert result.scratch.trained_parameters == 631


@pytest.mark.slow
def test_from_scratch_is_what_compare_scratch_trains(finetune, pretrained):
    settings = {"train_per_class": 20, "batch_size": 25, "split_seed": 3}
    tuned, _ = finetune("tuned", compare_scratch=True, **settings)
    scratch, folder = finetune("scratch", from_scratch=True, **settings)
    assert scratch.metrics["test"] == tuned.scratch.metrics["test"]
    assert scratch.history[0]["loss"] == tuned.scratch.history[0]["loss"]
    assert scratch.trained_parameters == 631
    assert scratch.transfer["share"] == 0.0
    assert len(scratch.transfer["missing"]) == 5
    # the same examples as beside the pretrained weights
    data = scratch.data["splits"]
    assert set(data["train"]["classes"].values()) == {20}
    assert data == tuned.data["splits"]
    before = weights_of(pretrained / "first")
    after = weights_of(folder)
    assert moved(before, after) == {p for p in before if "logits" not in p}


def test_settings_of_pretrained_weights_are_none_of_scratch():
    for name, value, default in (
        ("freeze", "conv1", ""),
        ("probe", "lbfgs", "none"),
        ("lora", "lora", "none"),
        ("compare_scratch", True, False),
    ):
        config = Config(init_from="x", from_scratch=True, **{name: value})
        with pytest.raises(UserError) as caught:
            check_tuning(config)
        assert str(caught.value) == (
            f"--{name}={value} is for pretrained weights, and "
            "--from_scratch=true has none: leave out one of the two, or take "
            f"it back by --{name}={default}."
        )


@pytest.mark.slow
def test_the_adapter_of_a_run(finetune, pretrained):
    _, folder = finetune(lora="lora(rank=2)", train_only="norm_and_bias")
    base = model_of(pretrained / "first", "backbone.keras")
    tuned = model_of(folder, "backbone.keras")
    path = folder / "adapter.safetensors"
    assert path.stat().st_size < (folder / "backbone.keras").stat().st_size / 5
    loaded = load_adapter(base, path)
    for one, other in zip(loaded.weights, tuned.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert not (pretrained / "first/adapter.safetensors").exists()


TOPICS = {
    "money": "pay bill bank card loan account transfer balance",
    "food": "cook bread soup rice pie recipe dinner taste",
    "weather": "rain snow wind sun cloud cold hot storm",
}


def write_texts(path, topics):
    random = np.random.default_rng(0)
    lines = ["text,label"]
    for number in range(150):
        topic = topics[number % len(topics)]
        words = random.choice(TOPICS[topic].split(), 4)
        lines.append(f"{number} {' '.join(words)},{topic}")
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def of_texts(tmp_path_factory):
    """Settings to fine-tune a transformer that was pretrained on texts."""
    folder = tmp_path_factory.mktemp("texts")
    write_texts(folder / "first.csv", ["money", "food"])
    write_texts(folder / "second.csv", ["food", "weather"])
    settings = {"runs_dir": str(folder), "text_column": "text", "epochs": 1}
    settings |= {"explain": False, "jit_compile": "false"}
    backbone = "transformer(width=8, heads=2, depth=1)"
    stages.pretrain(
        Config(
            name="first",
            dataset=f"csv:{folder}/first.csv",
            backbone=backbone,
            **settings,
        )
    )
    settings |= {"init_from": "first", "on_leak": "drop"}
    return settings | {"dataset": f"csv:{folder}/second.csv"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "strategy"),
    [
        # it has no statistics that could be new
        *((way, "auto") for way in WAYS_AT_ONCE if way != "new statistics"),
        ("whole backbone", "mirrored"),
        ("lora, norm_and_bias", "mirrored"),
    ],
)
def test_these_move_in_a_transformer(of_texts, way, strategy):
    settings, names = WAYS_AT_ONCE[way]
    # a table of embeddings is a kernel too
    names = names | {"embeddings"} if "kernel" in names else names
    runs = pathlib.Path(of_texts["runs_dir"])
    name = f"{way}-{strategy}".replace(",", "")
    config = Config(name=name, strategy=strategy, **{**of_texts, **settings})
    result = stages.finetune(config)
    assert result.audit["changed"] == []
    before, after = weights_of(runs / "first"), weights_of(runs / name)
    assert {p.rpartition("/")[2] for p in moved(before, after)} == names


ONE_STEP = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 639}
ONE_STEP |= {"freeze": "none"}


@pytest.fixture(scope="module")
def plain_step(pretrained):
    """The weights after one plain step."""
    settings = SMALL | ONE_STEP | {"runs_dir": str(pretrained)}
    settings |= {"init_from": "first", "classes": "5-9"}
    stages.finetune(Config(name="plain_step", **settings))
    return weights_of(pretrained / "plain_step")


@pytest.mark.slow
def test_layer_decay_scales_a_step_by_hand(finetune, pretrained, plain_step):
    start = weights_of(pretrained / "first")
    decayed = weights_of(finetune("decay", layer_decay=0.5, **ONE_STEP)[1])
    distances = {"conv1_": 3, "conv2_": 2, "features_": 1, "logits": 0}
    for path, value in plain_step.items():
        if "moving" in path:
            continue
        power = next(n for name, n in distances.items() if name in path)
        if not power:
            np.testing.assert_array_equal(decayed[path], value)
            continue
        step, scaled = value - start[path], decayed[path] - start[path]
        assert np.abs(step).max() > 1e-5
        np.testing.assert_allclose(scaled, step * 0.5**power, atol=2e-7)


@pytest.mark.slow
def test_l2_sp_starts_at_the_pretrained_weights(
    finetune, pretrained, plain_step
):
    start = weights_of(pretrained / "first")
    drawn = weights_of(finetune("drawn", l2_sp=1.0, **ONE_STEP)[1])
    # there its gradient is 0
    assert largest_difference(plain_step, drawn) == 0
    further = {"epochs": 3, "learning_rate": 0.3}
    plain = weights_of(finetune("plain3", **ONE_STEP | further)[1])
    drawn = weights_of(finetune("drawn3", l2_sp=1.0, **ONE_STEP | further)[1])
    kernel = "conv2_conv/kernel"
    distances = [
        np.square(weights[kernel] - start[kernel]).sum()
        for weights in (plain, drawn)
    ]
    assert distances[1] < 0.8 * distances[0]


@pytest.mark.slow
def test_what_is_scored_and_saved_is_the_average(finetune):
    settings = {"freeze": "none", "epochs": 3, "learning_rate": 0.01}
    plain, folder = finetune("plain", **settings)
    result, other = finetune("ema", ema=0.95, **settings)
    # the same training, and another model
    losses = [[row["loss"] for row in r.history] for r in (plain, result)]
    assert losses[0] == losses[1]
    assert largest_difference(weights_of(folder), weights_of(other)) > 1e-3
    saved = result.metrics["validation"]["loss"]
    assert saved == pytest.approx(result.history[-1]["val_loss"], rel=1e-4)
    assert saved != pytest.approx(plain.history[-1]["val_loss"], rel=1e-3)


@pytest.mark.slow
def test_an_average_in_pretraining(pretrained):
    settings = SMALL | {"runs_dir": str(pretrained), "classes": "0-4"}
    settings |= {"backbone": CNN, "ema": 0.9, "name": "averaged"}
    result = stages.pretrain(Config(**settings))
    saved = result.metrics["validation"]["loss"]
    assert saved == pytest.approx(result.history[-1]["val_loss"], rel=1e-4)


@pytest.mark.slow
@every_way_together
def test_two_replicas_and_xla_agree(finetune, way):
    # each replica drops other units
    settings = WAYS_AT_ONCE[way][0] | {"backbone": CNN.replace("0.2", "0.0")}
    one = weights_of(finetune("one", **settings)[1])
    result, folder = finetune("two", strategy="mirrored", **settings)
    assert result.plan["replicas"] == 2
    assert largest_difference(one, weights_of(folder)) < 1e-5
    settings["jit_compile"] = "true"
    xla = weights_of(finetune("xla", **settings)[1])
    assert largest_difference(one, xla) < 1e-5
    if way != "new statistics":
        # which replicas exchange, and XLA on a CPU cannot
        both = finetune("both", strategy="mirrored", **settings)[1]
        assert largest_difference(one, weights_of(both)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "way"),
    [
        *(("mixed_bfloat16", way) for way in WAYS_AT_ONCE),
        *(("mixed_float16", way) for way in WAYS_TOGETHER),
    ],
)
def test_half_precision(finetune, pretrained, way, precision):
    settings, names = WAYS_AT_ONCE[way]
    before = weights_of(pretrained / "first")
    result, folder = finetune(precision=precision, epochs=3, **settings)
    found = {p.rpartition("/")[2] for p in moved(before, weights_of(folder))}
    assert found == names
    assert result.audit["changed"] == []


def killed_after(step, folder):
    """Makes a complete run one that was killed after a checkpoint."""
    for name in ("result.json", "report.html", "model.keras", "backbone.keras"):
        (folder / name).unlink()
    (folder / "adapter.safetensors").unlink(missing_ok=True)
    for path in (folder / "checkpoints").iterdir():
        if int(path.name.split("-")[1]) > step:
            path.unlink()


CHECKPOINTS = {"checkpoint_every": "3", "keep_checkpoints": 99}
CHECKPOINTS |= {"epochs": 2, "steps_per_execution": 1}


@pytest.mark.slow
@every_way_together
def test_a_killed_run_ends_with_the_same_bits(finetune, way):
    check_resumed(finetune, way)


@pytest.mark.slow
@every_way_together
def test_a_killed_run_on_two_replicas_too(finetune, way):
    check_resumed(finetune, way, strategy="mirrored")


def check_resumed(finetune, way, **settings):
    settings |= WAYS_AT_ONCE[way][0] | CHECKPOINTS
    whole, folder = finetune(early_stopping_patience=1, **settings)
    expected = weights_of(folder)
    killed_after(13, folder)
    again, _ = finetune(early_stopping_patience=1, **settings)
    assert again.resumed == [12]
    assert largest_difference(weights_of(folder), expected) == 0
    assert again.metrics == whole.metrics
    assert again.audit == whole.audit


@pytest.mark.slow
def test_pruned_weights_are_zero_in_what_is_saved(finetune):
    result, folder = finetune(prune=0.5)
    # of kernels of 3·3·6, 3·3·6·8 and 8·8
    counts = sorted(result.transfer["zeros"].values())
    assert counts == [[27, 54], [32, 64], [216, 432]]
    weights = weights_of(folder)
    for path, (count, size) in result.transfer["zeros"].items():
        assert weights[path].size == size
        assert (weights[path] == 0).sum() == count


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"lora": "lora(rank=4)", "freeze": "all"},
            "--lora=lora(rank=4) is for an unfrozen backbone, but "
            "--freeze=all trains the head alone: set --freeze=none or a cut "
            "point.",
        ),
        (
            {"layer_decay": 0.75},
            "--layer_decay=0.75 is for an unfrozen backbone, but --freeze=all "
            "trains the head alone: set --freeze=none or a cut point.",
        ),
        (
            {"l2_sp": 0.1, "freeze": "all"},
            "--l2_sp=0.1 is for an unfrozen backbone, but --freeze=all trains "
            "the head alone: set --freeze=none or a cut point.",
        ),
        (
            {"train_only": "norm_and_bias", "freeze": "all"},
            "--train_only=norm_and_bias is for an unfrozen backbone, but "
            "--freeze=all trains the head alone: set --freeze=none or a cut "
            "point.",
        ),
        (
            {"l2_sp": 0.1, "lora": "lora"},
            "--l2_sp=0.1 draws weights to the pretrained ones, from which "
            "--lora does not move them: leave one of the two out.",
        ),
        (
            {"prune": 0.5, "freeze": "all"},
            "--prune=0.5 is for an unfrozen backbone, but --freeze=all trains "
            "the head alone: set --freeze=none or a cut point.",
        ),
        (
            {"prune": 0.5, "lora": "lora"},
            "--prune=0.5 trains the kernels that it prunes, from the first "
            "epoch on, and --lora=lora does not: leave one of the two out.",
        ),
        (
            {"l2_sp": 0.1, "freeze": "features"},
            "--l2_sp=0.1 is for an unfrozen backbone, but --freeze=features "
            "leaves no pretrained weights to train: freeze up to an earlier "
            "cut point.",
        ),
        (
            {"lora": "lora(rnak=4)"},
            "Unknown setting 'rnak' of low-rank adaptation 'lora' (did you "
            'mean "rank"?); there are: rank, alpha, only.',
        ),
    ],
)
def test_settings_that_contradict_each_other(finetune, settings, message):
    with pytest.raises(UserError) as caught:
        finetune(**settings)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lora", "lora"),
        ("train_only", "norm_and_bias"),
        ("layer_decay", 0.75),
        ("l2_sp", 0.1),
        ("prune", 0.5),
    ],
)
def test_what_pretraining_has_no_use_for(pretrained, name, value):
    config = Config(runs_dir=str(pretrained), **SMALL | {name: value})
    with pytest.raises(UserError) as caught:
        stages.pretrain(config)
    assert str(caught.value) == (
        f"--{name}={value} belongs to fine-tuning: use finetune, or leave it "
        "out."
    )
