"""GitHub runs what the project supports, by commands that exist."""

import os
import pathlib
import re

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = pathlib.Path(__file__).parent.parent
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXTS = {path.name: path.read_text("utf-8") for path in FILES}
WORKFLOWS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
NAMES = sorted(WORKFLOWS)


def steps(name):
    """Each step of a workflow."""
    for job in WORKFLOWS[name]["jobs"].values():
        yield from job["steps"]


def commands(name):
    """Each line of shell in a workflow."""
    for step in steps(name):
        yield from step.get("run", "").splitlines()


def supported():
    """The Pythons that pyproject.toml admits, as ["3.10", ...]."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (asked,) = re.findall(r'^requires-python = "(.*)"', text, re.MULTILINE)
    return list(SpecifierSet(asked).filter(f"3.{n}" for n in range(99)))


def test_the_matrix_is_what_the_project_supports():
    matrix = WORKFLOWS["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == supported()
    assert len(matrix["machine"]) == 3


def test_the_oldest_versions_are_tested_on_the_oldest_python():
    (python,) = (
        step["with"]["python-version"]
        for step in WORKFLOWS["ci.yml"]["jobs"]["oldest"]["steps"]
        if "setup-python" in step.get("uses", "")
    )
    assert python == supported()[0]


@pytest.mark.parametrize("name", NAMES)
def test_only_targets_of_the_makefile_are_made(name):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    lines = "\n".join(commands(name))
    made = re.findall(r"^make (\S+)", lines, re.MULTILINE)
    assert made and set(made) <= targets


def test_what_a_change_has_to_pass_is_run_whole():
    assert ".ci/run" in commands("ci.yml")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_by_commit(name):
    used = re.findall(r"uses: (.*)", TEXTS[name])
    assert used
    for line in used:
        assert re.fullmatch(
            r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line
        )


def test_an_action_has_one_version():
    used = re.findall(r"uses: (\S+)@(.*)", "\n".join(TEXTS.values()))
    assert len(set(used)) == len({action for action, _ in used})


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_may_only_read_and_does_not_pile_up(name):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"]
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 120


@pytest.mark.parametrize("name", NAMES)
def test_packages_are_kept_until_a_lock_changes(name):
    for step in steps(name):
        if "setup-python" in step.get("uses", ""):
            assert step["with"]["cache"] == "pip"
            assert (ROOT / step["with"]["cache-dependency-path"]).is_file()
