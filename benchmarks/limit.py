"""What the processor could do: the matrix products of a training alone."""

import itertools

import numpy as np

from benchmarks.work import BATCH_SIZE, Outcome, Watch, Work

_WIDTHS = (784, 128, 64, 10)


def mlp(work: Work) -> Outcome:
    """The products of the MLP's forward and backward pass, and no more.

    Each layer has one forward, one for the gradient of its weights and, but
    for the first layer, one for the gradient of its input.
    """
    random = np.random.default_rng(work.seed)

    def matrix(rows, columns):
        return random.standard_normal((rows, columns), np.float32)

    products = []
    for number, (width, units) in enumerate(itertools.pairwise(_WIDTHS)):
        x, w = matrix(BATCH_SIZE, width), matrix(width, units)
        gradient = matrix(BATCH_SIZE, units)
        products += [(x, w), (x.T, gradient)]
        products += [(gradient, w.T)] if number else []
    products = [(a, b, matrix(len(a), b.shape[1])) for a, b in products]
    outcome, whole = Outcome(), Watch()
    for _ in range(work.epochs):
        epoch = Watch()
        for _ in range(len(work.inputs) // BATCH_SIZE):
            for a, b, out in products:
                np.matmul(a, b, out=out)
        outcome.seconds.append(epoch.seconds())
    outcome.total = whole.seconds()
    return outcome
