"""How training steps are executed."""
