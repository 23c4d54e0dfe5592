"""Texts: a Transformer, a GRU, convolutions, tuning BERT, word vectors."""

from typing import Any

import numpy as np

from benchmarks import loops
from benchmarks.common import (
    GENSIM,
    KERAS,
    OURS,
    SLICES,
    Lazy,
    Outcome,
    Row,
    Work,
    keras,
    layers,
    nn,
    ours,
    tf,
    timed,
    torch,
)

models = Lazy("keras_ptft.models.bert")
given = Lazy("keras_ptft.models.backbone_input")

_WIDTH, _HEADS = 128, 4
_UNITS = 256
_FILTERS, _KERNELS = 100, (3, 4, 5)
_BERT = {"width": 384, "depth": 6, "heads": 12}
_CLS, _SEP = 1, 2
_WORDS = {"window": 5, "negatives": 5, "subsample": 1e-3}


def our_encoder(work: Work) -> Outcome:
    """A user's whole Keras model."""
    keras.utils.set_random_seed(work.seed)
    run = ours.Run(work, base=_keras_encoder(work))
    run.model = run.backbone
    return run.train()


def keras_encoder(work: Work) -> Outcome:
    """The same model."""
    keras.utils.set_random_seed(work.seed)
    return loops.fit(_keras_encoder(work), work.inputs, work)


def torch_encoder(work: Work) -> Outcome:
    """The same layers."""
    torch.manual_seed(work.seed)

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(work.vocabulary, _WIDTH)
            layer = nn.TransformerEncoderLayer(
                _WIDTH, _HEADS, 4 * _WIDTH, dropout=0.0, batch_first=True
            )
            self.encoder = nn.TransformerEncoder(layer, 2)
            self.head = nn.Linear(_WIDTH, work.classes)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.encoder(self.embedding(tokens)).mean(1))

    model = loops.initialized(Encoder(), loops.normal(0.05))
    return loops.slices(model, torch.from_numpy(work.inputs), work)


def _keras_encoder(work: Work) -> Any:
    """An encoder of 2 layers (Vaswani et al. 2017)."""
    # PyTorch draws the same, so that the losses can be compared
    drawn = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.05)}
    vectors = keras.initializers.RandomNormal(stddev=1.0)
    inputs = keras.Input(work.inputs.shape[1:], dtype="int32", name="tokens")
    x = layers.Embedding(work.vocabulary, _WIDTH, vectors)(inputs)
    for _ in range(2):
        attention = layers.MultiHeadAttention(_HEADS, _WIDTH // _HEADS, **drawn)
        x = layers.LayerNormalization(epsilon=1e-5)(x + attention(x, x))
        hidden = layers.Dense(4 * _WIDTH, activation="relu", **drawn)(x)
        hidden = layers.Dense(_WIDTH, **drawn)(hidden)
        x = layers.LayerNormalization(epsilon=1e-5)(x + hidden)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(work.classes, **drawn)(x))


def our_gru(work: Work) -> Outcome:
    """The next character of windows of running text."""
    settings = {"backbone": f"rnn(cell='gru', units={_UNITS})"}
    settings["objective"] = "next_token"
    return ours.Run(work, ours.windows(work), **settings).train()


def keras_gru(work: Work) -> Outcome:
    """The same of the same windows."""
    keras.utils.set_random_seed(work.seed)
    tokens, following = work.inputs[:, :-1], work.inputs[:, 1:]
    embedding = layers.Embedding(work.vocabulary, 64)
    gru = layers.GRU(_UNITS, return_sequences=True)
    inputs = keras.Input(tokens.shape[1:], dtype="int32")
    head = layers.Dense(work.vocabulary)
    model = keras.Sequential([inputs, embedding, gru, head])
    return loops.fit(model, (tokens, following), work)


