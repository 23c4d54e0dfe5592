"""Versions of an export that nobody has to train."""

import shutil

from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo

from keras_ptft import files
from keras_ptft.serving.versioning.release import release
from keras_ptft.serving.versioning.releases import settle
from keras_ptft.serving.versioning.versions import FACTS, new_folder, publish

UINT8, FLOAT, STRING = 4, 1, 7


def info(dtype, *shape):
    """A tensor of a signature; no shape at all: of any rank."""
    found = TensorInfo(dtype=dtype)
    for size in shape:
        found.tensor_shape.dim.add(size=-1 if size is None else size)
    found.tensor_shape.unknown_rank = not shape
    return found


def graph():
    """A SavedModel that takes images and answers with scores."""
    saved = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    signatures = saved.meta_graphs.add().signature_def
    default = signatures["serving_default"]
    default.inputs["image"].CopyFrom(info(UINT8, None, 8, 8, 1))
    default.outputs["logits"].CopyFrom(info(FLOAT, None, 2))
    signatures["encoded_images"].inputs["bytes"].CopyFrom(info(STRING, None))
    signatures["__saved_model_init_op"].outputs["op"].CopyFrom(info(FLOAT))
    return saved.SerializeToString(deterministic=True)


def write_version(folder, *, canary=False, **facts):
    """Writes what a server, and the next export, read of a version."""
    (folder / "variables").mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_bytes(graph())
    (folder / "variables/variables.index").write_bytes(b"index")
    said = {"source": {}, "release": release(canary=canary), **facts}
    files.write_json(folder / FACTS, said)
    return folder


def publish_small(base, *, keep=0, settled=True, **facts):
    """Publishes a version as an export does; returns its number."""
    partial = new_folder(base)
    try:
        path = publish(write_version(partial, **facts), base)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if settled:
        settle(base, int(path.name), keep=keep)
    return int(path.name)
