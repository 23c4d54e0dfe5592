"""All pages as a browser lays them out, on phones and desktops."""

import numpy as np
import pytest

from keras_ptft.config import Config
from keras_ptft.experiment.stages import finetune, pretrain
from keras_ptft.main import main
from tests.comparison.measured import three_budgets, written
from tests.evaluation.report.browser import FAULTS, Browser, find_browser

pytestmark = pytest.mark.slow

PAGES = "digits", "texts", "prices", "runs", "compare"
TOPICS = {
    "weather": "rain,snow,wind,sun,cold",
    "天气预报": "雨,雪,风,晴,云",
    "an-extraordinarily-long-name-of-a-topic": "pay,bill,bank,card,loan",
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    path = find_browser()
    if path is None:
        pytest.skip("no browser on PATH: install chromium")
    browser = Browser(path, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def texts():
    """Rows of a text and its topic, some of them wrong."""
    random = np.random.default_rng(0)
    yield "text\tlabel"
    for _ in range(150):
        topic = random.choice(list(TOPICS))
        words = random.choice(TOPICS[topic].split(","), 9)
        given = topic if random.random() < 0.9 else "weather"
        yield f"{' '.join(words)} {'o' * 120}\t{given}"


def prices():
    """Rows of numbers, of which a price is a sum."""
    random = np.random.default_rng(0)
    names = [f"a rather long name of column {n}" for n in range(12)]
    yield ",".join([*names, "price"])
    for row in random.normal(size=(150, 12)):
        price = row.sum() + random.normal()
        yield ",".join(f"{value:.4f}" for value in (*row, price))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The folder of a page by its name."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "texts.tsv").write_text("\n".join(texts()), "utf-8")
    (folder / "prices.csv").write_text("\n".join(prices()), "utf-8")
    common = Config(runs_dir=str(folder / "runs"), epochs=2, near_copies=False)
    small = common.replace(name="first", backbone="cnn(filters=[4], dense=8)")
    pretrain(small.replace(dataset="digits", classes="0-4"))
    finetune(
        common.replace(
            name="digits",
            init_from="first",
            dataset="digits",
            classes="5-9",
            augment="shift(padding=2)",
        )
    )
    pretrain(
        common.replace(
            name="texts",
            dataset=f"tsv:{folder}/texts.tsv",
            text_column="text",
            backbone="textcnn(width=8, filters=4)",
        )
    )
    pretrain(
        common.replace(
            name="prices",
            dataset=f"csv:{folder}/prices.csv",
            label_column="price",
            objective="regression",
            backbone="mlp(hidden=[8])",
        )
    )
    listed = str(folder / "runs.html")
    assert main(["runs", str(folder / "runs"), f"--html={listed}"]) == 0
    written(folder, three_budgets())
    return folder


def path_of(pages, name):
    if name in ("runs", "compare"):
        return pages / f"{name}.html"
    return pages / "runs" / name / "report.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_is_whole(browser, pages, name, width, dark):
    told = browser.show(path_of(pages, name), width, dark)
    assert told == [] and browser.run(FAULTS) == []
    assert browser.run("innerWidth") == width
    color = browser.run("getComputedStyle(document.body).backgroundColor")
    assert color == ("rgb(20, 25, 31)" if dark else "rgb(255, 255, 255)")


@pytest.mark.parametrize(
    "name, heading, method",
    [
        ("digits", "Surest mistakes", "Grad-CAM"),
        ("texts", "Surest mistakes", "integrated gradients"),
        ("prices", "Largest errors", "occlusion"),
    ],
)
def test_a_run_tells_of_single_examples(pages, name, heading, method):
    page = path_of(pages, name).read_text("utf-8")
    looks = "What the model looks at"
    for title in (heading, looks, "Test examples by their features"):
        assert f"<h2>{title}</h2>" in page
    assert f"By {method} (" in page
    assert "</span>explaining predictions</td>" in page


def test_reports_stay_small(pages):
    for name in ("digits", "texts", "prices"):
        assert path_of(pages, name).stat().st_size < 1_000_000


@pytest.mark.parametrize(
    "body, fault",
    [
        ("<img alt=a src=data:image/png;base64,AA>", "no picture: a"),
        ("<p style='width: 2000px'>wide</p>", "the page is 2008 wide, of 390"),
        (
            "<p style='overflow: hidden; width: 9px'>incomprehensible</p>",
            "cut off: <p",
        ),
        ("<svg style='height: 0'></svg>", "no drawing: <svg"),
    ],
)
def test_faults_are_found(browser, tmp_path, body, fault):
    (tmp_path / "a.html").write_text(f"<!DOCTYPE html><body>{body}")
    browser.show(tmp_path / "a.html", 390, False)
    (found,) = browser.run(FAULTS)
    assert found.startswith(fault)


def test_errors_are_told(browser, tmp_path):
    (tmp_path / "a.html").write_text("<script>missing()</script>")
    (told,) = browser.show(tmp_path / "a.html", 390, False)
    assert told["method"] == "Runtime.exceptionThrown"
