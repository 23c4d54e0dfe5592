"""Which settings a TPU does not take, seen before anything is built."""

from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.training.distribution.strategies import TPU

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
    ("resident", "true"): (
        "batches are drawn by an operation that XLA does not compile "
        "(RandomIndexShuffle), on the host: leave it out"
    ),
}
"""Why `--strategy=tpu` refuses a setting, and the remedy."""


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
