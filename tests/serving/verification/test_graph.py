"""A graph that a plain server cannot run is refused before it is published."""

import re

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_ptft.errors import UserError
from keras_ptft.serving.signatures.signature import Signature, write_saved_model
from keras_ptft.serving.verification import graph
from keras_ptft.serving.verification.graph import check_graph
from keras_ptft.serving.verification.operations import (
    Operation,
    operations,
)

OLDEST = "2.19"
VECTOR = tf.TensorSpec((None,), tf.float32, "vector")


@pytest.fixture
def changed(exported, tmp_path):
    """(change of a MetaGraphDef) → a folder with only the changed graph."""

    def changed(change):
        model = saved_model_pb2.SavedModel()
        content = (exported.path / "saved_model.pb").read_bytes()
        model.ParseFromString(content)
        change(model.meta_graphs[0])
        changed = model.SerializeToString()
        (tmp_path / "saved_model.pb").write_bytes(changed)
        return tmp_path

    return changed


def first(meta_graph, op):
    """The first node of an operation in the functions of a graph."""
    return next(
        node
        for function in meta_graph.graph_def.library.function
        for node in function.node_def
        if node.op == op
    )


def refusal(folder, serve_with=OLDEST):
    with pytest.raises(UserError) as error:
        check_graph(folder, serve_with)
    message = str(error.value)
    assert "nothing was published" in message and "\n" not in message
    return message


def test_an_export_tells_what_it_is_made_of(exported):
    found = check_graph(exported.path, OLDEST)
    assert found["operations"] == sorted(set(found["operations"]))
    assert {"Conv2D", "MatMul", "DecodeImage"} <= set(found["operations"])
    assert found["tensorflow"] == tf.__version__
    assert found["producer"] == tf.version.GRAPH_DEF_VERSION
    assert found["checked_against"] == OLDEST


def test_texts_can_be_served_too(text_export):
    found = check_graph(text_export.path, OLDEST)
    assert "UnicodeDecodeWithOffsets" in found["operations"] or any(
        "Unicode" in name or "Lookup" in name for name in found["operations"]
    )


def test_xla_and_python_are_refused(tmp_path):
    @tf.function(jit_compile=True)
    def compiled(x):
        return x + 1

    def function(vector):
        (there,) = tf.numpy_function(lambda x: [x], [vector], [tf.float32])
        return {"there": there, "more": compiled(vector)}

    signature = Signature("serving_default", function, {"vector": VECTOR}, ())
    write_saved_model(tmp_path, [signature])
    for serve_with in (OLDEST, "any"):
        message = refusal(tmp_path, serve_with)
        assert re.search(r"function '\w*compiled\w*' asks for XLA;", message)
        assert "calls Python (PyFunc)" in message or "EagerPyFunc" in message


def test_compiling_that_is_switched_off_is_none(changed):
    def switch_off(meta_graph):
        for function in meta_graph.graph_def.library.function:
            function.attr["_XlaMustCompile"].b = False

    assert check_graph(changed(switch_off), OLDEST)


def test_operations_of_no_tensorflow_are_refused(changed):
    def rename(meta_graph):
        first(meta_graph, "Softmax").op = "WordpieceTokenizeWithOffsets"

    folder = changed(rename)
    assert refusal(folder).startswith(
        "TensorFlow Serving 2.19 cannot run the export: operation "
        "WordpieceTokenizeWithOffsets is in no TensorFlow: nothing"
    )
    # a server may have been built with them
    found = check_graph(folder, "any")
    assert "WordpieceTokenizeWithOffsets" in found["operations"]


def test_attributes_of_no_tensorflow_are_refused(changed):
    def add(meta_graph):
        node = first(meta_graph, "Conv2D")
        node.attr["_of_the_runtime"].b = True
        node.attr["grouped"].b = True

    message = refusal(changed(add))
    assert "attribute 'grouped' of Conv2D is in no TensorFlow:" in message


def test_what_is_newer_than_the_server_is_refused(exported, monkeypatch):
    known = dict(operations())
    attributes = {**known["Conv2D"].attributes, "padding": "2.20"}
    known["Conv2D"] = Operation(OLDEST, attributes)
    known["Softmax"] = Operation("2.21", known["Softmax"].attributes)
    monkeypatch.setattr(graph, "operations", lambda: known)
    message = refusal(exported.path)
    assert "attribute 'padding' of Conv2D is of 2.20" in message
    assert "operation Softmax is of TensorFlow 2.21" in message
    assert "Conv2D" not in refusal(exported.path, "2.20")
    assert check_graph(exported.path, "2.21")["checked_against"] == "2.21"


def test_of_many_faults_three_are_told(changed):
    def rename(meta_graph):
        library = meta_graph.graph_def.library
        nodes = [n for f in library.function for n in f.node_def][:9]
        for number, node in enumerate(nodes[:5]):
            node.op = f"New{number}"

    message = refusal(changed(rename))
    assert len(re.findall("is in no TensorFlow", message)) == 3
    assert "; and 2 more: nothing was published" in message
