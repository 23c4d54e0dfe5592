"""Clients of exports, and what they should answer."""

import numpy as np

from keras_ptft.serving.bundle.client import client_source


def source_of(kind):
    signatures, labels, columns, _ = kind
    return client_source("m", signatures, label_names=labels, columns=columns)


def rows_of(case):
    """A case's inputs as `predict` takes them."""
    rows = zip(*case.inputs.values(), strict=True)
    if len(case.inputs) == 1:
        return list(next(iter(case.inputs.values())))
    return [dict(zip(case.inputs, row, strict=True)) for row in rows]


def assert_same(answers, outputs, labels):
    """Compares the client's answers with a case's outputs."""
    for name, expected in outputs.items():
        for index, wanted in enumerate(expected.tolist()):
            found = answers[index][name]
            if isinstance(found, dict):
                assert list(found) == list(labels)
                found = list(found.values())
            if expected.dtype == object:
                if isinstance(wanted, bytes):
                    assert found == wanted.decode()
                else:
                    texts = [x.decode("utf-8", "replace") for x in wanted if x]
                    assert found == texts
            else:
                np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
