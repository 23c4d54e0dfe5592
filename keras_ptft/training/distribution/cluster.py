"""Finds the workers of a job, and which one this is (no TensorFlow)."""

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from keras_ptft.errors import UserError

_SLURM_PORTS = 12000, 10000
_REMEDY = "start with keras-ptft launch, under srun, or see deploy/README.md"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train one model together.

    Attributes:
        workers: "host:port" of each; the first is the chief, which writes.
        index: which of them this process is, from 0.

    Raises:
        UserError: an address is malformed or repeated, or the index is out
            of range.

    Example:

    >>> Cluster(("a:2222", "b:2222"), 1).to_tf_config()
    '{"cluster": {"worker": ["a:2222", "b:2222"]}, \
"task": {"type": "worker", "index": 1}}'
    """

    workers: tuple[str, ...]
    index: int

    def __post_init__(self) -> None:
        for address in self.workers:
            if not _is_address(address):
                raise UserError(
                    "Workers must be host:port with ports from 1 to 65535, "
                    f"got {address!r}: correct the list of workers."
                )
            if self.workers.count(address) > 1:
                raise UserError(
                    f"Each worker needs its own address, got {address} twice: "
                    "correct the list of workers."
                )
        if not 0 <= self.index < len(self.workers):
            raise UserError(
                f"This is worker {self.index}, but there are "
                f"{len(self.workers)}, counted from 0: correct its index."
            )

    def to_tf_config(self) -> str:
        """Returns the value of TF_CONFIG that describes it."""
        task = {"type": "worker", "index": self.index}
        cluster = {"worker": list(self.workers)}
        return json.dumps({"cluster": cluster, "task": task})


def find_cluster(environ: Mapping[str, str]) -> Cluster:
    """Reads the cluster from environment variables.

    The first of these that is set counts:

    - `TF_CONFIG`, as TensorFlow defines it: workers, with or without a chief;
    - `KERAS_PTFT_HOSTS`, "host:port" of all workers between commas, with
      `JOB_COMPLETION_INDEX`, which Kubernetes sets in Indexed Jobs;
    - the variables of a Slurm job step, as `srun` sets them.

    Args:
        environ: the variables by name.

    Raises:
        UserError: none is set, or its value is malformed.

    Example:

    >>> hosts = {"KERAS_PTFT_HOSTS": "a:1,b:1", "JOB_COMPLETION_INDEX": "1"}
    >>> find_cluster(hosts)
    Cluster(workers=('a:1', 'b:1'), index=1)
    """
    if "TF_CONFIG" in environ:
        return from_tf_config(environ["TF_CONFIG"])
    if "KERAS_PTFT_HOSTS" in environ:
        return _from_hosts(environ)
    if "SLURM_STEP_NUM_TASKS" in environ:
        return _from_slurm(environ)
    raise UserError(
        "--strategy=multi_worker needs the list of workers, got neither "
        f"TF_CONFIG nor KERAS_PTFT_HOSTS nor a Slurm step: {_REMEDY}."
    )


def several_workers(environ: Mapping[str, str]) -> bool:
    """Whether TF_CONFIG describes a cluster of more than one worker.

    Slurm's variables do not count: its steps are as often independent runs.
    """
    text = environ.get("TF_CONFIG", "")
    return bool(text) and len(from_tf_config(text).workers) > 1


def from_tf_config(text: str) -> Cluster:
    """Parses TF_CONFIG; a separate chief becomes the first worker.

    Raises:
        UserError: malformed JSON, an unknown kind of task, or a task that
            the cluster does not have.

    Example:

    >>> from_tf_config(Cluster(("a:2222", "b:2222"), 1).to_tf_config()).index
    1
    """
    value = _parsed(text)
    cluster, task = value.get("cluster"), value.get("task")
    jobs = cluster if isinstance(cluster, dict) else {}
    if not jobs or not set(jobs) <= {"chief", "worker"}:
        raise _malformed(
            "'cluster' must have 'worker', maybe 'chief', and nothing else",
            cluster,
        )
    for job in jobs.values():
        if not isinstance(job, list) or not all(
            isinstance(address, str) for address in job
        ):
            raise _malformed("each job must be a list of host:port", job)
    kind = task.get("type") if isinstance(task, dict) else None
    index = task.get("index") if isinstance(task, dict) else None
    if kind not in jobs or type(index) is not int:
        raise _malformed(
            f"'task' must have a type ({' or '.join(jobs)}) and a whole index",
            task,
        )
    if not 0 <= index < len(jobs[kind]):
        raise _malformed(
            f"there are {len(jobs[kind])} tasks {kind!r}, counted from 0", task
        )
    chiefs, workers = jobs.get("chief", []), jobs.get("worker", [])
    first = len(chiefs) if kind == "worker" else 0
    return Cluster((*chiefs, *workers), first + index)


def split_hosts(text: str) -> tuple[str, ...]:
    """Splits "host:port,host:port" into addresses.

    Example:

    >>> split_hosts("a:2222, b:2222")
    ('a:2222', 'b:2222')
    """
    return tuple(host.strip() for host in text.split(",") if host.strip())


def _from_hosts(environ: Mapping[str, str]) -> Cluster:
    index = environ.get("JOB_COMPLETION_INDEX", "")
    if not index.isdecimal():
        raise UserError(
            "KERAS_PTFT_HOSTS needs JOB_COMPLETION_INDEX, this worker's "
            f"index from 0, got {index!r}: use an Indexed Job, or set it."
        )
    return Cluster(split_hosts(environ["KERAS_PTFT_HOSTS"]), int(index))


def _from_slurm(environ: Mapping[str, str]) -> Cluster:
    """Makes one worker a task, found by its node and its index there.

    The resolver sorts nodes by name, node10 before node9, so a task's index
    in the step (SLURM_PROCID) is not always its index in the list.
    """
    # the launcher reads clusters too, and must not wait for TensorFlow
    import tensorflow as tf

    first, count = _SLURM_PORTS
    try:
        # jobs that share a node must not share ports
        base = first + int(environ.get("SLURM_JOB_ID", 0)) % count
        tasks = int(environ["SLURM_STEP_NUM_TASKS"])
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=base,
            gpus_per_node=tasks,
            gpus_per_task=1,
            auto_set_gpu=False,
        )
        workers = tuple(resolver.cluster_spec().as_dict()["worker"])
        port = base + int(environ["SLURM_LOCALID"])
        address = f"{environ['SLURMD_NODENAME']}:{port}"
        return Cluster(workers, workers.index(address))
    except (KeyError, ValueError, RuntimeError) as error:
        raise UserError(
            f"Cannot read the workers from Slurm's variables: {error}. "
            "Start each worker as a task of srun, or set TF_CONFIG."
        ) from error


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _malformed(f"it must be JSON ({error})", text) from error
    if not isinstance(value, dict):
        raise _malformed("it must be a JSON object", value)
    return value


def _malformed(expected: str, got: Any) -> UserError:
    shown = json.dumps(got) if not isinstance(got, str) else repr(got)
    return UserError(
        f"TF_CONFIG cannot be used: {expected}, got {shown[:120]}. Correct "
        "it, or leave it out and use keras-ptft launch."
    )


def _is_address(text: str) -> bool:
    match = re.fullmatch(r"[^\s,/]+:(\d{1,5})", text)
    return match is not None and 0 < int(match[1]) < 65536
