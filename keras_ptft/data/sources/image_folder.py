"""Images in class folders, or beside a table of their labels."""

from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.sources.class_folders import class_files
from keras_ptft.data.sources.file_groups import groups_of_files
from keras_ptft.data.sources.file_tree import existing_folder
from keras_ptft.data.sources.image_files import IMAGE_FILES, image_dataset
from keras_ptft.data.sources.manifests import find_metadata, metadata_folder


def folder(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Class folders of JPEG, PNG, BMP, GIF, WebP, TIFF, AVIF or HEIC files.

    The folder holds one folder per class, split by the content of the
    files, or folders of splits, such as train/ and test/, each with one
    folder per class. Or it, or each folder of a split, holds a metadata.csv
    or metadata.jsonl, whose columns file_name and --label_column name the
    images below and their labels.

    Images become squares of the image size, 224 unless set, as --resize
    says; photographs are rotated upright as their EXIF says, and transparency
    is laid on the background. Those of more than 100 million pixels are not
    decoded. --group_pattern keeps files together by their names.

    Args:
        loading: the settings of the run.
        path: the folder.
        test_fraction: fraction of the images held out for testing if there
            is no folder for them.

    Raises:
        UserError: no such folder, no class folders, a class without images,
            an image that cannot be decoded, or a name without a group.
    """
    loading.refuse("folder", "image_root")
    root = existing_folder(path, IMAGE_FILES)
    metadata = find_metadata(root, loading)
    if metadata:
        return metadata_folder(loading, root, metadata, test_fraction)
    loading.refuse("folder", "group_column", "image_column")
    found = class_files(path, IMAGE_FILES)
    groups = groups_of_files(found, loading.group_pattern)
    return image_dataset(found, groups, loading, test_fraction)
