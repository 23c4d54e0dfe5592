"""Pretrained weights in new models: loading, freezing, cached features."""
