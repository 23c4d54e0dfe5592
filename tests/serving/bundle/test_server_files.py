import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest
import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

from keras_ptft import files
from keras_ptft.serving.bundle.server_files import write_server_files
from keras_ptft.serving.export import FACTS

SHELLS = [name for name in ("bash", "dash", "sh") if shutil.which(name)]
TOOLS = ("dirname", "mktemp", "rm", "sed", "sh", "cat", "sleep")


SCORES = ["logits", "probabilities"]
PIXELS = {"dtype": "uint8", "shape": [None, 8, 8, 1]}
IMAGES = {
    "serving_default": {"inputs": {"image": PIXELS}, "outputs": SCORES},
    "encoded_images": {
        "inputs": {"bytes": {"dtype": "string", "shape": [None]}},
        "outputs": SCORES,
    },
}
TOKENS = {
    "inputs": {"tokens": {"dtype": "int32", "shape": [None, None]}},
    "outputs": SCORES,
}


def write_files(version, described):
    """Writes them for a version that says what it answers."""
    files.write_json(version / FACTS, {"client": {"signatures": described}})
    write_server_files(version)


@pytest.fixture
def base(tmp_path):
    """A folder of one version, with a name that has to be quoted."""
    base = tmp_path / 'a b&c|$d"e\\f' / "Digits_v2"
    write_files(base / "12", IMAGES)
    return base


def parsed(path, kind):
    return text_format.Parse(path.read_text(encoding="utf-8"), kind())


