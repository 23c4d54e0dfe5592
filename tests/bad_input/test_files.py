"""Broken files: one line, exit code 2, and nothing left behind."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

from keras_ptft.main import main
from tests.bad_input import broken
from tests.bad_input.cases import CASES, PRETRAIN
from tests.bad_input.told import assert_told


@pytest.fixture(scope="module")
def folder(made):
    """The folder of mistakes, with more of them."""
    place = made / "files"
    place.mkdir()
    for name, make in broken.IMAGES.items():
        kind = place / name.replace(".", "_")
        for pet in ("cat", "dog"):
            (kind / pet).mkdir(parents=True)
            for seed in range(4):
                content = broken.picture(seed=seed)
                (kind / pet / f"{seed}.png").write_bytes(content)
        (kind / "dog" / name).write_bytes(make())
    for name, members in broken.ARRAYS.items():
        broken.npz(place / f"{name}.npz", **members)
    for name, content in broken.TABLES.items():
        (place / f"{name}.csv").write_bytes(content)
    (place / "sides.npy").write_bytes(broken.header((2**63, 2**63)))
    broken.models(place)
    make_recipes(place)
    shutil.copytree(made / "runs/parent", place / "runs/parent")
    for name, damage in DAMAGE.items():
        shutil.copytree(made / "runs/parent", place / "runs" / name)
        damage(place / "runs" / name)
    return place


def make_recipes(place):
    (place / "self.flags").write_text("--flagfile=self.flags\n--epohcs=1\n")
    (place / "there.flags").write_text("--flagfile=back.flags\n--epohcs=1\n")
    (place / "back.flags").write_text("--flagfile=there.flags\n")
    (place / "latin1.flags").write_bytes(b"--name=\xe4\n")
    (place / "long.flags").write_text(f"--name={'n' * 300}\n")
    (place / "nul.flags").write_bytes(b"--classes=a\0b\n")
    (place / "missing.flags").write_text("--flagfile=nowhere.flags\n")
    (place / "loop.flags").symlink_to(place / "loop.flags")
    (place / "loop").symlink_to(place / "loop")


DAMAGE = {
    "no_labels": lambda run: (run / "labels.json").unlink(),
    "labels": lambda run: (run / "labels.json").write_text('{"a": 1}'),
    "few_labels": lambda run: (run / "labels.json").write_text('["a", "b"]'),
    "result": lambda run: (run / "result.json").write_text("[]"),
    "cut_result": lambda run: (run / "result.json").write_text('{"status"'),
    "settings": lambda run: (run / "flags.flags").write_bytes(b"\xff\xfe"),
    "no_model": lambda run: (run / "model.keras").unlink(),
    "model": lambda run: (run / "model.keras").write_bytes(b"PK"),
}


@pytest.fixture
def place(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    "words, told", CASES, ids=[words[-60:] for words, _ in CASES]
)
def test_broken_files(place, capfd, words, told):
    assert_told(words, told, place, capfd)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", ["\n", "\x1b[31m", "\x85", "\u2028"])
def test_a_name_cannot_break_the_line(capfd, name):
    assert main(["predict", "runs/parent", f"a{name}b.png"]) == 2
    error = capfd.readouterr().err
    assert len(error.splitlines()) == 1 and error.rstrip("\n").isprintable()


def test_names_with_spaces_and_letters_of_all_kinds(place, capfd):
    name = "großes  猫 é'\"$(x) ;%s{0}.png"
    (place / name).write_bytes(broken.picture())
    assert main(["predict", "runs/parent", name]) == 0
    (place / name).write_bytes(b"no image")
    assert main(["predict", "runs/parent", name]) == 2
    assert f"Cannot decode {name}, it is no JPEG" in capfd.readouterr().err
    (place / name).unlink()


@pytest.fixture
def photographs(folder):
    """A folder outside of pytest's own, which is root's alone."""
    root = pathlib.Path(tempfile.mkdtemp())
    shutil.copytree(folder / "half_png", root / "photos")
    (root / "photos/dog/half.png").unlink()
    paths = [root, *root.rglob("*")]
    for path in paths:
        path.chmod(0o755)
    yield root
    for path in paths:
        path.chmod(0o755)
    shutil.rmtree(root)


@contextlib.contextmanager
def rights_of_nobody():
    """Root may read and write everywhere, so it is another user for now."""
    is_root = os.geteuid() == 0
    if is_root:
        os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        if is_root:
            os.setresuid(0, 0, 0)


@pytest.mark.skipif(not hasattr(os, "setresuid"), reason="needs setresuid")
@pytest.mark.parametrize(
    ("locked", "told"),
    [
        ("photos/dog/1.png", "1.png, Permission denied"),
        ("photos/dog", "Cannot read .*dog: Permission denied"),
        ("photos", "photos.*: Permission denied"),
    ],
)
def test_what_may_not_be_read(photographs, capfd, locked, told):
    (photographs / locked).chmod(0)
    (photographs / "runs").mkdir(mode=0o777)
    (photographs / "runs").chmod(0o777)
    words = f"{PRETRAIN}--dataset=folder:{photographs}/photos"
    with rights_of_nobody():
        assert main([*words.split(), f"--runs_dir={photographs}/runs"]) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and re.search(told, error), error


@pytest.mark.skipif(not hasattr(os, "setresuid"), reason="needs setresuid")
def test_a_run_folder_that_may_not_be_written(photographs, capfd):
    photographs.chmod(0o555)
    with rights_of_nobody():
        code = main([*PRETRAIN.split(), f"--runs_dir={photographs}"])
    assert code == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert "cannot be written: choose another" in error


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_a_model_too_large(capfd):
    # TensorFlow asks for the memory again and again for 10 seconds
    words = PRETRAIN + "--backbone=mlp(hidden=[2000000000])"
    assert main(words.split()) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and "does not fit into memory" in error


@pytest.mark.slow
def test_memory_does_not_follow_what_a_file_declares(place):
    # 4 GB above what TensorFlow itself takes
    code = (
        "import resource, sys, keras_ptft.experiment.predicting\n"
        "from keras_ptft.main import main\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "most = pages * resource.getpagesize() + 2**32\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "for words in sys.argv[1:]: print(main(words.split()))\n"
    )
    commands = [
        "predict runs/parent bomb_png",
        "predict runs/parent bomb_gif",
        "predict runs/parent declares.npz",
        "predict billions.keras half_png/cat",
        "predict bomb.keras half_png/cat",
    ]
    done = subprocess.run(
        [sys.executable, "-c", code, *commands],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
    )
    assert done.stdout.split() == ["2"] * len(commands), done.stderr
    assert "memory" not in done.stderr.replace("bytes of memory", "")
