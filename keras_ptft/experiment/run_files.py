"""What is read of a run folder before TensorFlow is (no TensorFlow)."""

FLAGS_FILE = "flags.flags"
ENVIRONMENT_FILE = "environment.json"
CHECKPOINTS = "checkpoints"
REPORT_FILE = "report.html"

NON_IDENTITY_FIELDS = frozenset(
    (
        "name",
        "runs_dir",
        "overwrite",
        "data_dir",
        "manual_dir",
        "checkpoint_every",
        "keep_checkpoints",
        "export_to",
    )
)
"""Settings that may change without the run becoming another one."""
