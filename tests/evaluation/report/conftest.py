"""Reports as users see them."""

import pytest


@pytest.fixture(scope="module")
def pixels_for_figures():
    """Figures are drawn here."""
