"""Single test examples, and what a model looks at in them."""
