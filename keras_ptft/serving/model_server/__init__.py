"""Answers as TensorFlow Serving does, in this Python, to try an export.

It stands where there is neither `tensorflow_model_server` nor docker. Its REST
API and its gRPC services are those of TensorFlow Serving, read from the sources
of that: what it refuses, TensorFlow Serving refuses. It is not for production:
requests share no batch, it has no metrics, and Python stands between a request
and the graph. It listens at 127.0.0.1 alone.

    python -m keras_ptft.serving.model_server --rest_api_port=8501
        --model_name=digits --model_base_path=/models/digits
"""
