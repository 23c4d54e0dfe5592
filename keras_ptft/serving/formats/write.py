"""Writes a version's model in other formats."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Mapping, Sequence

from keras_ptft.errors import UserError, on_one_line
from keras_ptft.serving.export import EXTRA
from keras_ptft.serving.formats.format import Conversion, Format, NoEquivalent
from keras_ptft.serving.signatures.signature import (
    Arrays,
    Signature,
    write_saved_model,
)

FOLDER = f"{EXTRA}/formats"
"""Where a version has the other formats."""
_SHOWN = 200


def write_formats(
    folder: pathlib.Path,
    signature: Signature,
    formats: Mapping[str, Format],
    *,
    quantize: str,
    calibration: Sequence[Arrays],
) -> dict[str, pathlib.Path]:
    """Writes a model in other formats, into FOLDER.

    Args:
        folder: of the version, not published yet.
        signature: what is written, see `format.of_numbers`.
        formats: rows of `table.FORMATS` by name.
        quantize: "none", or what all of them can.
        calibration: real inputs of training, each a batch of one.

    Returns:
        The file of each format.

    Raises:
        UserError: the model cannot be written in one of them.
    """
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    alone = dataclasses.replace(signature, name="serving_default")
    paths = {}
    with tempfile.TemporaryDirectory() as place:
        write_saved_model(place, [alone])
        given = Conversion(pathlib.Path(place), alone, quantize, calibration)
        for name, row in formats.items():
            paths[name] = target / row.files[0]
            _convert(name, row, given, paths[name])
    return paths


def _convert(
    name: str, row: Format, given: Conversion, path: pathlib.Path
) -> None:
    try:
        row.convert(given, path)
    except NoEquivalent as error:
        raise UserError(
            f"The model cannot be written as {name}: {error}: nothing was "
            f"published; replace the layer that computes it, or leave {name} "
            "out of --formats."
        ) from error
    # a converter fails in as many ways as a model can be built
    except Exception as error:
        raise UserError(
            f"The model cannot be written as {name} with --quantize="
            f"{given.quantize}: {on_one_line(error)[:_SHOWN]}: nothing was "
            f"published; leave {name} out of --formats."
        ) from error
