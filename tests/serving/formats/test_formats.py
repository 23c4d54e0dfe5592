"""What a model is in other formats, and that all of them answer the same."""

import math
import os
import shutil
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_ptft.errors import UserError
from keras_ptft.serving.export import export
from keras_ptft.serving.formats.format import of_numbers
from keras_ptft.serving.formats.limits import check_limits
from keras_ptft.serving.formats.prove import prove
from keras_ptft.serving.formats.table import FORMATS, chosen
from keras_ptft.serving.formats.write import FOLDER, write_formats
from keras_ptft.serving.signatures.arrays import (
    array_signatures,
    class_scores,
    expected_outputs,
)
from keras_ptft.serving.signatures.signature import (
    Signature,
    cases,
    traced_once,
    write_saved_model,
)

TEST = 300


@keras.saving.register_keras_serializable("tests")
class Betainc(keras.layers.Layer):
    """A function that no other format has."""

    def call(self, inputs):
        share = tf.sigmoid(inputs)
        return tf.math.betainc(tf.ones_like(share), share + 1.0, share)


@pytest.fixture(scope="module")
def prove_digits(exported, digit_signatures, digits, tmp_path_factory):
    """(names, quantize) → what is found of these formats on the digits."""
    images, labels = digits

    def accuracy(answers):
        found = answers["probabilities"].argmax(1)
        return {"accuracy": float(np.mean(found == labels[:TEST]))}

    def prove_digits(names, quantize):
        folder = tmp_path_factory.mktemp("version") / "1"
        shutil.copytree(exported.path, folder)
        rows = {name: FORMATS[name] for name in names}
        signature = of_numbers(digit_signatures)
        some = [{"image": image[None]} for image in images[TEST : TEST + 60]]
        paths = write_formats(
            folder, signature, rows, quantize=quantize, calibration=some
        )
        assert sorted(paths) == sorted(names)
        files = {name: (FORMATS[name], path) for name, path in paths.items()}
        batches = (
            {"image": images[start : min(start + 64, TEST)]}
            for start in range(0, TEST, 64)
        )
        return prove(folder, signature.name, files, batches, accuracy), folder

    return prove_digits


@pytest.fixture(scope="module")
def plain(prove_digits):
    """All formats in float32, and the folder that they are in."""
    return prove_digits(list(FORMATS), "none")


def test_litert_answers_as_the_saved_model(prove_digits, logits, digits):
    table, _ = prove_digits(["litert"], "none")
    right = logits[:TEST].argmax(1) == digits[1][:TEST]
    found = table["litert"]
    assert found["metrics"] == {"accuracy": pytest.approx(right.mean())}
    assert found["largest_difference"] <= 1e-5


@pytest.mark.slow
def test_formats_answer_as_the_saved_model(plain, logits, digits):
    table, folder = plain
    assert list(table) == ["saved_model", *FORMATS]
    right = logits[:TEST].argmax(1) == digits[1][:TEST]
    for found in table.values():
        assert found["metrics"] == {"accuracy": pytest.approx(right.mean())}
        assert found["largest_difference"] <= 1e-5
        assert found["latency_ms"] > 0
    assert sorted(os.listdir(folder / FOLDER)) == [
        "model.bin",
        "model.onnx",
        "model.tflite",
        "model.xml",
    ]
    check_limits(table, quantize="none", max_drop=0.0)


@pytest.mark.slow
def test_sizes_are_those_of_the_files(plain):
    table, folder = plain
    extra = folder / "assets.extra"
    for name in ("litert", "onnx"):
        size = (extra / table[name]["file"]).stat().st_size
        assert table[name]["bytes"] == size
    both = [(extra / "formats" / f"model.{x}").stat() for x in ("xml", "bin")]
    assert table["openvino"]["bytes"] == sum(file.st_size for file in both)
    # its weights are 16*9 + 16 + 4*16 + 5760 + 10 numbers
    assert table["litert"]["bytes"] > 4 * 5994
    assert table["litert"]["runtime"].startswith("ai-edge-litert ")


@pytest.mark.slow
def test_int8_is_a_third_and_as_good(plain, prove_digits):
    table, _ = prove_digits(["litert"], "int8")
    found, whole = table["litert"], plain[0]["litert"]
    assert found["bytes"] < 0.5 * whole["bytes"]
    # eight bits do not give the same numbers
    assert 1e-4 < found["largest_difference"] < 0.2
    check_limits(table, quantize="int8", max_drop=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, quantize",
    [
        (name, quantize)
        for name, row in FORMATS.items()
        for quantize in row.quantizations
        if (name, quantize) != ("litert", "int8")
    ],
)
def test_smaller_numbers_make_smaller_files(
    name, quantize, plain, prove_digits
):
    table, _ = prove_digits([name], quantize)
    assert table[name]["bytes"] < 0.95 * plain[0][name]["bytes"]
    check_limits(table, quantize=quantize, max_drop=0.02)


def test_limits_by_hand():
    def table(accuracy, difference):
        return {
            "saved_model": {
                "metrics": {"accuracy": 0.975, "other": 9.0},
                "largest_difference": 0.0,
            },
            "onnx": {
                "metrics": {"accuracy": accuracy, "other": 0.0},
                "largest_difference": difference,
            },
        }

    check_limits(table(0.96, 0.5), quantize="int8", max_drop=0.02)
    check_limits(table(0.99, 1e-4), quantize="none", max_drop=0.0)
    with pytest.raises(UserError, match=r"0\.9500 .* 0\.9750, .*0\.02"):
        check_limits(table(0.95, 0.5), quantize="int8", max_drop=0.02)
    for difference in (1.1e-4, float("nan")):
        with pytest.raises(UserError, match=r"onnx differs .* 0\.0001: noth"):
            check_limits(table(0.975, difference), quantize="none", max_drop=1)


