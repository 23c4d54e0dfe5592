"""Which program serves, and what is said of it."""

import pytest

from keras_ptft.errors import UserError
from keras_ptft.serving.smoke import programs
from keras_ptft.serving.smoke.programs import (
    AUTO,
    PROGRAMS,
    chosen,
    first_here,
)

SERVER = "tensorflow_model_server"
NO_DAEMON = "echo 'Cannot connect to the Docker daemon' >&2; exit 1"


@pytest.fixture
def choose(caplog):
    """Name → the name of what is chosen, and the lines that say it."""

    def choose(name=AUTO):
        program = chosen(name)
        (found,) = (n for n, row in PROGRAMS.items() if row is program)
        return found, [record.getMessage() for record in caplog.records]

    return choose


def test_the_installed_server_comes_first(on_path, choose):
    on_path("docker", "echo 29.0")
    on_path(SERVER, "")
    assert choose() == (SERVER, [])


def test_docker_has_to_have_a_daemon(on_path, choose):
    # says which of its words it got
    on_path("docker", '[ "$*" = "version --format {{.Server.Version}}" ]')
    assert choose() == ("docker", [])
    on_path("docker", NO_DAEMON)
    name, (line,) = choose()
    assert name == "python"
    assert line == (
        f"Served by python, since {SERVER} is not on the PATH and the daemon "
        "of docker does not answer: for trying on this machine, not for "
        "production."
    )


def test_a_daemon_that_hangs(on_path, monkeypatch):
    on_path("docker", "exec sleep 1000")
    monkeypatch.setattr(programs, "_DAEMON_SECONDS", 0.1)
    assert first_here().faults[1] == "docker does not answer"


@pytest.mark.usefixtures("on_path")
def test_this_python_is_always_there(choose):
    name, (line,) = choose()
    assert name == "python"
    assert "and docker is not on the PATH: for trying" in line
    assert choose("python")[1][-1] == (
        "Served by python: for trying on this machine, not for production."
    )
    assert PROGRAMS["python"].speaks() == ("gRPC", "REST")


@pytest.mark.usefixtures("on_path")
def test_rest_alone_is_said(choose, monkeypatch):
    # as if it were not installed
    monkeypatch.setattr(programs.importlib.util, "find_spec", {}.get)
    _, lines = choose("python")
    assert lines[1] == (
        "It answers by REST alone: gRPC needs tensorflow-serving-api, pip "
        'install "keras_ptft[serve]".'
    )
    assert PROGRAMS["python"].speaks() == ("REST",)


@pytest.mark.usefixtures("on_path")
@pytest.mark.parametrize("name", ["docker", SERVER])
def test_one_that_is_named_and_missing(name):
    told = f"--server={name}: {name} is not on the PATH: install .*server out"
    with pytest.raises(UserError, match=told):
        chosen(name)
