"""Small models of RoBERTa, as KerasHub and as Hugging Face save them."""

import json

import numpy as np
import tokenizers
from safetensors.numpy import save_file

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def trained(texts, size=600):
    """Byte pairs of texts, as RoBERTa's tokenizer.json has them."""
    found = tokenizers.ByteLevelBPETokenizer()
    found.train_from_iterator(
        texts,
        vocab_size=size,
        min_frequency=2,
        special_tokens=SPECIAL,
        show_progress=False,
    )
    found.post_processor = tokenizers.processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True
    )
    return found


def backbone(vocabulary_size, width=16):
    """KerasHub's RoBERTa of two blocks, with weights that tell parts apart."""
    import keras_hub

    model = keras_hub.models.RobertaBackbone(
        vocabulary_size=vocabulary_size,
        num_layers=2,
        num_heads=2,
        hidden_dim=width,
        intermediate_dim=2 * width,
        max_sequence_length=40,
    )
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.3, weight.shape))
    return model


def save_preset(folder, model, pairs):
    """Saves as `save_to_preset` of KerasHub does."""
    import keras_hub

    pairs.save_model(str(folder))
    model.save_to_preset(str(folder))
    keras_hub.models.RobertaTokenizer(
        vocabulary=str(folder / "vocab.json"),
        merges=str(folder / "merges.txt"),
    ).save_to_preset(str(folder))
    for name in ("vocab.json", "merges.txt"):
        (folder / name).unlink()


def save_hugging_face(folder, model):
    """Saves as transformers does, without a tokenizer."""
    config = {
        "model_type": "roberta",
        "architectures": ["RobertaModel"],
        "vocab_size": model.vocabulary_size,
        "num_hidden_layers": model.num_layers,
        "num_attention_heads": model.num_heads,
        "hidden_size": model.hidden_dim,
        "intermediate_size": model.intermediate_dim,
        "hidden_dropout_prob": 0.1,
        "max_position_embeddings": model.max_sequence_length + 2,
        "pad_token_id": 1,
        "layer_norm_eps": 1e-5,
        "hidden_act": "gelu",
    }
    (folder / "config.json").write_text(json.dumps(config))
    within = model.embeddings
    positions = within.position_embedding.get_weights()[0]
    tensors = {
        "embeddings.word_embeddings.weight": (
            within.token_embedding.get_weights()[0]
        ),
        # the first two rows are of no position
        "embeddings.position_embeddings.weight": np.pad(
            positions, ((2, 0), (0, 0)), constant_values=9
        ),
        "embeddings.token_type_embeddings.weight": 0 * positions[:1],
        **_norm("embeddings.LayerNorm", model.embeddings_layer_norm),
    }
    for index, block in enumerate(model.transformer_layers):
        tensors |= _block(f"encoder.layer.{index}", block)
    named = {f"roberta.{name}": value for name, value in tensors.items()}
    whole = {n: np.ascontiguousarray(value) for n, value in named.items()}
    save_file(whole, folder / "model.safetensors")


def features(model, rows):
    """What KerasHub's RoBERTa gives for ids without <s> and </s>.

    Returns:
        (texts, tokens, width), and which of these rows are real.
    """
    whole = [[0, *row, 2] for row in rows]
    longest = max(map(len, whole))
    ids = np.array([row + [1] * (longest - len(row)) for row in whole])
    real = np.arange(longest) < np.array([[len(row)] for row in whole])
    inputs = {"token_ids": ids, "padding_mask": real.astype("int32")}
    return model(inputs, training=False).numpy(), real[..., None]


def _block(name, block):
    attention = block._self_attention_layer
    parts = {
        "attention.self.query": attention.query_dense,
        "attention.self.key": attention.key_dense,
        "attention.self.value": attention.value_dense,
        "attention.output.dense": attention.output_dense,
        "intermediate.dense": block._feedforward_intermediate_dense,
        "output.dense": block._feedforward_output_dense,
    }
    tensors = {
        **_norm(
            f"{name}.attention.output.LayerNorm",
            block._self_attention_layer_norm,
        ),
        **_norm(f"{name}.output.LayerNorm", block._feedforward_layer_norm),
    }
    for part, layer in parts.items():
        kernel, bias = layer.get_weights()
        into = len(bias.ravel())
        tensors[f"{name}.{part}.weight"] = kernel.reshape(-1, into).T
        tensors[f"{name}.{part}.bias"] = bias.ravel()
    return tensors


def _norm(name, layer):
    gamma, beta = layer.get_weights()
    return {f"{name}.weight": gamma, f"{name}.bias": beta}