def messages():
    """Those of session_bundle_config.proto and monitoring_config.proto that
    tensorflow-serving-api does not hold."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="serving_bundle_test.proto",
        package="serving_bundle_test",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    whole = ".google.protobuf.Int64Value"

    def add(message, name, number, kind, type_name=None, *, repeated=False):
        label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
        message.field.add(
            name=name,
            number=number,
            type=kind,
            label=label,
            type_name=type_name,
        )

    batching = file.message_type.add(name="BatchingParameters")
    for number, name in enumerate(
        (
            "max_batch_size",
            "batch_timeout_micros",
            "max_enqueued_batches",
            "num_batch_threads",
        ),
        1,
    ):
        add(batching, name, number, field.TYPE_MESSAGE, whole)
    add(batching, "allowed_batch_sizes", 6, field.TYPE_INT64, repeated=True)
    add(batching, "pad_variable_length_inputs", 7, field.TYPE_BOOL)
    prometheus = file.message_type.add(name="PrometheusConfig")
    add(prometheus, "enable", 1, field.TYPE_BOOL)
    add(prometheus, "path", 2, field.TYPE_STRING)
    monitoring = file.message_type.add(name="MonitoringConfig")
    of_prometheus = ".serving_bundle_test.PrometheusConfig"
    add(monitoring, "prometheus_config", 1, field.TYPE_MESSAGE, of_prometheus)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return [
        message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"serving_bundle_test.{name}")
        )
        for name in ("BatchingParameters", "MonitoringConfig")
    ]


def test_the_server_loads_the_newest_version(base):
    kind = model_server_config_pb2.ModelServerConfig
    found = parsed(base / "serving/models.config", kind)
    (model,) = found.model_config_list.config
    assert (model.name, model.model_platform) == ("Digits_v2", "tensorflow")
    assert model.base_path == "/models/Digits_v2"
    assert model.model_version_policy.latest.num_versions == 1
    assert not model.version_labels


def test_labels_are_written_as_they_are_given(base):
    labels = {"stable": 11, "canary": 12}
    fields = ["model_version_policy { latest { num_versions: 3 } }"]
    fields += [
        f'version_labels {{ key: "{label}" value: {version} }}'
        for label, version in labels.items()
    ]
    write_server_files(base / "12", fields)
    kind = model_server_config_pb2.ModelServerConfig
    found = parsed(base / "serving/models.config", kind)
    (model,) = found.model_config_list.config
    assert dict(model.version_labels) == labels
    assert model.model_version_policy.latest.num_versions == 3


def test_batching_and_metrics_are_what_the_server_reads(base):
    batching_kind, monitoring_kind = messages()
    batching = parsed(base / "serving/batching.config", batching_kind)
    sizes = list(batching.allowed_batch_sizes)
    assert sizes == sorted(sizes)
    assert sizes[-1] == batching.max_batch_size.value == 128
    assert batching.num_batch_threads.value >= 1
    assert not batching.pad_variable_length_inputs
    monitoring = parsed(base / "serving/monitoring.config", monitoring_kind)
    assert monitoring.prometheus_config.enable
    assert monitoring.prometheus_config.path.startswith("/")


def test_a_batch_is_one_that_each_labelled_version_takes(tmp_path):
    config = tmp_path / "serving/batching.config"
    kind, _ = messages()
    for number, most, canary in ((1, 7, False), (2, 64, True), (3, 0, False)):
        facts = {
            "client": {"signatures": IMAGES},
            "intake": {"largest_batch": most},
            "release": {"canary": canary},
        }
        version = tmp_path / str(number)
        files.write_json(version / FACTS, facts)
        write_server_files(version)
        # clients ask for version 1, stable, while 2 is tried
        together = parsed(config, kind).max_batch_size.value
        assert together == {1: 7, 2: 7, 3: 128}[number]


def test_tokens_of_any_length_share_no_batch(tmp_path):
    version = tmp_path / "topics/1"
    config = tmp_path / "topics/serving/batching.config"
    strings = {"text": {"dtype": "string", "shape": [None]}}
    default = {"inputs": strings, "outputs": SCORES}
    write_files(version, {"serving_default": default, "tokens": TOKENS})
    assert "any length: tokens." in config.read_text()
    # where the tokenizer is not in the graph, tokens are all that is taken
    write_files(version, {"serving_default": TOKENS})
    assert not config.exists()
    folder = config.parent
    for path in (p for p in folder.rglob("*") if p.is_file()):
        assert "enable_batching" not in path.read_text(encoding="utf-8")
    assert "There is no `batching.config`" in (folder / "README.md").read_text()


def flags_of(words):
    return dict(word.removeprefix("--").split("=", 1) for word in words)


def test_compose_mounts_the_versions(base):
    text = (base / "serving/compose.yaml").read_text()
    found = yaml.safe_load(text)
    assert found["name"] == "digits-v2"
    (service,) = found["services"].values()
    (volume,) = service["volumes"]
    assert (base / "serving" / volume["source"]).resolve() == base
    assert_files_are_there(base, service["command"], volume["target"])
    assert service["ports"] == [
        f"${{SERVING_HOST:-127.0.0.1}}:${{{name}:-{port}}}:{port}"
        for name, port in (("GRPC_PORT", 8500), ("REST_PORT", 8501))
    ]
    assert "GET /v1/models/Digits_v2 HTTP" in service["healthcheck"]["test"][-1]


def assert_files_are_there(base, words, target):
    """Checks the files that flags name, as they are in the container."""
    flags = flags_of(words)
    assert (flags["port"], flags["rest_api_port"]) == ("8500", "8501")
    files = [flags[name] for name in flags if name.endswith("_file")]
    assert len(files) == 3
    for name in files:
        assert (
            base / pathlib.PurePosixPath(name).relative_to(target)
        ).is_file()
    assert flags["enable_batching"] == "true"


def test_kubernetes_asks_for_the_model(base):
    files = sorted((base / "serving/deploy").iterdir())
    found = [yaml.safe_load(file.read_text()) for file in files]
    deployment, service = found
    kinds = [part["kind"] for part in found]
    assert kinds == ["Deployment", "Service"]
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels
    (container,) = template["spec"]["containers"]
    probe = container["readinessProbe"]["httpGet"]
    assert probe["path"] == "/v1/models/Digits_v2"
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == ports
    (mount,) = container["volumeMounts"]
    assert mount["name"] == template["spec"]["volumes"][0]["name"]
    assert_files_are_there(base, container["args"], mount["mountPath"])
    # 512 MiB and four times a small model, in steps of 256
    assert container["resources"]["requests"]["memory"] == "768Mi"
    assert container["resources"]["limits"]["memory"] == "1536Mi"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_a_shells(base, shell):
    command = [shell, "-n", base / "serving/serve.sh"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(base / "serving/serve.sh", os.X_OK)


@pytest.fixture
def path(tmp_path):
    """A PATH with the usual tools; (name, lines) adds a program."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool))

    def add(name, *lines):
        program = folder / name
        program.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        program.chmod(0o755)

    add.environment = {"PATH": str(folder), "TMPDIR": str(tmp_path)}
    return add


