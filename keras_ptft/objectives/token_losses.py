"""Losses and scores of sequences; pure functions of targets and outputs.

Each gives one number an example. A target below 0 is not counted, and an
example without any target that is counted gives 0.
"""

import tensorflow as tf


def cross_entropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy over the counted tokens of each example.

    Args:
        targets: integers of shape (batch, tokens); below 0: not counted.
        logits: float32 of shape (batch, tokens, classes).

    Returns:
        float32 of shape (batch,), in nats per token.

    Raises:
        ValueError: shapes that do not fit each other.

    Example:

    >>> targets = tf.constant([[1, -1]])
    >>> float(cross_entropy(targets, tf.zeros((1, 2, 4)))[0])  # log(4)
    1.3862943649291992
    """
    _check(targets, logits)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.maximum(targets, 0), logits=logits
    )
    return _mean(losses, targets >= 0)


def accuracy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Share of the counted tokens of each example whose logit is largest.

    Args:
        targets: integers of shape (batch, tokens); below 0: not counted.
        logits: float32 of shape (batch, tokens, classes).

    Returns:
        float32 of shape (batch,).

    Raises:
        ValueError: shapes that do not fit each other.
    """
    _check(targets, logits)
    right = tf.argmax(logits, -1, output_type=targets.dtype) == targets
    return _mean(tf.cast(right, tf.float32), targets >= 0)


def token_weights(targets: tf.Tensor, full: float) -> tf.Tensor:
    """What each example weighs, so that every token counts alike.

    Args:
        targets: integers of shape (batch, tokens); below 0: not counted.
        full: counted tokens of an example that weighs 1.

    Returns:
        float32 of shape (batch,).

    Example:

    >>> token_weights(tf.constant([[3, 5, -1], [-1, -1, 2]]), 4.0).numpy()
    array([0.5 , 0.25], dtype=float32)
    """
    counted = tf.reduce_sum(tf.cast(targets >= 0, tf.float32), 1)
    return counted / full


def skipgram_loss(
    counts: tf.Tensor, logits: tf.Tensor, shared: int
) -> tf.Tensor:
    """Skip-gram with negative sampling, per pair of centre and context.

    -log s(u_o v) - sum over k negatives of log s(-u_k v), where s is the
    logistic function, v the vector of a centre and u those of contexts;
    equation 4 of Mikolov et al. 2013, "Distributed Representations of Words
    and Phrases and their Compositionality".

    Args:
        counts: float32 of shape (batch, tokens, tokens + shared). For each
            centre: 1 where a token is its context, and how often a
            negative counts for it.
        logits: float32 likewise, u v of each centre and candidate.
        shared: negatives that the pairs of an example share.

    Returns:
        float32 of shape (batch,), in nats per pair.

    Raises:
        ValueError: shapes that do not fit each other.
    """
    _check_pairs(counts, logits, shared)
    near, negative = counts[..., :-shared], counts[..., -shared:]
    losses = near * tf.nn.softplus(-logits[..., :-shared])
    total = tf.reduce_sum(losses, [1, 2])
    losses = negative * tf.nn.softplus(logits[..., -shared:])
    total += tf.reduce_sum(losses, [1, 2])
    return tf.math.divide_no_nan(total, tf.reduce_sum(near, [1, 2]))


def cbow_loss(counts: tf.Tensor, logits: tf.Tensor, shared: int) -> tf.Tensor:
    """Continuous bag of words with negative sampling, per centre.

    As `skipgram_loss`, but the mean of the vectors of all contexts foretells
    the centre (Mikolov et al. 2013, "Efficient Estimation of Word
    Representations in Vector Space"). A mean of vectors times u is the mean
    of their products with u, so both have the same logits.

    Args:
        counts: float32 of shape (batch, tokens, tokens + shared). For each
            centre: 1 where a token is its context, and how often a
            negative counts for it.
        logits: float32 likewise, u v of each context and candidate.
        shared: negatives that the centres of an example share.

    Returns:
        float32 of shape (batch,), in nats per centre.

    Raises:
        ValueError: shapes that do not fit each other.
    """
    _check_pairs(counts, logits, shared)
    near, negative = counts[..., :-shared], counts[..., -shared:]
    number = tf.reduce_sum(near, 2)
    scores = tf.matmul(near, logits)
    scores = tf.math.divide_no_nan(scores, number[..., None])
    own = tf.linalg.diag_part(scores[..., :-shared])
    has_context = tf.cast(number > 0, tf.float32)
    total = tf.reduce_sum(has_context * tf.nn.softplus(-own), 1)
    losses = negative * tf.nn.softplus(scores[..., -shared:])
    total += tf.reduce_sum(losses, [1, 2])
    return tf.math.divide_no_nan(total, tf.reduce_sum(has_context, 1))


def _mean(values: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
    counted = tf.cast(counted, values.dtype)
    total = tf.reduce_sum(values * counted, 1)
    return tf.math.divide_no_nan(total, tf.reduce_sum(counted, 1))


def _check(targets: tf.Tensor, logits: tf.Tensor) -> None:
    tokens = logits.shape[:-1]
    if targets.shape.rank != 2 or not targets.shape.is_compatible_with(tokens):
        raise ValueError(
            "Expected targets (batch, tokens) and logits (batch, tokens, "
            f"classes), got {targets.shape} and {logits.shape}."
        )


def _check_pairs(counts: tf.Tensor, logits: tf.Tensor, shared: int) -> None:
    same = counts.shape.is_compatible_with(logits.shape)
    rows, columns = counts.shape[-2:] if counts.shape.rank == 3 else (0, 0)
    known = None not in (rows, columns)
    if not same or columns == 0 or (known and columns != rows + shared):
        raise ValueError(
            "Expected counts and logits (batch, tokens, tokens + "
            f"{shared}), got {counts.shape} and {logits.shape}."
        )
