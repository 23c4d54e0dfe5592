"""Every setting of Config goes through a real training, if a tiny one.

So no setting can be broken unseen, as `--deterministic` once was.
"""

import pytest
from PIL import Image

from keras_ptft.config import FIELDS
from keras_ptft.files import read_json
from keras_ptft.main import main
from keras_ptft.settings import from_text, to_text

BASE = {
    "name": "tiny",
    "backbone": "mlp(hidden=[8])",
    "image_size": "8",
    "epochs": "1",
    "train_examples": "300",
    "explain": "false",
    "jit_compile": "false",
}
# what is tried out and explained by default, once for each kind of data
DEFAULTS = {"explain": "true", "jit_compile": "auto"}
TEXT = {
    "backbone": "embedding(width=8)",
    "dataset": "tsv:texts.tsv",
    "image_size": "0",
    "train_examples": "0",
    "batch_size": "8",
    "text_column": "text",
}
PHOTOS = {"dataset": "folder:photos", "train_examples": "0", "batch_size": "4"}
TABLE = {**PHOTOS, "dataset": "csv:photos.csv"}
ROOT = {"image_root": "photos"}
FINETUNE = {"init_from": "first", "name": "second"}
EXPORTED = {"export_to": "saved_models/limited"}
# of each setting a value that is not its default, and what it needs beside
CASES = {
    "name": ({"name": "other"}, DEFAULTS),
    "runs_dir": ({"runs_dir": "elsewhere"}, {}),
    "overwrite": ({"overwrite": "true"}, {}),
    "dataset": (
        {"dataset": "csv:numbers.csv"},
        {"image_size": "0", "train_examples": "0", **DEFAULTS},
    ),
    "data_dir": ({"data_dir": "prepared"}, {}),
    "manual_dir": ({"manual_dir": "given"}, {}),
    "classes": ({"classes": "0-4"}, {}),
    "untrained_classes": ({"untrained_classes": "3"}, {}),
    "train_examples": ({"train_examples": "200"}, {}),
    "train_per_class": ({"train_per_class": "20"}, {"train_examples": "0"}),
    "train_fraction": ({"train_fraction": "0.2"}, {"train_examples": "0"}),
    "probe_every": ({"probe_every": "1"}, {}),
    "validation_examples": ({"validation_examples": "20"}, {}),
    "validation_fraction": ({"validation_fraction": "0.3"}, {}),
    "image_size": ({"image_size": "9"}, {}),
    "background": ({"background": "black"}, {**PHOTOS, **DEFAULTS}),
    "resize": ({"resize": "crop(share=0.9)"}, PHOTOS),
    "skip_bad_images": ({"skip_bad_images": "true"}, {}),
    "decode_cache": ({"decode_cache": "false"}, PHOTOS),
    "text_column": ({"text_column": "text"}, {**TEXT, **DEFAULTS}),
    "label_column": ({"label_column": "topic"}, TEXT),
    "label_columns": (
        {"label_columns": "odd"},
        {
            "dataset": "csv:flags.csv",
            "objective": "multi_label",
            "image_size": "0",
            "train_examples": "0",
            **DEFAULTS,
        },
    ),
    "image_column": ({"image_column": "file"}, {**TABLE, **ROOT}),
    "image_root": (ROOT, {**TABLE, "image_column": "file"}),
    "group_column": (
        {"group_column": "owner"},
        {**TABLE, **ROOT, "image_column": "file"},
    ),
    "group_pattern": ({"group_pattern": r"(\d+)_"}, PHOTOS),
    "split_seed": ({"split_seed": "1"}, {}),
    "stratify": ({"stratify": "true"}, {}),
    "folds": ({"folds": "3"}, {}),
    "fold": ({"fold": "1"}, {"folds": "2"}),
    "tokenizer": ({"tokenizer": "words"}, TEXT),
    "sequence_length": ({"sequence_length": "3"}, TEXT),
    "on_leak": ({"on_leak": "drop"}, {}),
    "near_copies": ({"near_copies": "false"}, {}),
    "augment": ({"augment": "shift(padding=1)"}, {}),
    "mix": ({"mix": "mixup(alpha=0.4)"}, {}),
    "backbone": ({"backbone": "cnn_single(filters=[4], dense=4)"}, {}),
    "normalization": ({"normalization": "none"}, {}),
    "objective": ({"objective": "classification(label_smoothing=0.1)"}, {}),
    "init_from": ({"init_from": "first"}, {**FINETUNE, **DEFAULTS}),
    "freeze": ({"freeze": "dense1"}, FINETUNE),
    "unfreeze": ({"unfreeze": "0:all,1:none"}, {**FINETUNE, "epochs": "2"}),
    "batchnorm": ({"batchnorm": "update"}, FINETUNE),
    "train_only": ({"train_only": "norm_and_bias"}, FINETUNE),
    "lora": ({"lora": "lora(rank=2)"}, FINETUNE),
    "layer_decay": (
        {"layer_decay": "0.5"},
        {**FINETUNE, "freeze": "none"},
    ),
    "l2_sp": ({"l2_sp": "0.1"}, {**FINETUNE, "freeze": "none"}),
    "prune": ({"prune": "0.5"}, FINETUNE),
    "probe": ({"probe": "lbfgs"}, FINETUNE),
    "from_scratch": ({"from_scratch": "true"}, FINETUNE),
    "min_transferred": ({"min_transferred": "0.9"}, FINETUNE),
    "feature_cache_gb": ({"feature_cache_gb": "0"}, FINETUNE),
    "augment_views": (
        {"augment_views": "2"},
        {**FINETUNE, "augment": "shift(padding=1)"},
    ),
    "teacher": ({"teacher": "first"}, {"objective": "distillation"}),
    "compare_scratch": ({"compare_scratch": "true"}, FINETUNE),
    "explain": ({"explain": "false"}, {}),
    "forgetting": ({"forgetting": "true"}, {**FINETUNE, "freeze": "none"}),
    "optimizer": ({"optimizer": "sgd(momentum=0.9)"}, {}),
    "learning_rate": ({"learning_rate": "find"}, {}),
    "schedule": ({"schedule": "cosine(warmup_steps=1)"}, {}),
    "clip_norm": ({"clip_norm": "1"}, {}),
    "ema": ({"ema": "0.9"}, {}),
    "privacy": (
        {"privacy": "dp_sgd(epsilon=8, delta=1e-3)"},
        {"normalization": "unit"},
    ),
    "sampling": ({"sampling": "balanced"}, {}),
    "class_weight": ({"class_weight": "balanced"}, {}),
    "batch_size": ({"batch_size": "32"}, {}),
    "gradient_accumulation": ({"gradient_accumulation": "2"}, {}),
    "epochs": ({"epochs": "2"}, {}),
    "early_stopping_patience": ({"early_stopping_patience": "1"}, {}),
    "checkpoint_every": ({"checkpoint_every": "2"}, {}),
    "keep_checkpoints": ({"keep_checkpoints": "1"}, {}),
    "seed": ({"seed": "3"}, {}),
    "strategy": ({"strategy": "mirrored"}, {}),
    "jit_compile": ({"jit_compile": "true"}, {}),
    "steps_per_execution": ({"steps_per_execution": "2"}, {}),
    "resident": ({"resident": "false"}, {}),
    "profile_steps": ({"profile_steps": "1,2"}, {}),
    "precision": ({"precision": "mixed_bfloat16"}, {}),
    "export_to": ({"export_to": "saved_models/tiny"}, {}),
    "breaking": ({"breaking": "true"}, {}),
    "canary": ({"canary": "true"}, {}),
    "keep_versions": ({"keep_versions": "2"}, {}),
    "warmup_batches": (
        {"warmup_batches": "1,8"},
        {"export_to": "saved_models/tiny"},
    ),
    "corrupt_images": ({"corrupt_images": "flag"}, EXPORTED),
    "most_pixels": ({"most_pixels": "100"}, EXPORTED),
    "most_text_bytes": ({"most_text_bytes": "50"}, EXPORTED),
    "largest_batch": ({"largest_batch": "7"}, EXPORTED),
    "serve_with": ({"serve_with": "2.20"}, {}),
    "prove_with": ({"prove_with": "c_api"}, {}),
    "formats": ({"formats": "litert"}, {"export_to": "saved_models/tiny"}),
    "quantize": ({"quantize": "int8"}, {}),
    "calibration_examples": ({"calibration_examples": "10"}, {}),
    "prove_examples": ({"prove_examples": "50"}, {}),
    "max_accuracy_drop": ({"max_accuracy_drop": "1"}, {}),
    "statistics_examples": (
        {"statistics_examples": "10"},
        {"export_to": "saved_models/tiny"},
    ),
    "reject_below": ({"reject_below": "0.5"}, {}),
    "calibrate": ({"calibrate": "true"}, {"validation_fraction": "0.3"}),
}
# what does not exclude each other is trained at once, all else alone
TOGETHER = (
    (
        *("runs_dir", "overwrite", "data_dir", "manual_dir", "classes"),
        *("train_examples", "validation_examples", "skip_bad_images"),
        *("split_seed", "stratify", "on_leak", "near_copies"),
        "untrained_classes",
    ),
    (
        *("image_size", "augment", "mix", "normalization", "objective"),
        *("optimizer", "schedule", "clip_norm", "ema"),
    ),
    (
        *("batch_size", "gradient_accumulation", "epochs", "seed"),
        *("early_stopping_patience", "checkpoint_every", "keep_checkpoints"),
        *("steps_per_execution", "reject_below", "statistics_examples"),
    ),
    ("backbone", "validation_fraction", "calibrate"),
    ("train_fraction", "class_weight", "resident", "precision"),
    ("train_per_class", "sampling", "jit_compile"),
    ("folds", "fold"),
    (
        "export_to",
        "breaking",
        "canary",
        "keep_versions",
        "warmup_batches",
        "serve_with",
        "prove_with",
        "statistics_examples",
    ),
    ("background", "resize", "decode_cache", "group_pattern"),
    ("image_column", "image_root", "group_column"),
    ("text_column", "label_column", "tokenizer", "sequence_length"),
    ("freeze", "compare_scratch"),
    ("corrupt_images", "most_pixels", "most_text_bytes", "largest_batch"),
    ("probe", "augment_views"),
    ("batchnorm", "train_only", "lora", "min_transferred"),
    ("layer_decay", "l2_sp", "prune", "forgetting"),
    (
        *("formats", "quantize", "calibration_examples", "prove_examples"),
        "max_accuracy_drop",
    ),
)
ALONE = [(name,) for name in CASES if not any(name in x for x in TOGETHER)]
# op determinism stays enabled in a process: tests/training has its own
ELSEWHERE = {"deterministic"}


