"""Features and decoded photos: together, no more than allowed."""

import os

import pytest

from keras_ptft.data.core.cache_folder import CacheFolder
from keras_ptft.errors import UserError

A, B = "a" * 32, "b" * 32


@pytest.fixture
def cache(tmp_path):
    return CacheFolder(tmp_path / ".features", limit=20)


def put(cache, key, kind, when):
    path = cache.path(key, kind)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(10))
    os.utime(path, (when, when))
    return path


@pytest.mark.parametrize("kind", ["features", "photos"])
def test_the_least_recently_used_goes_first_of_both_kinds(cache, kind):
    other = {"features": "photos", "photos": "features"}[kind]
    old = put(cache, A, kind, when=1)
    new = put(cache, B, other, when=2)
    cache.make_room(0)
    assert old.exists() and new.exists()
    cache.make_room(1)
    assert not old.exists() and new.exists()


def test_what_is_kept_stays(cache):
    old = put(cache, A, "photos", when=1)
    new = put(cache, B, "features", when=2)
    cache.make_room(1, keep=[A])
    assert old.exists() and not new.exists()


def test_the_limit_is_a_setting(tmp_path):
    cache = CacheFolder.of_runs(tmp_path, 2.5)
    assert cache.folder == tmp_path / ".features"
    cache.check_limit(2_500_000_000)
    with pytest.raises(UserError) as caught:
        cache.check_limit(2_500_000_001, "Decoded photos")
    assert str(caught.value) == (
        "Decoded photos would take 2,500.0 MB, over --feature_cache_gb=2.5."
    )
