"""Nothing that the program has is missing in its reference."""

import pytest

import keras_ptft
from keras_ptft.config import FIELDS
from keras_ptft.describe import TABLES
from tests.docs.pages import DOCS, ROOT, read


def test_every_group_of_settings_has_its_table():
    text = read("reference/settings")
    for group in {field.metadata["group"] for field in FIELDS.values()}:
        assert f"keras_ptft.config:Config {group}\n" in text


def test_every_table_has_its_section():
    text = read("reference/entries")
    for setting in TABLES:
        assert f"```{{entries}} {setting}\n" in text


def test_every_class_of_settings_is_named():
    text = read("reference/python")
    for name in keras_ptft.__all__:
        assert not name.endswith("Config") or f"`{name}`" in text


def test_every_package_has_its_modules():
    text = read("reference/modules")
    for path in sorted((ROOT / "keras_ptft").glob("*/__init__.py")):
        name = f"keras_ptft.{path.parent.name}"
        assert f"```{{modules}} {name}\n" in text, name


@pytest.mark.parametrize("folder", ["tutorials", "howto", "ideas", "reference"])
def test_every_page_can_be_reached(folder):
    text = read("index")
    for path in sorted((DOCS / folder).glob("*.md")):
        assert f"\n{folder}/{path.stem}\n" in text, path
