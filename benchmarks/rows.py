"""The table of work: each row, who competes in it, and what is aimed at."""

import dataclasses
from collections.abc import Mapping

OURS = "ours"
XLA = "ours with XLA"
KERAS = "Keras"
LOADER = "PyTorch, DataLoader"
SLICES = "PyTorch, permuted slices"
LIMIT = "matrix products alone"
CONVOLUTIONS = "convolutions alone"
GENSIM = "gensim, 1 thread"
LIMITS = (LIMIT, CONVOLUTIONS)

# the package that a module needs, and may lack
NEEDS = {"pytorch": "torch", "gensim_words": "gensim"}
# the module that holds a contestant's work, and its options there
CONTESTANTS: dict[str, tuple[str, dict[str, str]]] = {
    OURS: ("ours", {}),
    XLA: ("ours", {"jit_compile": "true"}),
    KERAS: ("plain_keras", {}),
    LOADER: ("pytorch", {"loop": "loader"}),
    SLICES: ("pytorch", {"loop": "slices"}),
    GENSIM: ("gensim_words", {}),
    LIMIT: ("limit", {}),
    CONVOLUTIONS: ("convolutions", {}),
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of work.

    Attributes:
        title: as the table names it.
        material: which data, see `material`.
        examples: how many of them.
        epochs: passes over them.
        rivals: whose seconds are compared with ours, and the ratio
            theirs / ours that is aimed at, or None.
        variants: which of ours compete; the faster one counts.
        whole: count everything from the first call on; otherwise the first
            epoch is a warm-up, and the median of the others counts.
        sampled: epochs that rivals do, to whom all but the first cost the
            same: those they are spared count as their later ones; 0: all.
    """

    title: str
    material: str
    examples: int
    epochs: int
    rivals: Mapping[str, float | None]
    variants: tuple[str, ...] = (OURS,)
    whole: bool = False
    sampled: int = 0

    def epochs_of(self, contestant: str) -> int:
        """Epochs that a contestant really does."""
        spared = self.sampled and contestant not in self.variants
        return self.sampled if spared else self.epochs


ROWS = {
    "mlp": Row(
        title="MLP 784-128-64-10, SGD momentum 0.9",
        material="images",
        examples=59_968,
        epochs=4,
        rivals={LOADER: 2.0, SLICES: 1.4, KERAS: 2.0, LIMIT: 0.5},
    ),
    "cnn": Row(
        title="CNN 32-64-64, Adam",
        material="images",
        examples=12_800,
        epochs=2,
        rivals={LOADER: 2.0, SLICES: 2.0, KERAS: 1.4, CONVOLUTIONS: None},
    ),
    "frozen": Row(
        title="the same CNN, convolutions frozen, 10 epochs",
        material="images",
        examples=59_968,
        epochs=10,
        rivals={LOADER: 15.0, SLICES: 15.0, KERAS: 5.0},
        whole=True,
        sampled=2,
    ),
    "mobilenet": Row(
        title="MobileNetV2 at 96×96, frozen, 10 epochs",
        material="photos",
        examples=512,
        epochs=10,
        rivals={KERAS: 8.0},
        whole=True,
    ),
    "folder": Row(
        title="JPEG folder to batches of 96×96",
        material="paths",
        examples=512,
        epochs=4,
        rivals={LOADER: 1.5, KERAS: None},
    ),
    "transformer": Row(
        title="Transformer encoder, 2 layers of 128, length 64, Adam",
        material="tokens",
        examples=1_024,
        epochs=3,
        rivals={SLICES: 1.0, KERAS: None},
        variants=(OURS, XLA),
    ),
    "word2vec": Row(
        title="skip-gram with 5 negatives, window 5, width 100, length 64",
        material="words",
        examples=3_200,
        epochs=5,
        rivals={GENSIM: None},
        variants=(OURS, XLA),
    ),
}
