"""Labels and tokens as lines of text, in the folder of a SavedModel's assets.

No operation of the graph reads them, so the SavedModel does not list them:
`tf.saved_model.Asset` would add a variable that a server has to fill, and
`keras.export.ExportArchive` tracks no asset but that of a lookup table.
TensorFlow Serving leaves files that are not listed alone.
"""

import pathlib
from collections.abc import Sequence

from keras_ptft.data.text.tokenizers.vocabulary import escaped
from keras_ptft.files import write_text

ASSETS = "assets"
LABELS_FILE = f"{ASSETS}/labels.txt"
VOCABULARY_FILE = f"{ASSETS}/vocabulary.txt"


def write_assets(
    folder: pathlib.Path,
    label_names: Sequence[str],
    vocabulary: Sequence[str],
) -> list[str]:
    r"""Writes a label, or a token, per line, in the order of the outputs.

    A line end within a label becomes a space; white space, control characters
    and backslashes in a token become Python's escapes.

    Args:
        folder: of a SavedModel.
        label_names: a name for each logit; empty: there are none.
        vocabulary: the token of each id; empty: inputs are no texts.

    Returns:
        The files that were written, as paths in the folder.
    """
    labels = [" ".join(name.splitlines()) for name in label_names]
    files = {
        LABELS_FILE: labels,
        VOCABULARY_FILE: [escaped(token) for token in vocabulary],
    }
    written = [name for name, lines in files.items() if lines]
    for name in written:
        text = "".join(f"{line}\n" for line in files[name])
        write_text(folder / name, text)
    return written
