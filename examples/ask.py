"""Asks TensorFlow Serving what it sees in pictures, without a web framework.

    keras-ptft serve saved_models/digits
    python examples/ask.py --model=digits three.png seven.png
    python examples/ask.py --model=digits --grpc=localhost:8500 three.png

REST needs nothing but Python, and its base64 makes files a third larger. gRPC
needs `pip install "keras_ptft[serve]"`. The server decodes, resizes
and scales: a client sends files as they are. An export brings a client of this
kind for its own model, `assets.extra/client.py`; this one shows what it takes.
"""

import argparse
import base64
import json
import pathlib
import urllib.error
import urllib.request

SIGNATURE = "encoded_images"


def by_rest(url, model, files):
    """Returns a label and its score for each file.

    Args:
        url: of the server, as http://localhost:8501.
        model: its name there.
        files: whole JPEG, PNG, BMP or GIF files, as bytes.
    """
    rows = [{"b64": base64.b64encode(file).decode()} for file in files]
    body = {"signature_name": SIGNATURE, "instances": rows}
    request = urllib.request.Request(
        f"{url}/v1/models/{model}:predict",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)["predictions"]
    except urllib.error.HTTPError as error:
        # what is wrong with the request stands in the body
        raise SystemExit(error.read().decode()) from error
    return [(row["label"], row["score"]) for row in found]


def by_grpc(target, model, files):
    """Returns what `by_rest` returns.

    Args:
        target: host and port of the server, as localhost:8500.
        model: its name there.
        files: as in `by_rest`.
    """
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2
    from tensorflow_serving.apis import prediction_service_pb2_grpc as service

    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = SIGNATURE
    request.inputs["bytes"].CopyFrom(tf.make_tensor_proto(files))
    with grpc.insecure_channel(target) as channel:
        stub = service.PredictionServiceStub(channel)
        found = stub.Predict(request, timeout=60).outputs
    labels = tf.make_ndarray(found["label"])
    scores = tf.make_ndarray(found["score"])
    return [
        (label.decode(), float(score))
        for label, score in zip(labels, scores, strict=True)
    ]


def main(words=None):
    """Prints a label and its score for each file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True, help="its name")
    parser.add_argument("--url", default="http://localhost:8501")
    parser.add_argument("--grpc", default="", help="as localhost:8500")
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    given = parser.parse_args(words)
    files = [path.read_bytes() for path in given.files]
    if given.grpc:
        answers = by_grpc(given.grpc, given.model, files)
    else:
        answers = by_rest(given.url, given.model, files)
    for path, (label, score) in zip(given.files, answers, strict=True):
        print(f"{path} {label} {score:.4f}")


if __name__ == "__main__":
    main()
