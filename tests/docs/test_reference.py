"""Nothing is missing in the documentation that is not generated."""

import pytest

import keras_ptft
from tests.docs.pages import DOCS, read


def test_every_class_of_settings_is_named():
    text = read("reference/python")
    for name in keras_ptft.__all__:
        assert not name.endswith("Config") or f"`{name}`" in text


@pytest.mark.parametrize("folder", ["tutorials", "howto", "ideas", "reference"])
def test_every_page_can_be_reached(folder):
    text = read("index")
    for path in sorted((DOCS / folder).glob("*.md")):
        assert f"\n{folder}/{path.stem}\n" in text, path
