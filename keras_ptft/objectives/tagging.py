"""A label for each token."""

import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models import heads
from keras_ptft.objectives import token_losses, words
from keras_ptft.objectives.objective import Objective, Task


def tagging(task: Task, /) -> Objective:
    """A tag a token; cross-entropy over the tokens that have one.

    Labels are int of shape (batch, length), -1 for a token without a tag;
    padding has none, whatever stands there. Every token counts alike,
    whether its text is short or long.

    Args:
        task: texts whose label names are the tags.

    Raises:
        UserError: no texts, or texts without tags.
    """
    words.check(task, "tagging")
    if not task.tagged:
        raise UserError(
            "Objective 'tagging' needs a tag a token, but the data have none: "
            "choose --dataset=conll:<path>."
        )
    tags = len(task.label_names)

    def transform(inputs, labels, seeds):
        del seeds
        real = words.first_ids(inputs) > 0
        targets = tf.where(real, tf.cast(labels, tf.int32), -1)
        weights = token_losses.token_weights(targets, task.sequence_length)
        return inputs, targets, weights

    return Objective(
        transform=transform,
        assemble=lambda backbone: heads.on(
            backbone, "sequence", lambda x: heads.per_token(x, tags)
        ),
        loss=token_losses.cross_entropy,
        metrics=words.metrics,
        reads="sequence",
        answers="tags",
    )
