"""What a private training may spend, and what it spends (no TensorFlow)."""

from keras_ptft.privacy.mechanisms import MECHANISMS, Budget, budget_of

__all__ = ["MECHANISMS", "Budget", "budget_of"]
