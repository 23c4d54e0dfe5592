"""Where the features of a run's frozen part are kept."""

import pathlib
import shutil

from keras_ptft.config import Config
from keras_ptft.experiment.naming import folder_of, stage_of
from keras_ptft.experiment.privacy import is_private
from keras_ptft.experiment.run_files import PRIVATE_FEATURES
from keras_ptft.transfer.cache import FeatureCache


def feature_cache(config: Config) -> FeatureCache:
    """Returns the cache of all runs, or one that is a private run's own."""
    gigabytes = config.feature_cache_gb
    if not is_private(config):
        return FeatureCache.of_runs(config.runs_dir, gigabytes)
    folder = folder_of(stage_of(config), config) / PRIVATE_FEATURES
    return FeatureCache(folder, gigabytes * 1e9)


def forget_features(folder: pathlib.Path) -> None:
    """Removes the features of a private run, which its end has no use for.

    Args:
        folder: the run folder.
    """
    shutil.rmtree(folder / PRIVATE_FEATURES, ignore_errors=True)
