"""Signatures are read from bytes as TensorFlow's own classes read them."""

from tensorflow.core.protobuf import saved_model_pb2

from keras_ptft.serving.verification.wire import STRING, fields, signatures


def test_every_kind_of_field():
    # a varint of 300, 8 bytes, 4 bytes, a string; by the encoding's own rules
    message = b"\x08\xac\x02\x11" + bytes(8) + b"\x1d" + bytes(4) + b"\x22\1a"
    found = list(fields(message))
    assert found == [(1, 300), (2, bytes(8)), (3, bytes(4)), (4, b"a")]


def test_signatures_are_those_of_the_message(exported):
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((exported.path / "saved_model.pb").read_bytes())
    (meta_graph,) = model.meta_graphs
    found = signatures(meta_graph.SerializeToString())
    assert set(found) == {"serving_default", "encoded_images"}
    for name, endpoint in found.items():
        signature = meta_graph.signature_def[name]
        for ours, theirs in (
            (endpoint.inputs, signature.inputs),
            (endpoint.outputs, signature.outputs),
        ):
            expected = {k: (v.name, v.dtype) for k, v in theirs.items()}
            assert ours == expected
    assert found["encoded_images"].inputs["bytes"].dtype == STRING
