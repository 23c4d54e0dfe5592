"""The apps of Flower: what they do is in the run configuration."""

from keras_ptft.federated.flower import client_app, server_app

server = server_app()
client = client_app()
