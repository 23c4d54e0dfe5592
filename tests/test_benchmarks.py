"""Every contestant of the benchmark does its work; nothing is timed here."""

import dataclasses
import pathlib
import re
import sys

import numpy as np
import pytest

from benchmarks import checkpoints, growth, material, report, startup, words
from benchmarks.children import run
from benchmarks.contestant import turn
from benchmarks.measure import Result, compare, figure
from benchmarks.memory import Memory
from benchmarks.rows import (
    CONTESTANTS,
    KERAS,
    LIMIT,
    LIMITS,
    NEEDS,
    OURS,
    ROWS,
    SLICES,
    Row,
)
from benchmarks.tables import Told
from benchmarks.work import Outcome, Work

ROOT = pathlib.Path(__file__).parent.parent
TURNS = [
    (name, contestant)
    for name, row in ROWS.items()
    for contestant in (*row.variants, *row.rivals)
]
ROW = Row("work", "images", 64, 2, {SLICES: 2.0, LIMIT: None})


@pytest.fixture
def make_work(tmp_path):
    """Two batches of the data that a row works on."""

    def make(row):
        labels = np.arange(128) % 10
        if row.material == "tokens":
            inputs, labels = material.random_tokens(128)
        elif row.material == "words":
            inputs, labels = words.random_texts(128)
        elif row.material == "images":
            inputs, labels = material.random_images(128)
        elif row.material == "photos":
            inputs = np.full((128, 96, 96, 3), 100, np.uint8)
        else:
            inputs = photos(tmp_path, 128)
        return Work(inputs, labels, epochs=2)

    return make


def photos(folder, count):
    """JPEG files of one colour, (100, 100, 100), in ten class folders."""
    from PIL import Image

    for number in range(count):
        path = folder / str(number % 10) / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (120, 100), (100, 100, 100)).save(path)
    paths = (folder / str(n % 10) / f"{n}.jpg" for n in range(count))
    return np.array([str(path) for path in paths])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, contestant", TURNS, ids=[f"{n}, {c}" for n, c in TURNS]
)
def test_every_contestant_does_its_work(name, contestant, make_work):
    if needed := NEEDS.get(CONTESTANTS[contestant][0]):
        pytest.importorskip(needed)
    outcome = turn(name, contestant, make_work(ROWS[name]))
    assert len(outcome.seconds) == 2
    if contestant in LIMITS:
        assert outcome.losses == []
    elif name == "folder":
        assert outcome.losses == pytest.approx([100.0, 100.0], abs=1.0)
    else:
        assert outcome.losses[1] < outcome.losses[0] < 4.2


@pytest.mark.parametrize("name", ["mlp", "cnn", "transformer"])
def test_contestants_have_as_many_parameters(name, make_work, monkeypatch):
    pytest.importorskip("torch")
    import keras

    from benchmarks import ours, pytorch

    counts = []

    def count(*arguments, **_):
        for model in arguments:
            if isinstance(model, keras.Model):
                counts.append(model.count_params())
            elif hasattr(model, "named_parameters"):
                counts.append(sum(p.numel() for p in model.parameters()))
        raise StopIteration

    monkeypatch.setattr(ours.trainer, "train", count)
    monkeypatch.setattr(keras.Model, "fit", count)
    monkeypatch.setattr(pytorch, "_train", count)
    work = make_work(ROWS[name])
    for contestant in (OURS, KERAS, SLICES):
        with pytest.raises(StopIteration):
            turn(name, contestant, work)
    assert len(counts) == 3 and len(set(counts)) == 1


def test_the_first_epoch_is_no_part_of_the_figure():
    outcome = Outcome([9.0, 1.0, 3.0, 2.0], [], total=15.0)
    assert figure(outcome, ROW) == 2.0
    whole = dataclasses.replace(ROW, whole=True, epochs=4)
    assert figure(outcome, whole) == 15.0
    assert figure(outcome, dataclasses.replace(whole, epochs=10)) == 27.0


def test_medians_and_losses_are_compared():
    ours = [Outcome([9, s], [2, 0.50]) for s in (1.0, 3.0, 1.2)]
    theirs = [Outcome([9, s], [2, 0.55]) for s in (4.0, 3.0, 2.0)]
    limit = [Outcome([9, 0.6])] * 3
    result = compare({OURS: ours, SLICES: theirs, LIMIT: limit}, ROW)
    assert result.seconds == {OURS: 1.2, SLICES: 3.0, LIMIT: 0.6}
    assert result.ratio(ROW, SLICES) == pytest.approx(2.5)
    # both lie 4.8 % from the middle
    assert result.learned_alike
    for turn_ in theirs:
        turn_.losses[1] = 0.62
    # 0.50 and 0.62 lie 10.7 % from 0.56
    assert not compare({OURS: ours, SLICES: theirs}, ROW).learned_alike


def test_the_table_tells_what_missed_and_what_does_not_count():
    result = Result({OURS: 1.0, SLICES: 1.2}, {OURS: 2.0, SLICES: 3.0}, False)
    lines = report.table({"mlp": result}).splitlines()
    assert "DOES NOT COUNT" in lines[2] and "| ours | 1 |" in lines[2]
    assert "| PyTorch, permuted slices | 1.2 | 1.20 | ≥ 1.4, missed | 3 |" in (
        "\n".join(lines)
    )
    assert "| | Keras | not installed | | | |" in lines


