"""The formats of image files: their names, suffixes and limits."""

# which TensorFlow decodes, so that exported models do too
GRAPH_FORMATS = "JPEG, PNG, BMP or GIF"
FORMATS = "JPEG, PNG, BMP, GIF, WebP, TIFF, AVIF or HEIC"
# suffixes of files of all these formats
IMAGES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif"),
    *(".webp", ".tif", ".tiff", ".avif", ".heic", ".heif"),
)
# 300 MB in colour, 1.2 GB while they are resized
MOST_PIXELS = 100_000_000
# of a BMP with as many pixels and an alpha channel
MOST_BYTES = 4 * MOST_PIXELS + 2**20