def torch_gru(work: Work) -> Outcome:
    """The same of the same windows."""
    torch.manual_seed(work.seed)
    windows = torch.from_numpy(work.inputs).long()

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(work.vocabulary, 64)
            self.gru = nn.GRU(64, _UNITS, batch_first=True)
            self.head = nn.Linear(_UNITS, work.vocabulary)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.gru(self.embedding(tokens))[0])

    model = loops.initialized(Network())
    nn.init.uniform_(model.embedding.weight, -0.05, 0.05)
    nn.init.orthogonal_(model.gru.weight_hh_l0)
    pair = windows[:, :-1].contiguous(), windows[:, 1:].contiguous()
    return loops.slices(model, pair, work)


def our_textcnn(work: Work) -> Outcome:
    """Convolutions of three widths (Kim 2014)."""
    return ours.Run(work, ours.texts(work), backbone="textcnn").train()


def keras_textcnn(work: Work) -> Outcome:
    """The same layers."""
    keras.utils.set_random_seed(work.seed)
    inputs = keras.Input(work.inputs.shape[1:], dtype="int32")
    mask = keras.ops.cast(inputs > 0, "float32")[..., None]
    x = layers.Embedding(work.vocabulary, _WIDTH)(inputs) * mask
    convolved = [
        layers.Conv1D(_FILTERS, side, padding="same", activation="relu")(x)
        for side in _KERNELS
    ]
    x = layers.Concatenate()(convolved) * mask
    x = layers.Dropout(0.5)(layers.GlobalMaxPooling1D()(x))
    model = keras.Model(inputs, layers.Dense(work.classes)(x))
    return loops.fit(model, work.inputs, work)


def torch_textcnn(work: Work) -> Outcome:
    """The same layers."""
    torch.manual_seed(work.seed)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(work.vocabulary, _WIDTH)
            self.convolutions = nn.ModuleList(
                nn.Conv1d(_WIDTH, _FILTERS, side, padding="same")
                for side in _KERNELS
            )
            self.dropout = nn.Dropout(0.5)
            self.head = nn.Linear(_FILTERS * len(_KERNELS), work.classes)

        def forward(self, tokens: Any) -> Any:
            mask = (tokens > 0).float()[:, None]
            x = self.embedding(tokens).transpose(1, 2) * mask
            x = [convolve(x) for convolve in self.convolutions]
            x = (torch.cat(x, 1).relu() * mask).amax(2)
            return self.head(self.dropout(x))

    model = loops.initialized(Network())
    nn.init.uniform_(model.embedding.weight, -0.05, 0.05)
    return loops.slices(model, torch.from_numpy(work.inputs), work)


def our_bert(work: Work) -> Outcome:
    """All of the model; [CLS] and [SEP] are put around a text inside."""
    sizes = ", ".join(f"{name}={size}" for name, size in _BERT.items())
    settings = {"backbone": f"bert({sizes})", "learning_rate": 1e-4}
    return ours.Run(work, ours.texts(work), **settings).train()


def keras_bert(work: Work) -> Outcome:
    """The same backbone."""
    keras.utils.set_random_seed(work.seed)
    spec = tf.TensorSpec(work.inputs.shape[1:], tf.int32, "tokens")
    text = given.BackboneInput(spec, vocabulary_size=work.vocabulary)
    backbone = models.bert(text, **_BERT)
    model = keras.Sequential([backbone, layers.Dense(work.classes)])
    return loops.fit(model, work.inputs, work, keras.optimizers.Adam(1e-4))


