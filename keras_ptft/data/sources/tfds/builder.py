"""Images and texts of TensorFlow Datasets, prepared and read whole.

TensorFlow Datasets takes seconds to import, so it is imported where it is
used.
"""

import contextlib
import importlib
import io
import logging
import os
import pathlib
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.images.resize import check_resize
from keras_ptft.data.sources.tfds.images import read_split
from keras_ptft.data.sources.tfds.splits import found_splits, unused_splits
from keras_ptft.data.sources.tfds.text import read_texts, text_columns
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest

logger = logging.getLogger("keras_ptft")

# settings of tables and of files
_OF_FILES = ("group_column", "group_pattern", "image_column", "image_root")


def mnist(loading: Loading, /) -> Dataset:
    """70,000 handwritten digits, 28×28 grey (LeCun, Cortes, Burges).

    Prepared by TensorFlow Datasets, without network if --manual_dir holds
    the four files train-images-idx3-ubyte.gz and so on.
    """
    return tfds(loading, "mnist")


def fashion_mnist(loading: Loading, /) -> Dataset:
    """70,000 pictures of clothing, 10 kinds, 28×28 grey (Zalando).

    Xiao et al., https://arxiv.org/abs/1708.07747. Prepared as `mnist` is.
    """
    return tfds(loading, "fashion_mnist")


