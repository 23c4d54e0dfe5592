"""Folders of images: what is read of each, and what is not."""

import logging
import pathlib

from keras_ptft.data.images.formats import IMAGES
from keras_ptft.data.sources.file_tree import FileAccount, FileKind
from keras_ptft.errors import UserError

_LOG = logging.getLogger("keras_ptft")
_KIND = FileKind("folder", "images", IMAGES)


def images_below(folder: pathlib.Path) -> list[pathlib.Path]:
    """Finds the images in and below a folder, and logs what else is there.

    As in training, hidden files and folders are left out, and links to
    folders are not followed.

    Args:
        folder: with or without class folders.

    Returns:
        Paths of the images, in the order of their names.

    Raises:
        UserError: there are none, or the folder cannot be read.
    """
    account = FileAccount(_KIND, folder)
    found = account.usable(folder)
    left_out = account.left_out
    others = ", ".join(map(str, left_out))
    if not found:
        instead = f"; it has {others}" if others else ""
        raise UserError(
            f"No images in {folder}: expected files ending in "
            f"{', '.join(IMAGES)}{instead}."
        )
    count = len(found) + sum(part.count for part in left_out)
    used = f"{len(found):,} used; left out: {others}" if others else "all used"
    _LOG.info("%s: %s files: %s.", folder, f"{count:,}", used)
    for note in account.notes:
        _LOG.info("%s: %s.", folder, note)
    return found
