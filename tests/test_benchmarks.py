"""Every contestant of the benchmarks does its work; nothing is timed here."""

import os
import pathlib
import platform
import re

import numpy as np
import pytest

from benchmarks import (
    clients,
    cold,
    common,
    photos,
    report,
    runs,
    served,
    serving,
    strings,
    texts,
)
from benchmarks import data as materials
from benchmarks.__main__ import ROWS, SCRIPTS
from benchmarks.common import CPUS, KERAS, LOADER, OURS, SLICES, Outcome, play

ROOT = pathlib.Path(__file__).parent.parent
LIMITS = ("matrix products alone", "convolutions alone")
EPYC = "model name : AMD EPYC 9\ncpu cores : 2\nflags : fpu avx2 fma"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Returns the path of a kind of data, as the benchmarks write it."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("benchmarks")
    for number in range(10):
        path = folder / f"flower_photos/{number}/{number}.jpg"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (120, 100), (100, 100, 100)).save(path)

    def path_of(material):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(materials, "_PHOTOS", 64)
            assert materials.prepare(material, folder, folder)
        return str(folder / f"{material}.npz")

    return path_of


@pytest.fixture
def small(monkeypatch):
    """Lets the largest models be small, as time is short."""
    monkeypatch.setattr(photos, "_SIDE", 64)
    sizes = {"width": 48, "depth": 2, "heads": 4}
    monkeypatch.setattr(texts, "_BERT", sizes)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "script, name",
    [
        (script, name)
        for script, rows in SCRIPTS.items()
        for name in rows
        # its contestants are those of "folder"
        if name != "folder_first"
    ],
)
def test_contestants_do_the_same_work(script, name, data):
    row, outcomes = ROWS[name], {}
    for contestant in filter(common.is_installed, row.contestants):
        path = data(row.material)
        given = {"path": path, "examples": 64, "epochs": 2, "seed": 0}
        outcome = Outcome(**play(script, name, contestant, 0, **given))
        assert len(outcome.seconds) == 2
        if contestant not in LIMITS:
            outcomes[contestant] = outcome
    losses = [outcome.losses for outcome in outcomes.values()]
    first, second = zip(*losses, strict=True)
    # not every contestant is installed
    both, one = [*first, *second], first[0]
    if name == "folder":
        assert both == pytest.approx([100.0] * len(both), abs=1.0)
    elif script == "predict":
        assert both == pytest.approx([one] * len(both), rel=1e-4)
    else:
        assert all(b < a for a, b in losses)
        # features of random weights have lengths of their own
        rel = 0.5 if script == "photos" else 0.15
        assert first == pytest.approx([first[0]] * len(first), rel=rel)
    sizes = {outcome.parameters for outcome in outcomes.values()}
    trained = "mlp", "cnn", "transformer", "textcnn", "gru"
    assert name not in trained or len(sizes) == 1


@pytest.mark.slow
@pytest.mark.skipif(not common.STATUS.exists(), reason="no /proc")
@pytest.mark.parametrize(
    "kind, bytes_each",
    [
        ("arrays", 784),
        ("features", 21_632),
        ("files", None),
        ("decoded", 27_648),
    ],
)
def test_every_kind_of_data_grows(kind, bytes_each, data):
    path = data("images" if kind in ("arrays", "features") else "paths")
    grown = runs.grow(kind, path, 64, 1)
    if bytes_each:
        assert grown["data"] == pytest.approx(64 * bytes_each / 1e6, rel=1e-3)
    assert (grown["ahead"] > 0) == (kind in ("features", "decoded"))
    assert 0 < grown["allocated"] < grown["resident"]
    none = runs.grow(kind, path, 64, 0)
    assert set(none) == {"allocated", "resident"}


def test_a_saving_is_counted_inside(data):
    path = data("images")
    never, each = (
        runs.save(every, path, 64, 0) for every in ("never", "epoch")
    )
    assert never["saving"] == 0 < each["saving"]


@pytest.mark.slow
def test_start_up_fills_its_table(monkeypatch):
    # a first epoch and a later one fill it too
    recipes = (*runs._RECIPES, "--epochs=2")
    monkeypatch.setattr(runs, "_RECIPES", recipes)
    assert set(report.START_UP) - set(runs.started()) == set()


