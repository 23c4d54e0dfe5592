"""Predictions for files as users have them, by small trained models."""

import csv
import json
import pathlib
import resource
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import predict
from keras_ptft.data.core.info import DataInfo, ImageForm
from keras_ptft.errors import UserError
from keras_ptft.experiment.predicting import predict_rows
from keras_ptft.main import main
from keras_ptft.objectives.saved import OBJECTIVE_FILE, write_objective
from keras_ptft.serving.export import EXTRA, export
from keras_ptft.serving.signatures.arrays import array_signatures, class_scores
from tests.forked import forked

MODELS = ("run", "run/model.keras", "exports", "exports/1")
KINDS = ("circle", "cross")


@pytest.fixture(autouse=True)
def told(caplog):
    return caplog


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def labels(path):
    return [row[1] for row in table(path)[1:]]


@pytest.fixture(scope="module")
def flowers(cases, tmp_path_factory):
    """A run and an export of a model of the table of four columns."""
    (*columns, _), *rows = table(cases / "table_columns/plain.csv")
    names = ("blue", "green", "red")
    x = np.array([row[:4] for row in rows], np.float32)
    y = np.array([names.index(row[4]) for row in rows])
    keras.utils.set_random_seed(0)
    vector = keras.Input((4,), name="vector")
    hidden = keras.layers.Dense(16, activation="relu")(vector)
    model = keras.Model(vector, keras.layers.Dense(3)(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, jit_compile=False)
    model.fit(x, y, epochs=20, verbose=0)
    spec = tf.TensorSpec((4,), tf.float32, "vector")
    info = DataInfo(spec, names, columns=tuple(columns))
    place = tmp_path_factory.mktemp("flowers")
    (place / "run").mkdir()
    model.save(place / "run/model.keras")
    write_objective(place / "run", "classification", info)
    signatures = array_signatures(model, class_scores(model), {"vector": x[:8]})

    def write_extra(draft):
        write_objective(draft.folder / EXTRA, "classification", info)
        return {}

    export(place / "exports", signatures, parts={"objective": write_extra})
    return place


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """A run of a model of images that tells dark from light ones."""
    image = keras.Input((4, 4, 3), dtype="uint8", name="image")
    pixels = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    dense = keras.layers.Dense(2)
    model = keras.Model(image, dense(pixels))
    dense.set_weights([np.outer(np.ones(48), (-1, 1)), np.array((24, -24))])
    place = tmp_path_factory.mktemp("shapes") / "run"
    place.mkdir()
    model.save(place / "model.keras")
    spec = tf.TensorSpec((4, 4, 3), tf.uint8, "image")
    write_objective(place, "classification", DataInfo(spec, KINDS))
    return str(place)


@pytest.mark.parametrize("model", MODELS)
def test_columns_in_another_order_give_the_same_labels(
    flowers, cases, here, model
):
    folder = cases / "table_columns"
    found = []
    for name in ("new_plain", "new_reordered"):
        words = [str(flowers / model), str(folder / f"{name}.csv")]
        assert main(["predict", *words, f"--csv={name}.csv"]) == 0
        found.append([row[1:] for row in table(here / f"{name}.csv")])
    assert len(found[0]) == 61 and found[0] == found[1]
    assert len({label for label, _ in found[0][1:]}) == 3


def test_the_table_of_training_is_labelled(flowers, cases, here, told):
    path = cases / "table_columns/plain.csv"
    words = [str(flowers / "run"), str(path)]
    assert main(["predict", *words, "--csv=out.csv"]) == 0
    true = [row[4] for row in table(path)[1:]]
    right = np.equal(labels(here / "out.csv"), true)
    assert (len(right), right.mean() > 0.95) == (240, True)
    assert told.messages == [
        "columns of plain.csv that training lacks are left out: 'label'."
    ]


@pytest.mark.usefixtures("here")
def test_without_a_heading_rows_are_taken_in_order(flowers, cases, told):
    path = cases / "table_columns/new_plain.csv"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    pathlib.Path("bare.csv").write_text("".join(lines[1:]), "utf-8")
    named, bare = (
        predict(flowers / "run", [name]) for name in (path, "bare.csv")
    )
    assert [row.label for row in bare] == [row.label for row in named]
    assert bare[59].name == "bare.csv[59]"
    assert told.messages == [
        "bare.csv has no heading: its columns are taken in the order of "
        "training."
    ]


def test_a_run_without_known_columns_takes_them_in_order(flowers, cases, here):
    old = shutil.copytree(flowers / "run", here / "old")
    known = json.loads((old / OBJECTIVE_FILE).read_text("utf-8"))
    del known["columns"]
    (old / OBJECTIVE_FILE).write_text(json.dumps(known), "utf-8")
    new = cases / "table_columns/new_plain.csv"
    expected = [row.label for row in predict(flowers / "run", [new])]
    assert [row.label for row in predict(old, [new])] == expected
    with pytest.raises(UserError, match=r"4 columns .* got 5: length, width"):
        predict(old, [cases / "table_columns/plain.csv"])


@pytest.mark.parametrize(
    ("heading", "message"),
    [
        ("length,widht,depth,mass", r"no column 'width' .*mean \"widht\""),
        ("length,width,depth,width", "2 columns 'width', number 2 and 4"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    flowers, cases, here, capsys, heading, message
):
    text = (cases / "table_columns/new_plain.csv").read_text("utf-8")
    pathlib.Path("a.csv").write_text(
        heading + text[text.index("\n") :], "utf-8"
    )
    words = [str(flowers / "run"), "a.csv", "--csv=out.csv"]
    assert main(["predict", *words]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    with pytest.raises(UserError, match=message):
        predict(flowers / "run", ["a.csv"])
    assert [path.name for path in here.iterdir()] == ["a.csv"]


def test_all_outputs_are_written_together(flowers, cases, here, capsys):
    parquet = pytest.importorskip("pyarrow.parquet")
    new = str(cases / "table_columns/new_plain.csv")
    outputs = ["--csv=-", "--jsonl=a.jsonl", "--parquet=a.parquet"]
    assert main(["predict", str(flowers / "run"), new, *outputs]) == 0
    printed = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert printed[0] == ["input", "label", "probability"]
    lines = (here / "a.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [list(row.values())[:2] for row in rows] == [
        row[:2] for row in printed[1:]
    ]
    columns = parquet.read_table("a.parquet").to_pydict()
    assert columns["label"] == [row["label"] for row in rows]
    np.testing.assert_allclose(
        columns["probability"],
        [row["probability"] for row in rows],
        atol=1e-6,
    )


@pytest.mark.usefixtures("here")
def test_without_outputs_rows_are_printed(flowers, cases, capsys):
    new = str(cases / "table_columns/new_plain.csv")
    assert main(["predict", str(flowers / "run"), new]) == 0
    lines = capsys.readouterr().out.splitlines()
    expected = predict(flowers / "run", [new])
    assert lines == [str(row) for row in expected] and len(lines) == 60


def test_outputs_are_checked_before_the_model_is_read(here):
    with pytest.raises(UserError, match=r"^--csv=a/b must be a file that can"):
        (here / "a").write_text("")
        predict("no/model", ["x.csv"], csv="a/b")


def test_an_error_in_the_last_row_leaves_no_file(flowers, here):
    rows = "".join(f"{n},{n},{n},{n}\n" for n in range(2000))
    text = f"length,width,depth,mass\n{rows}1,2,3,red\n"
    pathlib.Path("a.csv").write_text(text)
    words = [str(flowers / "run"), "a.csv", "--csv=b.csv", "--jsonl=b.jsonl"]
    assert main(["predict", *words]) == 2
    assert [path.name for path in here.iterdir()] == ["a.csv"]


def test_results_come_while_inputs_are_read(flowers, here):
    rows = "".join(f"{n},{n},{n},{n}\n" for n in range(2000))
    text = f"length,width,depth,mass\n{rows}1,2,3,red\n"
    pathlib.Path("a.csv").write_text(text)
    results = predict_rows(flowers / "run", ["a.csv"], csv="b.csv")
    first = [next(results).name for _ in range(300)]
    assert first[-1] == "a.csv[299]"
    assert results.unanswered == 0
    results.close()
    assert [path.name for path in here.iterdir()] == ["a.csv"]


def with_peak(words):
    """Runs a command; prints the most memory of the process, in kB on Linux."""
    code = main(words)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return code


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(flowers, here):
    peaks = []
    for count in (1_000, 300_000):
        row = "0.123456789,0.2,0.3,0.4\n" * count
        pathlib.Path("a.csv").write_text(f"length,width,depth,mass\n{row}")
        words = ["predict", str(flowers / "run"), "a.csv", "--csv=b.csv"]
        code, said = forked(with_peak, words, folder=here)
        assert code == 0, said
        assert len(table(here / "b.csv")) == count + 1
        peaks.append(int(said.split()[-1]) / 1024)
    # the rows alone, as Python has them, would be 100 MB
    assert peaks[1] - peaks[0] < 60


def test_bad_images_are_named_and_the_others_answered(
    shapes, cases, here, told
):
    folder = cases / "small/topredict"
    words = ["predict", shapes, str(folder), "--csv=out.csv"]
    assert main(words) == 2
    assert list(here.iterdir()) == []
    told.clear()
    assert main([*words, "--skip_bad_images"]) == 3
    names = [row[0] for row in table(here / "out.csv")[1:]]
    assert names == [str(folder / f"a/png9_00{n}.png") for n in range(6)]
    assert told.messages == [
        f"{folder}: 7 files: all used.",
        f"Left out {folder / 'a/broken.png'}: it is damaged.",
        "1 of 7 inputs have no answer: they cannot be decoded.",
    ]


def test_nothing_but_bad_images_is_one_line(shapes, cases, here, capsys):
    bad = str(cases / "small/topredict/a/broken.png")
    words = ["predict", shapes, bad, "--skip_bad_images", "--csv=out.csv"]
    assert main(words) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "got 1 that cannot, the first is" in errors
    assert list(here.iterdir()) == []


def test_transparent_images_have_the_background_of_training(
    shapes, here, capsys
):
    clear = tf.io.encode_png(tf.zeros((4, 4, 4), tf.uint8)).numpy()
    pathlib.Path("clear.png").write_bytes(clear)
    black = shutil.copytree(shapes, here / "black")
    spec = tf.TensorSpec((4, 4, 3), tf.uint8, "image")
    info = DataInfo(spec, KINDS, image_form=ImageForm((0, 0, 0)))
    write_objective(black, "classification", info)
    for model, label in ((shapes, "cross"), (str(black), "circle")):
        assert main(["predict", model, "clear.png"]) == 0
        assert capsys.readouterr().out == f"clear.png  {label}  1.0000\n"


@pytest.mark.slow
def test_messages_do_not_mix_with_what_is_printed(shapes, cases):
    folder = cases / "small/topredict"
    words = ["predict", shapes, str(folder), "--skip_bad_images", "--csv=-"]
    done = subprocess.run(
        [sys.executable, "-m", "keras_ptft", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert len(done.stdout.splitlines()) == 7
    assert done.stderr.splitlines()[0] == f"{folder}: 7 files: all used."
    assert len(done.stderr.splitlines()) == 3
