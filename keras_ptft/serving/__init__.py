"""How a trained model is used: exported for serving, or asked directly."""
