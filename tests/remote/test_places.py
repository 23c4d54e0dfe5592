"""A URL and its working copy name each other."""

import pytest

from keras_ptft.errors import UserError
from keras_ptft.remote import places


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
