"""What a TPU takes, and which settings it does not."""

import textwrap
from collections.abc import Iterable, Mapping

from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.models import BACKBONES
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.training.distribution.strategies import TPU
from keras_ptft.training.optimizers import OPTIMIZERS

REFUSED: dict[tuple[str, str | bool], str] = {
    ("precision", "mixed_float16"): (
        "a TPU computes in bfloat16: use --precision=mixed_bfloat16"
    ),
    ("jit_compile", "false"): (
        "a TPU runs nothing but what XLA compiles: leave it out"
    ),
    ("deterministic", True): (
        "it forbids what XLA compiles, and a TPU runs nothing else: leave it "
        "out"
    ),
}
"""Why `--strategy=tpu` refuses a setting, and the remedy."""


_TABLES: Mapping[str, Iterable[str]] = {
    "backbone": BACKBONES,
    "objective": OBJECTIVES,
    "optimizer": OPTIMIZERS,
}
_ABOUT = (
    "Ready: XLA compiles the whole training step, as for a TPU, and its graph "
    "holds no strings, no call of Python, nothing that the host has to do and "
    "no open shape. That is tested on a CPU; no TPU was at hand. What is read, "
    "decoded, augmented and mixed is made on the host, whatever it is. A model "
    "of your own is looked at before it is trained."
)
_SET = (
    "texts are padded to one length (--sequence_length), since a TPU compiles "
    "each length anew; no result depends on padding",
    "256 steps a call, or --steps_per_execution",
    "the whole step is compiled, so --jit_compile=auto measures nothing",
    "--batch_size is a multiple of the cores; what an epoch cannot fill a "
    "batch with is left to the next one",
)
_WIDTH = 80


def check_tpu(config: Config) -> None:
    """Refuses settings that a TPU does not take.

    Raises:
        UserError: there is one.
    """
    if config.strategy != TPU:
        return
    for (name, value), reason in REFUSED.items():
        if getattr(config, name) == value:
            shown = str(value).lower()
            raise UserError(
                f"--{name}={shown} is not for --strategy=tpu: {reason}."
            )


def describe_tpu() -> str:
    """Returns what can be trained on a TPU, as text."""
    parts = [textwrap.fill(_ABOUT, _WIDTH), ""]
    for setting, table in _TABLES.items():
        parts += [
            f"--{setting}=",
            *(f"  {name:22} ready" for name in table),
            "",
        ]
    parts.append("What --strategy=tpu refuses")
    for (name, value), reason in REFUSED.items():
        head = f"  --{name}={str(value).lower()}"
        parts += [head, _indented(reason)]
    parts += ["", "What it sets", *map(_indented, _SET)]
    return "\n".join(parts)


def _indented(text: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 4
    )
