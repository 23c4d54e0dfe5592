"""The notebooks: in form, and run as they stand, but for Colab."""

import os
import pathlib
import re
import sys
import zipfile

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from packaging.requirements import Requirement

from tests.conftest import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in BOOKS]
every_book = pytest.mark.parametrize("name", NAMES)


def read(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def code_cells(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def executed(name, folder, monkeypatch, more=()):
    """A notebook after all of its cells have run in a folder of their own."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTHONWARNINGS", raising=False)
    book = read(name)
    for source in more:
        cell = nbformat.v4.new_code_cell(source, id="more")
        cell.metadata["tags"] = ["raises-exception"]
        book.cells.append(cell)
    place = {"metadata": {"path": str(folder)}}
    return NotebookClient(book, timeout=600, resources=place).execute()


def outputs_of(book, ident):
    (cell,) = (cell for cell in book.cells if cell.id == ident)
    return cell.outputs


def printed(outputs):
    return "".join(one.text for one in outputs if one.output_type == "stream")


def result_of(outputs):
    (found,) = (o for o in outputs if o.output_type == "execute_result")
    return found.data


def bars(outputs):
    return [
        one.data["text/html"]
        for one in outputs
        if one.output_type == "display_data"
        and "<progress" in one.data.get("text/html", "")
    ]


def score(text, title="accuracy"):
    """A score of what is printed of a run, from 0 to 1."""
    return float(re.search(rf"{title} ([\d.]+) %", text)[1]) / 100


def test_there_are_notebooks_for_a_cpu_and_for_a_tpu():
    assert NAMES == ["colab_quickstart", "colab_tpu"]


@every_book
def test_its_form(name):
    book = read(name)
    nbformat.validate(book)
    text = (ROOT / "notebooks" / f"{name}.ipynb").read_text("utf-8")
    assert text.endswith("}\n") and "base64" not in text
    ids = [cell.id for cell in book.cells]
    # names that stay, where a program would draw others each time
    assert all(re.fullmatch("[a-z]+(-text)?", one) for one in ids)
    assert len(set(ids)) == len(ids)
    for cell in code_cells(book):
        assert not cell.outputs and cell.execution_count is None
        compile(TransformerManager().transform_cell(cell.source), name, "exec")
    assert all(not cell.metadata for cell in book.cells)


@every_book
def test_what_needs_colab_or_a_network_is_guarded(name):
    for cell in code_cells(read(name)):
        for line in cell.source.splitlines():
            if re.search(r"%pip|google\.colab import|\bdrive\.|files\.", line):
                assert line.startswith("    "), line


def test_the_tpu_notebook_installs_all_but_tensorflow():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = map(Requirement, project["project"]["dependencies"])
    wanted = {str(one) for one in needed if one.name != "tensorflow"}
    (cell,) = (c for c in code_cells(read("colab_tpu")) if c.id == "install")
    (line,) = re.findall('%pip install -q ("keras>.*)', cell.source)
    assert {str(Requirement(one)) for one in re.findall('"(.*?)"', line)} == (
        wanted
    )
    # with its requirements it would bring another TensorFlow
    assert "--no-deps keras_ptft" in cell.source


@pytest.mark.slow
def test_the_quick_start(tmp_path, monkeypatch):
    wrong = 'keras_ptft.pretrain(dataset="digits", epoch=5)'
    book = executed("colab_quickstart", tmp_path, monkeypatch, [wrong])
    made = outputs_of(book, "pretrain")
    # the account of the data and the plan, once each, and one bar
    assert printed(made).count("digits: 1,797 found") == 1
    assert "XLA" in printed(made) and "epoch" not in printed(made)
    (bar,) = bars(made)
    assert 'max="15" value="15.000"' in bar and "epoch 15/15" in bar
    tuned = result_of(outputs_of(book, "finetune"))
    assert tuned["text/plain"].startswith("Run runs/second (finetune, ")
    assert score(tuned["text/plain"]) > 0.75
    page = tuned["text/html"]
    assert "from scratch" in page and page.count("data:image/png") == 3
    # the model from scratch has a bar of its own
    assert len(bars(outputs_of(book, "finetune"))) == 2
    assert result_of(outputs_of(book, "again"))["text/plain"] > "0.75"
    answers = printed(outputs_of(book, "predict"))
    assert "(12,) (12, 5) ('5', '6', '7', '8', '9')" in answers
    lines = re.findall(r"my_digits/(\d)_\d+\.png  (\d)", answers)
    assert sum(label == given for label, given in lines) >= 8
    assert "image/png" in outputs_of(book, "pictures")[-1].data
    assert score(result_of(outputs_of(book, "tune"))["text/plain"]) > 0.8
    assert (tmp_path / "saved_models/digits/1/saved_model.pb").is_file()
    with zipfile.ZipFile(tmp_path / "digits.zip") as archive:
        assert "saved_model.pb" in archive.namelist()
    assert "dropout" in printed(outputs_of(book, "errors"))
    (error,) = outputs_of(book, "more")
    assert error.ename == "UserError" and len(error.traceback) == 1
    assert "Unknown setting 'epoch'" in error.traceback[0]


@pytest.mark.slow
def test_the_tpu_notebook_on_a_cpu(tmp_path, monkeypatch):
    book = executed("colab_tpu", tmp_path, monkeypatch)
    images = result_of(outputs_of(book, "images"))
    assert score(images["text/plain"]) > 0.9
    assert 'class="keras-ptft"' in images["text/html"]
    plan = result_of(outputs_of(book, "plan"))["text/plain"]
    assert "'resident': True" in plan
    texts = result_of(outputs_of(book, "texts"))["text/plain"]
    # the largest of the modules has two thirds of the lines
    assert score(texts) > 0.8
    answers = printed(outputs_of(book, "ask")).splitlines()
    assert answers[0].startswith("the inverse of a matrix  linalg")
    with zipfile.ZipFile(tmp_path / "images.zip") as archive:
        assert "saved_model.pb" in archive.namelist()
    assert {"images", "texts"} <= set(os.listdir(tmp_path / "runs"))


def test_the_folder_holds_nothing_else():
    found = {path.name for path in (ROOT / "notebooks").iterdir()}
    assert found == {pathlib.Path(path).name for path in BOOKS}
