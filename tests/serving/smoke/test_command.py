"""The commands that start a server."""

import pathlib
import sys

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from keras_ptft.serving.smoke.address import Address
from keras_ptft.serving.smoke.command import (
    docker_command,
    installed_command,
    python_command,
)

ADDRESS = Address("my_dogs", 8500, 8501)
MODELS = """
model_config_list {
  config {
    name: "my_dogs"
    base_path: '/models/my_dogs'
    model_platform: "tensorflow"
    version_labels { key: "stable" value: 2 }
  }
}
"""


def models_config(path):
    config = model_server_config_pb2.ModelServerConfig()
    text = pathlib.Path(path).read_text(encoding="utf-8")
    text_format.Parse(text, config)
    (only,) = config.model_config_list.config
    return only


@pytest.fixture
def dogs(tmp_path):
    """A folder of versions with the files of a server."""
    folder = tmp_path / 'my "dogs"'
    (folder / "serving").mkdir(parents=True)
    (folder / "serving" / "models.config").write_text(MODELS)
    for name in ("batching", "monitoring"):
        (folder / "serving" / f"{name}.config").touch()
    return folder


def test_a_folder_alone(tmp_path, on_path):
    program = on_path("tensorflow_model_server", "")
    flags = [
        "--port=8500",
        "--rest_api_port=8501",
        "--max_num_load_retries=0",
        "--model_name=my_dogs",
        f"--model_base_path={tmp_path}",
    ]
    given = tmp_path, ADDRESS, tmp_path
    assert installed_command(*given) == [program, *flags]
    python = [sys.executable, "-m", "keras_ptft.serving.model_server"]
    assert python_command(*given) == [*python, *flags]


def test_files_beside_the_versions(dogs, tmp_path, on_path):
    on_path("tensorflow_model_server", "")
    words = installed_command(dogs, ADDRESS, tmp_path)
    assert words[4:] == [
        f"--model_config_file={tmp_path}/models.config",
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_batching=true",
        f"--batching_parameters_file={dogs}/serving/batching.config",
        f"--monitoring_config_file={dogs}/serving/monitoring.config",
    ]
    found = models_config(tmp_path / "models.config")
    assert found.base_path == str(dogs)
    assert (found.name, dict(found.version_labels)) == (
        "my_dogs",
        {"stable": 2},
    )


def test_docker_sees_the_folders_elsewhere(dogs, tmp_path, on_path):
    program = on_path("docker", "")
    words = docker_command(dogs, ADDRESS, tmp_path)
    assert words == [
        *(program, "run", "--rm", "--init"),
        "--publish=127.0.0.1:8500:8500",
        "--publish=127.0.0.1:8501:8501",
        f"--mount=type=bind,source={dogs},target=/models/my_dogs,readonly",
        f"--mount=type=bind,source={tmp_path},target=/models/.scratch,readonly",
        "--entrypoint=tensorflow_model_server",
        "tensorflow/serving",
        *("--port=8500", "--rest_api_port=8501", "--max_num_load_retries=0"),
        "--model_config_file=/models/.scratch/models.config",
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_batching=true",
        "--batching_parameters_file=/models/my_dogs/serving/batching.config",
        "--monitoring_config_file=/models/my_dogs/serving/monitoring.config",
    ]
    found = models_config(tmp_path / "models.config")
    assert found.base_path == "/models/my_dogs"
