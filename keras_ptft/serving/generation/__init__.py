"""Text that a causal language model generates."""
