"""Which versions of a folder are served, and by which labels."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
)

from keras_ptft import files
from keras_ptft.errors import UserError, on_one_line
from keras_ptft.serving.versioning.versions import versions

# the fields of TensorFlow Serving's `model_server_config.proto` and
# `file_system_storage_path_source.proto` that say it. In text they go by their
# names, so that the numbers need not be those of the originals
_MESSAGES = """
name: "keras_ptft/model_server_config.proto"
package: "keras_ptft.serving"
syntax: "proto3"
message_type {
  name: "Latest"
  field { name: "num_versions" number: 1 label: LABEL_OPTIONAL
          type: TYPE_UINT32 }
}
message_type { name: "All" }
message_type {
  name: "Specific"
  field { name: "versions" number: 1 label: LABEL_REPEATED type: TYPE_INT64 }
}
message_type {
  name: "Policy"
  field { name: "latest" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE
          type_name: ".keras_ptft.serving.Latest" }
  field { name: "all" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE
          type_name: ".keras_ptft.serving.All" }
  field { name: "specific" number: 3 label: LABEL_OPTIONAL type: TYPE_MESSAGE
          type_name: ".keras_ptft.serving.Specific" }
}
message_type {
  name: "Label"
  field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
  field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_INT64 }
}
message_type {
  name: "ModelConfig"
  field { name: "name" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
  field { name: "base_path" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING }
  field { name: "model_version_policy" number: 3 label: LABEL_OPTIONAL
          type: TYPE_MESSAGE type_name: ".keras_ptft.serving.Policy" }
  field { name: "version_labels" number: 4 label: LABEL_REPEATED
          type: TYPE_MESSAGE type_name: ".keras_ptft.serving.Label" }
}
message_type {
  name: "ModelConfigList"
  field { name: "config" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE
          type_name: ".keras_ptft.serving.ModelConfig" }
}
message_type {
  name: "ModelServerConfig"
  field { name: "model_config_list" number: 1 label: LABEL_OPTIONAL
          type: TYPE_MESSAGE type_name: ".keras_ptft.serving.ModelConfigList" }
}
"""


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A model that is served.

    Attributes:
        name: that clients ask for.
        base: the folder of its versions.
        latest: how many of the newest versions are served; 0: all.
        specific: the versions that are served; empty: the latest.
        labels: label to the version that it stands for.

    Example:

    >>> ModelConfig("digits", pathlib.Path("/models/digits")).latest
    1
    """

    name: str
    base: pathlib.Path
    latest: int = 1
    specific: frozenset[int] = frozenset()
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def wanted(self) -> dict[int, pathlib.Path]:
        """Returns the folders to serve by number, as they are there now.

        Raises:
            OSError: the folder of the versions cannot be read.
        """
        found = {int(path.name): path for path in versions(self.base)}
        if self.specific:
            return {n: found[n] for n in found if n in self.specific}
        # all of them for 0
        return dict([*found.items()][-self.latest :])


def read_models(path: str | os.PathLike) -> list[ModelConfig]:
    """Reads the models of a `models.config`.

    Args:
        path: of the file, a ModelServerConfig as text. Fields that say
            nothing of versions and labels are not looked at.

    Raises:
        UserError: it cannot be read, or names no model.
    """
    config = _CLASS()
    try:
        text_format.Parse(
            files.read_text(pathlib.Path(path)),
            config,
            allow_unknown_field=True,
        )
    except text_format.ParseError as error:
        raise UserError(
            f"Expected a ModelServerConfig in {os.fspath(path)}: "
            f"{on_one_line(error)}: correct it."
        ) from error
    found = [_model(entry) for entry in config.model_config_list.config]
    if not found:
        raise UserError(
            f"Expected models in {os.fspath(path)}, got none: write "
            "model_config_list { config { ... } }."
        )
    return found


def _model(entry: Any) -> ModelConfig:
    policy = entry.model_version_policy
    latest = 0 if policy.HasField("all") else policy.latest.num_versions or 1
    return ModelConfig(
        entry.name,
        pathlib.Path(entry.base_path),
        latest,
        frozenset(policy.specific.versions),
        {label.key: label.value for label in entry.version_labels},
    )


def _declared() -> Any:
    """The class of a ModelServerConfig, in a pool of its own."""
    file = text_format.Parse(_MESSAGES, descriptor_pb2.FileDescriptorProto())
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    name = "keras_ptft.serving.ModelServerConfig"
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


_CLASS = _declared()
