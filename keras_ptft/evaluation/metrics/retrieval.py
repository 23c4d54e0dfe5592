"""How far up the right answer to a query is found."""

from collections import defaultdict

import numpy as np

from keras_ptft.evaluation.feature_quality import directions

# queries whose cosines are computed at a time
_CHUNK = 1024


def mean_reciprocal_rank(
    queries: np.ndarray,
    answers: np.ndarray,
    query_ids: np.ndarray,
    answer_ids: np.ndarray,
) -> float:
    """Returns the mean of 1 / rank of the right answer, from 0 to 1.

    Answers are ranked by their cosine to a query, those that are as near
    before the right one. An answer that comes several times counts once, and
    others that belong to the same query do not count.

    Args:
        queries: float of shape (pairs, width).
        answers: float of shape (pairs, width), of the same pairs.
        query_ids: integers of shape (pairs,); equal queries have the same.
        answer_ids: likewise of the answers.

    Example:

    >>> queries = np.array([[1.0, 0.0], [1.0, 0.1]])
    >>> answers = np.array([[2.0, 0.0], [0.0, 1.0]])
    >>> ids = np.arange(2)
    >>> mean_reciprocal_rank(queries, answers, ids, ids)
    0.75
    """
    _, first, right = np.unique(
        answer_ids, return_index=True, return_inverse=True
    )
    known = directions(answers[first]).T
    of_query = defaultdict(list)
    for query, column in zip(query_ids.tolist(), right.tolist(), strict=True):
        of_query[query].append(column)
    total = 0.0
    for start in range(0, len(queries), _CHUNK):
        cosines = directions(queries[start : start + _CHUNK]) @ known
        for row, query in enumerate(query_ids[start : start + _CHUNK].tolist()):
            column = right[start + row]
            cosine = cosines[row, column]
            cosines[row, of_query[query]] = -np.inf
            total += 1.0 / (1 + np.count_nonzero(cosines[row] >= cosine))
    return float(total) / len(queries)
