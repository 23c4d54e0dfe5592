"""Whether all seeds of a comparison must test on the same examples."""

import pathlib
from collections.abc import Iterable

from keras_ptft.config import Config
from keras_ptft.experiment import run_dir
from keras_ptft.experiment.pretrained import is_known_name
from keras_ptft.experiment.run_files import FLAGS_FILE


def why_one_split(every: Iterable[Config]) -> str:
    """Returns why all seeds have the split of the recipe, if they have.

    A run has been trained on what other splits would test on. So where a
    run is the teacher, or its backbone is tuned for the classes of the data
    that it was pretrained on, no seed has a split of its own. A fold is what
    it is.

    Args:
        every: the settings of each variant.

    Returns:
        The beginning of a sentence; nothing: seeds may differ in splits.

    Raises:
        UserError: a run that is not complete.
    """
    for config in every:
        if config.folds:
            continue
        if _is_run(config.teacher, config.runs_dir):
            return "the teacher was trained for"
        if _was_pretrained_on(config):
            return "the backbone was pretrained on"
    return ""


def _is_run(name: str, runs_dir: str) -> bool:
    return bool(name) and not is_known_name(name, runs_dir)


def _was_pretrained_on(config: Config) -> bool:
    """Whether a run has seen these data, and these classes of them."""
    if not run_dir.exists(config.init_from, config.runs_dir):
        return False
    path = run_dir.find_backbone(config.init_from, config.runs_dir)
    if not pathlib.Path(path.parent, FLAGS_FILE).exists():
        return False
    theirs = run_dir.read_config(path.parent)
    return (theirs.dataset, theirs.classes) == (config.dataset, config.classes)
