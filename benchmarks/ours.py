"""The work done by keras_ptft, with the defaults that its users get."""

import pathlib
import tempfile

import keras
import numpy as np
import tensorflow as tf

from benchmarks import words
from benchmarks.keras_models import encoder, mobilenet_base
from benchmarks.material import CLASSES
from benchmarks.work import BATCH_SIZE, Outcome, Watch, Work, read_epochs
from keras_ptft.config import Config
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.batching import training_batches, unweighted
from keras_ptft.data.sources.image_folder import FolderSource
from keras_ptft.experiment import builders, trainer
from keras_ptft.models import BACKBONES
from keras_ptft.models.normalization import fixed, preprocess, unit
from keras_ptft.objectives.classification import classification
from keras_ptft.objectives.objective import Objective, Task
from keras_ptft.transfer.cut import split

TASK = Task(tuple(map(str, range(CLASSES))))


def mlp(work: Work) -> Outcome:
    """An MLP on raw pixels, SGD with momentum."""
    source, _, model = _classifier(work, "mlp")
    config = Config(optimizer="sgd(momentum=0.9)", learning_rate=0.01)
    return _train(model, source, work, config)


def cnn(work: Work) -> Outcome:
    """A CNN on raw pixels, Adam."""
    source, _, model = _classifier(work, "cnn")
    return _train(model, source, work, Config())


def frozen(work: Work) -> Outcome:
    """The CNN, frozen up to its last convolution."""
    source, backbone, model = _classifier(work, "cnn")
    return _train_suffix(model, backbone, "conv3", source, work)


def mobilenet(work: Work) -> Outcome:
    """A head on MobileNetV2."""
    keras.utils.set_random_seed(work.seed)
    source = ArraySource(work.inputs, work.labels)
    scaling = fixed(source.spec, None, mean=0.5, std=0.5)
    inputs, x = preprocess(source.spec, scaling)
    backbone = keras.Model(inputs, mobilenet_base()(x), name="backbone")
    model = _with_head(backbone)
    return _train_suffix(model, backbone, "all", source, work)


def folder(work: Work) -> Outcome:
    """Shuffled batches of decoded photos."""
    source = FolderSource(
        [pathlib.Path(path) for path in work.inputs],
        work.labels,
        np.zeros(len(work.labels), np.uint64),
        96,
    )
    batches = iter(
        training_batches(
            source, unweighted, batch_size=BATCH_SIZE, seed=work.seed
        )
    )
    steps = len(source) // BATCH_SIZE
    return read_epochs(
        lambda: (next(batches)[0] for _ in range(steps)), work.epochs
    )


def transformer(work: Work, jit_compile: str = "auto") -> Outcome:
    """A Transformer encoder that a user wrote with Keras layers."""
    keras.utils.set_random_seed(work.seed)
    source = ArraySource(work.inputs, work.labels, name="tokens")
    return _train(encoder(), source, work, Config(jit_compile=jit_compile))


def word2vec(work: Work, jit_compile: str = "auto") -> Outcome:
    """Skip-gram with negative sampling on a bag of embeddings."""
    keras.utils.set_random_seed(work.seed)
    source = ArraySource(work.inputs, work.labels, name="tokens")
    spec = tf.TensorSpec((None,), tf.int32, "tokens")
    size = int(work.inputs.max()) + 1
    backbone = BACKBONES["embedding"](spec, size, width=words.WIDTH)
    objective = words.objective(work.inputs)
    model = builders.assemble(backbone, objective)
    config = Config(learning_rate=0.01, jit_compile=jit_compile)
    outcome = _train(model, source, work, config, objective)
    vectors = backbone.get_layer("embedding_table").get_weights()[0]
    context = model.get_layer("context").get_weights()[0]
    outcome.losses = [
        words.untrained(work.inputs),
        words.nats_a_pair(work.inputs, vectors, context),
    ]
    return outcome


def _classifier(
    work: Work, name: str
) -> tuple[Source, keras.Model, keras.Model]:
    keras.utils.set_random_seed(work.seed)
    source = ArraySource(work.inputs, work.labels)
    backbone = BACKBONES[name](source.spec, unit(source.spec, None))
    return source, backbone, _with_head(backbone)


def _with_head(backbone: keras.Model) -> keras.Model:
    return builders.assemble(backbone, classification(TASK))


def _train_suffix(
    model: keras.Model,
    backbone: keras.Model,
    freeze: str,
    source: Source,
    work: Work,
) -> Outcome:
    watch = Watch()
    # features are kept beside the runs: elsewhere each time, or they would
    # be computed in the first turn alone
    with tempfile.TemporaryDirectory() as folder:
        config = Config(runs_dir=folder)
        prefix, suffix = split(model, backbone, freeze)
        _, cached = trainer.frozen_inputs(config, prefix, {"train": source})
        outcome = _train(suffix, cached["train"], work, config)
        outcome.total = watch.seconds()
    return outcome


def _train(
    model: keras.Model,
    source: Source,
    work: Work,
    config: Config,
    objective: Objective | None = None,
) -> Outcome:
    watch = Watch()
    config = config.replace(
        batch_size=BATCH_SIZE, epochs=work.epochs, seed=work.seed
    )
    objective = objective or classification(TASK)
    trained = trainer.train(config, model, objective, {"train": source})
    rows = trained["history"]
    return Outcome(
        [row["seconds"] for row in rows],
        [row["loss"] for row in rows],
        watch.seconds(),
    )
