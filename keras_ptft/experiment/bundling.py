"""Parts of a run's version that make it usable at once."""

from collections.abc import Mapping
from typing import Any

from keras_ptft import files
from keras_ptft.experiment.publication import Publication
from keras_ptft.serving.bundle.assets import write_assets
from keras_ptft.serving.bundle.client import CLIENT_FILE, client_source
from keras_ptft.serving.bundle.descriptions import describe
from keras_ptft.serving.bundle.names import model_name
from keras_ptft.serving.bundle.openapi import (
    OPENAPI_FILE,
    openapi,
    openapi_text,
)
from keras_ptft.serving.export import EXTRA, Draft


def assets(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Writes the labels, and the tokens of texts, a line each."""
    info = given.objective.info
    written = write_assets(draft.folder, info.label_names, info.vocabulary)
    return {"files": written}


def client(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Writes a client of the model, and a description of its REST API."""
    name, info = model_name(draft.base), given.objective.info
    source = client_source(
        name,
        draft.signatures,
        label_names=info.label_names,
        columns=info.table_columns,
        largest_batch=given.config.largest_batch,
    )
    described = openapi(name, draft.signatures, info.label_names)
    extra = draft.folder / EXTRA
    files.write_text(extra / CLIENT_FILE, source)
    files.write_text(extra / OPENAPI_FILE, openapi_text(described))
    return {
        "files": [CLIENT_FILE, OPENAPI_FILE],
        "model": name,
        "signatures": describe(draft.signatures),
    }
