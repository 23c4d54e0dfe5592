"""What is searched for people who do not say what."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_ptft.comparison.plan import variants
from keras_ptft.comparison.result import PROBE
from keras_ptft.comparison.settings import CompareConfig
from keras_ptft.config import FIELDS, Config
from keras_ptft.experiment.builders import freeze_of, pretrains
from keras_ptft.models.feature_model import feature_model
from keras_ptft.objectives.saved import objective_type
from keras_ptft.search.space import Choice, Dimension, Number
from keras_ptft.transfer.cut import cut_points

# learning rates at which an optimizer may be at its best
_RATES = {"sgd": (1e-3, 1e-1), "lion": (1e-6, 1e-3), "muon": (1e-4, 1e-1)}
_USUAL_RATES = (1e-5, 1e-2)
_OPTIMIZERS = ("adamw", "sgd(momentum=0.9)")
# it has averages and a schedule of its own, which others lack
_ALONE = "schedule_free_adamw"
# they turn no label of a photo or of a digit into another
_AUGMENTATIONS = ("none", "shift")
# with these a recipe has a way of its own to keep pretrained weights
_OWN_WAYS = (
    "unfreeze",
    "train_only",
    "lora",
    "layer_decay",
    "l2_sp",
    "prune",
    "from_scratch",
)


def default_space(recipe: Config, backbone: keras.Model) -> list[Dimension]:
    """Returns what is searched where nothing is said.

    That is how much is frozen, the learning rate, the optimizer and, of
    images, the augmentation. The recipe's own values are among them.

    Args:
        recipe: the settings.
        backbone: the trained one, whose layers are where it can be cut.

    Example:

    >>> inputs = keras.Input((4,), name="vector")
    >>> x = keras.layers.Dense(3, name="dense")(inputs)
    >>> x = keras.layers.Dense(2, name="features")(x)
    >>> for dimension in default_space(
    ...     Config(init_from="a"), keras.Model(inputs, x)
    ... ):
    ...     print(dimension.text)
    freeze=all,dense,none
    learning_rate=log(1e-05,0.1)
    optimizer=adam,adamw,sgd(momentum=0.9)
    """
    optimizers = _optimizers(recipe)
    space: list[Dimension] = []
    if _may_freeze(recipe):
        cuts = [*_last_block(recipe, backbone), "none"]
        if not pretrains(recipe):
            # features are not trained by a head alone
            cuts.insert(0, "all")
        space.append(_choice("freeze", freeze_of(recipe), cuts))
    space.append(_rates(recipe, optimizers))
    if len(optimizers) > 1:
        space.append(Choice("optimizer", tuple(optimizers)))
    # a probe computes features once
    if _is_of_images(backbone) and not recipe.is_set("probe"):
        space.append(_choice("augment", recipe.augment, _AUGMENTATIONS))
    return space


def first_trials(
    recipe: Config, backbone: keras.Model
) -> list[tuple[str, dict[str, Any]]]:
    """Returns the trials that come after the recipe as it is.

    Args:
        recipe: the settings.
        backbone: as in `default_space`.

    Returns:
        What each is, and the settings that differ: the head solved, the last
        block trained, and all of the backbone, with a tenth of the learning
        rate.
    """
    if not recipe.init_from:
        return []
    found: list[tuple[str, dict[str, Any]]] = []
    probe = variants(recipe, CompareConfig(beside=PROBE)).get(PROBE)
    if probe is not None:
        solved = _differences(recipe, probe)
        # empty means as much, and says less
        found.append(("probe", {**solved, "freeze": "all"}))
    if not _may_freeze(recipe):
        return found
    own = freeze_of(recipe)
    for cut in _last_block(recipe, backbone):
        if cut != own:
            found.append(("last block", {"freeze": cut}))
    if own != "none":
        whole: dict[str, Any] = {"freeze": "none"}
        if not isinstance(recipe.learning_rate, str):
            whole["learning_rate"] = float(f"{recipe.learning_rate / 10:.3g}")
        found.append(("whole backbone", whole))
    return found


def values_of(recipe: Config, settings: dict[str, Any]) -> dict[str, Any]:
    """Returns the value of every setting in a trial, as a space has it."""
    config = recipe.replace(**settings)
    values = {name: getattr(config, name) for name in FIELDS}
    return values | {"freeze": freeze_of(config)}


def _may_freeze(recipe: Config) -> bool:
    return bool(recipe.init_from) and not any(map(recipe.is_set, _OWN_WAYS))


def _last_block(recipe: Config, backbone: keras.Model) -> list[str]:
    """The cut point before the last layers with weights, if there is one."""
    layer = objective_type(recipe.objective).feature_layer
    body = feature_model(backbone, layer)
    names = [layer.name for layer in body.layers]
    for point in reversed(cut_points(body)):
        place = names.index(point)
        before, after = body.layers[: place + 1], body.layers[place + 1 :]
        if any(layer.weights for layer in after):
            has_weights = any(layer.weights for layer in before)
            return [point] if has_weights else []
    return []


def _optimizers(recipe: Config) -> list[str]:
    own = recipe.optimizer
    if _kind(own) == _ALONE:
        return [own]
    others = [other for other in _OPTIMIZERS if _kind(other) != _kind(own)]
    return [own, *others]


def _rates(recipe: Config, optimizers: Sequence[str]) -> Number:
    """The rates of all optimizers, and the recipe's own."""
    ranges = [_RATES.get(_kind(one), _USUAL_RATES) for one in optimizers]
    ends = [end for pair in ranges for end in pair]
    own = recipe.learning_rate
    if not isinstance(own, str) and own > 0:
        ends.append(own)
    return Number("learning_rate", min(ends), max(ends), logarithmic=True)


def _choice(name: str, own: str, others: Sequence[str]) -> Choice:
    """Other values and the recipe's own, each kind once."""
    kinds = {_kind(other): other for other in others} | {_kind(own): own}
    return Choice(name, tuple(kinds.values()))


def _kind(spec: str) -> str:
    """The name in a call."""
    return spec.split("(")[0].strip()


def _is_of_images(backbone: keras.Model) -> bool:
    return [tensor.name for tensor in backbone.inputs] == ["image"]


def _differences(recipe: Config, other: Config) -> dict[str, Any]:
    return {
        name: getattr(other, name)
        for name in FIELDS
        if getattr(other, name) != getattr(recipe, name)
    }