def test_results_do_not_name_the_machine():
    import platform

    told = Told("Growth", "grows")
    text = report.document({}, {"MLP": "MNIST"}, [told], repeats=3)
    assert "- MLP: MNIST\n" in text and "medians of 3" in text
    headings = re.findall("^## (.*)$", text, re.M)
    assert headings == ["Where the time goes", "Growth", "Data", "Machine"]
    assert str(ROOT) not in text
    assert len(platform.node()) < 4 or platform.node() not in text


def test_data_without_photos_is_told(tmp_path):
    given = {"manual_dir": "", "photos": ""}
    assert material.prepare("paths", tmp_path, **given) == ""
    said = material.prepare("images", tmp_path, **given)
    assert said == "random images shaped as MNIST is"
    work = material.read(ROWS["frozen"], SLICES, tmp_path, 3)
    assert (work.inputs.shape, work.epochs) == ((59_968, 28, 28, 1), 2)
    assert material.read(ROWS["frozen"], OURS, tmp_path, 3).epochs == 10


@pytest.fixture
def images(tmp_path):
    """The file of 640 random images, as `material.prepare` writes it."""
    inputs, labels = material.random_images(640)
    np.savez(tmp_path / "images", inputs=inputs, labels=labels)
    return str(tmp_path / "images.npz")


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, megabytes", [("arrays", 128 * 784e-6), ("features", 128 * 0.021632)]
)
def test_arrays_grow(kind, megabytes, images):
    from benchmarks.growing import grow

    if not Memory.known():
        pytest.skip("no /proc")
    # 64 images, and the same again
    grown = grow(kind, images, 64, 2)
    assert grown["data"] == pytest.approx(megabytes, abs=1e-5)
    assert (grown["ahead"] > 0) == (kind == "features")
    assert 0 < grown["allocated"] < grown["resident"]
    assert set(grow(kind, images, 64, 0)) == {"allocated", "resident"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["files", "decoded"])
def test_photos_grow(kind, tmp_path):
    from benchmarks.growing import grow

    if not Memory.known():
        pytest.skip("no /proc")
    paths = photos(tmp_path / "photos", 64)
    np.savez(tmp_path / "paths", inputs=paths, labels=np.arange(64) % 10)
    grown = grow(kind, str(tmp_path / "paths.npz"), 64, 2)
    sizes = sum(2 * pathlib.Path(path).stat().st_size for path in paths)
    pixels = 2 * 64 * 96 * 96 * 3
    taken = {"files": sizes, "decoded": pixels}[kind]
    assert grown["data"] == pytest.approx(taken / 1e6)


def test_growth_is_told_an_example():
    taken = {"resident": 601.4, "allocated": 200.0}
    cells = growth.line("arrays", 0, taken)
    assert cells == ["arrays", "0", "", "", "", "601", "200"]
    # 3 s for 2,000 examples are 1,500 µs for each
    taken |= {"data": 2.0, "ahead": 0.01, "epoch": 3.0}
    cells = growth.line("", 2_000, taken)
    assert cells == ["", "2,000", "2", "5.0", "1,500.0", "601", "200"]


def test_a_saving_is_counted_inside(images):
    from benchmarks.saving import save

    never, each = (save(every, images, 64, 0) for every in ("never", "epoch"))
    assert never["saving"] == 0 < each["saving"]


def test_a_saving_is_told_as_a_share():
    assert checkpoints.line(2.0, 2.1, 0.05)[1:] == [
        *("2", "2.1", "0.05", "2.50%", "< 3%"),
    ]
    assert checkpoints.line(2.0, 2.1, 0.06)[-1] == "< 3%, missed"


def test_startup_adds_up_to_the_run():
    seconds = dict.fromkeys(startup.CLOCKED, 0.5) | {"train": 6.0}
    seconds |= {"help": 0.1, "tensorflow": 3.0, "stages": 0.25}
    seconds |= {"all": 13.0, "tracing": 1.0, "epochs": 3.0}
    lines = list(startup.lines(seconds))
    assert lines[0] == ("`keras-ptft --help`", "0.10", "ours", "< 0.5")
    taken = {what: float(cell) for what, cell, *_ in lines}
    # 6 - 3 - 1, and 13 - 3.25 - 5 * 0.5 - 6
    assert taken["- training outside epochs"] == 2.0
    assert taken["- the rest, but for imports"] == 1.25


def test_what_fails_in_a_process_is_told():
    assert run([sys.executable, "-c", "print(7)"]) == "7\n"
    with pytest.raises(RuntimeError, match=r"failed:\n(.|\n)*ValueError: no"):
        run([sys.executable, "-c", "raise ValueError('no')"])


def test_the_extra_and_the_makefile_want_the_same_torch():
    extra = re.search(
        r'^bench = \["torch==([\d.]+)"',
        (ROOT / "pyproject.toml").read_text(),
        re.M,
    )
    made = re.search(
        r"^TORCH := torch==([\d.]+)$", (ROOT / "Makefile").read_text(), re.M
    )
    assert extra[1] == made[1]