PRINTS = 'for word in "$@"; do printf "%s\\n" "$word"; done'


def served(base, path, *words):
    return subprocess.run(
        ["sh", "serving/serve.sh", *words],
        cwd=base,
        env=path.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_starts_the_server_of_this_machine(base, path, tmp_path):
    path("docker", "exit 9")
    path(
        "tensorflow_model_server",
        PRINTS,
        'for word in "$@"; do case $word in --model_config_file=*)',
        'cat "${word#*=}" >seen ;; esac; done',
        "exit 3",
    )
    done = served(base, path, "--port=1", "--x=a b")
    assert (done.returncode, done.stderr) == (3, "")
    words = done.stdout.splitlines()
    assert words[-2:] == ["--port=1", "--x=a b"]
    flags = flags_of(words[:-2])
    assert flags["rest_api_port"] == "8501"
    batching = pathlib.Path(flags["batching_parameters_file"])
    assert batching == base / "serving/batching.config"
    kind = model_server_config_pb2.ModelServerConfig
    found = parsed(base / "seen", kind)
    assert found.model_config_list.config[0].base_path == str(base)
    # nothing is left of what the server read
    assert not list(tmp_path.glob("tmp.*"))


def test_a_signal_ends_the_server(base, path, tmp_path):
    path("tensorflow_model_server", 'echo "$$" >started', "exec sleep 1000")
    script = subprocess.Popen(
        ["sh", "serving/serve.sh"], cwd=base, env=path.environment
    )
    started = base / "started"
    while not (started.exists() and started.read_text()):
        assert script.poll() is None
        time.sleep(0.01)
    script.send_signal(signal.SIGTERM)
    assert script.wait() == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
    assert not list(tmp_path.glob("tmp.*"))


def test_it_starts_docker_where_there_is_no_server(base, path):
    path("docker", PRINTS)
    path.environment |= {"REST_PORT": "9001", "SERVING_IMAGE": "mine:2"}
    done = served(base, path, "--x=a b")
    words = done.stdout.splitlines()
    assert words[:3] == ["run", "--rm", "--init"]
    # no other machine reaches it
    assert "--publish=127.0.0.1:9001:8501" in words
    assert "--publish=127.0.0.1:8500:8500" in words
    target = "/models/Digits_v2"
    mount = f"--mount=type=bind,source={base},target={target},readonly"
    assert mount in words
    at = words.index("mine:2")
    assert_files_are_there(base, words[at + 1 : -1], target)
    assert words[-1] == "--x=a b"


def test_docker_can_let_other_machines_in(base, path):
    path("docker", PRINTS)
    path.environment |= {"SERVING_HOST": "0.0.0.0"}
    words = served(base, path).stdout.splitlines()
    assert "--publish=0.0.0.0:8500:8500" in words
    assert "--publish=0.0.0.0:8501:8501" in words


@pytest.mark.parametrize("docker", [(), ("exit 1",)], ids=sorted("ab"))
def test_without_either_it_says_what_to_type(base, path, docker):
    if docker:
        # its daemon does not answer
        path("docker", *docker)
    done = served(base, path)
    assert done.returncode == 2
    assert done.stderr.startswith("Cannot serve Digits_v2: tensorflow_model")
    assert f"type keras-ptft serve '{base}', which" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_page_names_what_there_is(base):
    text = (base / "serving/README.md").read_text()
    assert "`image`: uint8 (batch, 8, 8, 1)" in text
    assert "python 12/assets.extra/client.py photo.jpg" in text
    for signature in IMAGES:
        assert f"| `{signature}` |" in text
    for name in ("models", "batching", "monitoring"):
        assert f"`{name}.config`" in text


def test_a_version_of_an_earlier_program_gets_none(tmp_path):
    files.write_json(tmp_path / "digits/1" / FACTS, {"source": None})
    write_server_files(tmp_path / "digits/1")
    assert os.listdir(tmp_path / "digits") == ["1"]
