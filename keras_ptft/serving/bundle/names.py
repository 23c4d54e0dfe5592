"""What a server, and a cluster, call the model of an export."""

import os
import re

MOST_TOGETHER = 128
"""Most examples that a server runs as one batch."""


def model_name(base: str | os.PathLike) -> str:
    """Returns the name under which a server answers for a model.

    It is that of the folder of its versions. What stands in no URL, shell
    or configuration file without quotes becomes an underscore.

    Args:
        base: folder of the versions.

    Example:

    >>> model_name("saved_models/digits/"), model_name("saved_models/my: dog")
    ('digits', 'my__dog')
    """
    name = os.path.basename(os.path.abspath(base))
    return re.sub(r"[^A-Za-z0-9._-]", "_", name) or "model"


def cluster_name(name: str) -> str:
    """Returns a model's name as Kubernetes and Compose take one (RFC 1035).

    Args:
        name: as `model_name` gives it.

    Example:

    >>> cluster_name("Digits_v2"), cluster_name("2024")
    ('digits-v2', 'model-2024')
    """
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not label[:1].isalpha():
        label = f"model-{label}"
    return label[:63].strip("-")