@pytest.mark.parametrize(
    "formats, quantize, expected",
    [
        ("onyx", "none", "got 'onyx' (did you mean \"onnx\"?)"),
        ("", "none", "got ''"),
        ("saved_model", "int8", "--formats names none: add one"),
        ("openvino", "int8", "takes none, float16: use one of these"),
        ("litert,onnx", "float16", "the format onnx, which takes none, dyn"),
    ],
)
def test_wrong_settings_are_told_in_one_line(formats, quantize, expected):
    with pytest.raises(UserError) as caught:
        chosen(formats, quantize)
    assert expected in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_names_come_in_any_order_and_once():
    found = chosen("onnx, saved_model,litert,onnx", "int8")
    assert list(found) == ["onnx", "litert"]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_missing_package_is_named(name, monkeypatch):
    module, package = [*FORMATS[name].packages.items()][-1]
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError) as caught:
        chosen(name, "none")
    assert str(caught.value) == (
        f"--formats={name} must have the package {package}, but it is not "
        'installed: pip install "keras_ptft[formats]", or leave '
        f"{name} out."
    )


@pytest.mark.parametrize(
    "name",
    [
        "onnx",
        pytest.param("litert", marks=pytest.mark.slow),
        pytest.param("openvino", marks=pytest.mark.slow),
    ],
)
def test_the_activation_of_transformers_has_equals(name, tmp_path):
    # Keras computes it by erfc, which ONNX lacks
    inputs = keras.Input((7,), name="vector")
    model = keras.Model(inputs, keras.layers.Activation("gelu")(inputs))
    vectors = np.linspace(-6, 6, 21, dtype=np.float32).reshape(3, 7)
    examples = {"vector": vectors}
    signatures = array_signatures(model, class_scores(model), examples)
    rows = {name: FORMATS[name]}
    paths = write_formats(
        tmp_path,
        of_numbers(signatures),
        rows,
        quantize="none",
        calibration=[],
    )
    found = FORMATS[name].load(paths[name])(examples)["logits"]
    by_hand = [x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in vectors.flat]
    np.testing.assert_allclose(found.ravel(), by_hand, atol=1e-6)


def test_only_a_fixed_batch_has_a_graph_of_its_own(tmp_path):
    def scores(vectors):
        return {"scores": 2.0 * vectors}

    shared = traced_once(scores)
    specs = {"serving_default": None, "other": None, "alone": 1}
    found = [
        Signature(name, shared, {"x": tf.TensorSpec((size, 2))}, ())
        for name, size in specs.items()
    ]
    write_saved_model(tmp_path, found)
    content = (tmp_path / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    # their inputs
    sizes = [
        function.arg_attr[0].attr["_output_shapes"].list.shape[0].dim[0].size
        for function in graph.graph_def.library.function
        if function.signature.name.startswith("__inference_scores")
    ]
    assert sorted(sizes) == [-1, 1]


@pytest.fixture
def write_litert(tmp_path):
    """share → LiteRT of a recurrent model by it, its inputs and outputs."""

    def write_litert(share):
        ids = keras.Input((None,), name="tokens", dtype="int32")
        hidden = keras.layers.Embedding(20, 8, mask_zero=True)(ids)
        hidden = keras.layers.LSTM(8, return_sequences=True)(hidden)
        scores = class_scores(keras.Model(ids, keras.layers.Dense(3)(hidden)))
        inputs = {"tokens": np.array([[1, 2, 3, 0], [4, 5, 0, 0]], np.int32)}
        outputs = expected_outputs(scores, inputs)
        specs = {"tokens": tf.TensorSpec((None, None), tf.int32)}
        paths = write_formats(
            tmp_path,
            Signature(
                "serving_default", share(scores), specs, cases(inputs, outputs)
            ),
            {"litert": FORMATS["litert"]},
            quantize="none",
            calibration=[],
        )
        return FORMATS["litert"].load(paths["litert"]), inputs, outputs

    return write_litert


@pytest.mark.slow
def test_litert_reads_texts_step_by_step(write_litert):
    run, inputs, outputs = write_litert(traced_once)
    np.testing.assert_allclose(
        run(inputs)["logits"], outputs["logits"], atol=1e-5
    )


@pytest.mark.slow
def test_what_litert_refuses_is_told_without_where_it_is(write_litert):
    def of_any_batch(scores):
        graph = tf.function(scores, autograph=False)
        graph.get_concrete_function(tf.TensorSpec((None, None), tf.int32))
        return lambda ids: graph(ids)

    with pytest.raises(UserError) as caught:
        write_litert(of_any_batch)
    assert "none: 'tf.TensorListReserve' op requires" in str(caught.value)
    assert "loc(" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "onnx",
        pytest.param("litert", marks=pytest.mark.slow),
        pytest.param("openvino", marks=pytest.mark.slow),
    ],
)
def test_an_operation_without_an_equal_is_named(name, tmp_path):
    inputs = keras.Input((4,), name="vector")
    model = keras.Model(inputs, Betainc()(keras.layers.Dense(2)(inputs)))
    examples = {"vector": np.ones((3, 4), np.float32)}
    signatures = array_signatures(model, class_scores(model), examples)

    def part(draft):
        return write_formats(
            draft.folder,
            of_numbers(draft.signatures),
            {name: FORMATS[name]},
            quantize="none",
            calibration=[],
        )

    with pytest.raises(UserError) as caught:
        export(tmp_path, signatures, parts={"formats": part})
    told = str(caught.value)
    assert f"cannot be written as {name}" in told
    assert "Betainc" in told
    assert len(told.splitlines()) == 1
    assert os.listdir(tmp_path) == []
