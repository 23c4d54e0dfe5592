"""The profile of some training steps."""

import pytest

from keras_ptft import Config, UserError
from keras_ptft.experiment import stages
from keras_ptft.training.profiling import parse_profile_steps


@pytest.mark.parametrize("text", ["5", "0,3", "9,8", "a,b", "1,2,3", "-1,2"])
def test_what_is_no_range_of_steps(text):
    with pytest.raises(UserError) as caught:
        parse_profile_steps(text)
    assert str(caught.value) == (
        "--profile_steps must be the first and the last step, counted from "
        f"1, as 10,20, got {text!r}."
    )


@pytest.mark.slow
def test_a_profile_is_written_and_makes_no_other_run(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(tmp_path)
    config = Config(
        name="a",
        backbone="mlp(hidden=[8])",
        image_size=8,
        train_examples=200,
        epochs=2,
        batch_size=20,
        steps_per_execution=1,
        profile_steps="3,5",
    )
    first = stages.pretrain(config)
    (profile,) = tmp_path.glob(
        "runs/a/tensorboard/plugins/profile/*/*.xplane.pb"
    )
    assert profile.stat().st_size > 0
    assert "Profiled to step 5, into runs/a/tensorboard." in caplog.text
    # not trained again
    assert stages.pretrain(config.replace(profile_steps="")) == first
    caplog.clear()
    late = config.replace(name="b", profile_steps="100,200")
    stages.pretrain(late)
    assert (
        "Nothing was profiled: --profile_steps=100,200, and this training "
        "ended after step 20." in caplog.text
    )
