import shutil

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.serving.versioning.labels import (
    promote_canary,
    update_labels,
    version_labels,
)
from keras_ptft.serving.versioning.releases import promote
from keras_ptft.serving.versioning.rollback import rollback
from keras_ptft.serving.versioning.server_config import (
    CONFIG_FILE,
    config_fields,
    refresh_config,
    versions_to_load,
)
from tests.serving.small_versions import publish_small

CONFIG = """\
# of owls
model_config_list {
  config {
    name: "owls"
    base_path: "/models/owls"
    model_platform: "tensorflow"
    model_version_policy { latest { num_versions: 1 } }
  }
}
"""


def labels(stable, canary):
    return {"stable": stable, "canary": canary}


def config_of(base):
    text = (base / CONFIG_FILE).read_text()
    found = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    return found.model_config_list.config[0]


def test_there_are_no_labels_until_a_canary(tmp_path):
    assert publish_small(tmp_path) == 1
    assert publish_small(tmp_path) == 2
    assert version_labels(tmp_path) == {}
    assert versions_to_load(tmp_path) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "2"]
    publish_small(tmp_path, canary=True)
    assert version_labels(tmp_path) == labels(2, 3)
    assert files.read_json(tmp_path / "versions.json") == {
        "stable": [1, 2],
        "canary": 3,
        "newest": 3,
    }


def test_from_then_on_both_are_always_there(tmp_path):
    publish_small(tmp_path, canary=True)
    assert version_labels(tmp_path) == labels(1, 1)
    publish_small(tmp_path, canary=True)
    assert version_labels(tmp_path) == labels(1, 2)
    publish_small(tmp_path, canary=True)
    assert version_labels(tmp_path) == labels(1, 3)
    assert promote(tmp_path) == labels(3, 3)
    assert promote(tmp_path) == labels(3, 3)
    publish_small(tmp_path, canary=True)
    publish_small(tmp_path)
    assert version_labels(tmp_path) == labels(5, 5)


def test_promotion_starts_labels_before_the_first_canary(tmp_path):
    publish_small(tmp_path)
    publish_small(tmp_path)
    assert promote(tmp_path) == labels(2, 2)
    publish_small(tmp_path, canary=True)
    assert version_labels(tmp_path) == labels(2, 3)


def test_what_a_kill_left_unlabelled_is_labelled_all_the_same(tmp_path):
    publish_small(tmp_path)
    # as if killed between publishing and labelling, twice
    publish_small(tmp_path, canary=True, settled=False)
    publish_small(tmp_path, canary=True, settled=False)
    assert not (tmp_path / "versions.json").exists()
    assert version_labels(tmp_path) == labels(1, 3)
    update_labels(tmp_path)
    assert files.read_json(tmp_path / "versions.json")["newest"] == 3
    publish_small(tmp_path, settled=False)
    assert version_labels(tmp_path) == labels(4, 4)


def test_versions_that_were_removed_by_hand_lose_their_label(tmp_path):
    for canary in (False, False, True):
        publish_small(tmp_path, canary=canary)
    shutil.rmtree(tmp_path / "3")
    assert version_labels(tmp_path) == labels(2, 2)
    shutil.rmtree(tmp_path / "2")
    assert version_labels(tmp_path) == labels(1, 1)
    # its number is not taken for another model
    assert publish_small(tmp_path) == 4
    for path in ("1", "4"):
        shutil.rmtree(tmp_path / path)
    assert version_labels(tmp_path) == {}


def test_versions_of_other_tools_are_no_canaries(tmp_path):
    (tmp_path / "4").mkdir()
    publish_small(tmp_path, canary=True)
    assert version_labels(tmp_path) == labels(4, 5)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"stable": [], "canary": 1, "newest": 1}',
        '{"stable": 1, "canary": 1, "newest": 1}',
        '{"stable": [1], "canary": "1", "newest": 1}',
        '{"stable": [true], "canary": 1, "newest": 1}',
    ],
)
def test_a_damaged_file_is_an_error(tmp_path, text):
    publish_small(tmp_path)
    (tmp_path / "versions.json").write_text(text)
    told = r"must hold the numbers .* remove it, .* keras-ptft promote\."
    for action in (version_labels, update_labels, promote_canary):
        with pytest.raises(UserError, match=told):
            action(tmp_path)
    (tmp_path / "versions.json").write_text("{")
    with pytest.raises(UserError, match="Expected a JSON file"):
        version_labels(tmp_path)


