"""Small models and data as the tests of this room need them."""

import functools

import keras
import numpy as np
from keras import layers

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import texts_of, token_source
from keras_ptft.data.text.tokenizers import learn
from keras_ptft.explanation.method import Subject
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.objectives.classification import Classification

TEXTS = "the rain falls", "snow and rain", "pay the bank", "a card of a bank"
WEATHER = ("weather", "money")


def images(count=6, side=8, channels=1, seed=0, classes=2):
    """Grey noise and labels."""
    shape = (count, side, side, channels)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return ArraySource(pixels, np.arange(count) % classes)


@functools.cache
def texts(*given, labels=(0, 0, 1, 1), setting="words"):
    """Texts as tokens, all known, and what is known of them."""
    stored = TextSource(in_memory([t.encode() for t in given or TEXTS]), labels)
    tokenizer = learn(setting, lambda: texts_of(stored), 16)
    source = token_source(stored, tokenizer)
    return Dataset({"train": source, "test": source}, WEATHER, tokenizer)


def classifier(make, dataset, seed=0, **settings):
    """A model with random weights that are far from zero."""
    keras.utils.set_random_seed(seed)
    tokenizer = dataset.tokenizer
    given = BackboneInput(
        dataset.spec, vocabulary_size=tokenizer.size if tokenizer else 0
    )
    backbone = make(given, **settings)
    model = Classification(dataset.info).assemble(backbone)
    generator = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        spread = generator.normal(0, 0.3, variable.shape)
        variable.assign(variable + spread.astype(np.float32))
    return model


def subject(model, source, info=None, score=None):
    """A model to explain, by the plain logit unless another is given."""
    return Subject(
        model,
        info or DataInfo(source.spec, ("a", "b")),
        source,
        score or (lambda answers, output: answers[:, output]),
    )


def network(*body, side=8, channels=1, outputs=2):
    """A functional model from an image through layers to answers."""
    image = x = keras.Input((side, side, channels), dtype="uint8")
    x = layers.Rescaling(1 / 255)(x)
    for layer in body:
        x = layer(x)
    return keras.Model(image, layers.Dense(outputs, name="logits")(x))
