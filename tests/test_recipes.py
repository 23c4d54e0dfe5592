"""Every recipe can be read, tells what it is for, and builds its model."""

import pathlib
import re
from functools import partial

import keras
import numpy as np
import pytest

from keras_ptft import main
from keras_ptft.config import Config
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import texts_of, token_source
from keras_ptft.data.text.tokenizers import learn
from keras_ptft.experiment import builders
from keras_ptft.experiment.pretrained import is_known_model, load_pretrained
from keras_ptft.models.feature_model import feature_model
from keras_ptft.transfer.cut import split

FLAGS = pathlib.Path(__file__).parent.parent / "flags"
RECIPES = sorted(FLAGS.glob("*.flags"))
NAMES = [path.stem for path in RECIPES]
# what stands before the settings of a dataset, and its classes
KINDS = {
    "digits": ((8, 8, 1), np.uint8, "image", 10),
    "mnist": ((28, 28, 1), np.uint8, "image", 10),
    "fashion_mnist": ((28, 28, 1), np.uint8, "image", 10),
    "tfds:cifar10": ((32, 32, 3), np.uint8, "image", 10),
    "folder": ((224, 224, 3), np.uint8, "image", 5),
    "npz": ((16,), np.float32, "vector", 3),
}

# likewise of texts
TEXTS = {"tfds:clinc_oos": 150, "tsv": 7, "text": 0}

every_recipe = pytest.mark.parametrize("name", NAMES)


def read(name):
    present, positional = main.parse([f"--flagfile={FLAGS / name}.flags"])
    assert positional == []
    return Config(**present)


def header(name):
    text = (FLAGS / f"{name}.flags").read_text(encoding="utf-8")
    return re.match(r"(#.*\n)+", text).group()


def dataset_for(config):
    """Two examples of the kind that the recipe's data set holds."""
    kind = next(k for k in (*KINDS, *TEXTS) if config.dataset.startswith(k))
    if kind in TEXTS:
        return texts_for(config, TEXTS[kind] if config.label_column else 0)
    shape, dtype, name, classes = KINDS[kind]
    if config.image_size:
        shape = (config.image_size, config.image_size, shape[-1])
    inputs = np.random.default_rng(0).integers(0, 255, (2, *shape))
    source = ArraySource(inputs.astype(dtype), [0, 1], name=name)
    return Dataset({"train": source}, tuple(map(str, range(classes))))


def texts_for(config, classes):
    texts = TextSource(in_memory([b"to be or not", "天地".encode()]), [0, 1])
    tokenizer = tokenizer_for(config, texts)
    source = token_source(texts, tokenizer)
    return Dataset(
        {"train": source}, tuple(map(str, range(classes))), tokenizer
    )


def tokenizer_for(config, texts):
    if is_known_model(config):
        return load_pretrained(config, None).weights.tokenizer()
    parent = read(config.init_from) if config.init_from else config
    setting = config.tokenizer or parent.tokenizer or "characters"
    return learn(setting, partial(texts_of, texts), config.sequence_length)


def backbone_for(config):
    pretrained = None
    if is_known_model(config):
        pretrained = load_pretrained(config, None).backbone
    elif config.init_from:
        pretrained = backbone_for(read(config.init_from))
    dataset = dataset_for(config)
    objective = builders.build_objective(config, dataset.info)
    return builders.build_backbone(
        config, dataset, objective, pretrained=pretrained
    )


def test_there_are_recipes():
    assert {"pretrain_cnn_digits", "finetune_cnn_digits"} <= set(NAMES)


@every_recipe
def test_name_says_what_it_is(name):
    config = read(name)
    stage = "finetune" if config.init_from else "pretrain"
    stage = "distill" if config.teacher else stage
    assert config.name == name
    kinds = "_teacher|_views|_pruned|_federated"
    assert re.fullmatch(
        rf"{stage}(_private)?_[a-z0-9]+_[a-z0-9]+({kinds})?", name
    )
    assert ("_private_" in name) == (config.privacy != "none")
    assert config.init_from in ("", *NAMES) or is_known_model(config)
    assert config.teacher in ("", *NAMES)


@every_recipe
def test_header_has_purpose_command_and_measured(name):
    lines = header(name)
    assert re.search(r"^# Purpose: \w", lines, re.MULTILINE)
    command = re.search(r"^# Command: keras-ptft (.*)", lines, re.MULTILINE)
    words = command.group(1).split()
    assert f"flags/{name}.flags" in words
    named = [word for word in words if word.endswith(".flags")]
    assert all((FLAGS.parent / word).is_file() for word in named)
    # numbers of a run on 2 cores, not a promise of some
    assert re.search(r"^# Measured: .*\d", lines, re.MULTILINE)


@every_recipe
def test_rows_and_settings_are_known(name):
    builders.check(read(name))


@pytest.mark.slow
@every_recipe
def test_model_builds(name):
    keras.backend.clear_session()
    config = read(name)
    dataset = dataset_for(config)
    backbone = backbone_for(config)
    assert backbone.inputs[0].shape[1:] == dataset.spec.shape
    objective = builders.build_objective(config, dataset.info)
    model = builders.assemble(backbone, objective)
    suffix = model
    if config.init_from:
        features = feature_model(backbone, objective.feature_layer)
        _, suffix = split(model, features, builders.freeze_of(config))
    assert suffix.trainable_variables
    if config.objective == "classification":
        assert suffix.output_shape == (None, len(dataset.label_names))
