"""What is read of a run folder before TensorFlow is (no TensorFlow)."""

from keras_ptft.config import FIELDS

FLAGS_FILE = "flags.flags"
ENVIRONMENT_FILE = "environment.json"
LEARNING_RATE_FILE = "learning_rate.json"
PRIVACY_FILE = "privacy.json"
CHECKPOINTS = "checkpoints"
REPORT_FILE = "report.html"
MARKDOWN_FILE = "report.md"
CARD_FILE = "MODEL_CARD.md"
PRIVATE_FEATURES = ".private-features"

NON_IDENTITY_FIELDS = frozenset(
    (
        "name",
        "runs_dir",
        "overwrite",
        "data_dir",
        "manual_dir",
        "decode_cache",
        "checkpoint_every",
        "keep_checkpoints",
        "resident",
        "profile_steps",
        "explain",
        *(
            name
            for name, field in FIELDS.items()
            if field.metadata["group"] == "export"
        ),
    )
)
"""Settings that may change without the run becoming another one."""
