"""Contestants of single rows: gensim, and two limits of the processor.

The limits train nothing: they do the matrix products or the convolutions
of a training and no more. Each layer has one forward, one for the gradient
of its weights and, but for the first, one for the gradient of its input.
"""

import numpy as np

from benchmarks.common import BATCH_SIZE, Outcome, Work, timed


def mlp(work: Work) -> Outcome:
    """The matrix products of the MLP's forward and backward pass."""
    random, size = np.random.default_rng(work.seed), BATCH_SIZE
    layers = (784, 128), (128, 64), (64, 10)
    shapes = [(size, width, units) for width, units in layers]
    shapes += [(width, size, units) for width, units in layers]
    shapes += [(size, units, width) for width, units in layers[1:]]
    products = []
    for a, b, c in shapes:
        three = (a, b), (b, c), (a, c)
        products.append([random.standard_normal(s, np.float32) for s in three])

    def epoch() -> None:
        for _ in range(len(work.inputs) // size):
            for left, right, out in products:
                np.matmul(left, right, out=out)

    return timed(work.epochs, epoch)


def cnn(work: Work) -> Outcome:
    """The convolutions of the CNN's forward and backward pass.

    The gradients of outputs are taken to be the outputs themselves.
    """
    import tensorflow as tf

    by_filter = tf.raw_ops.Conv2DBackpropFilter
    by_input = tf.raw_ops.Conv2DBackpropInput
    layers, options = [], {"strides": [1, 1, 1, 1], "padding": "VALID"}
    for side, width, count in ((28, 1, 32), (13, 32, 64), (5, 64, 64)):
        shapes = (BATCH_SIZE, side, side, width), (3, 3, width, count)
        layers.append([tf.random.normal(s, seed=work.seed) for s in shapes])

    def epoch() -> None:
        for _ in range(len(work.inputs) // BATCH_SIZE):
            outputs = [tf.nn.conv2d(x, w, **options) for x, w in layers]
            for i in (2, 1, 0):
                x, w = layers[i]
                given = {"out_backprop": outputs[i], **options}
                by_filter(input=x, filter_sizes=w.shape, **given)
                if i:
                    by_input(input_sizes=x.shape, filter=w, **given)

    return timed(work.epochs, epoch)


def word2vec(work: Work) -> Outcome:
    """Skip-gram with negative sampling by gensim, in one thread."""
    from gensim.models import Word2Vec

    from benchmarks.ours import WORDS, nats_per_pair

    texts = [[str(word) for word in text] for text in work.inputs]
    sizes = {"vector_size": WORDS["width"], "window": WORDS["window"]}
    sampling = {"negative": WORDS["negatives"], "sample": WORDS["subsample"]}
    options = {"sg": 1, "min_count": 1, "workers": 1, "seed": work.seed}
    model = Word2Vec(**sizes, **sampling, **options)
    model.build_vocab(texts)

    def epoch() -> None:
        model.train(texts, total_examples=len(texts), epochs=1)

    outcome = timed(work.epochs, epoch)
    tables = np.zeros((2, work.inputs.max() + 1, WORDS["width"]), np.float32)
    ids = [int(word) for word in model.wv.index_to_key]
    tables[:, ids] = model.wv.vectors, model.syn1neg
    # before training all scores are 0
    untrained = (1 + WORDS["negatives"]) * np.log(2.0)
    outcome.losses = [float(untrained), nats_per_pair(work, *tables)]
    return outcome
