"""What TensorFlow Serving is told of labels, in its configuration file."""

import logging
import pathlib
import re

from keras_ptft import files
from keras_ptft.serving.labels import version_labels
from keras_ptft.serving.versions import locked, versions

CONFIG_FILE = "serving/models.config"
"""ModelServerConfig beside the versions, where there is one."""

_LOG = logging.getLogger("keras_ptft")
_POLICY = "model_version_policy"
_FIELD = re.compile(rf"\s*({_POLICY}|version_labels)\b")


def versions_to_load(base: pathlib.Path) -> int:
    """Returns how many of the newest versions a server has to hold.

    That is 1 where labels are not in use; else those from the oldest label on,
    and one more. TensorFlow Serving checks the labels of a changed
    configuration before it loads what that names, and refuses all of it if a
    label is to move to a version that is not loaded. So a policy that lists
    `specific` versions could never move a label to a new one. With one version
    more than there are, the next one is loaded when it appears, while those
    with a label stay; the label moves at the next look at the configuration.

    Args:
        base: folder of versions.

    Raises:
        UserError: `versions.json` is damaged.
    """
    labels = version_labels(base)
    if not labels:
        return 1
    oldest = min(labels.values())
    return 1 + sum(int(path.name) >= oldest for path in versions(base))


def config_fields(base: pathlib.Path) -> list[str]:
    """Returns the fields of a ModelConfig that say what is loaded and labelled.

    A server wants --allow_version_labels_for_unavailable_models to start with
    labels, and --model_config_file_poll_wait_seconds to see them change.

    Args:
        base: folder of versions.

    Returns:
        A field of a text proto each.

    Raises:
        UserError: `versions.json` is damaged.
    """
    count = versions_to_load(base)
    return [
        f"{_POLICY} {{ latest {{ num_versions: {count} }} }}",
        *(
            f'version_labels {{ key: "{label}" value: {version} }}'
            for label, version in version_labels(base).items()
        ),
    ]


def refresh_config(base: pathlib.Path) -> None:
    """Writes the labels into CONFIG_FILE, where there is such a file.

    Its other lines stay. Where the fields do not stand on lines of their own,
    as `config_fields` gives them, it is left alone, which is said.

    Args:
        base: folder of versions.

    Raises:
        UserError: `versions.json` is damaged, or CONFIG_FILE cannot be written.
    """
    path = base / CONFIG_FILE
    if not path.is_file():
        return
    with locked(base):
        lines = files.read_text(path).splitlines()
        fields = config_fields(base)
        old = [i for i, line in enumerate(lines) if _FIELD.match(line)]
        if not _is_ours([lines[i] for i in old]):
            _LOG.warning(
                "Cannot change %s, expected one %s on a line of its own: write "
                "there %s",
                path,
                _POLICY,
                " ".join(fields),
            )
            return
        indent = lines[old[0]].partition(_POLICY)[0]
        before = lines[: old[0]]
        after = [x for x in lines[old[0] :] if not _FIELD.match(x)]
        changed = [*before, *(indent + field for field in fields), *after]
        if changed != lines:
            files.write_text(path, "\n".join([*changed, ""]))


def _is_ours(lines: list[str]) -> bool:
    policies = [line for line in lines if _POLICY in line]
    whole = all(line.count("{") == line.count("}") for line in lines)
    return whole and len(policies) == 1 and lines[0] == policies[0]
