"""Backbones by name.

A row takes a `BackboneInput` and its settings, and returns a functional
`keras.Model` named "backbone" from raw input to features.
"""

from collections.abc import Callable
from functools import partial

import keras

from keras_ptft.models.applications import applications
from keras_ptft.models.bert import bert
from keras_ptft.models.cnn import cnn
from keras_ptft.models.efficientnet_lite import efficientnet_lite0
from keras_ptft.models.embedding import embedding
from keras_ptft.models.mlp import mlp
from keras_ptft.models.resnet import resnet
from keras_ptft.models.rnn import rnn
from keras_ptft.models.tanh_cnn import tanh_cnn
from keras_ptft.models.textcnn import textcnn
from keras_ptft.models.transformer import transformer
from keras_ptft.models.vit import vit

BACKBONES: dict[str, Callable[..., keras.Model]] = {
    "mlp": mlp,
    "mlp_small": partial(mlp, hidden=(100, 50)),
    "cnn": cnn,
    "cnn_single": partial(cnn, filters=(32,), dense=128),
    "cnn_5x5": partial(
        cnn, filters=(32,), kernel=5, pool=4, padding="same", dense=128
    ),
    "tanh_cnn": tanh_cnn,
    "resnet_small": resnet,
    "vit_small": vit,
    "efficientnet_lite0": efficientnet_lite0,
    "applications": applications,
    "embedding": embedding,
    "rnn": rnn,
    "textcnn": textcnn,
    "transformer": transformer,
    "bert": bert,
}
