"""What the doctor finds of this machine, and of broken ones."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import environment, main
from keras_ptft.data import Loading, load
from keras_ptft.doctor import (
    checks,
    devices,
    machine,
    serving,
    software,
    trials,
)
from keras_ptft.doctor.command import doctor
from keras_ptft.doctor.finding import (
    FAILED,
    OK,
    WARNING,
    Finding,
    failed,
    ok,
    warning,
)
from keras_ptft.doctor.settings import DoctorConfig
from keras_ptft.errors import UserError
from keras_ptft.training.distribution.cluster import Cluster
from tests.conftest import ROOT

QUICK = DoctorConfig(quick=True)
SLOW = {name for name, check in checks.CHECKS.items() if check.takes_seconds}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def findings(look, config=QUICK):
    return list(look(config))


def the_only(look, config=QUICK):
    (found,) = findings(look, config)
    return found


def test_every_check_tells_something_but_the_slow_ones(tmp_path):
    lines = []
    config = DoctorConfig(quick=True, json=str(tmp_path / "doctor.json"))
    is_well = doctor(config, lines.append)
    written = json.loads((tmp_path / "doctor.json").read_text("utf-8"))
    told = [found["check"] for found in written["findings"]]
    assert list(dict.fromkeys(told)) == [
        name for name in checks.CHECKS if name not in SLOW
    ]
    assert set(written) == {"schema", "version", "status", "findings"}
    fields = {"check", *Finding._fields}
    assert all(set(found) == fields for found in written["findings"])
    statuses = {found["status"] for found in written["findings"]}
    assert statuses <= {OK, WARNING, FAILED}
    assert is_well is (FAILED not in statuses)
    assert (written["status"] == FAILED) is not is_well
    # a line for each finding, and the last one
    assert len(lines) == len(told) + 1
    assert tf.__version__ in "\n".join(lines)


def test_lines_are_as_wide_as_a_terminal(monkeypatch):
    long = "seven words " * 30
    look = checks.Check(lambda _: iter([ok(long), failed(long, long)]))
    monkeypatch.setattr(checks, "CHECKS", {"one": look})
    lines = []
    assert not doctor(QUICK, lines.append)
    text = "\n".join(lines)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert text.startswith("ok       one          seven words")
    assert "\nfailed                seven words" in text
    assert " → seven words" in text
    assert text.endswith("\n1 failed: see the arrows.")


def test_warnings_are_no_failures(monkeypatch):
    look = checks.Check(lambda _: iter([warning("slow", "wait")]))
    monkeypatch.setattr(checks, "CHECKS", {"one": look})
    lines = []
    assert doctor(QUICK, lines.append)
    assert lines[-1] == "\nThis machine works, with 1 warning(s)."


def test_a_check_that_breaks_leaves_the_others(monkeypatch):
    def broken(config):
        del config
        yield ok("before")
        raise OSError("no such thing\nat all")

    rest = checks.Check(lambda _: iter([ok("after")]))
    every = {"one": checks.Check(broken), "two": rest}
    monkeypatch.setattr(checks, "CHECKS", every)
    found = list(checks.examine(QUICK))
    assert [name for name, _ in found] == ["one", "one", "two"]
    assert found[1][1].status == FAILED
    assert found[1][1].text == "OSError: no such thing at all"


def test_a_machine_without_tensorflow_is_told(tmp_path):
    package = tmp_path / "broken" / "tensorflow"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('libfoo.so')")
    done = subprocess.run(
        [sys.executable, "-m", "keras_ptft", "doctor", "--quick"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": f"{package.parent}{os.pathsep}{ROOT}",
        },
    )
    assert done.returncode == 1
    assert "failed   packages     ImportError: libfoo.so" in done.stdout
    assert "memory" in done.stdout
    assert done.stderr == ""


def test_a_file_that_cannot_be_written_is_an_error(capsys):
    assert main.main(["doctor", "--quick", "--json=/dev/null/x.json"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "--json=/dev/null/x.json must be a file" in told.err


def test_words_are_refused(capsys):
    assert main.main(["doctor", "now"]) == 2
    assert "Expected keras-ptft doctor" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("KERAS_BACKEND", "tensorflow", OK),
        ("CUDA_VISIBLE_DEVICES", "-1", WARNING),
        ("CUDA_VISIBLE_DEVICES", "0,1", OK),
        ("TF_ENABLE_ONEDNN_OPTS", "0", WARNING),
        ("TF_CONFIG", "", OK),
    ],
)
def test_variables_of_the_environment(name, value, status, monkeypatch):
    monkeypatch.setenv(name, value)
    found = {f.facts["name"]: f for f in findings(software.variables)}
    assert found[name].text == f"{name}={value}"
    assert found[name].status == status
    assert bool(found[name].remedy) is (status != OK)


def test_a_long_variable_is_cut(monkeypatch):
    workers = tuple(f"10.0.0.{i}:2222" for i in range(9))
    value = Cluster(workers, 0).to_tf_config().replace(" ", "")
    monkeypatch.setenv("TF_CONFIG", value)
    monkeypatch.setenv("XLA_FLAGS", "--xla_a=true  --xla_b=false")
    found = {f.facts["name"]: f for f in findings(software.variables)}
    first, rest = found["TF_CONFIG"].text.split(" ", 1)
    assert (len(first), first[-4:]) == (59, "...,")
    assert rest == "so trainings wait for the other workers"
    assert found["TF_CONFIG"].facts["value"] == value
    assert found["XLA_FLAGS"].text == "XLA_FLAGS=--xla_a=true --xla_b=false"


def test_a_cluster_that_cannot_be_read(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    found = {f.facts["name"]: f for f in findings(software.variables)}
    assert found["TF_CONFIG"].status == FAILED
    assert found["TF_CONFIG"].text.startswith("TF_CONFIG cannot be used")


@pytest.mark.parametrize(
    ("name", "value"), [("KERAS_BACKEND", "jax"), ("TF_USE_LEGACY_KERAS", "1")]
)
def test_another_keras_is_told_once(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    found = list(checks.examine(QUICK))
    (wrong,) = ((n, f.text) for n, f in found if f.status == FAILED)
    (fault,) = environment.faults()
    assert wrong == ("packages", fault)
    assert not {"TPU", "GPU", "CPU"} & {check for check, _ in found}


def test_requirements_that_are_missing(monkeypatch):
    line = "keras_ptft needs packages that are not installed: pip install x"
    monkeypatch.setattr(environment, "missing_requirements", lambda: line)
    missing, versions = findings(software.packages)
    assert (missing.status, missing.text) == (FAILED, line)
    assert versions.status == OK


def test_extras_name_what_to_type(monkeypatch):
    asked = ["keras>=3", 'jieba>=0.42; extra == "zh"', "sphinx; extra == 'dev'"]
    asked.append('tensorflow[and-cuda]>=2.19; extra == "gpu"')
    asked.append('keras-hub>=0.21; python_version >= "3.11" and extra == "hub"')
    monkeypatch.setattr(
        software.importlib.metadata, "requires", lambda _: asked
    )
    # CUDA is not there because TensorFlow is
    known = {"jieba": "0.42.1", "tensorflow": "2.21.0"}
    monkeypatch.setattr(
        software.environment, "version_of", lambda name: known.get(name, "")
    )
    zh, hub = findings(software.extras)
    assert zh.text == "zh: jieba 0.42.1"
    assert zh.facts["missing"] == []
    assert hub.facts["missing"] == ["keras-hub"]
    assert 'pip install "keras_ptft[hub]"' in hub.text
    # nobody needs all of them
    assert hub.status == OK


def test_extras_of_a_package_that_is_not_installed(monkeypatch):
    requires = software.importlib.metadata.requires
    monkeypatch.setattr(
        software.importlib.metadata,
        "requires",
        lambda _: requires("not-installed-anywhere"),
    )
    assert the_only(software.extras).text.startswith("not known")


def test_an_encoding_that_breaks_names(monkeypatch):
    monkeypatch.setattr(
        software.locale, "getpreferredencoding", lambda _: "ANSI_X3.4-1968"
    )
    found = the_only(software.encoding)
    assert (found.status, found.facts["files"]) == (WARNING, "ANSI_X3.4-1968")
    assert "PYTHONUTF8=1" in found.remedy


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "9"}, None),
        ({"cpu/cpu.cfs_quota_us": "50", "cpu/cpu.cfs_period_us": "100"}, 0.5),
    ],
)
def test_the_quota_of_a_control_group(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert machine.cpu_quota(tmp_path) == expected


def test_a_quota_below_the_cores_is_warned_of(tmp_path, monkeypatch):
    (tmp_path / "cpu.max").write_text("50000 100000")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    found = the_only(machine.cores)
    assert found.status == WARNING
    assert "for the time of 0.5 (cgroup)" in found.text
    assert "TF_NUM_INTRAOP_THREADS=1" in found.remedy


@pytest.mark.parametrize(
    ("limit", "status"),
    [("max", OK), ("2000000000", WARNING), ("5000", FAILED)],
)
def test_the_memory_of_a_control_group(tmp_path, monkeypatch, limit, status):
    (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine, "_memory", lambda: (16 * 10**9, 9 * 10**9))
    found = the_only(machine.memory)
    assert found.status == status
    assert found.text.startswith("9 GB free of 16 GB")
    assert found.facts["limit"] == (None if limit == "max" else int(limit))


def test_memory_is_what_psutil_says():
    psutil = pytest.importorskip("psutil")
    total, available = machine._memory()
    assert total == psutil.virtual_memory().total
    assert 0 < available <= total


def test_memory_where_no_system_call_tells_it(monkeypatch):
    monkeypatch.setattr(machine, "_memory", lambda: None)
    assert the_only(machine.memory).text == "not known on this system"


def test_a_folder_that_cannot_be_written():
    config = DoctorConfig(quick=True, runs_dir="/proc/runs")
    runs, *others = findings(machine.disks, config)
    assert runs.status == FAILED
    assert runs.text.endswith("for runs in /proc/runs, which cannot be written")
    assert runs.remedy == "choose another place by --runs_dir"
    assert all(found.status != FAILED for found in others)


def test_a_url_has_no_disk():
    config = DoctorConfig(quick=True, runs_dir="gs://bucket/runs")
    runs, *_ = findings(machine.disks, config)
    assert runs.text == "runs in gs://bucket/runs, which is not looked at"
    (clock,) = findings(machine.clock, config)
    assert clock.text.endswith(", not compared with files")


@pytest.mark.parametrize(
    ("free", "status"), [(10**8, FAILED), (10**9, WARNING), (10**11, OK)]
)
def test_space_on_the_disk(monkeypatch, free, status):
    usage = machine.shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage)
    assert {f.status for f in findings(machine.disks)} == {status}


def test_sizes_of_caches(tmp_path):
    (tmp_path / "runs" / ".features" / "a").mkdir(parents=True)
    (tmp_path / "runs" / ".features" / "a" / "b").write_bytes(bytes(1500))
    (tmp_path / "runs" / ".features" / "c").write_bytes(bytes(500))
    features, sets, keras = findings(machine.caches)
    assert features.text == "features: 2 kB in runs/.features"
    assert (sets.facts["bytes"], keras.facts["bytes"]) == (0, 0)


def test_a_large_folder_is_measured_in_part(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_MOST_FILES", 2)
    for name in "abc":
        (tmp_path / name).write_bytes(bytes(10))
    assert machine.folder_size(tmp_path) == (20, False)


def test_a_file_from_the_future(tmp_path):
    (tmp_path / "runs" / "later").mkdir(parents=True)
    assert the_only(machine.clock).text.endswith(", as files say")
    hour = time.time() + 3600
    os.utime(tmp_path / "runs" / "later", (hour, hour))
    found = the_only(machine.clock)
    assert found.status == WARNING
    assert found.text == "later in runs is dated later than now"


def test_a_clock_that_was_never_set(monkeypatch):
    monkeypatch.setattr(machine.time, "time", lambda: 0.0)
    assert the_only(machine.clock).status == FAILED


def test_what_serves_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = the_only(serving.server)
    assert (found.status, found.facts["server"]) == (OK, "python")
    assert found.text == (
        "by python, for trying on this machine, not for production: "
        "tensorflow_model_server is not on the PATH, docker is not on the PATH"
    )
    (tmp_path / "tensorflow_model_server").touch(0o755)
    assert the_only(serving.server).text == "by tensorflow_model_server"


def test_a_processor_without_avx(monkeypatch):
    facts = machine.processor_facts()._replace(flags=frozenset(["sse2"]))
    monkeypatch.setattr(machine, "processor_facts", lambda: facts)
    assert the_only(machine.processor).status == FAILED


DRIVER = """#!/bin/sh
echo 'NVIDIA L4, 23034 MiB, 1 MiB, 550.54'
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A driver that knows of a GPU, which TensorFlow does not find."""
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is one")
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(DRIVER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("driver")
def test_a_gpu_that_tensorflow_does_not_find(monkeypatch):
    known, missing = findings(devices.gpus)
    assert known.facts["driver"] == "NVIDIA L4, 23034 MiB, 1 MiB, 550.54"
    assert missing.status == FAILED
    assert 'pip install "tensorflow[and-cuda]"' in missing.remedy
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert findings(devices.gpus)[1].status == WARNING


def test_a_tpu_that_is_not_there(monkeypatch):
    if tf.config.list_physical_devices("TPU"):
        pytest.skip("there is one")
    monkeypatch.delenv("TPU_NAME", raising=False)
    assert the_only(devices.tpu).text.startswith("none: no TPU_NAME")
    monkeypatch.setenv("TPU_NAME", "local")
    found = the_only(devices.tpu)
    assert found.status == FAILED
    assert found.text.startswith("--strategy=tpu needs a TPU, got none as")


def test_a_training_is_judged_by_its_losses():
    def judged(*losses):
        trained = trials.Trained(None, list(losses), 0.0015)
        return trials._judged(trials.Trial("CPU:0", None), trained)

    assert judged(2.0, 1.0).text == "CPU:0: 1.5 ms a step, loss 2.000 to 1.000"
    assert judged(2.0, 1.0).status == OK
    for losses in ((1.0, 2.0), (1.0, 1.0), (2.0, np.nan), (np.inf, 1.0)):
        found = judged(*losses)
        assert found.status == FAILED and found.remedy


def test_a_training_on_the_cpu():
    strategy = tf.distribute.OneDeviceStrategy("CPU:1")
    digits = load("digits", Loading(image_size=8))
    found = trials.train(trials.Trial("CPU", strategy), digits)
    assert len(found.losses) == 4
    assert found.losses[-1] < 0.5 * found.losses[0]
    assert 0 < found.step_seconds < 60


def test_a_device_that_fails_leaves_the_others(monkeypatch):
    def broken(trial, digits):
        del digits
        if trial.jit_compile == "true":
            raise tf.errors.InternalError(None, None, "no ptxas")
        return trials.Trained(None, [2.0, 1.0], 0.001)

    monkeypatch.setattr(trials, "train", broken)
    found = findings(trials.trainings)
    wrong = [f for f in found if f.status == FAILED]
    assert len(found) > len(wrong) == 1
    assert "no ptxas" in wrong[0].text
    assert wrong[0].remedy == "use --jit_compile=false"


@pytest.mark.slow
def test_the_whole_examination(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "keras_ptft", "doctor", "--json=found.json"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **{k: v for k, v in os.environ.items() if "CPP_MIN_LOG" not in k},
            "PYTHONPATH": str(ROOT),
        },
    )
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    by_check = {f["check"]: f for f in found["findings"]}
    assert list(by_check) == list(checks.CHECKS)
    assert by_check["export"]["facts"]["largest_difference"] < 1e-5
    trained = [f for f in found["findings"] if f["check"] == "training"]
    assert {"CPU:0", "CPU:0, XLA"} <= {f["facts"]["trial"] for f in trained}
    for each in trained:
        assert each["facts"]["losses"][-1] < each["facts"]["losses"][0]
    assert done.returncode == (found["status"] == FAILED)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) < 70


def test_a_wrong_type_is_refused():
    with pytest.raises(UserError, match="--quick must be bool"):
        DoctorConfig(quick="yes")
