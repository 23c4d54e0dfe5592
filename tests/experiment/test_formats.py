"""Formats of a run, from its settings to what export.json tells."""

import keras
import numpy as np
import pytest

from keras_ptft.config import Config
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.errors import UserError
from keras_ptft.experiment.parts import PARTS
from keras_ptft.experiment.publication import Publication
from keras_ptft.experiment.results import RunResult
from keras_ptft.objectives.classification import Classification
from keras_ptft.serving.export import Draft
from keras_ptft.serving.signatures.signature import write_saved_model


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A classifier of vectors as a draft, and what it is made of."""
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 3
    rows = rng.normal(size=(200, 4)).astype(np.float32)
    rows[np.arange(200), labels] += 3
    parts = {
        name: ArraySource(rows[some], labels[some], name="vector")
        for name, some in {"train": slice(150), "test": slice(150, 200)}.items()
    }
    dataset = Dataset(parts, ("a", "b", "c"))
    objective = Classification(dataset.info)
    inputs = keras.Input((4,), name="vector")
    # its numbers are constants of the graph
    scaled = keras.layers.Normalization(mean=0.0, variance=1.0)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3)(scaled))
    # the first three numbers say it
    model.set_weights([np.eye(4, 3, dtype=np.float32), np.zeros(3)])
    signatures = objective.signatures(model, dataset.splits["test"])
    folder = tmp_path_factory.mktemp("draft") / "1"
    write_saved_model(folder, signatures)
    return model, dataset, objective, Draft(folder, folder.parent, signatures)


def formats(prepared, **settings):
    model, dataset, objective, draft = prepared
    result = RunResult(run="a", stage="pretrain")
    given = Publication(
        draft.folder, Config(**settings), result, model, dataset, objective
    )
    return PARTS["formats"](given, draft)


def test_a_saved_model_alone_costs_nothing(prepared):
    assert formats(prepared) == {}


def test_a_quantized_format_is_proved_on_the_test_split(prepared, caplog):
    told = formats(
        prepared, formats="litert", quantize="int8", calibration_examples=20
    )
    assert (told["signature"], told["quantize"]) == ("serving_default", "int8")
    assert told["examples"] == 50
    model, dataset, *_ = prepared
    test = dataset.splits["test"]
    right = model(test.gather(np.arange(50))).numpy().argmax(1) == test.labels
    accuracy = told["proved"]["saved_model"]["metrics"]["accuracy"]
    assert accuracy == pytest.approx(right.mean())
    assert told["proved"]["litert"]["file"] == "formats/model.tflite"
    assert "Formats on 50 test examples, one at a time:" in caplog.text
    assert f"saved_model: accuracy {100 * accuracy:.2f} %, lar" in caplog.text
    assert "litert int8: accuracy " in caplog.text


def test_fewer_examples_and_a_limit(prepared):
    told = formats(prepared, formats="onnx", prove_examples=7)
    assert told["examples"] == 7
    model, dataset, objective, draft = prepared
    worse = keras.models.clone_model(model)
    signatures = objective.signatures(worse, dataset.splits["test"])
    changed = Draft(draft.folder, draft.base, signatures)
    with pytest.raises(UserError, match="onnx differs from the SavedModel"):
        formats((worse, dataset, objective, changed), formats="onnx")
