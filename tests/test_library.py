"""Runs as a user of the library holds them."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import keras_ptft
from keras_ptft import Config, UserError
from keras_ptft.experiment.results import read_result

TINY = {
    "dataset": "digits",
    "image_size": 8,
    "backbone": "mlp(hidden=[16])",
    "train_examples": 600,
    "epochs": 3,
    "learning_rate": 0.01,
    "explain": False,
    "jit_compile": "false",
    "near_copies": False,
}


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("library") / "runs"


@pytest.fixture(scope="module")
def run(runs_dir):
    return keras_ptft.pretrain(name="tiny", runs_dir=runs_dir, **TINY)


@pytest.fixture(scope="module")
def pixels():
    """20 digits as the data set has them."""
    return np.rint(load_digits().images[:20] * 255 / 16).astype(np.uint8)


def test_a_run_is_its_folder_and_its_result(run, runs_dir):
    assert run.folder == runs_dir / "tiny" and run.name == "tiny"
    assert run.result == read_result(run.folder)
    assert run.metrics is run.result.metrics
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    assert run.report.is_file()
    assert run.backbone.name == "backbone"
    assert run.model is run.model


def test_the_same_call_again_reads_the_run(run, runs_dir):
    config = Config(name="other", runs_dir=str(runs_dir), **TINY)
    again = keras_ptft.pretrain(config, name="tiny")
    assert again.result == run.result
    assert keras_ptft.load_run(run).result == run.result


def test_two_lines_tell_a_run(run):
    first, second = repr(run).splitlines()
    assert first == f"Run {run.folder} (pretrain, classification)"
    share = 100 * run.metrics["test"]["accuracy"]
    assert f"accuracy {share:.2f} %" in second
    assert second.endswith("test examples 351")


def test_a_notebook_shows_its_short_report(run):
    page = run._repr_html_()
    assert page.startswith('<div class="keras-ptft"><style>')
    assert page.endswith("</div>")
    # loss and accuracy by epoch, and the confusion matrix
    assert page.count("data:image/png;base64,") == 3
    text = page.partition("</style>")[2]
    share = 100 * run.metrics["test"]["accuracy"]
    assert f"<b>{share:.2f} %</b>" in text and "95 % interval" in text
    assert "always" in text and str(run.report) in text


def test_predictions_of_an_array(run, pixels, tmp_path):
    answers = run.predict(pixels)
    logits = run.model.predict(pixels[..., None], verbose=0)
    assert answers.labels.tolist() == [str(n) for n in logits.argmax(axis=1)]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = odds / odds.sum(axis=1, keepdims=True)
    assert answers.probabilities.dtype == np.float32
    np.testing.assert_allclose(answers.probabilities, expected, atol=1e-6)
    assert answers.label_names == tuple("0123456789")
    np.save(tmp_path / "x.npy", pixels)
    rows = keras_ptft.predict(run, [tmp_path / "x.npy"])
    assert [row.label for row in rows] == answers.labels.tolist()
    assert [row.probability for row in rows] == [r.probability for r in answers]
    lines = repr(answers).splitlines()
    assert lines[0] == str(answers.rows[0]) and lines[-1] == "... and 10 more"


def test_no_label_where_none_is_probable(run, pixels):
    assert set(run.predict(pixels, reject_below=1.0).labels) <= {""}


@pytest.mark.parametrize(
    "inputs, message",
    [
        (np.zeros((2, 9, 9), np.uint8), "Expected shape (8, 8, 1) for each"),
        (np.full((1, 8, 8), 0.5), "give raw pixels from 0 to 255"),
        (
            {"a": [1, 2]},
            "takes an array of shape (examples, 8, 8, 1)",
        ),
        ([[1, 2], [3]], "got a list that is no array"),
        ("missing.png", "No such input: missing.png"),
    ],
    ids=["shape", "scaled", "columns", "ragged", "missing"],
)
def test_inputs_that_do_not_fit(run, inputs, message):
    with pytest.raises(UserError) as caught:
        run.predict(inputs)
    assert message in str(caught.value)


def test_scores_are_added_to_the_run(run):
    found = run.evaluate(classes="0-4")
    assert found == run.metrics["test classes=0-4"]
    assert read_result(run.folder) == run.result
    assert run.evaluate()["accuracy"] == run.metrics["test"]["accuracy"]


def test_a_run_stands_for_its_folder(run, runs_dir):
    tuned = keras_ptft.finetune(
        name="tuned",
        runs_dir=runs_dir,
        init_from=run,
        **TINY | {"backbone": "", "freeze": "all", "epochs": 1},
    )
    assert tuned.result.transfer["share"] == 1
    assert tuned.result.stage == "finetune"


def test_objects_of_ones_own_stay_with_the_run(runs_dir):
    digits = load_digits()
    test = np.arange(len(digits.target)) % 5 == 0
    splits = {
        "train": keras_ptft.ArraySource(
            digits.data[~test].astype(np.float32), digits.target[~test]
        ),
        "test": keras_ptft.ArraySource(
            digits.data[test].astype(np.float32), digits.target[test]
        ),
    }
    dataset = keras_ptft.Dataset(splits, tuple("0123456789"))
    settings = {k: v for k, v in TINY.items() if k not in ("dataset",)}
    run = keras_ptft.pretrain(
        name="own",
        runs_dir=runs_dir,
        dataset=dataset,
        **settings | {"image_size": 0},
    )
    assert run.evaluate()["accuracy"] == run.metrics["test"]["accuracy"]
    again = keras_ptft.load_run(run.folder)
    with pytest.raises(UserError, match="was handed over as an object"):
        again.evaluate()


@pytest.mark.slow
def test_an_export_is_told_in_the_run(run, tmp_path):
    path = run.export(tmp_path / "tiny")
    assert path == tmp_path / "tiny" / "1"
    assert run.result.export.version == 1
    assert (path / "saved_model.pb").is_file()


def test_a_setting_that_there_is_not():
    with pytest.raises(UserError, match=r'did you mean "epochs"\?'):
        keras_ptft.pretrain(dataset="digits", epoch=5)


@pytest.mark.parametrize("verb", ["evaluate", "export"])
def test_a_setting_that_a_run_does_not_have(run, verb):
    with pytest.raises(UserError, match=r'did you mean "classes"\?'):
        getattr(run, verb)(clases="0-4")


@pytest.mark.parametrize(
    "given, told",
    [
        ({"dataset": 3}, "must be a keras_ptft.Dataset, got int: make one"),
        ({"backbone": keras.Sequential()}, "must be functional, got Sequenti"),
    ],
    ids=["dataset", "backbone"],
)
def test_objects_of_another_kind(runs_dir, given, told):
    with pytest.raises(UserError) as caught:
        keras_ptft.pretrain(name="kind", runs_dir=runs_dir, **TINY | given)
    assert told in str(caught.value)
    assert not (runs_dir / "kind").exists()


def test_settings_that_are_no_config():
    with pytest.raises(UserError, match="a Config, got 'digits': give sett"):
        keras_ptft.pretrain("digits")


def test_what_is_no_complete_run(tmp_path):
    with pytest.raises(UserError, match="is not a run folder"):
        keras_ptft.load_run(tmp_path)


def test_a_notebook_shows_one_line_of_an_error():
    error = UserError("--epochs must be at least 1, got 0: raise it.")
    shown = "keras_ptft: --epochs must be at least 1, got 0: raise it."
    assert error._render_traceback_() == [shown]