def test_the_configuration_of_a_server_follows(tmp_path, caplog):
    publish_small(tmp_path)
    (tmp_path / "serving").mkdir()
    (tmp_path / CONFIG_FILE).write_text(CONFIG)
    refresh_config(tmp_path)
    assert (tmp_path / CONFIG_FILE).read_text() == CONFIG
    publish_small(tmp_path, canary=True)
    config = config_of(tmp_path)
    assert dict(config.version_labels) == labels(1, 2)
    assert config.model_version_policy.latest.num_versions == 3
    assert (config.name, config.base_path) == ("owls", "/models/owls")
    promote(tmp_path)
    assert dict(config_of(tmp_path).version_labels) == labels(2, 2)
    rollback(tmp_path)
    assert dict(config_of(tmp_path).version_labels) == labels(3, 3)
    assert config_of(tmp_path).model_version_policy.latest.num_versions == 2
    text = (tmp_path / CONFIG_FILE).read_text()
    assert text.startswith("# of owls\n") and text.endswith("\n  }\n}\n")
    assert "Cannot change" not in caplog.text


def test_fields_of_several_lines_are_replaced(tmp_path):
    fields = """\
    model_version_policy {
      # { all of them }
      latest {
        num_versions: 9
      }
    }
    version_labels {
      key: "old"
      value: 9
    }
"""
    line = "    model_version_policy { latest { num_versions: 1 } }\n"
    (tmp_path / "serving").mkdir()
    (tmp_path / CONFIG_FILE).write_text(CONFIG.replace(line, fields))
    publish_small(tmp_path)
    promote(tmp_path)
    config = config_of(tmp_path)
    assert dict(config.version_labels) == labels(1, 1)
    assert config.model_version_policy.latest.num_versions == 2
    assert len((tmp_path / CONFIG_FILE).read_text().splitlines()) == 11


@pytest.mark.parametrize(
    "policy",
    ["", "model_version_policy\n{ latest { num_versions: 1 } }\n", "twice"],
)
def test_a_configuration_of_the_users_own_is_left_alone(
    tmp_path, caplog, policy
):
    line = "    model_version_policy { latest { num_versions: 1 } }\n"
    text = CONFIG.replace(line, 2 * line if policy == "twice" else policy)
    (tmp_path / "serving").mkdir()
    (tmp_path / CONFIG_FILE).write_text(text)
    publish_small(tmp_path)
    promote(tmp_path)
    assert (tmp_path / CONFIG_FILE).read_text() == text
    assert 'version_labels { key: "stable" value: 1 }' in caplog.text


class Server:
    """The rules by which TensorFlow Serving loads versions and takes labels.

    As `ServerCore::ReloadConfig` and `FileSystemStoragePathSource` have them,
    started with --allow_version_labels_for_unavailable_models.
    """

    def __init__(self, base):
        self.base, self.labels, self.count = base, {}, 1
        self.reload()
        self.look()

    def look(self):
        """Loads the newest versions, then unloads the others."""
        found = [int(p.name) for p in self.base.iterdir() if p.name.isdigit()]
        self.loaded = set(sorted(found)[-self.count :])

    def reload(self):
        """Takes a configuration, unless a label is to move into the blue."""
        text = "\n".join(config_fields(self.base))
        config = text_format.Parse(text, model_server_config_pb2.ModelConfig())
        for label, version in config.version_labels.items():
            known = self.labels.get(label, version)
            if known != version and version not in self.loaded:
                return
        self.labels = dict(config.version_labels)
        self.count = config.model_version_policy.latest.num_versions


@pytest.mark.parametrize("first", ["look", "reload"])
def test_a_server_follows_labels_and_never_lacks_one(tmp_path, first):
    publish_small(tmp_path)
    publish_small(tmp_path)
    promote(tmp_path)
    server = Server(tmp_path)

    def follows():
        order = [server.look, server.reload]
        for step in 2 * (order if first == "look" else order[::-1]):
            step()
            assert set(server.labels.values()) <= server.loaded
        server.look()
        assert server.labels == version_labels(tmp_path)
        assert set(server.labels.values()) <= server.loaded

    for canary in (True, True, False, True):
        publish_small(tmp_path, canary=canary)
        follows()
    promote(tmp_path)
    follows()
    rollback(tmp_path)
    follows()
    publish_small(tmp_path, canary=True)
    follows()
    rollback(tmp_path)
    follows()
    assert server.labels == labels(9, 9)
