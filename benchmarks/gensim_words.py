"""The work done by gensim, in one thread."""

import numpy as np

from benchmarks import words
from benchmarks.work import Outcome, Watch, Work


def word2vec(work: Work) -> Outcome:
    """Skip-gram with negative sampling, as gensim's users call it."""
    from gensim.models import Word2Vec

    texts = [[str(word) for word in text] for text in work.inputs]
    model = Word2Vec(
        vector_size=words.WIDTH,
        window=words.SETTINGS["window"],
        negative=words.SETTINGS["negatives"],
        sample=words.SETTINGS["subsample"],
        sg=1,
        min_count=1,
        workers=1,
        seed=work.seed,
    )
    whole = Watch()
    model.build_vocab(texts)
    outcome = Outcome(losses=[words.untrained(work.inputs)])
    for _ in range(work.epochs):
        epoch = Watch()
        model.train(texts, total_examples=len(texts), epochs=1)
        outcome.seconds.append(epoch.seconds())
    outcome.total = whole.seconds()
    size = work.inputs.max() + 1
    tables = np.zeros((2, size, words.WIDTH), np.float32)
    own = np.array([int(word) for word in model.wv.index_to_key])
    tables[:, own] = model.wv.vectors, model.syn1neg
    outcome.losses.append(words.nats_a_pair(work.inputs, *tables))
    return outcome
