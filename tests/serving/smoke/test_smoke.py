"""`keras-ptft serve --smoke`, whole: a process that serves is asked.

It is the server in Python: no real tensorflow_model_server runs here.
"""

import os
import pathlib
import shlex
import sys

import pytest

from keras_ptft import files, main
from keras_ptft.serving.versioning.versions import versions
from tests.conftest import ROOT

SERVER = [sys.executable, "-m", "keras_ptft.serving.model_server"]
SMOKE = ["--smoke", "--port=0", "--rest_port=0"]
MODELS = """
model_config_list {
  config {
    name: "scale"
    base_path: "/models/scale"
    model_platform: "tensorflow"
  }
}
"""


@pytest.mark.slow
def test_an_export_of_a_run_is_served_right(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = "pretrain --name=a --backbone=mlp_small --epochs=1 --image_size=8"
    words += " --explain=false --jit_compile=false --export_to=models/digits"
    assert main.main(words.split()) == 0
    (version,) = versions(pathlib.Path("models/digits"))
    facts = files.read_json(version / "assets.extra" / "export.json")
    assert facts["warmup"]["requests"] == 2 * len(facts["largest_difference"])
    assert facts["warmup"]["left_out"] == []
    capsys.readouterr()
    code = main.main(["serve", "models/digits", *SMOKE, "--server=python"])
    told = capsys.readouterr()
    assert (code, told.err) == (0, "")
    assert told.out.startswith("Version 1 of models/digits, as it is served:")
    assert told.out.endswith("\nAll answers are right.\n")
    rows = [line.split()[:3] for line in told.out.splitlines()[3:-2]]
    for name in facts["largest_difference"]:
        for batch in ("1", "32"):
            assert [name, batch, "gRPC"] in rows
            assert [name, batch, "REST"] in rows


@pytest.mark.slow
def test_a_server_of_other_weights_is_found_out(
    base, make_base, on_path, capsys, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    other = make_base(2.5)
    (base / "serving").mkdir(exist_ok=True)
    path = base / "serving" / "models.config"
    path.write_text(MODELS, encoding="utf-8")
    script = f"""
    for word; do
        case $word in --model_config_file=*) config=${{word#*=}};; esac
    done
    sed -i 's|{base}|{other}|' "$config"
    exec {shlex.join(SERVER)} "$@"
    """
    on_path("sed", f'exec {os.path.realpath("/bin/sed")} "$@"')
    on_path("tensorflow_model_server", script)
    try:
        assert main.main(["serve", str(base), *SMOKE]) == 1
    finally:
        path.unlink()
    told = capsys.readouterr()
    lines = told.err.splitlines()
    assert len(lines) == 8
    assert lines[0] == (
        "keras-ptft: signature 'serving_default' by gRPC at batch 1: it "
        "differs by 0.25, expected at most 0.0001."
    )
    assert "2.5e-01" in told.out and "All answers" not in told.out
