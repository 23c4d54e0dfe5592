"""Every setting once: its default, its limits and its help.

No TensorFlow here: `--help` must answer at once.
"""

import dataclasses
import math
import re
import sys
from collections.abc import Sequence
from typing import Any

from keras_ptft.errors import UserError
from keras_ptft.registry import nearest

# whole numbers too end here: larger ones are no floats
_LARGEST = sys.float_info.max


def _setting(
    default: Any,
    group: str,
    description: str,
    *,
    choices: Sequence[str] = (),
    low: float = -math.inf,
    high: float = math.inf,
) -> Any:
    metadata = {"group": group, "help": description, "choices": tuple(choices)}
    metadata |= {"low": low, "high": high}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of one run, checked when it is made.

    Each field is a flag of the same name. What one model, optimizer,
    schedule or data set alone has is written as a call in its field, as in
    `backbone="cnn(dropout=0.2)"` (see `keras_ptft.registry.lookup`).

    Raises:
        UserError: a value of the wrong type or out of its range.

    Example:

    >>> Config(dataset="mnist", epochs=5).batch_size
    64
    """

    name: str = _setting(
        "", "run", "name of the run folder; empty: stage-backbone-dataset"
    )
    runs_dir: str = _setting("runs", "run", "folder that holds run folders")
    overwrite: bool = _setting(
        False, "run", "start anew when the run folder exists"
    )

    dataset: str = _setting(
        "digits",
        "data",
        "digits, mnist, fashion_mnist, tfds:NAME, folder:PATH, npz:PATH or "
        "csv:PATH",
    )
    data_dir: str = _setting(
        "", "data", "where TFDS keeps prepared data; empty: its default"
    )
    manual_dir: str = _setting(
        "", "data", "folder with upstream's files, to prepare TFDS offline"
    )
    classes: str = _setting(
        "", "data", "classes to keep, as 0-4 or cat,dog; empty: all"
    )
    train_examples: int = _setting(
        0, "data", "class-balanced training subset; 0: all", low=0
    )
    validation_fraction: float = _setting(
        0.1, "data", "share of train held out for validation", low=0.0, high=0.9
    )
    image_size: int = _setting(
        0, "data", "side of the square input in pixels; 0: as stored", low=0
    )
    skip_bad_images: bool = _setting(
        False, "data", "count images that cannot be decoded and go on"
    )
    on_leak: str = _setting(
        "fail",
        "data",
        "fine-tuning examples found in the test split too: stop, drop them "
        "from training, or warn",
        choices=("fail", "drop", "warn"),
    )
    augment: str = _setting("none", "data", "random changes to training images")

    backbone: str = _setting(
        "", "model", "network under the head; empty: cnn, or the pretrained one"
    )
    normalization: str = _setting(
        "dataset",
        "model",
        "how the model scales its input; fine-tuning keeps the pretrained",
    )
    objective: str = _setting(
        "classification", "model", "what the model is trained for"
    )

    init_from: str = _setting(
        "",
        "transfer",
        "pretrained backbone: run name, run folder or .keras file",
    )
    freeze: str = _setting(
        "all", "transfer", "freeze up to this cut point; or all, none"
    )
    min_transferred: float = _setting(
        0.5,
        "transfer",
        "least share of the backbone's parameters to be transferred",
        low=0.0,
        high=1.0,
    )
    feature_cache_gb: float = _setting(
        4.0,
        "transfer",
        "most memory for features of the frozen part, in GB; 0: none",
        low=0.0,
    )
    compare_scratch: bool = _setting(
        False,
        "transfer",
        "also train the same model from scratch on the same budget",
    )

    optimizer: str = _setting("adam", "training", "sgd, adam or adamw")
    learning_rate: float = _setting(
        1e-3, "training", "highest learning rate", low=0.0
    )
    schedule: str = _setting(
        "constant",
        "training",
        "constant, cosine, exponential or piecewise learning rate",
    )
    clip_norm: float = _setting(
        0.0, "training", "largest global gradient norm; 0: no limit", low=0.0
    )
    class_weight: str = _setting(
        "none",
        "training",
        "weight classes by inverse frequency",
        choices=("none", "balanced"),
    )
    batch_size: int = _setting(
        64, "training", "examples a step, over all replicas", low=1
    )
    epochs: int = _setting(
        5, "training", "passes over the training split", low=1
    )
    early_stopping_patience: int = _setting(
        0,
        "training",
        "stop after this many epochs without a better validation loss and "
        "keep the best weights; 0: never",
        low=0,
    )

    seed: int = _setting(
        0, "machine", "seed of everything random", low=0, high=2**31 - 1
    )
    deterministic: bool = _setting(
        False, "machine", "only deterministic operations (slower)"
    )
    strategy: str = _setting(
        "auto",
        "machine",
        "tf.distribute strategy",
        choices=("auto", "one_device", "mirrored"),
    )
    jit_compile: str = _setting(
        "auto",
        "machine",
        "compile the training step with XLA",
        choices=("auto", "true", "false"),
    )
    steps_per_execution: int = _setting(
        0, "machine", "training steps a call to the device; 0: chosen", low=0
    )
    precision: str = _setting(
        "float32",
        "machine",
        "floating point of the computation",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
    )

    export_to: str = _setting(
        "",
        "serving",
        "folder of SavedModel versions, as saved_models/digits; empty: none",
    )
    csv: str = _setting(
        "", "serving", "predict: write a CSV file here; -: to the terminal"
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))

    def replace(self, **changes: Any) -> "Config":
        """The same settings but for `changes`."""
        return dataclasses.replace(self, **changes)

    def to_flags(self) -> str:
        """A flagfile that repeats these settings.

        Example:

        >>> "--epochs=5" in Config().to_flags().splitlines()
        True
        """
        return "".join(
            f"--{name}={_text(field, getattr(self, name))}\n"
            for name, field in FIELDS.items()
        )

    @classmethod
    def from_flags(cls, text: str) -> "Config":
        """Reads what `to_flags` wrote.

        Raises:
            UserError: a line that is no setting.

        Example:

        >>> Config.from_flags(Config(epochs=7).to_flags()).epochs
        7
        """
        values = {}
        for line in text.splitlines():
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            match = re.fullmatch(r"--(\w+)=(.*)", line)
            name = match.group(1) if match else line
            if not match or name not in FIELDS:
                raise UserError(
                    f"Unknown setting {name!r}{nearest(name, FIELDS)}: "
                    "write one --setting=value a line."
                )
            values[name] = _parse(FIELDS[name], match.group(2))
        return cls(**values)


FIELDS = {field.name: field for field in dataclasses.fields(Config)}


def _check(field: dataclasses.Field, value: Any) -> None:
    kinds = (int, float) if field.type is float else (field.type,)
    if type(value) not in kinds:
        raise UserError(
            f"--{field.name} must be {field.type.__name__}, got {value!r}."
        )
    limits = field.metadata
    if limits["choices"] and value not in limits["choices"]:
        raise UserError(
            f"--{field.name} must be one of {', '.join(limits['choices'])}, "
            f"got {value!r}{nearest(value, limits['choices'])}."
        )
    if field.type is str:
        # a flagfile holds a line a setting, read without the space around it
        if len(value.splitlines()) > 1 or value != value.strip():
            raise UserError(
                f"--{field.name} must be one line without space at its ends, "
                f"got {value!r}."
            )
    elif not limits["low"] <= value <= min(limits["high"], _LARGEST):
        raise UserError(
            f"--{field.name} must be {_range(limits)}, got {value}."
        )


def _range(limits: Any) -> str:
    if math.isinf(limits["high"]):
        return f"at least {limits['low']:g} and finite"
    return f"from {limits['low']:g} to {limits['high']:.15g}"


def _text(field: dataclasses.Field, value: Any) -> str:
    # 1 is the same setting as 1.0, and is written the same
    text = str(field.type(value))
    return text.lower() if field.type is bool else text


def _parse(field: dataclasses.Field, text: str) -> Any:
    try:
        if field.type is bool:
            return {"true": True, "false": False}[text.lower()]
        return field.type(text)
    except (KeyError, ValueError):
        raise UserError(
            f"--{field.name} must be {field.type.__name__}, got {text!r}."
        ) from None
