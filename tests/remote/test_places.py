"""A URL and its working copy name each other."""

import os

import pytest

from keras_ptft.errors import UserError
from keras_ptft.remote import places
from keras_ptft.remote.storage import check_url


@pytest.mark.parametrize(
    "url",
    [
        "file:///mnt/a b/runs/x",
        "gs://bucket/runs/x",
        "gs://bucket/x",
        "ram://runs/x-compare",
        "s3://bucket/wie gehts/ä%2F?*/x",
    ],
)
def test_there_and_back(on, url):
    on("first")
    place = places.place_of_url(url + "/")
    assert place.url == url
    inside = place.copy / "checkpoints" / "step-1.npz"
    assert places.place_of(inside) == places.place_of(place.copy) == place
    assert places.told(inside) == f"{url}/checkpoints/step-1.npz"
    assert not set("[]*?") & set(str(place.copy))


def test_a_folder_of_runs(on):
    root = on("first")
    assert places.local("gs://b//runs/") == str(root / "gs%3A%2F%2Fb%2Fruns")
    assert places.told(places.local("gs://b/runs")) == "gs://b/runs"
    assert places.local("runs") == places.told("runs") == "runs"
    assert places.place_of("runs/x") is places.place_of(root) is None


def test_a_bucket_alone_holds_no_run(on):
    on("first")
    with pytest.raises(UserError, match="Expected a URL of a folder in a"):
        places.place_of_url("gs://bucket")


def test_a_url_too_long_for_the_name_of_a_folder(on):
    on("first")
    with pytest.raises(UserError, match="Expected a shorter URL than gs://b/"):
        places.local("gs://b/" + "n" * 250)


def test_what_stands_beside_the_working_copies_has_no_url(on):
    root = on("first")
    aside = root / "gs%3A%2F%2Fb%2Fruns" / ".aside" / "x-20260101-000000-ab12"
    for path in (aside, root / "mine" / "x"):
        assert places.place_of(path) is None
        assert places.told(path) == str(path)


def test_a_file_url_names_an_absolute_path(on):
    on("first")
    with pytest.raises(UserError) as caught:
        check_url("file://runs/x", "runs_dir")
    assert str(caught.value) == (
        "Expected file:// and an absolute path, got file://runs/x: write "
        f"file://{os.path.abspath('runs/x')}."
    )
