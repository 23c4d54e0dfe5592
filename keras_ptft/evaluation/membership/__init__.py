"""How well an attacker tells training examples from others."""
