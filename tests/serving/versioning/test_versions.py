import os
from concurrent.futures import ThreadPoolExecutor

from keras_ptft.serving.versioning.versions import new_folder, publish, versions


def test_versions_are_ordered_as_numbers(tmp_path):
    for name in ("10", "9", "1", "x", ".partial-3-host-1", "1.5", "²"):
        (tmp_path / name).mkdir()
    assert [path.name for path in versions(tmp_path)] == ["1", "9", "10"]


def test_a_new_folder_is_no_version(tmp_path):
    base = tmp_path / "new" / "base"
    assert new_folder(base).parent == base
    assert versions(base) == []


def test_a_file_counts_as_a_version_taken(tmp_path):
    (tmp_path / "4").write_text("")
    assert publish(new_folder(tmp_path), tmp_path).name == "5"


def test_exports_at_the_same_time_get_numbers_of_their_own(tmp_path):
    partials = [tmp_path / f".{number}" for number in range(16)]
    for partial in partials:
        partial.mkdir()
        (partial / "saved_model.pb").write_text(partial.name)
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda path: publish(path, tmp_path), partials))
    assert sorted(int(path.name) for path in paths) == list(range(1, 17))
    for partial, path in zip(partials, paths, strict=True):
        assert (path / "saved_model.pb").read_text() == partial.name
    assert len(os.listdir(tmp_path)) == 16