def test_what_counts_of_a_turn():
    outcome = Outcome([9.0, 1.0, 3.0, 2.0], [], total=15.0)
    assert ROWS["mlp"].seconds(outcome) == 2.0
    assert ROWS["folder_first"].seconds(outcome) == 9.0
    # six of ten epochs were not done
    assert ROWS["frozen"].seconds(outcome) == 27.0


def test_the_number_of_threads_with_the_fastest_turn_counts():
    turns = {1: [(3.0, 0.5), (2.0, 0.7)], 2: [(40.0, 0.1), (1.0, 0.3)]}
    best = common._best(turns)
    assert best["threads"] == 2 and best["seconds"] == [40.0, 1.0]
    assert best["loss"] == pytest.approx(0.2)


def test_each_target_is_of_a_contestant():
    for row in ROWS.values():
        assert next(iter(row.contestants)) == OURS
        assert set(row.targets) <= set(row.contestants)


def found(ours, theirs, loss=2.0):
    return {
        OURS: {"seconds": ours, "loss": 2.0, "threads": 0},
        SLICES: {"seconds": theirs, "loss": loss, "threads": 1},
    }


def results(**processors):
    return {
        "machine": report.machine(EPYC),
        "rows": {"mlp": processors},
        "sections": {},
        "notes": {"MLP": "MNIST"},
    }


def table(heading, text):
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")]


def test_a_target_is_missed_under_one_setting():
    first = found([2.0, 1.0, 9.0], [1.8, 3.0, 1.7])
    text = report.document(
        ROWS,
        {
            "epyc": results(default=first, avx2=found([1.0], [1.6])),
            "xeon": results(default=found([1.0], [2.0], loss=3.0)),
        },
    )
    heading, _, loader, slices, *_ = table("Ratios", text)
    assert heading == (
        "| work | contestant | target | epyc, default | epyc, avx2 | "
        "xeon, default |"
    )
    assert loader == (
        f"| MLP 784-128-64-10, SGD momentum 0.9 | {LOADER} | ≥ 2.5 | "
        "not measured | not measured | not measured |"
    )
    assert slices == (
        f"|  | {SLICES} | ≥ 1.7 | 1.70 | 1.60, missed | DOES NOT COUNT, "
        "losses differ |"
    )
    seconds = table("Seconds", text)
    title = "MLP 784-128-64-10, SGD momentum 0.9, 59,968 examples"
    assert seconds[2] == (
        f"| {title} | epyc, default | {OURS} | 1 | 2 | 9 | 3 | {CPUS} | 2 |"
    )
    assert f"|  | epyc, default | {KERAS} | not installed |  |  |  |  |  |" in (
        seconds
    )


def test_a_run_adds_to_what_a_machine_has(tmp_path):
    report.keep(tmp_path, results(default=found([1.0], [2.0])))
    again = results(avx2=found([3.0], [4.0]))
    report.keep(tmp_path, again | {"sections": {"startup": {"help": 0.7}}})
    (name, kept), *others = report.read(tmp_path).items()
    assert name == f"amd_epyc_9_avx2_{os.cpu_count()}"
    assert not others and set(kept["rows"]["mlp"]) == {"default", "avx2"}
    text = report.document(ROWS, {name: kept})
    (line,) = [line for line in table("Start-up", text) if "--help" in line]
    assert line == "| `keras-ptft --help` | ours | < 0.5 | 0.70, missed |"
    # what other versions did is not mixed with what these do
    other = results(default=found([1.0], [2.0]))
    other["machine"] = {**other["machine"], "versions": "tensorflow 3"}
    report.keep(tmp_path, other)
    assert set(report.read(tmp_path)[name]["rows"]["mlp"]) == {"default"}


def test_growth_and_checkpoints_have_a_line_a_machine():
    memory = {"resident": 200.0, "allocated": 100.0}
    grown = {"resident": 260.0, "allocated": 150.0, "data": 8.0}
    grown |= {"ahead": 0.0, "epoch": 0.002}
    saved = {"examples": 640, "never": 2.0, "each": 2.1, "saving": 0.1}
    growth = {"arrays": {"0": memory, "100": grown}}
    sections = {"checkpoints": saved, "growth": growth}
    text = report.document(ROWS, {"epyc": results() | {"sections": sections}})
    assert table("Checkpoints", text)[2:] == [
        "| epyc | 640 | 2 | 2.1 | 0.1 | 5.00% | < 3%, missed |"
    ]
    assert table("Growth", text)[2:] == [
        "| arrays | epyc | 0 |  |  |  | 200 | 100 |",
        "| arrays | epyc | 100 | 8 | 0.0 | 20.0 | 60 | 50 |",
    ]


