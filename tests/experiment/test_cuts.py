"""What is frozen stays frozen at every cut point of every backbone."""

import pytest

from keras_ptft import Config
from keras_ptft.experiment import builders, frozen, phases, stages, training
from keras_ptft.experiment.loading import load_dataset
from keras_ptft.models import BACKBONES
from keras_ptft.transfer import audit
from keras_ptft.transfer.cut import cut_points, split
from tests.transfer.bits import flip

SETTINGS = {"image_size": 8, "epochs": 1, "train_examples": 128}
SETTINGS |= {"explain": False, "jit_compile": "false"}
# with statistics and dropout that could change, and every row
CHANGING = ["cnn(filters=[4, 4], batch_norm=True, dropout=0.3)"]
CHANGING += ["mlp(hidden=[5, 4, 3], dropout=0.3)"]
ROWS = ["mlp", "mlp_small", "cnn", "cnn_single", "cnn_5x5", "rnn(units=8)"]
ROWS += ["resnet_small(filters=[4, 8], blocks=1)", "tanh_cnn(filters=[3, 4])"]
ROWS += ["vit_small(patch=5, width=8, depth=1, heads=2)"]
# these read only texts; tests/models cuts them at every point
TEXT = {"embedding", "textcnn", "transformer", "bert"}
# too many layers to train behind each of them
DEEP = {
    "efficientnet_lite0": ["stem", "block5", "all"],
    "applications('MobileNetV2')": ["Conv1_relu", "block_1_pad", "all"],
}


def test_every_row_of_the_table_is_audited():
    names = {spec.split("(")[0] for spec in [*CHANGING, *ROWS, *DEEP]}
    assert set(BACKBONES) - TEXT == names


def test_what_is_frozen_stays_frozen(tmp_path):
    check_cuts(CHANGING[0], tmp_path, streamed=True, points=["dropout1", "all"])


@pytest.mark.slow
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("spec", CHANGING)
def test_what_could_change_stays_frozen_at_every_point(
    spec, tmp_path, streamed
):
    check_cuts(spec, tmp_path, streamed=streamed)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ROWS)
def test_what_is_frozen_stays_frozen_in_every_backbone(spec, tmp_path):
    """At every point, which are streamed to and cached in turn."""
    for start, streamed in enumerate((True, False)):
        turn = slice(start, None, 2)
        check_cuts(spec, tmp_path, streamed=streamed, turn=turn)


@pytest.mark.slow
@pytest.mark.parametrize("spec", DEEP)
def test_what_is_frozen_stays_frozen_in_deep_backbones(spec, tmp_path):
    check_cuts(spec, tmp_path, streamed=False, points=DEEP[spec], image_size=32)


def test_a_bit_that_changes_fails_the_run(tmp_path, monkeypatch):
    settings = SETTINGS | {"runs_dir": str(tmp_path)}
    backbone = "cnn(filters=[2, 3], dense=4, batch_norm=True)"
    stages.pretrain(Config(name="first", backbone=backbone, **settings))

    def meddle(config, prefix, *given):
        flip(prefix.get_layer("conv1_bn").moving_mean)
        return frozen.frozen_inputs(config, prefix, *given)

    monkeypatch.setattr(phases, "frozen_inputs", meddle)
    with pytest.raises(RuntimeError, match=r"changed: conv1_bn/moving_mean\.$"):
        stages.finetune(
            Config(name="f", init_from="first", freeze="conv1_bn", **settings)
        )
    assert not (tmp_path / "f/result.json").exists()


def check_cuts(
    spec, folder, *, streamed, points=(), turn=slice(None), image_size=20
):
    """Cuts, trains and audits as a fine-tuning does, at each or all points."""
    config = Config(
        **SETTINGS | {"image_size": image_size},
        backbone=spec,
        runs_dir=str(folder),
        learning_rate=0.1,
        validation_fraction=0.0,
        feature_cache_gb=0.0 if streamed else 1.0,
    )
    dataset = load_dataset(config, None, "warn").dataset
    objective = builders.build_objective(config, dataset.info)
    if not points:
        backbone = builders.build_backbone(config, dataset, objective)
        points = ["all", *cut_points(backbone)]
    for freeze in points[turn]:
        builders.prepare(config)
        backbone = builders.build_backbone(config, dataset, objective)
        model = builders.assemble(backbone, objective)
        prefix, suffix = split(model, backbone, freeze)
        before = audit.fingerprints(prefix.variables)
        whole = audit.fingerprint(model)
        inputs = frozen.frozen_inputs(config, prefix, objective, dataset.splits)
        assert (inputs.prefix is not None) == streamed
        training.train(config, suffix, objective, inputs)
        found = audit.audit(before, prefix.variables)
        expected = {"frozen_variables": len(prefix.variables), "changed": []}
        assert found == expected
        assert audit.fingerprint(model) != whole
