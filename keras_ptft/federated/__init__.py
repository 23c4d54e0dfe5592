"""Federated training: clients whose data stay with them share a model."""
