"""Which versions are served, while their folder changes."""

import shutil

import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.bundle.warmup import WARMUP_FILE
from keras_ptft.serving.export import EXTRA
from keras_ptft.serving.model_server import loaded_version
from keras_ptft.serving.model_server.model_config import (
    ModelConfig,
    read_models,
)
from keras_ptft.serving.model_server.statuses import StatusError
from tests.serving.in_process import served_model

CONFIG = """
# as write_server_files has it, and a second model
model_config_list {
  config {
    name: "scale"
    base_path: "/models/scale"
    model_platform: "tensorflow"
    model_version_policy { latest { num_versions: 3 } }
    version_labels { key: "stable" value: 1 }
    version_labels { key: "canary" value: 2 }
  }
  config {
    name: "all" base_path: '/models/"all"'
    model_version_policy: { all {} }
    logging_config { sampling_config { sampling_rate: 0.5 } }
  }
  config { name: "some" base_path: "/models/some"
           model_version_policy { specific { versions: 4 versions: 7 } } }
  config { name: "one" base_path: "/models/one" }
}
"""


@pytest.fixture
def copies(base, tmp_path):
    """A folder of versions, and (number) → adds one."""
    folder = tmp_path / "scale"
    folder.mkdir()

    def add(number):
        shutil.copytree(base / "3", folder / str(number))

    return folder, add


def available(model):
    states = model.states()
    return [number for number, s in states.items() if s.state == "AVAILABLE"]


def test_a_configuration(tmp_path):
    path = tmp_path / "models.config"
    path.write_text(CONFIG, encoding="utf-8")
    scale, every, some, one = read_models(path)
    assert scale.labels == {"stable": 1, "canary": 2}
    assert [each.latest for each in (scale, every, some, one)] == [3, 0, 1, 1]
    assert str(every.base) == '/models/"all"'
    assert some.specific == {4, 7}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model_config_list {", "Expected a ModelServerConfig in .*correct it"),
        ("", "Expected models in .*got none"),
    ],
    ids=range(2),
)
def test_a_configuration_that_cannot_be_read(tmp_path, text, told):
    path = tmp_path / "models.config"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=told):
        read_models(path)


def test_versions_that_are_wanted(tmp_path):
    for name in ("1", "2", "10", "serving", ".partial-11"):
        (tmp_path / name).mkdir()

    def wanted(**settings):
        return [*ModelConfig("m", tmp_path, **settings).wanted()]

    assert wanted() == [10]
    assert wanted(latest=2) == [2, 10]
    assert wanted(latest=0) == [1, 2, 10]
    assert wanted(specific=frozenset({1, 10, 12})) == [1, 10]


def test_versions_come_and_go(copies):
    folder, add = copies
    add(1)
    model = served_model("scale", folder)
    assert (available(model), model.find().number) == ([1], 1)
    add(2)
    model.refresh()
    # the newest alone
    assert (available(model), model.find().number) == ([2], 2)
    with pytest.raises(StatusError, match=r"Specific\(scale, 1\)"):
        model.find(1)
    shutil.rmtree(folder / "2")
    model.refresh()
    assert available(model) == [1]
    # a folder that is gone, as one of a network may be
    shutil.rmtree(folder)
    model.refresh()
    assert available(model) == [1]


def test_one_that_cannot_be_loaded_leaves_the_others(copies, caplog):
    folder, add = copies
    add(1)
    (folder / "2").mkdir()
    (folder / "2" / "saved_model.pb").write_bytes(b"\xff no such message")
    model = served_model("scale", folder, latest=2, labels={"new": 2})
    assert available(model) == [1]
    state = model.states()[2]
    assert state.state == "END"
    assert "Cannot parse file" in state.fault.message
    assert model.find().number == 1
    with pytest.raises(StatusError, match=r"Specific\(scale, 2\)"):
        model.find(label="new")
    assert "Cannot load version 2 of scale: " in caplog.text
    before = model.states()
    model.refresh()
    # nor tried again
    assert model.states() == before


def test_what_is_served_stays_where_a_new_one_fails(copies):
    folder, add = copies
    add(1)
    model = served_model("scale", folder)
    (folder / "2").mkdir()
    model.refresh()
    assert available(model) == [1]
    assert model.states()[2].state == "END"


def test_a_warm_up_that_fails(copies, monkeypatch):
    folder, add = copies
    add(1)
    monkeypatch.setattr(loaded_version, "MOST_REQUESTS", 3)
    fault = served_model("scale", folder).states()[1].fault
    assert fault.message == "Number of warmup records exceeds the maximum (3)"
    with tf.io.TFRecordWriter(str(folder / "1" / EXTRA / WARMUP_FILE)) as file:
        file.write(b"")
    fault = served_model("scale", folder).states()[1].fault
    assert fault.message.startswith("input size does not match signature: 0!=2")


def test_none_is_there(tmp_path):
    model = served_model("scale", tmp_path)
    with pytest.raises(StatusError, match="any versions of model scale"):
        model.states()
    with pytest.raises(StatusError, match=r"request: Latest\(scale\)"):
        model.find()
