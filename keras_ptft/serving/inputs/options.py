"""What is known of inputs before they are read."""

import dataclasses

from keras_ptft.data.core.info import DEFAULT_FORM, ImageForm
from keras_ptft.serving.inputs.skipped import Skipped


@dataclasses.dataclass(frozen=True)
class InputOptions:
    """How a user's inputs are read for one model.

    Attributes:
        columns: of the table that the model was trained on: those of the
            numbers of a vector, in order, or those of a text; none: not
            known.
        text_column: the column of a table that holds texts, or several with
            commas between them; empty: those of training.
        image_form: how pictures become what the model takes.
        skipped: counts images that cannot be decoded and are left out; None:
            the first one is an error.
    """

    columns: tuple[str, ...] = ()
    text_column: str = ""
    image_form: ImageForm = DEFAULT_FORM
    skipped: Skipped | None = None