def torch_bert(work: Work) -> Outcome:
    """The same layers, on texts with [CLS] and [SEP]."""
    torch.manual_seed(work.seed)
    width, depth, heads = _BERT.values()
    tokens = np.pad(work.inputs, ((0, 0), (1, 1)), constant_values=_SEP)
    tokens[:, 0] = _CLS

    class Bert(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(work.vocabulary, width)
            self.places = nn.Embedding(512, width)
            self.norm = nn.LayerNorm(width, eps=1e-12)
            self.dropout = nn.Dropout(0.1)
            sizes, given = (width, heads, 4 * width, 0.1), {"batch_first": True}
            given |= {"activation": "gelu", "layer_norm_eps": 1e-12}
            layer = nn.TransformerEncoderLayer(*sizes, **given)
            self.encoder = nn.TransformerEncoder(layer, depth)
            self.head = nn.Linear(width, work.classes)

        def forward(self, tokens: Any) -> Any:
            places = self.places(torch.arange(tokens.shape[1]))
            x = self.dropout(self.norm(self.words(tokens) + places))
            return self.head(self.encoder(x).mean(1))

    model = loops.initialized(Bert(), loops.normal(0.02))
    nn.init.xavier_uniform_(model.head.weight)
    return loops.slices(
        model,
        torch.from_numpy(tokens),
        work,
        optimizer=lambda *p, **o: torch.optim.Adam(*p, lr=1e-4, **o),
    )


def our_skipgram(work: Work) -> Outcome:
    """Skip-gram with negative sampling, as an objective."""
    run = _skipgram(work, learning_rate=0.01)
    outcome = run.train()
    outcome.losses[1] = run.score()
    return outcome


def gensim_skipgram(work: Work) -> Outcome:
    """The same by gensim, in one thread."""
    word2vec = Lazy("gensim.models.word2vec").Word2Vec
    texts = [[str(word) for word in text] for text in work.inputs]
    sizes = {"vector_size": 100, "window": _WORDS["window"]}
    sampling = {"negative": _WORDS["negatives"], "sample": _WORDS["subsample"]}
    options = {"sg": 1, "min_count": 1, "workers": 1, "seed": work.seed}
    model = word2vec(**sizes, **sampling, **options)
    model.build_vocab(texts)

    def epoch() -> None:
        model.train(texts, total_examples=len(texts), epochs=1)

    outcome = timed(work.epochs, epoch)
    tables = np.zeros((2, work.vocabulary, 100), np.float32)
    ids = [int(word) for word in model.wv.index_to_key]
    tables[:, ids] = model.wv.vectors, model.syn1neg
    trained = _skipgram(work)
    trained.model.get_layer("embedding_table").set_weights([tables[0]])
    trained.model.get_layer("context").set_weights([tables[1]])
    # before training all scores are 0
    untrained = (1 + _WORDS["negatives"]) * np.log(2.0)
    outcome.losses = [float(untrained), trained.score()]
    return outcome


def _skipgram(work: Work, **settings: Any) -> Any:
    sampling = ", ".join(f"{name}={value}" for name, value in _WORDS.items())
    settings["objective"] = f"skipgram({sampling})"
    settings["backbone"] = "embedding(width=100)"
    return ours.Run(work, ours.differing(work), **settings)


ROWS = {
    "transformer": Row(
        "Transformer encoder, 2 layers of 128, length 64, Adam",
        *("tokens", 1_024, 3),
        {OURS: our_encoder, SLICES: torch_encoder, KERAS: keras_encoder},
        {SLICES: 1.8},
    ),
    "gru": Row(
        f"GRU of {_UNITS}, the next character, length 128, Adam",
        *("characters", 256, 3),
        {OURS: our_gru, SLICES: torch_gru, KERAS: keras_gru},
        {SLICES: 1.3},
    ),
    "textcnn": Row(
        "convolutions of 3, 4 and 5 tokens, length 16, Adam",
        *("intents", 6_400, 3),
        {OURS: our_textcnn, SLICES: torch_textcnn, KERAS: keras_textcnn},
        {SLICES: 1.5},
    ),
    "minilm": Row(
        "tuning all of a BERT 6×384, length 16, batch 32, Adam",
        *("pieces", 128, 2),
        {OURS: our_bert, SLICES: torch_bert, KERAS: keras_bert},
        batch_size=32,
    ),
    "word2vec": Row(
        "skip-gram with 5 negatives, window 5, width 100, length 64",
        *("words", 3_200, 5),
        {OURS: our_skipgram, GENSIM: gensim_skipgram},
    ),
}