def tfds(
    loading: Loading, /, name: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Any set of images or of texts of TensorFlow Datasets.

    Images have a class, unless the objective needs none.
    Images keep their size unless an image size is set, which sets of
    varying size need. Of texts --text_column and --label_column choose the
    features if there are several; an empty --label_column leaves them
    unlabelled, and trains on "unsupervised" texts too. A set without a test
    split is split by content. Other splits are not used.

    Args:
        loading: the settings of the run.
        name: in TensorFlow Datasets, such as "cifar10", "imdb_reviews" or
            "name/config:version".
        test_fraction: fraction of the examples held out for testing if
            there is no test split.

    Raises:
        UserError: an unknown set, one without images and labels or texts,
            or one that is neither prepared nor can be downloaded.
    """
    loading.refuse(f"tfds:{name}", *_OF_FILES)
    builder = _builder(name, loading.data_dir)
    columns = text_columns(builder.info, name, loading)
    if columns:
        _prepare(builder, name, loading.manual_dir)
        parts = found_splits(builder, name)
        return read_texts(builder, parts, columns, test_fraction)
    names = _label_names(builder.info.features, name, loading.needs_labels)
    shape = _image_shape(builder.info.features["image"], name, loading)
    form = loading.image_form
    check_resize(form.resize, loading.image_size)
    _prepare(builder, name, loading.manual_dir)
    parts = found_splits(builder, name)
    return Dataset(
        {
            split: read_split(
                builder, part, shape, form.resize, labelled=bool(names)
            )
            for split, part in parts.items()
        },
        names,
        test_fraction=test_fraction,
        image_form=form,
        left_out=unused_splits(builder, parts.values()),
    )


def _imported() -> Any:
    """TensorFlow Datasets, which only logs why it cannot be imported."""
    import tensorflow_datasets

    if not hasattr(tensorflow_datasets, "builder"):
        try:
            importlib.import_module("tensorflow_datasets.public_api")
        except Exception as error:
            raise UserError(
                "TensorFlow Datasets cannot be imported, install what suits "
                'it (with TensorFlow 2.19: pip install "tensorflow-metadata'
                f'<1.18"): {_line(error)}'
            ) from error
    return tensorflow_datasets


def _builder(name: str, data_dir: str) -> Any:
    tfds = _imported()
    folder = os.path.expanduser(data_dir) or None
    try:
        with _quiet():
            return tfds.builder(name, data_dir=folder)
    except tfds.core.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        base = name.split("/")[0].split(":")[0]
        raise UserError(
            f"TensorFlow Datasets has no {name!r}{nearest(base, known)}: see "
            "https://www.tensorflow.org/datasets/catalog for its names."
        ) from None
    except (ValueError, AssertionError, TypeError, ImportError) as error:
        raise UserError(
            f"Cannot make tfds:{name}, expected name[/config][:version]: "
            f"{_line(error)}"
        ) from None


def _label_names(
    features: Any, name: str, needs_labels: bool
) -> tuple[str, ...]:
    """The names of the classes; none: a set without classes is enough."""
    import tensorflow_datasets as tfds

    is_dict = isinstance(features, tfds.features.FeaturesDict)
    found = dict(features.items()) if is_dict else {}
    image, label = found.get("image"), found.get("label")
    has_classes = isinstance(label, tfds.features.ClassLabel)
    if (
        not isinstance(image, tfds.features.Image)
        or np.dtype(image.np_dtype) != np.uint8
        or (needs_labels and not has_classes)
    ):
        raise UserError(
            f"tfds:{name} must have a uint8 image and a class label, or a "
            "text that --text_column chooses; its features are: "
            f"{', '.join(sorted(found)) or _line(features)}."
        )
    return () if label is None or not has_classes else tuple(label.names)


def _image_shape(
    feature: Any, name: str, loading: Loading
) -> tuple[int, int, int]:
    size = loading.image_size
    shape = (size, size, feature.shape[2]) if size else feature.shape
    if None in shape:
        raise UserError(
            f"tfds:{name} has images of varying size, {feature.shape}: "
            "set --image_size."
        )
    return tuple(shape)


def _prepare(builder: Any, name: str, manual_dir: str) -> None:
    import tensorflow_datasets as tfds

    with _quiet():
        if builder.is_prepared():
            return
    missing = _missing(builder, manual_dir)
    if missing and not is_reachable(next(iter(missing))):
        raise UserError(_offline(name, sorted(set(missing.values()))))
    logger.info("Preparing %s in %s.", name, builder.data_path)
    try:
        with _quiet(), _extraction(builder) as folder:
            config = tfds.download.DownloadConfig(
                extract_dir=folder,
                manual_dir=os.path.expanduser(manual_dir) or None,
                try_download_gcs=bool(missing),
            )
            builder.download_and_prepare(download_config=config)
    # a builder runs the code of its authors, which can raise anything
    except Exception as error:
        raise UserError(
            f"Cannot prepare tfds:{name} in {builder.data_path}, check "
            f"--manual_dir and --data_dir: {_line(error)}"
        ) from error


def _extraction(builder: Any) -> tempfile.TemporaryDirectory:
    # TensorFlow Datasets identifies extracted files by name: in a shared
    # folder Fashion MNIST would be made of the images of MNIST
    beside = pathlib.Path(builder.data_path).parent
    beside.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="extracted-", dir=beside)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides what TensorFlow Datasets prints and logs."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    absl_logger = logging.getLogger("absl")
    level = absl_logger.level
    absl_logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        absl_logger.setLevel(level)


def _missing(builder: Any, manual_dir: str) -> dict[str, str]:
    """URL and file name of each download that is not in the folder."""
    folder = pathlib.Path(manual_dir).expanduser()
    if manual_dir and not folder.is_dir():
        raise UserError(f"--manual_dir={manual_dir} is no folder: correct it.")
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        # the set's own error says which files it needs
        return {}
    return {
        url: info.filename or url
        for url, info in (builder.url_infos or {}).items()
        if not manual_dir or not (folder / (info.filename or "")).is_file()
    }


def is_reachable(url: str) -> bool:
    """Returns whether a host answers.

    Without this test TensorFlow Datasets would retry for minutes.
    """
    try:
        request = urllib.request.Request(url, method="HEAD")
        urllib.request.urlopen(request, timeout=10).close()
    # the host answered, or the address cannot be tested
    except (urllib.error.HTTPError, ssl.SSLError, ValueError):
        return True
    except urllib.error.URLError as error:
        is_ssl = isinstance(error.reason, ssl.SSLError)
        return is_ssl or not isinstance(error.reason, OSError)
    except OSError:
        return False
    return True


def _offline(name: str, files: list[str]) -> str:
    more = f" and {len(files) - 8} more" if len(files) > 8 else ""
    return (
        f"{name} is not prepared and its host cannot be reached: put "
        f"{', '.join(files[:8])}{more} into a folder and set --manual_dir."
    )


def _line(error: object) -> str:
    """The message as one line of at most 300 characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]}..."