def words(settings):
    return [f"--{name}={value}" for name, value in settings.items()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with data, and a run to fine-tune."""
    folder = tmp_path_factory.mktemp("settings")
    rows = [f"{n % 7},{n % 5},{n}.5,{'ab'[n % 2]}" for n in range(400)]
    (folder / "numbers.csv").write_text("\n".join(["x,y,z,label", *rows]))
    rows = [f"{n % 7},{n % 5}.5,{n % 2}" for n in range(400)]
    (folder / "flags.csv").write_text("\n".join(["x,y,odd", *rows]))
    lines = [
        f"word{n} number {n} text\t{'ab'[n % 2]}\t{'cd'[n % 2]}"
        for n in range(80)
    ]
    (folder / "texts.tsv").write_text(
        "\n".join(["text\tlabel\ttopic", *lines, ""])
    )
    rows = [f"{n % 2}/{n // 2}_{n}.png,{n % 2},{n // 2}" for n in range(40)]
    (folder / "photos.csv").write_text("\n".join(["file,label,owner", *rows]))
    for n in range(40):
        path = folder / "photos" / f"{n % 2}/{n // 2}_{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGBA", (9, 9), (6 * n, 99, 0, 3 * n)).save(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        first = {**BASE, "name": "first", "backbone": "mlp(hidden=[8, 8])"}
        assert main(["pretrain", *words(first)]) == 0
    return folder


def test_every_setting_has_a_case():
    assert set(CASES) | ELSEWHERE == set(FIELDS)


@pytest.mark.slow
@pytest.mark.parametrize("names", [*TOGETHER, *ALONE], ids=" ".join)
def test_settings_train(names, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    settings, changed = {**BASE, "overwrite": "true"}, {}
    for name in names:
        changed |= CASES[name][0]
        settings |= CASES[name][1]
    if "init_from" in settings:
        settings.pop("backbone")
    settings |= changed
    command = "finetune" if "init_from" in settings else "pretrain"
    code = main([command, *words(settings)])
    assert code == 0, capsys.readouterr().err
    run = folder / settings.get("runs_dir", "runs") / settings["name"]
    assert read_json(run / "result.json")["status"] == "complete"
    text = (run / "flags.flags").read_text(encoding="utf-8")
    for key, value in changed.items():
        field = FIELDS[key]
        written = to_text(field, from_text(field, value))
        assert f"--{key}={written}\n" in text
