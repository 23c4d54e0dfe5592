"""Which workers an environment describes."""

import json

import pytest

from keras_ptft.errors import UserError
from keras_ptft.training.distribution.cluster import (
    Cluster,
    find_cluster,
    from_tf_config,
    several_workers,
    split_hosts,
)

SLURM = {
    "SLURM_JOB_ID": "31",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NODELIST": "node[9-10]",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
}


def tf_config(cluster, kind="worker", index=0):
    task = {"type": kind, "index": index}
    return json.dumps({"cluster": cluster, "task": task})


def test_tf_config_there_and_back():
    cluster = Cluster(("a:1", "b:2", "c:3"), 2)
    assert from_tf_config(cluster.to_tf_config()) == cluster
    assert find_cluster({"TF_CONFIG": cluster.to_tf_config()}) == cluster


def test_a_chief_apart_is_the_first_worker():
    jobs = {"worker": ["b:1", "c:1"], "chief": ["a:1"]}
    everyone = ("a:1", "b:1", "c:1")
    found = from_tf_config(tf_config(jobs, "chief"))
    assert found == Cluster(everyone, 0)
    assert from_tf_config(tf_config(jobs, "worker", 1)) == Cluster(everyone, 2)


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", r"must be JSON .*, got '{'\. Correct"),
        ("[]", r"must be a JSON object, got \[\]\."),
        ("{}", r"'cluster' must have 'worker', .*, got null"),
        (tf_config({"worker": []}), "there are 0 tasks 'worker'"),
        (tf_config({"ps": ["a:1"]}), "'cluster' must have 'worker'"),
        (tf_config({"worker": "a:1"}), "each job must be a list of host:port"),
        (tf_config({"worker": [1]}), "each job must be a list of host:port"),
        (tf_config({"worker": ["a:1"]}, "chief"), r"have a type \(worker\)"),
        (tf_config({"worker": ["a:1"]}, index="0"), "and a whole index, got"),
        (tf_config({"worker": ["a:1"]}, index=1), "there are 1 tasks 'worker'"),
        (tf_config({"worker": ["a:1"]}, index=-1), "counted from 0, got"),
        ('{"cluster": {"worker": ["a:1"]}}', "'task' must have .* got null"),
        (tf_config({"worker": ["a"]}), r"host:port .*, got 'a': correct"),
        (tf_config({"worker": ["a:0"]}), "host:port .*, got 'a:0'"),
        (tf_config({"worker": ["a:65536"]}), "host:port .*, got 'a:65536'"),
        (tf_config({"worker": ["a:1", "a:1"]}), "got a:1 twice: correct"),
    ],
)
def test_malformed_tf_config(text, message):
    with pytest.raises(UserError, match=message) as error:
        find_cluster({"TF_CONFIG": text})
    assert len(str(error.value).splitlines()) == 1


def test_an_empty_environment():
    with pytest.raises(UserError, match="needs the list of workers"):
        find_cluster({"PATH": "/bin"})


def test_an_indexed_job():
    environment = {"KERAS_PTFT_HOSTS": "a:1, b:1,", "JOB_COMPLETION_INDEX": "1"}
    assert find_cluster(environment) == Cluster(("a:1", "b:1"), 1)
    with pytest.raises(UserError, match="This is worker 2, but there are 2"):
        find_cluster(environment | {"JOB_COMPLETION_INDEX": "2"})
    del environment["JOB_COMPLETION_INDEX"]
    with pytest.raises(UserError, match="index from 0, got ''"):
        find_cluster(environment)


@pytest.mark.parametrize(
    "node, local, index",
    # the resolver has node10 before node9
    [("node10", 0, 0), ("node10", 1, 1), ("node9", 0, 2), ("node9", 1, 3)],
)
def test_a_slurm_step(monkeypatch, node, local, index):
    own = {"SLURMD_NODENAME": node, "SLURM_LOCALID": str(local)}
    # Slurm counts tasks in the order of its own list, node9 first
    own["SLURM_PROCID"] = str((index + 2) % 4)
    for name, value in (SLURM | own).items():
        monkeypatch.setenv(name, value)
    ports = 12031, 12032
    workers = [f"{n}:{port}" for n in ("node10", "node9") for port in ports]
    assert find_cluster(SLURM | own) == Cluster(tuple(workers), index)


def test_a_slurm_step_without_an_index(monkeypatch):
    for name, value in (SLURM | {"SLURM_PROCID": "0"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="Slurm's variables: 'SLURM_LOCALID'"):
        find_cluster(SLURM)


def test_auto_follows_tf_config_alone():
    one, two = Cluster(("a:1",), 0), Cluster(("a:1", "b:1"), 0)
    assert several_workers({"TF_CONFIG": two.to_tf_config()})
    assert not several_workers({"TF_CONFIG": one.to_tf_config()})
    assert not several_workers(SLURM)
    assert not several_workers({"TF_CONFIG": ""})


def test_hosts():
    assert split_hosts(" a:1 ,b:1,") == ("a:1", "b:1")
