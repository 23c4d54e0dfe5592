"""Models that are served in the process of the tests."""

import contextlib
import pathlib

from keras_ptft.serving.model_server.model_config import ModelConfig
from keras_ptft.serving.model_server.running import running
from keras_ptft.serving.model_server.served_model import ServedModel


def served_model(name, base, **settings):
    """A model whose versions are loaded."""
    model = ServedModel(ModelConfig(name, pathlib.Path(base), **settings))
    model.refresh()
    return model


@contextlib.contextmanager
def serving(*models):
    """Serves them; gives the ports."""
    with running({model.config.name: model for model in models}) as ports:
        yield ports
