"""What a model is trained for: objectives by name.

An entry takes the `DataInfo` of a data set and its settings.
"""

from keras_ptft.objectives.byol import BYOL
from keras_ptft.objectives.classification import Classification
from keras_ptft.objectives.contrastive import (
    Contrastive,
    SupervisedContrastive,
)
from keras_ptft.objectives.contrastive_pairs import ContrastivePairs
from keras_ptft.objectives.denoise import Denoise
from keras_ptft.objectives.dino import DINO
from keras_ptft.objectives.distillation import Distillation
from keras_ptft.objectives.feature_matching import FeatureMatching
from keras_ptft.objectives.masked_pixels import MaskedPixels
from keras_ptft.objectives.masked_tokens import MaskedTokens
from keras_ptft.objectives.multi_label import MultiLabel
from keras_ptft.objectives.next_token import NextToken
from keras_ptft.objectives.objective import Objective
from keras_ptft.objectives.regression import Regression
from keras_ptft.objectives.rotation import Rotation
from keras_ptft.objectives.simcse import SimCSE
from keras_ptft.objectives.tagging import Tagging
from keras_ptft.objectives.vicreg import VICReg
from keras_ptft.objectives.word2vec import CBOW, SkipGram

__all__ = ["OBJECTIVES", "Objective"]

OBJECTIVES: dict[str, type[Objective]] = {
    "classification": Classification,
    "distillation": Distillation,
    "regression": Regression,
    "multi_label": MultiLabel,
    "contrastive": Contrastive,
    "supervised_contrastive": SupervisedContrastive,
    "vicreg": VICReg,
    "feature_matching": FeatureMatching,
    "byol": BYOL,
    "dino": DINO,
    "rotation": Rotation,
    "denoise": Denoise,
    "masked_pixels": MaskedPixels,
    "simcse": SimCSE,
    "contrastive_pairs": ContrastivePairs,
    "masked_tokens": MaskedTokens,
    "next_token": NextToken,
    "skipgram": SkipGram,
    "cbow": CBOW,
    "tagging": Tagging,
}
