"""Each token of running text, foretold from those before it."""

import tensorflow as tf

from keras_ptft.models import heads
from keras_ptft.objectives import token_losses, words
from keras_ptft.objectives.objective import Objective, Task


def next_token(task: Task, /) -> Objective:
    """Causal language model (Bengio et al. 2003).

    "A Neural Probabilistic Language Model". Examples are windows of running
    text, one token longer than a sequence; what is logged is nats per
    token. Unknown words count, as in published perplexities.

    Args:
        task: texts; the vocabulary is what is foretold.

    Raises:
        UserError: no texts.
    """
    words.check(task, "next_token")
    size = len(task.vocabulary)

    def transform(inputs, labels, seeds):
        del labels, seeds
        ids = words.first_ids(inputs)[:, 1:]
        targets = tf.where(ids > 0, ids, -1)
        weights = token_losses.token_weights(targets, task.sequence_length)
        return inputs[:, :-1], targets, weights

    return Objective(
        transform=transform,
        assemble=lambda backbone: heads.on(
            backbone, "sequence", lambda x: heads.per_token(x, size)
        ),
        loss=token_losses.cross_entropy,
        metrics=words.metrics,
        reads="sequence",
        answers="loss",
        causal=True,
        running=True,
    )
