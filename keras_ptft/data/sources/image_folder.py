"""Images in class folders, or beside a table of their labels."""

from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.sources.class_folders import class_files
from keras_ptft.data.sources.file_groups import groups_of_files
from keras_ptft.data.sources.file_tree import existing_folder
from keras_ptft.data.sources.image_files import IMAGE_FILES, image_dataset
from keras_ptft.data.sources.manifests import find_metadata, metadata_folder
from keras_ptft.data.sources.unlabelled_files import (
    files_with_or_without_labels,
    unlabelled_files,
)
from keras_ptft.errors import UserError


def folder(
    loading: Loading,
    /,
    path: str,
    *,
    test_fraction: float = 0.2,
    labels: bool = True,
) -> Dataset:
    """Class folders of JPEG, PNG, BMP, GIF, WebP, TIFF, AVIF or HEIC files.

    The folder holds one folder per class, split by the content of the
    files, or folders of splits, such as train/ and test/, each with one
    folder per class. Or it, or each folder of a split, holds a metadata.csv
    or metadata.jsonl, whose columns file_name and --label_column name the
    images below and their labels.

    An objective that needs no labels takes class folders too, and judges its
    features by them. Where there are none it takes all images in the folder
    and below.

    Images become squares of the image size, 224 unless set, as --resize
    says; photographs are rotated upright as their EXIF says, and transparency
    is laid on the background. Those of more than 100 million pixels are not
    decoded. --group_pattern keeps files together by their names.

    Args:
        loading: the settings of the run.
        path: the folder.
        test_fraction: fraction of the images held out for testing if there
            is no folder for them.
        labels: False: all images in the folder and below, for an objective
            that needs no labels, whatever the folders are.

    Raises:
        UserError: no such folder, no class folders, a class without images,
            an image that cannot be decoded, or a name without a group.
    """
    loading.refuse("folder", "image_root")
    root = existing_folder(path, IMAGE_FILES)
    if not labels and loading.needs_labels:
        raise UserError(
            "labels=False leaves images without labels, which the objective "
            "learns: leave it out, or choose --objective=contrastive."
        )
    metadata = find_metadata(root, loading) if labels else {}
    if metadata:
        return metadata_folder(loading, root, metadata, test_fraction)
    loading.refuse("folder", "group_column", "image_column")
    if not labels:
        found = unlabelled_files(path, IMAGE_FILES, "labels=False")
    elif loading.needs_labels:
        found = class_files(path, IMAGE_FILES)
    else:
        found = files_with_or_without_labels(path, IMAGE_FILES)
    groups = groups_of_files(found, loading.group_pattern)
    return image_dataset(found, groups, loading, test_fraction)