def test_results_name_the_processor_but_not_the_machine():
    measured = results() | {"machine": report.machine()}
    text = report.document(
        ROWS, {report.name_of(measured["machine"]): measured}
    )
    assert "- MLP: MNIST\n" in text
    assert re.search("^- processor: .+ cores, .+ CPUs", text, re.MULTILINE)
    assert re.search("^- instructions: AVX2 .+, AVX-512 ", text, re.MULTILINE)
    facts = report.machine(EPYC)
    assert facts["instructions"] == "AVX2 yes, AVX-512 no: avx2 fma"
    assert str(ROOT) not in text
    assert len(platform.node()) < 4 or platform.node() not in text


def test_what_fails_in_a_process_is_reported():
    called = common.call({}, "common", "pathlib.Path.cwd().as_posix")
    assert called == str(ROOT)
    hidden = common.PROCESSORS["avx2"]
    assert common.call(hidden, "common", "os.environ.get", "XLA_FLAGS") == (
        "--xla_cpu_max_isa=AVX2"
    )
    with pytest.raises(RuntimeError, match=r"failed:\n(.|\n)*FileNotFound"):
        common.call({}, "common", "os.listdir", "nowhere")


def test_the_extra_and_the_makefile_want_the_same_torch():
    extra, made = (
        re.search(pattern, (ROOT / name).read_text(), re.MULTILINE)[1]
        for name, pattern in (
            ("pyproject.toml", r'^bench = \["torch==([\d.]+)"'),
            ("Makefile", r"^TORCH := torch==([\d.]+)$"),
        )
    )
    assert extra == made


def test_what_serving_takes_becomes_a_table():
    found = {
        name: {"cold": 2.0, "batches": [[took, 9.0]] * 4}
        for name, took in (
            ("C API", 0.5),
            ("model.predict", 40.0),
            ("LiteRT", 40.0),
        )
    }
    lines = serving.table("texts", found).splitlines()
    cells = " | ".join(["40.00 / 9.00"] * 4)
    assert f"| model.predict, of ids | {cells} | 2.00 s |" in lines
    assert f"| LiteRT, of ids | {cells} | 2.00 s |" in lines
    assert lines[2] == "| rows a request | 1 | 8 | 64 | 512 | cold start |"
    assert "80.0 times as fast as by model.predict (target 5)" in lines[-1]


@pytest.mark.slow
def test_all_that_serve_answer_the_same(tmp_path):
    served.prepare("images", str(tmp_path), ["openvino", "onnx", "litert"])
    expected = serving.by_call(str(tmp_path))(8)
    for name, contestant in serving.CONTESTANTS.items():
        found = contestant(str(tmp_path))(8)
        logits = found["logits"] if isinstance(found, dict) else found
        np.testing.assert_allclose(logits, expected, atol=1e-5, err_msg=name)
    asked = clients.measure(str(tmp_path), 4, 3)
    assert asked["rate"] > 0 and min(asked["milliseconds"]) > 0
    for warm in (False, True):
        found = cold.measure(str(tmp_path), warm)
        assert list(found) == list(cold.STEPS)
        assert (found["warm-up"] > 1e-2) == warm


def test_what_clients_and_first_answers_take_becomes_tables():
    asked = {16: {"rate": 1234.5, "milliseconds": [12.0, 30.0]}}
    lines = clients.table("A", asked).splitlines()
    assert lines[-1] == "| 16 | 1,234 | 12.00 / 30.00 |"
    steps = [dict.fromkeys(cold.STEPS, taken) for taken in (1.0, 5.0, 2.0)]
    lines = cold.table("A", {"with warm-up": steps}).splitlines()
    assert lines[0].endswith("in a new process, medians of 3")
    assert lines[-1] == "| with warm-up | 2.00 | 2.00 | 2.00 | 2.00 |"
    lines = strings.table("A", {"tokens": [[1.0, 2.0]] * 4}).splitlines()
    cells = " | ".join(["1.00 / 2.00"] * 4)
    assert lines[-1] == f"| ids to answers | {cells} |"
