"""The page of `vae-zoo explore` in Chromium, used as a person would."""

import io
import os
import re
import shutil
import socket
import threading

import numpy as np
import pytest
from PIL import Image

from tests.training.explore.models import RANGE, any_tolerance_model, masked_model
from training.explore.web_server import PageServer

BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Gradio has its own.


@pytest.fixture(scope="module")
def address():
    """The page of two models, one for a range of tolerances, one that fills pixels in."""
    pytest.importorskip("gradio", reason="the page needs gradio: pip install 'vae-zoo[app]'")
    models = [any_tolerance_model(), masked_model()]
    rng = np.random.default_rng(0)
    for model in models:  # Not trained: so that what they are given makes a difference.
        for weights in model._model.trainable_variables:
            weights.assign_add(rng.normal(scale=0.2, size=weights.shape).astype(np.float32))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = PageServer(models, "127.0.0.1", port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.close()
    thread.join()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if BROWSER is None:
        pytest.skip("there is no browser: install chromium, or name one in CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(address, browser):
    """Opens the page as a new user; none may ask another address for anything."""
    users, elsewhere = [], []

    def note(request):
        if not request.url.startswith((address, "data:", "blob:")):
            elsewhere.append(request.url)

    def make():
        users.append(browser.new_context())
        page = users[-1].new_page()
        page.set_default_timeout(60_000)
        page.on("request", note)
        page.goto(address)
        page.locator(".reconstruction img").first.wait_for()
        return page

    yield make
    for user in users:
        user.close()
    assert elsewhere == []


def shown(page, part):
    """The pictures that are seen in a part of the page."""
    images = page.locator(f".{part}:visible img")
    return [image.get_attribute("src") for image in images.all()]


def wait_for_others(page, part, before, which=None):
    """Waits until the pictures of a part, or that of an index, are others; returns them all."""
    page.wait_for_function(
        """([part, before, which]) => {
            const parts = [...document.querySelectorAll("." + part)].filter(e => e.offsetParent);
            const now = parts.flatMap(e => [...e.querySelectorAll("img")].map(i => i.src));
            const differs = (_, i) => now[i] !== before[i] && (which === null || which === i);
            return now.length > 0 && now.some(differs);
        }""",
        arg=[part, before, which],
    )
    return shown(page, part)


def set_tolerance(page, value):
    page.locator(".tolerance:visible input[type=range]").first.fill(str(value))


def open_tab(page, name):
    page.get_by_role("tab", name=name, exact=True).locator("visible=true").first.click()


def test_the_picture_moves_with_the_tolerance_and_with_the_image(visit):
    page = visit()
    before = shown(page, "reconstruction")
    assert len(before) == 3
    set_tolerance(page, 0.38)
    after = wait_for_others(page, "reconstruction", before)
    assert after[0] == before[0], "the same image"
    assert after[1:] != before[1:], "another reconstruction, by a level of grey or by less"
    assert re.search(r"rmse 0\.\d{4}, rate", page.locator(".reconstruction").first.inner_text())
    page.locator(".choice:visible button").nth(3).click()
    assert wait_for_others(page, "reconstruction", after, 0)[0] != before[0]


def test_uploads_are_fitted_or_refused_in_a_sentence(visit):
    page = visit()
    before = shown(page, "reconstruction")
    upload = page.locator("input[type=file]").first
    upload.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no image"})
    page.get_by_text("This file is no image that can be read").first.wait_for()
    assert shown(page, "reconstruction") == before
    with io.BytesIO() as file:
        Image.linear_gradient("L").resize((40, 20)).save(file, "PNG")
        good = {"name": "b.png", "mimeType": "image/png", "buffer": file.getvalue()}
    upload.set_input_files(good)
    page.get_by_text("scaled from 40 × 20 to 8 × 8 pixels").first.wait_for()
    assert wait_for_others(page, "reconstruction", before, 0)[0] != before[0]


def test_the_code_can_be_downloaded(visit):
    page = visit()
    page.get_by_text(re.compile("code takes|There is no code")).first.wait_for()
    if page.get_by_text("There is no code").count():
        set_tolerance(page, RANGE[1])
        page.get_by_text("code takes").first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the coded file").first.click()
    assert download.value.suggested_filename.endswith(".vz")
    with open(download.value.path(), "rb") as file:
        assert file.read()


@pytest.mark.parametrize(
    ("tab", "part", "num"), [("Sample", "samples", 30), ("Interpolate", "interpolation", 10)]
)
def test_tabs_show_as_many_pictures_as_they_say(visit, tab, part, num):
    page = visit()
    open_tab(page, tab)
    assert len(wait_for_others(page, part, [])) == num


def test_another_seed_draws_other_samples(visit):
    page = visit()
    open_tab(page, "Sample")
    before = wait_for_others(page, "samples", [])
    page.get_by_label("Seed").locator("visible=true").fill("5")
    page.get_by_label("Seed").locator("visible=true").press("Tab")
    assert len(set(wait_for_others(page, "samples", before)) - set(before)) > len(before) / 2


def test_a_latent_is_traversed(visit):
    page = visit()
    open_tab(page, "Traverse")
    before = wait_for_others(page, "traversal", [])
    assert len(before) == 9
    page.get_by_label("one latent of it").locator("visible=true").check()
    after = wait_for_others(page, "traversal", before)
    assert after[4] == before[4], "the image itself in the middle"


def test_a_masked_model_inpaints_and_another_does_not(visit):
    page = visit()
    assert page.get_by_role("tab", name="Inpaint").locator("visible=true").count() == 0
    open_tab(page, "masked")
    open_tab(page, "Inpaint")
    before = wait_for_others(page, "inpainting", [])
    page.get_by_label("left half").locator("visible=true").check()
    assert wait_for_others(page, "inpainting", before)[0] == before[0]


def test_models_are_compared(visit):
    page = visit()
    open_tab(page, "Compare")
    before = wait_for_others(page, "comparison", [])
    assert len(before) == 24
    set_tolerance(page, 0.38)
    after = wait_for_others(page, "comparison", before)
    assert (after[:8], after[16:]) == (before[:8], before[16:])
    assert after[8:16] != before[8:16]


def test_two_users_do_not_meet_and_a_reload_begins_anew(visit):
    first, second = visit(), visit()
    begun = shown(first, "reconstruction")
    assert shown(second, "reconstruction") == begun
    first.locator(".choice:visible button").nth(5).click()
    own = wait_for_others(first, "reconstruction", begun, 0)
    set_tolerance(second, 0.38)
    others = wait_for_others(second, "reconstruction", begun)
    assert others[0] == begun[0], "the image that the second one has chosen"
    assert shown(first, "reconstruction") == own
    first.reload()
    first.locator(".reconstruction img").first.wait_for()
    assert shown(first, "reconstruction") == begun
