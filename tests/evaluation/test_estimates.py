import numpy as np

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import texts_of, token_source
from keras_ptft.data.text.tokenizers import learn
from keras_ptft.evaluation.estimates import Estimated, estimates


def test_the_worst_come_first():
    source = ArraySource(np.eye(4), values=[1.0, 2.0, 3.0, 4.0])
    found = estimates(source, np.array([1.5, 2.0, 0.0, 4.25]), "price")
    assert [row.name for row in found.worst] == [
        *("example 2", "example 0", "example 3", "example 1"),
    ]
    assert found.worst[0] == Estimated("example 2", 3.0, 0.0)
    assert found.target == "price"


def test_at_most_fifteen_are_shown():
    source = ArraySource(np.eye(40), values=np.arange(40))
    found = estimates(source, np.zeros(40))
    assert [row.true for row in found.worst] == list(range(39, 24, -1))
    assert len(found.true) == len(found.predicted) == 40


def test_texts_are_shown_themselves():
    texts = TextSource(in_memory([b"good", "bad \xff".encode("latin-1")]))
    texts.values = np.array([5.0, 1.0], np.float32)
    tokenizer = learn("words", lambda: texts_of(texts), 4)
    found = estimates(token_source(texts, tokenizer), np.array([4.0, 4.0]))
    assert [row.name for row in found.worst] == ["bad \ufffd", "good"]
