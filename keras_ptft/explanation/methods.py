"""The ways to explain answers; the first that applies is used."""

from keras_ptft.explanation.grad_cam import grad_cam
from keras_ptft.explanation.integrated_gradients import integrated_gradients
from keras_ptft.explanation.method import Method
from keras_ptft.explanation.occlusion import (
    occluded_patches,
    replaced_columns,
)

_IMAGES = (
    "To the right of each test image, what in it speaks for the answer; what "
    "speaks against it is not coloured."
)
_PARTS = "blue parts speak for the answer, orange ones against it"

METHODS: dict[str, Method] = {
    "grad_cam": Method("Grad-CAM (Selvaraju et al. 2017)", _IMAGES, grad_cam),
    "occlusion": Method(
        "occlusion (Zeiler and Fergus 2014)", _IMAGES, occluded_patches
    ),
    "integrated_gradients": Method(
        "integrated gradients (Sundararajan et al. 2017)",
        f"Of tokens as the model reads them, {_PARTS}, in comparison with "
        "unknown tokens.",
        integrated_gradients,
    ),
    "columns": Method(
        "occlusion (Zeiler and Fergus 2014)",
        "What the answer loses where a column has its training mean instead: "
        f"{_PARTS}.",
        replaced_columns,
    ),
}
