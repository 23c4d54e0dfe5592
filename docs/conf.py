"""Settings of Sphinx: `make docs` builds the site without a network."""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
# before TensorFlow is imported
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# what is documented is this tree, whatever is installed
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

project = "keras_ptft"
author = "the keras_ptft authors"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "keras_ptft_docs",
]
exclude_patterns = ["_ext"]
# -- is what settings begin with
smartquotes = False
# docstrings mark code as Markdown does
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False

# of blocks that name none
highlight_language = "text"

html_theme = "furo"
html_title = "keras_ptft"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
