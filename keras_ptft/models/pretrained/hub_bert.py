"""KerasHub's BERT and DistilBERT in the architecture of this program.

That one adds [CLS] and [SEP] itself, can be cut anywhere, and is read again
without KerasHub.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ptft.errors import UserError
from keras_ptft.models.pretrained.bert import built, reading_of
from keras_ptft.models.pretrained.bert_folder import CLS, SEP, BertFolder
from keras_ptft.models.pretrained.bert_tensors import vocabulary_of
from keras_ptft.models.pretrained.known import Reading
from keras_ptft.models.tidy import tidied


def converted(
    theirs: Any, tokenizer: Any, pool: str
) -> tuple[keras.Model, Reading]:
    """Converts a model of KerasHub with its weights.

    Args:
        theirs: `keras_hub.models.BertBackbone` or `DistilBertBackbone`.
        tokenizer: of the same model.
        pool: see `models.bert`.

    Returns:
        Backbone from ids to features, and how it reads texts.

    Raises:
        UserError: `pool` is no pool of BERT, or the hidden layers are of a
            width that BERT does not have.
    """
    if theirs.intermediate_dim % theirs.hidden_dim:
        raise UserError(
            "The intermediate_dim of the model must be a multiple of its "
            f"hidden_dim {theirs.hidden_dim}, got {theirs.intermediate_dim}: "
            "choose another model."
        )
    described = BertFolder(
        width=theirs.hidden_dim,
        depth=theirs.num_layers,
        heads=theirs.num_heads,
        ratio=theirs.intermediate_dim // theirs.hidden_dim,
        longest=theirs.max_sequence_length,
        vocabulary=tuple(tokenizer.vocabulary),
        lower=tokenizer.lowercase,
        sequence_length=theirs.max_sequence_length,
    )
    ours = built(described, pool=pool, normalize=False, dropout=theirs.dropout)
    _fill(ours, theirs, described)
    dense = theirs.transformer_layers[0]._feedforward_intermediate_dense
    is_exact = dense.activation is keras.activations.gelu
    call = None if is_exact else _approximate_gelu
    tidy = tidied(ours, with_weights=True, call=call)
    return tidy, reading_of(described)


def _fill(ours: keras.Model, theirs: Any, described: BertFolder) -> None:
    """Sets all weights; all tokens are in the first segment."""
    words = theirs.token_embedding.get_weights()[0]
    # DistilBERT has both in one layer, and no segments
    within = getattr(theirs, "embeddings", theirs)
    positions = within.position_embedding.get_weights()[0]
    if within is theirs:
        positions = positions + theirs.segment_embedding.get_weights()[0][0]
    index = {token: row for row, token in enumerate(described.vocabulary)}
    index["[END]"] = index[SEP]
    rows = [index[token] for token in vocabulary_of(described)]
    values: dict[str, list[np.ndarray]] = {
        "embedding_table": [words[rows]],
        "positions_ends": [words[[index[CLS], index[SEP]]]],
        "positions_table": [positions],
        "positions_norm": theirs.embeddings_layer_norm.get_weights(),
    }
    for number, block in enumerate(theirs.transformer_layers, 1):
        parts = {
            "attention": block._self_attention_layer,
            "attention_norm": block._self_attention_layer_norm,
            "dense_hidden": block._feedforward_intermediate_dense,
            "dense": block._feedforward_output_dense,
            "dense_norm": block._feedforward_layer_norm,
        }
        for part, layer in parts.items():
            values[f"block{number}_{part}"] = layer.get_weights()
    for layer in ours.layers:
        if layer.weights:
            layer.set_weights(values[layer.name])


def _approximate_gelu(
    operation: keras.Operation, *args: Any, **kwargs: Any
) -> Any:
    """Calls hidden layers with the GELU that KerasHub's BERT has.

    Keras has no name for it that a configuration could hold.
    """
    if operation.name.endswith("_dense_hidden"):
        operation.activation = keras.activations.linear
        return ops.gelu(operation(*args, **kwargs), approximate=True)
    return operation(*args, **kwargs)
