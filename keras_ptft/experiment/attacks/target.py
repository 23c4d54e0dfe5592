"""The run that is attacked: its model, and who was trained on."""

import dataclasses
import pathlib

import keras
import numpy as np

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset, Source, fingerprint, take
from keras_ptft.errors import UserError
from keras_ptft.experiment import run_dir
from keras_ptft.experiment.encoding import encoded
from keras_ptft.experiment.loading import reload_dataset
from keras_ptft.experiment.results import RunResult
from keras_ptft.experiment.weights import Weights
from keras_ptft.objectives import Objective
from keras_ptft.objectives.saved import needs_labels, objective_type

_SEED = 0
# fewer tell nothing
_LEAST = 10


@dataclasses.dataclass(frozen=True)
class Attacked:
    """A run, as what attacks it has to know it.

    Attributes:
        folder: the run folder.
        config: its settings.
        result: what it came to.
        objective: what its model was trained for.
        model: on the devices that it is attacked on.
    """

    folder: pathlib.Path
    config: Config
    result: RunResult
    objective: Objective
    model: keras.Model


@dataclasses.dataclass(frozen=True)
class Suspects:
    """Examples of which an attacker says whether they were trained on.

    Attributes:
        dataset: the data of the run, with the splits that it had.
        members: indices of the training examples that are asked about.
        others: as many indices of test examples, class by class.
        notes: what was left out, a sentence each.
    """

    dataset: Dataset
    members: np.ndarray
    others: np.ndarray
    notes: tuple[str, ...]

    @property
    def member_source(self) -> Source:
        """The training examples that are asked about."""
        return take(self.dataset.splits["train"], self.members)

    @property
    def other_source(self) -> Source:
        """The test examples that are asked about."""
        return take(self.dataset.splits["test"], self.others)


def check_attacked(config: Config) -> None:
    """Refuses objectives whose loss of an example means nothing by itself.

    Raises:
        UserError: it compares examples, or learns no labels.
    """
    kind = objective_type(config.objective)
    alone = not kind.compares and not kind.windows
    if alone and kind.servable and needs_labels(config.objective):
        return
    raise UserError(
        "--attack judges each example by the loss of its label, and "
        f"--objective={config.objective} has none that stands alone: attack "
        "a run that is fine-tuned from this one."
    )


def suspects_of(attacked: Attacked, given: Dataset | None) -> Suspects:
    """Loads the data of a run again, and chooses who is asked about.

    Args:
        attacked: the run.
        given: the data set that was handed over to it, if one was.

    Raises:
        UserError: the data are gone or others, or they are too few.
    """
    folder = attacked.folder
    path = folder / run_dir.MODEL_FILE
    weights = Weights.beside(path, attacked.model)
    dataset = reload_dataset(attacked.config, given, weights)
    dataset = _as_trained(attacked.config, dataset, weights)
    train = dataset.splits["train"]
    for split in ("train", "test"):
        _check_unchanged(folder, split, dataset.splits[split])
    test = dataset.splits["test"]
    unknown = np.flatnonzero(~np.isin(test.hashes, train.hashes))
    members, others = balanced(train.labels, test.labels[unknown])
    if len(members) < _LEAST:
        raise UserError(
            f"--attack needs at least {_LEAST} training examples and as many "
            f"test examples of the same classes, got {len(members)}: attack a "
            "run with more."
        )
    copies = len(test) - len(unknown)
    notes = (_copies(copies, len(test)),) if copies else ()
    return Suspects(dataset, members, unknown[others], notes)


def balanced(
    ours: np.ndarray, theirs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses as many examples of two splits, class by class, at random.

    Args:
        ours: the class of each example of one split.
        theirs: likewise of the other.

    Returns:
        Indices of both, sorted.

    Example:

    >>> one, other = balanced(np.array([0, 0, 1]), np.array([1, 0]))
    >>> len(one), other.tolist()
    (2, [0, 1])
    """
    numbers = np.random.default_rng(_SEED)
    chosen: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for label in np.intersect1d(ours, theirs):
        found = [np.flatnonzero(x == label) for x in (ours, theirs)]
        count = min(map(len, found))
        for part, indices in zip(chosen, found, strict=True):
            part.append(numbers.choice(indices, count, replace=False))
    none = np.empty(0, np.int64)
    one, other = (np.sort(np.concatenate([none, *part])) for part in chosen)
    return one, other


def of_texts(source: Source) -> Source:
    """Returns the texts that tokens were made of, or other examples."""
    return source if source.texts is None else source.texts


def _as_trained(config: Config, dataset: Dataset, weights: Weights) -> Dataset:
    """The data set without the training examples that a run had dropped."""
    train = of_texts(dataset.splits["train"])
    if (seen := weights.seen()) is not None:
        kept = seen.exact(train.hashes)
    elif config.on_leak == "drop":
        later = [s for name, s in dataset.splits.items() if name != "train"]
        known = np.concatenate([of_texts(s).hashes for s in later])
        kept = np.flatnonzero(~np.isin(train.hashes, known))
    else:
        return dataset
    if len(kept) == len(train):
        return dataset
    splits = {name: of_texts(s) for name, s in dataset.splits.items()}
    splits["train"] = take(train, kept)
    return encoded(config, dataclasses.replace(dataset, splits=splits), weights)


def _check_unchanged(folder: pathlib.Path, split: str, source: Source) -> None:
    known = run_dir.read_environment(folder).get("data", {}).get(split)
    if known in (None, fingerprint(source)):
        return
    what = {"train": "training examples", "test": "test split"}[split]
    raise UserError(
        f"The {what} of {folder} must be those that it was trained with, and "
        "they have changed since: restore the data, or train it again."
    )


def _copies(copies: int, test: int) -> str:
    return (
        f"{copies:,} of {test:,} test examples are copies of training "
        "examples, and are not asked about"
    )
