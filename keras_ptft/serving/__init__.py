"""Puts trained models to use: exports, predictions and generated text.

A library that objectives call: it knows no objective, no label and no run.
"""
