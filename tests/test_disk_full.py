"""A full disk costs what is being written, and nothing else."""

import functools
import os
import shutil
import subprocess

import keras
import numpy as np
import pytest

from keras_ptft.data.core.cache_folder import CacheFolder
from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.images.decoded import open_photos
from keras_ptft.errors import UserError
from keras_ptft.main import main
from keras_ptft.training.callbacks import History
from keras_ptft.training.checkpointing.store import Checkpoints
from tests.alike import differences

# 170,000 parameters: a checkpoint, which has Adam's means too, is 2 MB
WORDS = "pretrain --name=x --backbone=mlp(hidden=[512,256]) --image_size=8 "
WORDS += "--epochs=4 --jit_compile=false --checkpoint_every=20 "
WORDS += "--explain=false "
# exports are compared in a process that imports TensorFlow first
EXPORTING = WORDS + "--export_to=saved_models/x"
MB = 2**20


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A disk of 16 MB, as the current folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or os.geteuid():
        pytest.skip("only root can mount a small disk")
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    monkeypatch.chdir(folder)
    yield folder
    monkeypatch.undo()
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A command → the folder in which it had room."""

    @functools.cache
    def run(words):
        folder = tmp_path_factory.mktemp("undisturbed")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            assert main(words.split()) == 0
        return folder

    return run


def fill(disk, left):
    """Fills the disk except for some bytes."""
    stat = os.statvfs(disk)
    size = stat.f_bavail * stat.f_frsize - left
    (disk / "filling").write_bytes(bytes(size))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("left", "step", "message"),
    [
        (0, 0, "Cannot write runs/x/flags.flags: "),
        (30_000, 0, "Cannot write runs/x/"),
        (1 * MB, 0, "Cannot write runs/x/checkpoints/step-000000020-"),
        (int(4.5 * MB), 40, "Cannot write runs/x/checkpoints/step-000000060-"),
    ],
)
def test_during_training(disk, capsys, undisturbed, left, step, message):
    fill(disk, left)
    assert_fails(WORDS, capsys, message)
    found = Checkpoints(disk / "runs/x/checkpoints").latest()
    assert (found.step if found else 0) == step
    assert_resumes(WORDS, disk, capsys, undisturbed(WORDS))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "left", "message"),
    [
        (WORDS, int(0.3 * MB), "Cannot write runs/x/backbone.keras: "),
        (WORDS, int(1.0 * MB), "Cannot write runs/x/model.keras: "),
        (EXPORTING, int(1.6 * MB), "Cannot export to saved_models/x: "),
    ],
)
def test_after_training(disk, capsys, undisturbed, words, left, message):
    # files of a training that died after its last checkpoint
    whole = undisturbed(words)
    kept = ["checkpoints", "environment.json", "flags.flags", "labels.json"]
    for name in [*kept, "history.csv", "seen.npz"]:
        source, target = whole / "runs/x" / name, disk / "runs/x" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, target)
    fill(disk, left)
    assert_fails(words, capsys, message)
    assert not list(disk.glob("saved_models/x/*"))
    assert Checkpoints(disk / "runs/x/checkpoints").latest().step == 80
    assert_resumes(words, disk, capsys, whole)


@pytest.mark.parametrize("full_from", [0, 1])
def test_of_tensorboard(disk, tmp_path, full_from):
    """Its events are buffered: the disk may be full when they are written."""
    folder = tmp_path / "run"
    folder.mkdir()
    (disk / "events").mkdir()
    (folder / "tensorboard").symlink_to(disk / "events")
    if full_from == 0:
        fill(disk, 0)
    with pytest.raises(UserError) as caught:
        history = History(folder)
        history.on_train_begin()
        fill(disk, 0)
        history.set_model(keras.Sequential([keras.Input((1,))]))
        history.model.compile("sgd")
        for epoch in range(200):
            history.on_epoch_begin(epoch)
            history.on_epoch_end(epoch, {"loss": 1.0})
    assert str(caught.value) == (
        f"Cannot write {folder}/tensorboard: No space left on device. Make "
        "room, and start the same command again."
    )


def test_of_decoded_photos(disk, caplog):
    """Those that are there stay, others are decoded at each epoch."""
    encoded = sorted((b"%d" % n for n in range(6)), key=content_hash)
    hashes = np.array([content_hash(content) for content in encoded])
    images = np.random.default_rng(0).integers(0, 256, (6, MB), np.uint8)
    cache, rows = CacheFolder("runs/.features", 1e9), np.arange(6)
    fill(disk, 5 * MB)
    assert open_photos(cache, hashes, (MB,)) is None
    assert "would take 6.3 MB in runs/.features, its disk has" in caplog.text
    (disk / "filling").unlink()
    photos = open_photos(cache, hashes, (MB,))
    fill(disk, int(3.5 * MB))
    for count in (3, 0):
        known = photos.has(rows)
        new = np.array(encoded, object)[~known]
        found = photos.filled(rows, known, images[~known], new)
        assert (found == images).all()
        assert photos.has(rows).sum() == 3
        assert len(new) == 3 + count
    _, _, told = caplog.messages
    assert told.startswith("Cannot write to runs/.features/")
    assert told.endswith(
        ": No space left on device. Other photos are decoded at each epoch."
    )


def assert_fails(words, capsys, message):
    """The training ends with one line that says why."""
    assert main(words.split()) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("keras-ptft: " + message)
    assert "No space left on device" in error


def assert_resumes(words, disk, capsys, whole):
    """With room again the same command ends in the same bits."""
    (disk / "filling").unlink()
    assert main(words.split()) == 0, capsys.readouterr().err
    assert differences(whole, disk) == []
    assert not list(disk.rglob(".partial-*"))
