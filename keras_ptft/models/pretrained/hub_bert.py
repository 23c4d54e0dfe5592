"""KerasHub's BERT and its kin in the architecture of this program.

That one adds [CLS] and [SEP] itself, can be cut anywhere, and is read again
without KerasHub.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ptft.errors import UserError
from keras_ptft.models.pretrained.bert import built
from keras_ptft.models.pretrained.bert_folder import CLS, SEP, BertFolder
from keras_ptft.models.pretrained.bert_tensors import vocabulary_of
from keras_ptft.models.tidy import tidied


def converted(
    theirs: Any, vocabulary: tuple[str, ...], pool: str, *, lower: bool = False
) -> tuple[keras.Model, BertFolder]:
    """Converts a model of KerasHub with its weights.

    Args:
        theirs: `keras_hub.models.BertBackbone`, `DistilBertBackbone` or
            `RobertaBackbone`.
        vocabulary: the token of each of its ids, special ones by the names
            that BERT has for them.
        pool: see `models.bert`.
        lower: whether texts become lower case without accents.

    Returns:
        Backbone from ids to features, and its sizes and vocabulary.

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
        vocabulary=vocabulary,
        lower=lower,
        sequence_length=theirs.max_sequence_length,
    )
    ours = built(described, pool=pool, normalize=False, dropout=theirs.dropout)
    _fill(ours, theirs, described)
    dense = theirs.transformer_layers[0]._feedforward_intermediate_dense
    is_exact = dense.activation is keras.activations.gelu
    call = None if is_exact else _approximate_gelu
    tidy = tidied(
        ours, with_weights=True, changed=_norms(ours, theirs), call=call
    )
    return tidy, described


def _norms(ours: keras.Model, theirs: Any) -> dict[str, dict[str, Any]]:
    """What to change in normalisations, of which RoBERTa has others."""
    epsilon = theirs.embeddings_layer_norm.epsilon
    return {
        layer.name: {"epsilon": epsilon}
        for layer in ours.layers
        if isinstance(layer, keras.layers.LayerNormalization)
    }


def _fill(ours: keras.Model, theirs: Any, described: BertFolder) -> None:
    """Sets all weights; all tokens are in the first segment."""
    words = theirs.token_embedding.get_weights()[0]
    # others than BERT have both in one layer, and no segments
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
