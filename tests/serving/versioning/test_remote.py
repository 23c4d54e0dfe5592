"""Versions below a URL are there whole, however the upload ends."""

import itertools
import pathlib
import shutil

import pytest

from keras_ptft.errors import UserError
from keras_ptft.remote import storage
from keras_ptft.remote.places import CACHE_VARIABLE
from keras_ptft.serving.export import find_export
from keras_ptft.serving.versioning.contract import check_contract, contract_in
from keras_ptft.serving.versioning.releases import promote
from keras_ptft.serving.versioning.remote import (
    is_published,
    path_of,
    publishing,
)
from tests.serving.small_versions import publish_small

WHOLE = {
    "assets.extra/export.json",
    "saved_model.pb",
    "variables/variables.index",
}


class Killed(BaseException):
    """Ends an upload as a kill does."""


@pytest.fixture
def url(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return f"file://{tmp_path}/bucket/models/digits"


def there(url, folder=""):
    place = pathlib.Path(url.removeprefix("file://")) / folder
    files = (p for p in place.rglob("*") if p.is_file())
    return {path.relative_to(place).as_posix() for path in files}


def test_numbers_go_on_from_those_at_the_url(url, tmp_path):
    for machine in "ab":
        with publishing(url) as base:
            publish_small(base)
        shutil.rmtree(tmp_path / "cache")
        assert there(url, str("ab".index(machine) + 1)) == WHOLE
    assert base.name == "digits"
    assert path_of(url, base / "2") == f"{url}/2"
    assert is_published(f"{url}/2") and is_published(f"{url}/1")
    assert not is_published(f"{url}/3")
    assert path_of("models", base / "2") == str(base / "2")


def test_what_the_next_version_is_compared_with(url):
    with publishing(url) as base:
        publish_small(base)
    with publishing(url) as base:
        contract = contract_in(base / "1")
        assert set(contract["signatures"]) == {
            "serving_default",
            "encoded_images",
        }
        with pytest.raises(UserError, match="is missing"):
            check_contract(base, {**contract, "signatures": {}}, breaking=False)
        # by which the memory of a server is estimated
        size = len(b"index")
        assert (base / "1/variables/variables.index").stat().st_size == size


def test_labels_and_old_versions(url):
    with publishing(url) as base:
        publish_small(base)
        promote(base)
    for canary in (True, False, False):
        with publishing(url) as base:
            publish_small(base, canary=canary, keep=1)
    found = there(url)
    assert {name.split("/")[0] for name in found} == {"4", "versions.json"}


def test_an_export_that_fails_uploads_nothing(url):
    with pytest.raises(UserError, match="no"), publishing(url) as base:
        publish_small(base)
        raise UserError("no")
    assert there(url) == set()
    with publishing(url) as base:
        assert publish_small(base) == 1
    assert there(url, "1") == WHOLE


def killed_at(patch, count):
    left = itertools.count(count - 1, -1)
    for name in ("_write", "rename", "remove_folder"):
        plain = getattr(storage.Storage, name)

        def call(*args, plain=plain):
            if not next(left):
                raise Killed
            return plain(*args)

        patch.setattr(storage.Storage, name, call)


def test_a_number_is_there_when_all_of_the_version_is(url, tmp_path):
    for count in itertools.count(1):
        shutil.rmtree(tmp_path / "bucket", ignore_errors=True)
        with publishing(url) as base:
            publish_small(base)
        try:
            with pytest.MonkeyPatch.context() as patch, publishing(url) as base:
                publish_small(base)
                killed_at(patch, count)
        except Killed:
            found = there(url, "2")
            assert (
                found == WHOLE if "saved_model.pb" in found else found < WHOLE
            )
            assert there(url, "1") == WHOLE
            continue
        break
    # three uploads, and their renamings
    assert count > 6
    assert there(url, "2") == WHOLE


def test_a_number_that_another_export_took(url):
    taken = pytest.raises(UserError, match="took version 1 of")
    with taken, publishing(url) as base:
        publish_small(base)
        place = pathlib.Path(url.removeprefix("file://")) / "1"
        place.mkdir(parents=True)
        (place / "saved_model.pb").touch()
    assert there(url) == {"1/saved_model.pb"}


def test_a_number_whose_upload_died_is_no_version(url):
    with publishing(url) as base:
        publish_small(base, source={"run": "a"})
    died = pytest.MonkeyPatch.context(), publishing(url)
    with pytest.raises(Killed), died[0] as patch, died[1] as base:
        publish_small(base, source={"run": "b"})
        # three uploads, and one of three renamings
        killed_at(patch, 5)
    assert there(url, "2") == {"assets.extra/export.json"}
    with publishing(url) as base:
        # the same command does not take it for what it has exported
        assert find_export(base, {"run": "b"}) is None
        contract = contract_in(base / "1")
        with pytest.raises(UserError, match="is missing"):
            check_contract(base, {**contract, "signatures": {}}, breaking=False)
        assert publish_small(base) == 3
    assert there(url, "3") == WHOLE
