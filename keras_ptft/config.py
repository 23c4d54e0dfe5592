"""Every setting once: its default, its limits and its help.

No TensorFlow here: `--help` must answer at once.
"""

import dataclasses
from typing import Any

from keras_ptft import settings
from keras_ptft.settings import setting


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

    name: str = setting(
        "", "run", "name of the run folder; empty: stage-backbone-dataset"
    )
    runs_dir: str = setting("runs", "run", "folder that holds run folders")
    overwrite: bool = setting(
        False, "run", "start anew when the run folder exists"
    )

    dataset: str = setting(
        "digits",
        "data",
        "digits, mnist, fashion_mnist, tfds:NAME, folder:PATH, npz:PATH, "
        "csv:PATH; of text: csv:, tsv:, jsonl:, textfolder:, lines:, text: "
        "or conll:PATH",
    )
    data_dir: str = setting(
        "", "data", "where TFDS keeps prepared data; empty: its default"
    )
    manual_dir: str = setting(
        "", "data", "folder with upstream's files, to prepare TFDS offline"
    )
    classes: str = setting(
        "", "data", "classes to keep, as 0-4 or cat,dog; empty: all"
    )
    train_examples: int = setting(
        0, "data", "class-balanced training subset; 0: all", low=0
    )
    validation_fraction: float = setting(
        0.1, "data", "share of train held out for validation", low=0.0, high=0.9
    )
    image_size: int = setting(
        0,
        "data",
        "side of the square input in pixels; 0: as stored, digits 28, "
        "folders 224",
        low=0,
        high=4096,
    )
    skip_bad_images: bool = setting(
        False, "data", "count images that cannot be decoded and go on"
    )
    text_column: str = setting(
        "", "data", "column of a csv, tsv or jsonl file that holds texts"
    )
    label_column: str = setting(
        "label",
        "data",
        "column of a csv, tsv or jsonl file that holds the label; empty: "
        "texts without labels",
    )
    tokenizer: str = setting(
        "",
        "data",
        "what texts are cut into: words, characters, subwords or jieba; "
        "empty: Chinese characters and words, or as it was pretrained",
    )
    sequence_length: int = setting(
        0,
        "data",
        "most tokens of a text; 0: the 95th percentile, of running text 128",
        low=0,
        high=65536,
    )
    on_leak: str = setting(
        "fail",
        "data",
        "examples that stand in two splits: fail stops a fine-tuning and "
        "warns in pretraining, drop takes them out of training and "
        "validation; near copies are dropped or warned of, and stop nothing",
        choices=("fail", "drop", "warn"),
    )
    near_copies: bool = setting(
        True,
        "data",
        "also look for images that were encoded, sized or lit anew in another "
        "split",
    )
    augment: str = setting("none", "data", "random changes in training")

    backbone: str = setting(
        "",
        "model",
        "network under the head; empty: the pretrained one, or cnn, of text "
        "embedding",
    )
    normalization: str = setting(
        "dataset",
        "model",
        "how the model scales its input; fine-tuning keeps the pretrained",
    )
    objective: str = setting(
        "classification", "model", "what the model is trained for"
    )

    init_from: str = setting(
        "",
        "transfer",
        "pretrained backbone: run name, run folder or .keras file",
    )
    freeze: str = setting(
        "all", "transfer", "freeze up to this cut point; or all, none"
    )
    min_transferred: float = setting(
        0.5,
        "transfer",
        "least share of the backbone's parameters to be transferred",
        low=0.0,
        high=1.0,
    )
    feature_cache_gb: float = setting(
        4.0,
        "transfer",
        "most disk for features of the frozen part, in GB, all runs together "
        "in RUNS_DIR/.features; 0: none",
        low=0.0,
    )
    augment_views: int = setting(
        0,
        "transfer",
        "with --augment, compute features of this many augmented passes once "
        "and take turns; 0: augment at every step",
        low=0,
        high=1000,
    )
    compare_scratch: bool = setting(
        False,
        "transfer",
        "also train the same model from scratch on the same budget",
    )

    optimizer: str = setting("adam", "training", "sgd, adam or adamw")
    learning_rate: float = setting(
        1e-3, "training", "highest learning rate", low=0.0, high=1e3
    )
    schedule: str = setting(
        "constant",
        "training",
        "constant, cosine, exponential or piecewise learning rate",
    )
    clip_norm: float = setting(
        0.0,
        "training",
        "largest global gradient norm; 0: no limit",
        low=0.0,
        high=1e9,
    )
    class_weight: str = setting(
        "none",
        "training",
        "weight classes by inverse frequency",
        choices=("none", "balanced"),
    )
    batch_size: int = setting(
        64, "training", "examples at a time, over all replicas", low=1
    )
    gradient_accumulation: int = setting(
        1, "training", "batches whose gradients make one step", low=1
    )
    epochs: int = setting(
        5, "training", "passes over the training split", low=1
    )
    early_stopping_patience: int = setting(
        0,
        "training",
        "stop after this many epochs without a better validation loss and "
        "keep the best weights; 0: never",
        low=0,
    )
    checkpoint_every: str = setting(
        "epoch",
        "training",
        "save everything, to go on from there: epoch (for at most 3 % of the "
        "time), never, steps as 500 or seconds as 60s",
    )
    keep_checkpoints: int = setting(
        2, "training", "latest checkpoints that stay, beside the best", low=1
    )

    seed: int = setting(
        0, "machine", "seed of everything random", low=0, high=2**31 - 1
    )
    deterministic: bool = setting(
        False, "machine", "only deterministic operations (slower)"
    )
    strategy: str = setting(
        "auto",
        "machine",
        "tf.distribute strategy: auto takes the workers of TF_CONFIG, or "
        "else all GPUs of this machine; multi_worker finds workers by "
        "TF_CONFIG, KERAS_PTFT_HOSTS or Slurm, tpu a TPU by TPU_NAME",
        choices=("auto", "one_device", "mirrored", "multi_worker", "tpu"),
    )
    jit_compile: str = setting(
        "auto",
        "machine",
        "compile the training step with XLA",
        choices=("auto", "true", "false"),
    )
    steps_per_execution: int = setting(
        0, "machine", "training steps a call to the device; 0: chosen", low=0
    )
    precision: str = setting(
        "float32",
        "machine",
        "floating point of the computation",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
    )

    export_to: str = setting(
        "",
        "serving",
        "folder of SavedModel versions, as saved_models/digits; empty: none",
    )
    csv: str = setting(
        "", "serving", "predict: write a CSV file here; -: to the terminal"
    )
    reject_below: float = setting(
        0.0,
        "serving",
        "predict: no label where the highest probability is below this",
        low=0.0,
        high=1.0,
    )
    generate: int = setting(
        0, "serving", "predict: go on with a text for this many tokens", low=0
    )
    temperature: float = setting(
        1.0,
        "serving",
        "generate: below 1 bolder, above 1 more random; 0: the likeliest",
        low=0.0,
        high=100.0,
    )
    top_k: int = setting(
        0, "serving", "generate: choose among the likeliest K; 0: all", low=0
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            settings.check(field, getattr(self, field.name))

    def replace(self, **changes: Any) -> "Config":
        """The same settings but for `changes`."""
        return dataclasses.replace(self, **changes)

    def to_flags(self) -> str:
        """A flagfile that repeats these settings.

        Example:

        >>> "--epochs=5" in Config().to_flags().splitlines()
        True
        """
        return settings.to_lines(FIELDS, self)

    @classmethod
    def from_flags(cls, text: str) -> "Config":
        """Reads what `to_flags` wrote.

        Raises:
            UserError: a line that is no setting.

        Example:

        >>> Config.from_flags(Config(epochs=7).to_flags()).epochs
        7
        """
        return cls(**settings.from_lines(FIELDS, text))


FIELDS = {field.name: field for field in dataclasses.fields(Config)}
