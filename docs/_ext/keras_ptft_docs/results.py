"""What scripts and clients rely on: `result.json` and signatures."""

import dataclasses

from keras_ptft.experiment import results
from keras_ptft.serving.signatures import promises
from keras_ptft_docs.markdown import code, escaped, table


def result_fields(name: str) -> str:
    """Returns a table of the fields of a class behind `result.json`."""
    rows = (
        (code(field.name), escaped(field.metadata["help"]))
        for field in dataclasses.fields(getattr(results, name))
    )
    return table(("field", "holds"), rows)


def signatures(_: str) -> str:
    """Returns tables of all signatures and outputs of exports."""
    rows = (
        (code(name), *map(escaped, promise))
        for name, promise in promises.SIGNATURES.items()
    )
    outputs = promises.OUTPUTS.items()
    answers = ((code(name), escaped(text)) for name, text in outputs)
    return "\n".join(
        [
            table(("signature", "takes", "answers", "of"), rows),
            table(("output", "is"), answers),
        ]
    )
