"""The devices that TensorFlow finds.

The lines of GPUs and TPUs are written from TensorFlow's documentation: they
were never run on one.
"""

import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

import tensorflow as tf

from keras_ptft.doctor.finding import Finding, failed, ok, warning
from keras_ptft.doctor.settings import DoctorConfig
from keras_ptft.errors import UserError
from keras_ptft.training.distribution.strategies import TPU, get_strategy

_MEMORY_QUERY = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,memory.used,driver_version",
    "--format=csv,noheader",
)
_SEE_WHY = (
    "see which library is missing by TF_CPP_MIN_LOG_LEVEL=0 keras-ptft doctor "
    '--quick; pip install "tensorflow[and-cuda]" brings CUDA'
)
# one is not installed over the other
_TPU_INSTEAD = (
    "if this is a TPU: pip uninstall -y tensorflow && pip install "
    "tensorflow-tpu"
)
_QUERY_SECONDS = 20


def is_tpu_expected() -> bool:
    """Returns whether the environment or the system tells of a TPU."""
    names = ("TPU_NAME", "COLAB_TPU_ADDR", "TPU_WORKER_ID")
    return any(map(os.environ.get, names)) or os.path.exists("/dev/accel0")


def tpu(config: DoctorConfig) -> Iterator[Finding]:
    """A TPU; it is joined before TensorFlow uses another device."""
    del config
    if not is_tpu_expected():
        yield ok("none: no TPU_NAME, none on this machine", cores=0)
        return
    try:
        strategy = get_strategy(TPU)
    except UserError as error:
        yield failed(str(error), _TPU_INSTEAD, cores=0)
        return
    count = strategy.num_replicas_in_sync
    yield ok(f"{count} cores, --strategy=tpu", cores=count)


def gpus(config: DoctorConfig) -> Iterator[Finding]:
    """GPUs by name and compute capability, and the CUDA that is asked for."""
    del config
    build = tf.sysconfig.get_build_info()
    versions = {n: build.get(f"{n}_version", "") for n in ("cuda", "cudnn")}
    built = f"CUDA {versions['cuda']} and cuDNN {versions['cudnn']}"
    found = tf.config.list_physical_devices("GPU")
    for device in found:
        details = tf.config.experimental.get_device_details(device)
        name = details.get("device_name", device.name)
        ability = ".".join(map(str, details.get("compute_capability", ())))
        yield ok(
            f"{name}, compute capability {ability or 'unknown'}, TensorFlow "
            f"built with {built}",
            name=name,
            compute_capability=ability,
            **versions,
        )
    told = _by_driver()
    for line in told:
        yield ok(f"the driver tells of {line}", driver=line)
    if found:
        return
    if told and os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        remedy = "unset CUDA_VISIBLE_DEVICES to use them"
        yield warning("CUDA_VISIBLE_DEVICES hides the GPUs", remedy)
    elif told:
        yield failed("TensorFlow finds none of them", _SEE_WHY, **versions)
    else:
        yield ok("none, and no driver of one", **versions)


def threads(config: DoctorConfig) -> Iterator[Finding]:
    """How the CPU is used: its devices, threads and library."""
    del config
    settings = tf.config.threading
    inside = settings.get_intra_op_parallelism_threads()
    between = settings.get_inter_op_parallelism_threads()
    library = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "") != "0"
    count = len(tf.config.list_logical_devices("CPU"))
    yield ok(
        f"{count} CPU device(s), {inside or 'a thread for each core'} within "
        f"an operation, {between or 'the same'} between, oneDNN "
        f"{'on where TensorFlow has it' if library else 'off'}",
        devices=count,
        intra_op=inside,
        inter_op=between,
        onednn=library,
    )


def _by_driver() -> list[str]:
    """A line for each GPU that the driver knows, whatever TensorFlow finds."""
    if shutil.which(_MEMORY_QUERY[0]) is None:
        return [str(p) for p in pathlib.Path("/dev").glob("nvidia[0-9]*")]
    try:
        done = subprocess.run(
            _MEMORY_QUERY,
            capture_output=True,
            text=True,
            check=True,
            timeout=_QUERY_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]
