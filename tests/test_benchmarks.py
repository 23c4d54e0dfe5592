"""Every contestant of the benchmarks does its work; nothing is timed here."""

import importlib.util
import pathlib
import platform
import re

import pytest

from benchmarks import common, table
from benchmarks.table import CONTESTANTS, ROWS, counted, play

ROOT = pathlib.Path(__file__).parent.parent
SECTIONS = ["Where the time goes", "Checkpoints", "Growth", "Start-up"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Returns the path of a kind of data, as the benchmarks write it."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("benchmarks")
    for number in range(10):
        path = folder / "photos" / str(number) / f"{number}.jpg"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (120, 100), (100, 100, 100)).save(path)

    def path_of(material):
        assert common.prepare(material, folder, "", str(folder / "photos"))
        return str(folder / f"{material}.npz")

    return path_of


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_contestants_do_the_same_work(name, data):
    row, parameters = ROWS[name], set()
    for contestant in (*row.ours, *row.rivals):
        if not importlib.util.find_spec(CONTESTANTS[contestant][1]):
            continue
        played = play(name, contestant, data(row.material), 128, 2, 0)
        outcome = common.Outcome(**played)
        assert len(outcome.seconds) == 2
        if name == "folder":
            assert outcome.losses == pytest.approx([100.0, 100.0], abs=1.0)
        elif not contestant.endswith("alone"):
            assert outcome.losses[1] < outcome.losses[0] < 4.2
        parameters.add(outcome.parameters)
    if name in ("mlp", "cnn", "transformer"):
        assert len(parameters - {0}) == 1


@pytest.mark.slow
@pytest.mark.skipif(not common.STATUS.exists(), reason="no /proc")
@pytest.mark.parametrize(
    "kind, material, bytes_each",
    [
        ("arrays", "images", 784),
        ("features", "images", 21_632),
        ("files", "paths", None),
        ("decoded", "paths", 27_648),
    ],
)
def test_every_kind_of_data_grows(kind, material, bytes_each, data):
    from benchmarks import ours

    # all 512 photos, as TFDS reads folders
    examples = 64 if material == "images" else 512
    grown = ours.grow(kind, data(material), examples, 1)
    if bytes_each:
        megabytes = examples * bytes_each / 1e6
        assert grown["data"] == pytest.approx(megabytes, rel=1e-3)
    assert (grown["ahead"] > 0) == (kind in ("features", "decoded"))
    assert 0 < grown["allocated"] < grown["resident"]
    none = ours.grow(kind, data(material), examples, 0)
    assert set(none) == {"allocated", "resident"}


def test_a_saving_is_counted_inside(data):
    from benchmarks import ours

    path = data("images")
    never, each = (
        ours.save(every, path, 64, 0) for every in ("never", "epoch")
    )
    assert never["saving"] == 0 < each["saving"]


@pytest.mark.slow
def test_start_up_fills_its_table():
    from benchmarks import ours

    values = {"table": "", "startup": ours.start_up() | {"missed": ""}}
    text = table.document(values, {}, repeats=1)
    section = text.partition("## Start-up")[2].partition("## Data")[0]
    assert "nan" not in section and "| < 0.5 |" in section


def test_the_first_epoch_is_a_warm_up():
    outcome = common.Outcome([9.0, 1.0, 3.0, 2.0], [], total=15.0)
    assert counted(outcome, ROWS["mlp"]) == 2.0
    # six of ten epochs were not done
    assert counted(outcome, ROWS["frozen"]) == 27.0


def test_the_table_marks_what_missed_and_what_does_not_count():
    slices = "PyTorch, permuted slices"
    lines = table.written({"mlp": {"ours": (1, 2), slices: (1.2, 3)}})
    title = "MLP 784-128-64-10, SGD momentum 0.9, 59,968 examples"
    assert lines.splitlines() == [
        f"| {title}: DOES NOT COUNT, losses differ | ours | 1 |  |  | 2 |",
        "|  | PyTorch, DataLoader | not installed |  |  |  |",
        f"|  | {slices} | 1.2 | 1.20 | ≥ 1.4, missed | 3 |",
        "|  | Keras | not installed |  |  |  |",
        "|  | matrix products alone | not installed |  |  |  |",
    ]


def test_results_name_the_processor_but_not_the_machine():
    text = table.document({"table": ""}, {"MLP": "MNIST"}, repeats=3)
    headings = re.findall("^## (.*)$", text, re.MULTILINE)
    assert headings == [*SECTIONS, "Data", "Machine"]
    assert "- MLP: MNIST\n" in text and "fastest of\n3 turns" in text
    assert re.search("^- processor: .+ cores, .+ CPUs", text, re.MULTILINE)
    assert re.search("^- instructions: AVX2 .+, AVX-512 ", text, re.MULTILINE)
    facts = table.machine("model name : EPYC\nflags : fpu avx2 fma")
    assert facts["instructions"] == "AVX2 yes, AVX-512 no: avx2 fma"
    assert str(ROOT) not in text
    assert len(platform.node()) < 4 or platform.node() not in text


def test_what_fails_in_a_process_is_reported():
    assert common.call("common", "pathlib.Path.cwd().as_posix") == str(ROOT)
    with pytest.raises(RuntimeError, match=r"failed:\n(.|\n)*FileNotFound"):
        common.call("common", "read", "nowhere.npz", 1)


def test_the_extra_and_the_makefile_want_the_same_torch():
    extra, made = (
        re.search(pattern, (ROOT / name).read_text(), re.MULTILINE)[1]
        for name, pattern in (
            ("pyproject.toml", r'^bench = \["torch==([\d.]+)"'),
            ("Makefile", r"^TORCH := torch==([\d.]+)$"),
        )
    )
    assert extra == made
