"""The table of settings and scores that TensorBoard reads."""

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from keras_ptft.errors import DiskError
from keras_ptft.evaluation.hparams import HParamsRow, write_hparams

ROWS = [
    HParamsRow(
        "trial-000",
        {"learning_rate": 0.01, "freeze": "all", "deterministic": True},
        {"validation accuracy": 0.75, "test accuracy": 0.5},
    ),
    HParamsRow("trial-001", {"learning_rate": 0.1}, {}),
]


def read(folder, name):
    found = EventAccumulator(str(folder / "tensorboard" / name)).Reload()
    data = found.PluginTagToContent("hparams")
    content = HParamsPluginData.FromString(data["_hparams_/session_start_info"])
    hparams = content.session_start_info.hparams
    values = {k: getattr(v, v.WhichOneof("kind")) for k, v in hparams.items()}
    tags = found.Tags()["tensors"]
    scores = {
        tag: float(tf.make_ndarray(found.Tensors(tag)[0].tensor_proto))
        for tag in tags
        if not tag.startswith("_")
    }
    return values, scores


def test_a_row_a_run(tmp_path):
    write_hparams(tmp_path, [*ROWS, ROWS[0]._replace(name="old")])
    write_hparams(tmp_path, ROWS)
    assert sorted(p.name for p in (tmp_path / "tensorboard").iterdir()) == [
        "trial-000",
        "trial-001",
    ]
    assert read(tmp_path, "trial-000") == (
        dict(ROWS[0].settings),
        ROWS[0].metrics,
    )
    assert read(tmp_path, "trial-001") == ({"learning_rate": 0.1}, {})


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match=r"Cannot write .*tensorboard: "):
        write_hparams(tmp_path / "file", ROWS)
