"""The page in a real browser: every way to give it an image, what it says, and what other pages cannot do with it.

Chromium or Chrome of the system, headless: `apt-get install chromium`. Without one the tests are skipped.
"""

import base64
import io
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.tools.page.conftest import MAX_BYTES, REFUSED, RunningPage
from tests.waiting import LIMIT_SECONDS

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make setup")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome: apt-get install chromium"),
]
REBOUND = "rebound.example"  # a name of an attacker's, which resolves to this machine
FROM_ELSEWHERE = """async ([address, token]) => {
  const body = new Blob(["x"]);
  const tries = [
    fetch(address + "classify", {method: "POST", body, mode: "no-cors"}),
    fetch(address + "classify", {method: "POST", body, headers: {"X-Slipway-Token": token}}),
    fetch(address + "classify", {method: "POST", body, mode: "no-cors", headers: {"Content-Type": "text/plain"}}),
    fetch(address).then((answer) => answer.text()),
  ];
  const read = [];
  for (const each of await Promise.allSettled(tries)) {
    if (each.status === "fulfilled" && (typeof each.value === "string" || each.value.type !== "opaque")) {
      read.push(String(each.value));
    }
  }
  return read;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        rule = f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"
        chromium = driver.chromium.launch(executable_path=BROWSER, args=[rule, "--no-proxy-server"])
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """An empty tab of a browser without history."""
    context = browser.new_context()
    context.set_default_timeout(LIMIT_SECONDS * 1000)
    yield context.new_page()
    context.close()


@pytest.fixture
def shown(tab: Any, page: RunningPage) -> Iterator[Any]:
    """The page in a tab, which has to stay without a fault of its script or a breach of its policy."""
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    tab.goto(page.guard.address)
    yield tab
    assert faults == []


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a <b>cat.png"
    Image.radial_gradient("L").resize((64, 48)).save(path)
    return path


def answers(tab: Any) -> list[str]:
    """Text of each answer, newest first, once all are there."""
    tab.get_by_text("Done.").wait_for()
    return [" ".join(text.split()) for text in tab.locator("#list > li").all_inner_texts()]


def test_a_file_is_chosen_and_answered_with_labels_probabilities_time_and_model(
    shown: Any, page: RunningPage, picture: Path
) -> None:
    shown.get_by_label("Choose images").set_input_files(picture)
    [answer] = answers(shown)
    assert page.images == [picture.read_bytes()]
    assert answer.startswith("a <b>cat.png <script>alert(1)</script> 91.2 % قطة 8.8 % ")
    assert answer.endswith("of them the function's; model file 9f2c9f2c9f2c")
    assert shown.locator("#list script, #list b").count() == 0
    assert shown.locator("#list img").evaluate("picture => picture.decode().then(() => picture.naturalWidth)") == 64
    widths = shown.locator(".track").evaluate_all(
        "all => all.map(each => each.firstChild.offsetWidth / each.offsetWidth)"
    )
    assert widths == pytest.approx([0.912, 0.088], abs=0.02)


@pytest.mark.parametrize(
    ("event", "field", "kind"), [("drop", "dataTransfer", "DragEvent"), ("paste", "clipboardData", "ClipboardEvent")]
)
def test_an_image_is_dropped_or_pasted(
    shown: Any, page: RunningPage, picture: Path, event: str, field: str, kind: str
) -> None:
    shown.evaluate(
        """([event, field, kind, content]) => {
          const given = new DataTransfer();
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          given.items.add(new File([bytes], "image.png", {type: "image/png"}));
          document.body.dispatchEvent(new window[kind](event, {[field]: given, bubbles: true, cancelable: true}));
        }""",
        [event, field, kind, base64.b64encode(picture.read_bytes()).decode()],
    )
    [answer] = answers(shown)
    assert answer.startswith("image.png <script>")
    assert page.images == [picture.read_bytes()]


def test_what_is_dropped_and_is_no_file_is_told(shown: Any, page: RunningPage) -> None:
    shown.evaluate(
        "document.dispatchEvent(new DragEvent('drop', {dataTransfer: new DataTransfer(), cancelable: true}))"
    )
    shown.get_by_text("That was no file.").wait_for()
    assert page.images == []


def test_the_keyboard_alone_chooses_a_file_and_a_screen_reader_is_told_the_answer(shown: Any, picture: Path) -> None:
    shown.on("filechooser", lambda _: None)  # from now on Playwright takes it, and no dialog opens
    shown.keyboard.press("Tab")
    playwright.expect(shown.get_by_label("Choose images")).to_be_focused(timeout=LIMIT_SECONDS * 1000)
    with shown.expect_file_chooser() as chooser:
        shown.keyboard.press("Enter")
    chooser.value.set_files(picture)
    assert len(answers(shown)) == 1
    assert shown.get_by_role("status").inner_text() == "Done."
    live = shown.locator("[aria-live=polite]")
    assert "91.2 %" in live.aria_snapshot()
    assert live.locator(".track").first.get_attribute("aria-hidden") == "true"


def test_a_camera_is_asked_for_on_a_device_that_has_one(shown: Any) -> None:
    photo = shown.locator("#photo")
    assert (photo.get_attribute("capture"), photo.get_attribute("accept")) == ("environment", "image/*")


def test_several_images_are_answered_in_their_order_and_a_refused_one_stops_none(
    shown: Any, page: RunningPage, picture: Path, tmp_path: Path
) -> None:
    (tmp_path / "no.txt").write_bytes(REFUSED)
    shown.get_by_label("Choose images").set_input_files([picture, tmp_path / "no.txt", picture])
    last, refused, first = answers(shown)
    assert first.partition(" ms")[0].rpartition(" ")[0] == last.partition(" ms")[0].rpartition(" ")[0]
    assert refused == "no preview no.txt Refused: not an image (415 UnsupportedImage, see docs/api.md)."


def test_a_photograph_that_is_too_large_is_sent_smaller_and_that_is_said(
    shown: Any, page: RunningPage, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1200, 1600, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.jpg", quality=90)
    shown.get_by_label("Choose images").set_input_files(tmp_path / "large.jpg")
    [answer] = answers(shown)
    [sent] = page.images
    assert len(sent) <= MAX_BYTES < (tmp_path / "large.jpg").stat().st_size
    width, height = Image.open(io.BytesIO(sent)).size
    assert width / height == pytest.approx(4 / 3, abs=0.01)
    assert f"large.jpg, sent as {width} × {height} pixels" in answer


def test_a_large_file_that_the_browser_cannot_read_is_refused_there(
    shown: Any, page: RunningPage, tmp_path: Path
) -> None:
    (tmp_path / "large.bin").write_bytes(bytes(MAX_BYTES + 1))
    shown.get_by_label("Choose images").set_input_files(tmp_path / "large.bin")
    [answer] = answers(shown)
    assert "Refused: large.bin has 0.2 MB, and the function takes 0.2 MB." in answer
    assert page.images == []


def test_a_reload_in_the_middle_of_an_answer_leaves_a_page_that_works(
    shown: Any, page: RunningPage, picture: Path
) -> None:
    page.hold = True
    shown.get_by_label("Choose images").set_input_files(picture)
    assert page.held.wait(LIMIT_SECONDS)
    shown.reload()
    page.hold = False
    page.release.set()
    shown.get_by_label("Choose images").set_input_files(picture)
    assert len(answers(shown)) == 1


def test_a_page_of_an_earlier_start_or_without_its_program_says_so(tab: Any, page: RunningPage, picture: Path) -> None:
    tab.goto(f"http://127.0.0.1:{page.guard.port}/#of-an-earlier-start")
    tab.get_by_label("Choose images").set_input_files(picture)
    assert "this page is of an earlier start" in answers(tab)[0]
    page.__exit__()
    tab.get_by_label("Choose images").set_input_files(picture)
    tab.get_by_text("The page's program does not answer").wait_for()
    assert page.images == []


class _ForeignSite(BaseHTTPRequestHandler):
    """A page of somebody else's, which frames ours and posts a form to it."""

    target = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(
            f"<iframe name=frame src='{self.target}'></iframe>"
            f"<form method=post target=frame action='{self.target}classify' enctype=text/plain>"
            "<input name=a value=b><button>go</button></form>".encode()
        )

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def foreign(page: RunningPage) -> Iterator[str]:
    """Address of a foreign page on another port of this machine: the nearest that a foreign page can be."""
    handler = type("Site", (_ForeignSite,), {"target": f"http://127.0.0.1:{page.guard.port}/"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_foreign_page_can_neither_ask_nor_read_nor_frame_it_even_with_the_token(
    tab: Any, page: RunningPage, foreign: str
) -> None:
    tab.goto(foreign)
    assert tab.evaluate(FROM_ELSEWHERE, [f"http://127.0.0.1:{page.guard.port}/", page.guard.token]) == []
    [frame] = [each for each in tab.frames if each.name == "frame"]
    assert "Give it an image" not in frame.content()
    tab.get_by_role("button", name="go").click()
    tab.wait_for_timeout(300)
    assert page.images == []


def test_a_site_whose_name_comes_to_mean_this_machine_gets_nothing(tab: Any, page: RunningPage) -> None:
    """DNS rebinding: the browser takes the page for one of that site, and so lets it read; the Host header tells."""
    tab.goto(f"http://{REBOUND}:{page.guard.port}/")
    assert "for this machine alone" in tab.content()
    read = tab.evaluate(
        """async ([token]) => {
          const headers = {"X-Slipway-Token": token};
          const asked = await fetch("/classify", {method: "POST", body: "x", headers});
          return [asked.status, (await fetch("/page.js")).status];
        }""",
        [page.guard.token],
    )
    assert read == [403, 403]
    assert page.images == []
