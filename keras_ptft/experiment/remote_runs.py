"""The settings of a run whose folder of runs is a URL."""

import pathlib

from keras_ptft import files
from keras_ptft.config import Config
from keras_ptft.remote import places
from keras_ptft.remote.mirrored import opened
from keras_ptft.remote.storage import check_url


def localised(config: Config) -> Config:
    """Returns settings with a local folder in place of a URL of runs.

    Nothing is pulled.
    """
    return config.replace(runs_dir=places.local(config.runs_dir))


def portable(config: Config) -> Config:
    """Returns settings as they are true on every machine."""
    return config.replace(runs_dir=places.told(config.runs_dir))


def at_hand(config: Config, *, writes: bool = True) -> Config:
    """Returns `localised` settings, with the models that they name pulled.

    Args:
        config: the settings.
        writes: whether this process writes below the URL, which is tried.

    Raises:
        UserError: the URL cannot be read or written.
    """
    if not files.is_url(config.runs_dir):
        return config
    if writes:
        check_url(places.normal(config.runs_dir), "runs_dir")
    config = localised(config)
    for name in filter(None, (config.init_from, config.teacher)):
        if not files.is_url(name):
            opened(pathlib.Path(config.runs_dir) / name)
    return config
