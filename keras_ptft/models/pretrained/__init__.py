"""Known models with their weights, by name.

A row takes the side of images in pixels that the user asked for (0: the
model's own; text models ignore it) and its settings, and returns a `Known`.
Each row has a module of its own.
"""

from collections.abc import Callable

from keras_ptft.models.pretrained import all_minilm_l6_v2, efficientnet_lite0
from keras_ptft.models.pretrained.applications import applications
from keras_ptft.models.pretrained.bert import bert
from keras_ptft.models.pretrained.hub import hub
from keras_ptft.models.pretrained.known import Facts, Known

PRETRAINED: dict[str, Callable[..., Known]] = {
    "all_minilm_l6_v2": all_minilm_l6_v2.all_minilm_l6_v2,
    "applications": applications,
    "bert": bert,
    "efficientnet_lite0": efficientnet_lite0.efficientnet_lite0,
    "hub": hub,
}

FACTS: dict[str, Facts] = {
    "all_minilm_l6_v2": all_minilm_l6_v2.FACTS,
    "efficientnet_lite0": efficientnet_lite0.FACTS,
}
"""Of the rows whose weights come from a package."""
