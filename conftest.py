"""Modules that need Flower are skipped where it is missing, and told."""

import importlib.util

import pytest

HAS_FLOWER = importlib.util.find_spec("flwr") is not None


class WithoutFlower(pytest.File):
    """A module whose examples cannot be collected."""

    def collect(self):
        """Skips it, with the reason."""
        pytest.skip("Flower is not installed", allow_module_level=True)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Collects a module, unless it imports Flower and there is none."""
    found = yield
    if not found or HAS_FLOWER or "federated" not in file_path.parts:
        return found
    if "\nfrom flwr" not in file_path.read_text("utf-8"):
        return found
    return [WithoutFlower.from_parent(parent, path=file_path)]
