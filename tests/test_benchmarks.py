"""Every contestant of the benchmark does its work; nothing is timed here."""

import dataclasses
import pathlib
import re

import numpy as np
import pytest

from benchmarks import material, report
from benchmarks.contestant import turn
from benchmarks.measure import Result, compare, figure
from benchmarks.rows import CONTESTANTS, KERAS, LIMIT, OURS, ROWS, SLICES, Row
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
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (120, 100), (100, 100, 100)).save(path)
    paths = (folder / str(n % 10) / f"{n}.jpg" for n in range(count))
    return np.array([str(path) for path in paths])


@pytest.mark.parametrize(
    "name, contestant", TURNS, ids=[f"{n}, {c}" for n, c in TURNS]
)
def test_every_contestant_does_its_work(name, contestant, make_work):
    if CONTESTANTS[contestant][0] == "pytorch":
        pytest.importorskip("torch")
    outcome = turn(name, contestant, make_work(ROWS[name]))
    assert len(outcome.seconds) == 2
    if contestant == LIMIT:
        assert outcome.losses == []
    elif name == "folder":
        assert outcome.losses == pytest.approx([100.0, 100.0], abs=1.0)
    else:
        assert outcome.losses[1] < outcome.losses[0] < 3.5


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

    monkeypatch.setattr(ours.parts, "train", count)
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

    text = report.document({}, {"mlp": "MNIST"}, repeats=3)
    assert "SGD momentum 0.9: MNIST" in text and "medians of 3" in text
    assert str(ROOT) not in text
    assert len(platform.node()) < 4 or platform.node() not in text


def test_data_without_photos_is_told(tmp_path):
    given = {"manual_dir": "", "photos": ""}
    assert material.prepare(ROWS["folder"], tmp_path, **given) == ""
    said = material.prepare(ROWS["mlp"], tmp_path, **given)
    assert said == "random images shaped as MNIST is"
    work = material.read(ROWS["frozen"], SLICES, tmp_path, 3)
    assert (work.inputs.shape, work.epochs) == ((59_968, 28, 28, 1), 2)
    assert material.read(ROWS["frozen"], OURS, tmp_path, 3).epochs == 10


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
