"""What TensorFlow Serving is told of labels, in its configuration file."""

import logging
import pathlib
import re
from collections.abc import Sequence

from keras_ptft import files
from keras_ptft.locks import held
from keras_ptft.serving.versioning.labels import version_labels
from keras_ptft.serving.versioning.versions import versions

CONFIG_FILE = "serving/models.config"
"""ModelServerConfig beside the versions, where there is one."""

_LOG = logging.getLogger("keras_ptft")
_POLICY = "model_version_policy"
_FIELD = re.compile(rf"(\s*)({_POLICY}|version_labels)\s*:?\s*\{{")


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

    Its other lines stay. Where it has no policy, or several, or the fields do
    not stand on lines of their own, it is left alone, which is said.

    Args:
        base: folder of versions.

    Raises:
        UserError: `versions.json` is damaged, or CONFIG_FILE cannot be written.
    """
    path = base / CONFIG_FILE
    if not path.is_file():
        return
    with held(base):
        lines = files.read_text(path).splitlines()
        fields = config_fields(base)
        changed = _replaced(lines, fields)
        if changed is None:
            _LOG.warning(
                "Cannot change %s, expected one %s on lines of its own: write "
                "there %s",
                path,
                _POLICY,
                " ".join(fields),
            )
        elif changed != lines:
            files.write_text(path, "\n".join([*changed, ""]))


def _replaced(lines: Sequence[str], fields: Sequence[str]) -> list[str] | None:
    """The lines with other fields; None: they do not stand alone."""
    kept: list[str] = []
    starts: list[re.Match[str]] = []
    depth = place = 0
    for line in lines:
        if depth == 0 and (start := _FIELD.match(line)):
            place = place if starts else len(kept)
            starts.append(start)
        elif depth == 0:
            kept.append(line)
            continue
        code = line.partition("#")[0]
        depth += code.count("{") - code.count("}")
    if depth or [start[2] for start in starts].count(_POLICY) != 1:
        return None
    indented = [starts[0][1] + field for field in fields]
    return [*kept[:place], *indented, *kept[place:]]
