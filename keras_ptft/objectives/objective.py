"""What a model is trained for, and everything that follows from it."""

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import CLASSES
from keras_ptft.errors import UserError
from keras_ptft.evaluation.evaluation import Evaluation, scored_splits
from keras_ptft.evaluation.measure import measure
from keras_ptft.models.heads import attach_head
from keras_ptft.objectives.linear_head import Probe, Rows, Solution
from keras_ptft.serving.generation.sampling import Sampling
from keras_ptft.serving.inference.predictor import Predictor
from keras_ptft.serving.inference.results import Answer, Generated
from keras_ptft.serving.signatures.intake import DEFAULT_INTAKE, Intake
from keras_ptft.serving.signatures.signature import Signature

Batch = tuple[Any, Any, tf.Tensor]
"""Inputs, targets and weights; the first two may be dicts by name."""

Answers = Mapping[str, np.ndarray]
"""What a predictor answers: arrays by output name, one row an example."""


class TeacherFacts(NamedTuple):
    """What an objective has to know of the model that --teacher names.

    Attributes:
        name: what messages call it.
        width: how many numbers it answers for an example.
        label_names: of its logits; empty: it gives features.
    """

    name: str
    width: int
    label_names: tuple[str, ...] = ()


class Objective(abc.ABC):
    """One way to train a model, to score it and to serve it.

    The program never asks what kind of model it has: it calls these methods.
    A new objective implements the first four; the others have defaults that
    suit a model which is trained to be fine-tuned, not served.

    Attributes:
        feature_layer: what of a backbone it reads, one of
            `models.feature_model.FEATURE_LAYERS`.
        label_kind: what labels are, as data sets are asked for them:
            `targets.CLASSES`, NUMBERS or SETS.
        needs_labels: whether it learns them.
        windows: whether examples are windows of contiguous text, one token
            longer than `sequence_length`, in place of whole texts.
        pairs: whether an example is two texts, each in a column of a table.
        causal: whether features of a token may depend on no later token.
        changes_inputs: whether `transform` changes the inputs, so that
            features of a frozen part cannot be computed once for all.
        compares: whether the loss of an example depends on the others of
            its batch.
        least_batch: how many examples a batch must have at least.
        teacher: whose answers are part of the targets: "average", that of
            the trained weights; "model", one that --teacher names; empty:
            there is no teacher.
        momentum: decay a step of the average that is the teacher, where
            --ema sets none.
        teacher_gives: what a teacher that is a model is asked for: "logits"
            of the classes of the data, or "features".
        label_free: settings with which it does not use labels, so that the
            answers of a teacher may stand for them.
        extra_inputs: names of the model's inputs beside its backbone's.
        servable: whether models of it answer requests. If not, it trains
            features alone: that is pretraining, also from known weights.
        calibrates: whether `fit_temperature` fits one.
        probe: the row of `probes.PROBES` that solves its head; empty: none
            does, as for a subclass that has another loss.
        solved_for: settings of the objective, and the values of them for
            which the probe minimises its loss.
        titles: titles of its metrics where METRICS has others.

    Args:
        info: what is known of the data.
    """

    feature_layer: ClassVar[str] = "features"
    label_kind: ClassVar[str] = CLASSES
    needs_labels: ClassVar[bool] = False
    windows: ClassVar[bool] = False
    pairs: ClassVar[bool] = False
    causal: ClassVar[bool] = False
    changes_inputs: ClassVar[bool] = False
    compares: ClassVar[bool] = False
    least_batch: ClassVar[int] = 1
    teacher: ClassVar[str] = ""
    momentum: float = 0.0
    teacher_gives: ClassVar[str] = ""
    label_free: ClassVar[Mapping[str, Any]] = {}
    extra_inputs: ClassVar[tuple[str, ...]] = ()
    servable: ClassVar[bool] = False
    calibrates: ClassVar[bool] = False
    probe: ClassVar[str] = ""
    solved_for: ClassVar[Mapping[str, Any]] = {}
    titles: Mapping[str, str] = {}

    def __init__(self, info: DataInfo, /) -> None:
        self.info = info

    @abc.abstractmethod
    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Makes a batch of the examples, by TensorFlow operations.

        Args:
            inputs: of a batch, as the source gives them.
            labels: int64 of shape (batch,), or tags (batch, tokens); of
                numbers float32 (batch,), of sets (batch, labels).
            seeds: int64 of shape (batch, 3): seed, epoch, example. What is
                random must come from these, so that a step can be repeated.
                The epoch is -1 in evaluation.

        Returns:
            Inputs and targets, tensors or dicts of tensors; and weights,
            float32 of shape (batch,).
        """

    def cautions(self) -> Sequence[str]:
        """Returns what a user is warned of before training, a sentence each."""
        return ()

    def pictures(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns what the model is shown of some images, for the report.

        Args:
            inputs: as `transform` takes them.
            labels: likewise.
            seeds: likewise.

        Returns:
            By name pictures of shape (batch, height, width, channels), in
            the range of the inputs. None where they are shown as they are.
        """
        del inputs, labels, seeds
        return {}

    def soft_targets(self, labels: tf.Tensor) -> tf.Tensor:
        """Turns labels into targets that can be blended, for --mix.

        Args:
            labels: as `transform` takes them; it takes the result too.

        Returns:
            float32, with an axis for the example and maybe one more.

        Raises:
            UserError: there is no blend of two targets.
        """
        del labels
        raise UserError(
            f"--mix blends labels, and {type(self).__name__} has none that "
            "can be: use --mix=none, or --objective=classification."
        )

    @abc.abstractmethod
    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """Computes the outputs from the feature layer."""

    def run(self, model: Callable[[Any], Any], inputs: Any) -> Any:
        """Runs a model on the inputs that `transform` made.

        Args:
            model: its frozen part, the rest of it, or all.
            inputs: of a batch.

        Returns:
            Its outputs, which the rest of the model or `loss` takes.
        """
        return model(inputs)

    def seen_by_teacher(self, inputs: Any) -> Any:
        """Returns the part of the inputs that a teacher answers for.

        Args:
            inputs: of a batch, as `run` takes them.
        """
        return inputs

    def taught(self, targets: Any, taught: Any) -> Any:
        """Adds to the targets of a batch what a teacher answers.

        Args:
            targets: of a batch, as `transform` made them.
            taught: what `run` gives for the teacher.

        Returns:
            Targets for `loss` and the metrics.
        """
        del taught
        return targets

    def follow(self, teacher: TeacherFacts) -> None:
        """Takes what it has to know of its teacher, before `assemble`.

        Args:
            teacher: the model that --teacher names.

        Raises:
            UserError: the model cannot teach it.
        """
        del teacher

    def self_taught(self, targets: Any, outputs: Any) -> Any:
        """Adds to the targets what a model answers that has no teacher.

        So a trained model is scored: where the average of weights was the
        teacher, it is what the model has.

        Args:
            targets: of a batch, as `transform` made them.
            outputs: of the model.

        Returns:
            As `taught`.
        """
        del outputs
        return targets

    @abc.abstractmethod
    def loss(self, targets: Any, outputs: Any) -> tf.Tensor:
        """Computes the loss of each example, float32 of shape (batch,)."""

    @abc.abstractmethod
    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes metrics; each takes (targets, outputs, weights)."""

    def assemble(self, backbone: keras.Model) -> keras.Model:
        """Returns the backbone with a head, as one functional model.

        Args:
            backbone: the head is attached to its own tensors, so that the
                layers before can be frozen and cached.
        """
        return attach_head(backbone, self.feature_layer, self.head)

    def solve(
        self, head: keras.Model, probe: Probe, rows: Mapping[str, Rows]
    ) -> Solution:
        """Sets a head to what a probe finds, instead of training it.

        Args:
            head: the model from features to outputs.
            probe: finds a linear head; the row that `probe` names.
            rows: of "train", and of "validation" where there is such a
                split.

        Raises:
            UserError: the head is none that can be solved, or the rows are
                not for it.
        """
        del head, probe, rows
        raise UserError(
            f"A probe needs a linear head, and {type(self).__name__} has none "
            "that is solved: leave out --probe."
        )

    def score(self, model: keras.Model, source: Source) -> dict[str, Any]:
        """Computes the metrics of one split, as `result.json` has them."""
        return measure(model, self, source)[0]

    def recall(
        self, model: keras.Model, train: Callable[[], Source | None]
    ) -> Any:
        """Returns what `score_again` needs of the training examples.

        Args:
            model: as `score` takes it.
            train: loads them, as a run was trained on them; it returns None
                where they are not there any more.

        Returns:
            None where it needs nothing, or they are not there.
        """
        del model, train

    def score_again(
        self,
        model: keras.Model,
        source: Source,
        before: Mapping[str, Any],
        recalled: Any = None,
    ) -> dict[str, Any]:
        """Computes the metrics of data after the end of a run.

        Args:
            model: as `score` takes it.
            source: the examples.
            before: metrics of the run's test split, which say what was chosen
                on its validation split.
            recalled: what `recall` returned.
        """
        del before, recalled
        return self.score(model, source)

    def evaluate(
        self,
        model: keras.Model,
        dataset: Dataset,
        *,
        reject_below: float = 0.0,
    ) -> Evaluation:
        """Evaluates a model on everything it was not trained on.

        Args:
            model: as `assemble` made it; it runs on its own strategy.
            dataset: with split "test", maybe "validation" and others.
            reject_below: probability below which no label is given; only
                objectives with labels use it.
        """
        del reject_below
        return Evaluation(self.score_splits(model, dataset), self.titles)

    def score_splits(
        self, model: keras.Model, dataset: Dataset
    ) -> dict[str, dict[str, Any]]:
        """Computes the metrics of every scored split that there is."""
        return {
            name: self.score(model, source)
            for name, source in scored_splits(dataset.splits).items()
        }

    def fit_temperature(
        self, model: keras.Model, source: Source
    ) -> float | None:
        """Fits what logits are divided by before they become probabilities.

        Args:
            model: as `assemble` made it.
            source: the validation split.

        Returns:
            The temperature, or None where the examples can fit none.

        Raises:
            UserError: the model gives no probabilities of classes.
        """
        del model, source
        raise UserError(
            f"A temperature is for probabilities of classes, and "
            f"{type(self).__name__} has none: leave out --calibrate."
        )

    def signatures(
        self,
        model: keras.Model,
        source: Source,
        intake: Intake = DEFAULT_INTAKE,
    ) -> list[Signature]:
        """Returns what an export answers, with cases that prove it.

        Args:
            model: as `assemble` made it, in float32.
            source: real examples for the cases; the first 64 are used.
            intake: what requests are refused.

        Raises:
            UserError: models of this objective answer no requests.
        """
        del model, source, intake
        raise UserError(self._unservable())

    def score_answers(
        self, answers: Answers, source: Source
    ) -> dict[str, float]:
        """Scores what an export answers, whatever it runs on.

        Args:
            answers: of its first signature that takes no strings, one row
                an example.
            source: the examples.

        Returns:
            Metrics by the names of METRICS. A version in another format may
            lose --max_accuracy_drop of the first, of which more is better.
        """
        del answers, source
        return {}

    def predictor(self, loaded: keras.Model | Predictor) -> Predictor:
        """Returns what answers requests in this process.

        Args:
            loaded: a run's model, or an export as it was loaded.

        Raises:
            UserError: models of this objective answer no requests.
        """
        del loaded
        raise UserError(self._unservable())

    def decode(
        self, names: Sequence[str], answers: Answers, reject_below: float
    ) -> Sequence[Answer]:
        """Turns what a predictor answers into what a person reads.

        Args:
            names: what each example is known by.
            answers: of the predictor, one row an example.
            reject_below: probability below which no label is given.

        Raises:
            UserError: models of this objective answer no requests.
        """
        del names, answers, reject_below
        raise UserError(self._unservable())

    def generate(
        self,
        model: keras.Model,
        inputs: Sequence[str],
        sampling: Sampling,
        text_column: str = "",
    ) -> list[Generated]:
        """Continues texts.

        Raises:
            UserError: models of this objective generate no texts.
        """
        del model, inputs, sampling, text_column
        raise UserError(
            f"The model was trained for {type(self).__name__}, and --generate "
            "needs a language model: give a run of --objective=next_token, or "
            "leave --generate out."
        )

    def _unservable(self) -> str:
        return (
            f"The model was trained for {type(self).__name__}, which gives no "
            "label: fine-tune it first; one of --objective=next_token "
            "continues a text with --generate=100."
        )
