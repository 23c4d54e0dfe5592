"""Every setting once: its default, its limits and its help.

No TensorFlow here: `--help` must answer at once.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

from keras_ptft import settings
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest
from keras_ptft.settings import setting


def _reject_below() -> Any:
    return setting(
        0.0,
        "serving",
        "give no label where the highest probability is below this",
        low=0.0,
        high=1.0,
    )


def _seed() -> Any:
    return setting(
        0, "machine", "seed of everything random", low=0, high=2**31 - 1
    )


def _text_column() -> Any:
    return setting(
        "",
        "data",
        "column of a table that holds texts; several, as premise,hypothesis, "
        "make one text, or with --objective=contrastive_pairs a pair",
    )


def _skip_bad_images() -> Any:
    return setting(
        False,
        "data",
        "name images that cannot be decoded, leave them out and continue",
    )


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
    runs_dir: str = setting(
        "runs",
        "run",
        "folder that holds run folders, or a URL, as gs://bucket/runs, to "
        "which runs are pushed after each checkpoint",
    )
    overwrite: bool = setting(
        False, "run", "replace the run that is in the run folder"
    )
    explain: bool = setting(
        True,
        "run",
        "show in the report what the model looks at in some test examples, "
        "its worst answers, and a map of all by their features",
    )

    dataset: str = setting(
        "digits",
        "data",
        "where examples come from: NAME, or NAME:PATH as folder:photos",
        table="data/__init__.py:DATASETS",
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
    untrained_classes: str = setting(
        "",
        "data",
        "classes whose examples are left out of training and validation, "
        "while the model keeps their outputs and is tested on them: what it "
        "knows of them it has from a teacher",
    )
    train_examples: int = setting(
        0, "data", "class-balanced training subset; 0: all", low=0
    )
    train_per_class: int = setting(
        0,
        "data",
        "training subset of this many examples a class; 0: all",
        low=0,
    )
    train_fraction: float = setting(
        1.0,
        "data",
        "training subset of this share of every class",
        low=1e-6,
        high=1.0,
    )
    validation_fraction: float = setting(
        0.1, "data", "share of train held out for validation", low=0.0, high=0.9
    )
    validation_examples: int = setting(
        0,
        "data",
        "class-balanced validation subset, where labels are few or an epoch "
        "waits for it; 0: all",
        low=0,
    )
    image_size: int = setting(
        0,
        "data",
        "side of the square input in pixels; 0: as the weights take it, or "
        "as stored, digits 28, folders 224",
        low=0,
        high=4096,
    )
    resize: str = setting(
        "",
        "data",
        "how images become these squares; empty: stretch, or as those that "
        "the weights were trained on",
        table="data/images/resize.py:RESIZES",
    )
    background: str = setting(
        "white",
        "data",
        "colour under transparent pixels of images, as black or #ffeedd",
    )
    skip_bad_images: bool = _skip_bad_images()
    decode_cache: bool = setting(
        True,
        "data",
        "keep decoded photos in RUNS_DIR/.features, within "
        "--feature_cache_gb, so that each is decoded once",
    )
    text_column: str = _text_column()
    label_column: str = setting(
        "label",
        "data",
        "column of a table that holds the label; empty: texts without labels",
    )
    label_columns: str = setting(
        "",
        "data",
        "columns of a table that hold 0 or 1 for a label each, for "
        "--objective=multi_label",
    )
    image_column: str = setting(
        "", "data", "column of a table that holds the paths of images"
    )
    image_root: str = setting(
        "", "data", "folder of these paths; empty: that of the table"
    )
    group_column: str = setting(
        "",
        "data",
        "column of a table that says what an example belongs to, as a "
        "patient, which is never divided by a split",
    )
    group_pattern: str = setting(
        "",
        "data",
        "the same by file names: a regular expression whose first group, or "
        "else all that it matches, is the name",
    )
    split_seed: int = setting(
        0,
        "data",
        "which examples are held out, where validation and test splits are "
        "drawn from training",
        low=0,
        high=2**31 - 1,
    )
    stratify: bool = setting(
        False,
        "data",
        "hold out the same share of every class, so that small ones are in "
        "all splits",
    )
    folds: int = setting(
        0,
        "data",
        "divide the training examples into this many parts, by class and "
        "group, of which --fold is the test split, and of compare each in "
        "turn; 0: none",
        low=0,
        high=1000,
    )
    fold: int = setting(
        0,
        "data",
        "which of the --folds parts is the test split, from 0",
        low=0,
        high=999,
    )
    tokenizer: str = setting(
        "",
        "data",
        "how texts are split into tokens; empty: characters, or as it was "
        "pretrained",
        table="data/text/tokenizers/tokenizer.py:TOKENIZERS",
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
        "examples that are in two splits: fail stops a fine-tuning and warns "
        "in pretraining, drop removes them from training and validation; near "
        "duplicates are dropped or warned of, and stop nothing",
        choices=("fail", "drop", "warn"),
    )
    near_copies: bool = setting(
        True,
        "data",
        "also look for images that were re-encoded, resized or re-lit in "
        "another split",
    )
    augment: str = setting(
        "none",
        "data",
        "random changes in training",
        table="data/pipeline/augment.py:AUGMENTATIONS",
    )
    mix: str = setting(
        "none",
        "data",
        "training examples blended with others of their batch",
        table="data/pipeline/mix.py:MIXES",
    )

    backbone: str = setting(
        "",
        "model",
        "network under the head; empty: the pretrained one, or cnn, for text "
        "embedding",
        table="models/__init__.py:BACKBONES",
    )
    normalization: str = setting(
        "dataset",
        "model",
        "how the model scales its input; fine-tuning keeps the pretrained",
        table="models/normalization.py:NORMALIZATIONS",
    )
    objective: str = setting(
        "classification",
        "model",
        "what the model is trained for",
        table="objectives/__init__.py:OBJECTIVES",
    )

    init_from: str = setting(
        "",
        "transfer",
        "pretrained backbone: run name, run folder, .keras file, or a known "
        "model",
        table="models/pretrained/__init__.py:PRETRAINED",
    )
    freeze: str = setting(
        "",
        "transfer",
        "freeze up to this cut point; or all, none; empty: all, but none "
        "with --lora or --train_only, and in pretraining",
    )
    unfreeze: str = setting(
        "",
        "transfer",
        "cut points by the number of epochs before them, in place of --freeze, "
        "as 0:all,3:block5,6:none",
    )
    batchnorm: str = setting(
        "frozen",
        "transfer",
        "statistics of a pretrained backbone's batch normalisation: they "
        "stay, since small batches of new data would estimate them worse; or "
        "update",
        choices=("frozen", "update"),
    )
    train_only: str = setting(
        "all",
        "transfer",
        "which variables of the unfrozen backbone are trained; the head "
        "always is",
        choices=("all", "norm_and_bias"),
    )
    lora: str = setting(
        "none",
        "transfer",
        "low-rank matrices that are trained in place of the unfrozen kernels",
        table="transfer/lora.py:LORA",
    )
    layer_decay: float = setting(
        1.0,
        "transfer",
        "the learning rate of each layer is this times that of the next one",
        low=0.01,
        high=1.0,
    )
    l2_sp: float = setting(
        0.0,
        "transfer",
        "how strongly unfrozen weights are drawn to the pretrained ones",
        low=0.0,
        high=1e3,
    )
    prune: float = setting(
        0.0,
        "transfer",
        "share of the weights of each unfrozen kernel, the least ones, that "
        "become zero and stay it",
        low=0.0,
        high=0.999,
    )
    probe: str = setting(
        "none",
        "transfer",
        "solve the head on cached features in place of training it; where "
        "more than the head is trained, to start from",
        table="objectives/probes.py:PROBES",
    )
    from_scratch: bool = setting(
        False,
        "transfer",
        "train from random weights in place of the pretrained, to compare",
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
        "most disk for features of the frozen part and decoded photos, in "
        "GB, of all runs together in RUNS_DIR/.features; 0: none",
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
    teacher: str = setting(
        "",
        "transfer",
        "trained model whose answers are learned, by --objective=distillation "
        "or feature_matching: run name, run folder, .keras file, or a known "
        "model as efficientnet_lite0",
    )
    forgetting: bool = setting(
        False,
        "transfer",
        "also score the head of the pretraining run on the fine-tuned "
        "backbone, on the test split of pretraining",
    )

    optimizer: str = setting(
        "adam",
        "training",
        "how weights are updated",
        table="training/optimizers/optimizers.py:OPTIMIZERS",
    )
    learning_rate: float | str = setting(
        1e-3,
        "training",
        "highest learning rate; find: try many first, from 1e-6 to 10, and "
        "take one at which the loss falls fast",
        low=0.0,
        high=1e3,
        choices=("find",),
    )
    schedule: str = setting(
        "constant",
        "training",
        "learning rate by step",
        table="training/optimizers/schedules.py:SCHEDULES",
    )
    clip_norm: float = setting(
        0.0,
        "training",
        "largest global gradient norm; 0: no limit",
        low=0.0,
        high=1e9,
    )
    ema: float = setting(
        0.0,
        "training",
        "decay a step of an average of the weights, which is what is scored "
        "and exported, as 0.999; 0: none, or the momentum of an objective "
        "that the average teaches",
        low=0.0,
        high=0.99999,
    )
    privacy: str = setting(
        "none",
        "training",
        "hide whether an example was trained on, as "
        "dp_sgd(epsilon=3, delta=1e-5)",
        table="privacy/mechanisms.py:MECHANISMS",
    )
    sampling: str = setting(
        "shuffled",
        "training",
        "how an epoch draws examples: each once, or balanced, all classes "
        "alike",
        choices=("shuffled", "balanced"),
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
    probe_every: int = setting(
        0,
        "training",
        "judge the features on the validation split every this many epochs, by "
        "nearest neighbours and a linear probe: does it learn? 0: never",
        low=0,
    )
    checkpoint_every: str = setting(
        "epoch",
        "training",
        "save everything, to resume from there: epoch (for at most 3 % of the "
        "time), never, steps as 500 or seconds as 60s",
    )
    keep_checkpoints: int = setting(
        2, "training", "latest checkpoints to keep, beside the best", low=1
    )

    seed: int = _seed()
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
    resident: str = setting(
        "auto",
        "machine",
        "gather batches inside of the training loop, from rows in memory of "
        "the device: auto where that is faster, on a GPU up to 1 GB, on a CPU "
        "without augmentation",
        choices=("auto", "true", "false"),
    )
    profile_steps: str = setting(
        "",
        "machine",
        "training steps to profile for TensorBoard, from 1, as 10,20; empty: "
        "none",
    )
    precision: str = setting(
        "float32",
        "machine",
        "floating point of the computation",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
    )

    export_to: str = setting(
        "",
        "export",
        "folder of SavedModel versions, as saved_models/digits or "
        "gs://bucket/digits; empty: none",
    )
    breaking: bool = setting(
        False,
        "export",
        "publish a version even if clients of those that are served cannot "
        "use it: an input, output or label is gone or is another",
    )
    canary: bool = setting(
        False,
        "export",
        "publish a version to be tried by clients that ask for the label "
        "canary, while the label stable stays where it is",
    )
    keep_versions: int = setting(
        0,
        "export",
        "remove older versions than the newest ones, this many, but none with "
        "a label; 0: none",
        low=0,
    )
    warmup_batches: str = setting(
        "1,32",
        "export",
        "sizes of the batches of test examples that an export keeps, for "
        "TensorFlow Serving to warm up with; empty: none",
    )
    corrupt_images: str = setting(
        "refuse",
        "export",
        "an export answers a request with an image that cannot be decoded by "
        "an error that names it; or flag: is_corrupt tells which they are, "
        "and the others are answered",
        choices=("refuse", "flag"),
    )
    most_pixels: int = setting(
        2**26,
        "export",
        "largest image file that an export decodes, in pixels as its header "
        "declares them; 0: 100,000,000, as in training",
        low=0,
        high=100_000_000,
    )
    most_text_bytes: int = setting(
        1_000_000,
        "export",
        "longest text that an export takes, in bytes; 0: no limit",
        low=0,
    )
    largest_batch: int = setting(
        4096,
        "export",
        "most examples of a request to an export; 0: no limit",
        low=0,
    )
    serve_with: str = setting(
        "2.19",
        "export",
        "oldest TensorFlow Serving that must run the export: operations and "
        "attributes that it has not got are refused; any: a server with "
        "operations of its own",
        choices=("2.19", "2.20", "2.21", "any"),
    )
    prove_with: str = setting(
        "",
        "export",
        "TensorFlow without Python that must answer the test split as the "
        "model before an export is published, commas between: c_api, that of "
        "the installed TensorFlow, or the folder of another's unpacked wheel; "
        "empty: none",
    )
    formats: str = setting(
        "saved_model",
        "export",
        "what a version holds, with commas between: saved_model, which is "
        "always there, litert, onnx, openvino; each is proved on the test "
        "split",
    )
    quantize: str = setting(
        "none",
        "export",
        "smaller numbers in these formats: weights in 8 bits (dynamic) or 16 "
        "(float16), or all that is computed in 8 (int8)",
        choices=("none", "dynamic", "int8", "float16"),
    )
    calibration_examples: int = setting(
        100,
        "export",
        "training examples by which int8 finds the range of every tensor",
        low=1,
    )
    prove_examples: int = setting(
        10_000,
        "export",
        "most test examples that --prove_with and a format are proved on",
        low=1,
    )
    max_accuracy_drop: float = setting(
        0.02,
        "export",
        "most accuracy that a format may lose, as 0.02 for 2 points; of other "
        "models micro F1 or R²",
        low=0.0,
        high=1.0,
    )
    statistics_examples: int = setting(
        500,
        "export",
        "examples of the training and of the test split that the statistics "
        "for monitor are of, each; 0: none are written",
        low=0,
        high=1_000_000,
    )
    reject_below: float = _reject_below()
    calibrate: bool = setting(
        False,
        "serving",
        "divide logits by a temperature, fitted on the validation split, "
        "before they become probabilities in scores, predictions and exports; "
        "the logits in an export stay as they are",
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            settings.check(field, getattr(self, field.name))

    def is_set(self, name: str) -> bool:
        """Returns whether a setting is not at its default.

        Example:

        >>> Config(epochs=7).is_set("epochs"), Config().is_set("epochs")
        (True, False)
        """
        return bool(getattr(self, name) != FIELDS[name].default)

    def of_all_examples(self) -> "Config":
        """Returns the settings that leave no example out of a split."""
        return self.replace(
            train_examples=0,
            train_per_class=0,
            train_fraction=1.0,
            validation_examples=0,
        )

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
        known = settings.from_lines(FIELDS | PREDICT_FIELDS, text)
        # runs of version 0.1 list those of predict too
        return cls(**{k: v for k, v in known.items() if k in FIELDS})


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictConfig:
    """The settings of a prediction, checked when it is made.

    Raises:
        UserError: a value of the wrong type or out of its range.

    Example:

    >>> PredictConfig(generate=100).temperature
    1.0
    """

    csv: str = setting(
        "", "predict", "write a CSV file here; -: to the terminal"
    )
    jsonl: str = setting(
        "",
        "predict",
        "write a file of a JSON object a line here; -: to the terminal",
    )
    parquet: str = setting("", "predict", "write a Parquet file here")
    text_column: str = _text_column()
    skip_bad_images: bool = _skip_bad_images()
    reject_below: float = _reject_below()
    generate: int = setting(
        0, "predict", "continue a text by this many tokens", low=0
    )
    temperature: float = setting(
        1.0,
        "predict",
        "generate: below 1 more predictable, above 1 more random; 0: always "
        "the most probable token",
        low=0.0,
        high=100.0,
    )
    top_k: int = setting(
        0,
        "predict",
        "generate: choose among the K most probable; 0: all",
        low=0,
    )
    seed: int = _seed()

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            settings.check(field, getattr(self, field.name))


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """How scores are told, checked when it is made.

    Raises:
        UserError: a value of the wrong type.

    Example:

    >>> EvaluateConfig(by="hospital").by
    'hospital'
    """

    by: str = setting(
        "",
        "evaluate",
        "column of a table: also score each of its values on its own, and "
        "tell the largest gap",
    )
    attack: str = setting(
        "",
        "evaluate",
        "try to tell the run's training examples from its test examples, as "
        "loss or lira(shadows=32)",
        table="experiment/attacks/__init__.py:ATTACKS",
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            settings.check(field, getattr(self, field.name))


FIELDS = {field.name: field for field in dataclasses.fields(Config)}
PREDICT_FIELDS = {
    field.name: field for field in dataclasses.fields(PredictConfig)
}
EVALUATE_FIELDS = {
    field.name: field for field in dataclasses.fields(EvaluateConfig)
}


def check_names(names: Iterable[str]) -> None:
    """Raises a UserError unless each name is that of a setting."""
    for name in names:
        if name not in FIELDS:
            raise UserError(
                f"Unknown setting {name!r}{nearest(name, FIELDS)}: see "
                "help(keras_ptft.Config)."
            )


def check_group(verb: str, group: str, names: Iterable[str]) -> None:
    """Raises a UserError unless each name is that of a setting of a group.

    Args:
        verb: who takes them, as "export".
        group: the only one that it takes settings of.
        names: of settings.
    """
    names = list(names)
    check_names(names)
    for name in names:
        if FIELDS[name].metadata["group"] != group:
            raise UserError(
                f"{verb} takes settings of the {group} alone, got --{name}: "
                "leave it out."
            )
