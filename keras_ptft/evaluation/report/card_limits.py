"""What a run did not measure, as its model card says."""

from typing import TYPE_CHECKING

from keras_ptft.evaluation.report.lineage import Lineage
from keras_ptft.evaluation.report.report import DataFindings

if TYPE_CHECKING:
    # a report is written without TensorFlow
    from keras_ptft.evaluation.evaluation import Evaluation

_NEVER = (
    "Data of other sources, times or devices than those above: not measured.",
    "Differences between groups of people: not measured.",
    "Inputs that were made to mislead the model: not measured.",
)


def limits(
    lineage: Lineage, evaluation: "Evaluation", data: DataFindings
) -> list[str]:
    """Returns a sentence for each thing that was not measured.

    Args:
        lineage: what the run was made of.
        evaluation: what the model is worth.
        data: what was found of the data.
    """
    config, test = lineage.config, evaluation.metrics["test"]
    told = [
        f"One training, with --seed={config.seed}: how far scores vary with "
        "the seed is not measured."
    ]
    if "intervals" not in test:
        told.append("How far scores vary with the test examples: not measured.")
    if "calibration" not in test:
        told.append("How often the model is as right as it is sure: not known.")
    if "confusions" in test and evaluation.out_of_scope is None:
        told.append(
            "Inputs of no class: not measured; a label is given to them too."
        )
    if data.leaks["near"] is None:
        told.append("Near duplicates in two splits: not looked for.")
    is_tuned = lineage.transfer is not None
    if is_tuned and "test_in_pretraining" not in data.leaks:
        told.append("Whether pretraining has seen test examples: not known.")
    return [*told, *_NEVER]
