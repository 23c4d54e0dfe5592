"""Random changes to images, one file a concept.

Keras has layers for most of them. Those draw from a seed that they keep and
change, one draw a batch: the views of an example would depend on the batch
it is in, on the worker, and on whether a training was resumed.
"""
