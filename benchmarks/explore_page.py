"""How long `vae-zoo explore` takes: from the command to its first picture, from slider to picture.

`python -m benchmarks.explore_page [NAME]`, of a model for a range of tolerances; needs
`pip install '.[browser]'` and Chromium. Prints seconds, and the load of the machine.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time

from playwright.sync_api import sync_playwright

_MOVES = 12
_PAUSE = 300  # Milliseconds between moves; the codec is at work on the one before.
_SECONDS = 600
_MOVE = """async (share) => {
    const seen = (selector) => [...document.querySelectorAll(selector)].find(e => e.offsetParent);
    const slider = seen(".tolerance input[type=range]");
    const picture = () => seen(".reconstruction").querySelectorAll("img")[1].src;
    const before = picture(), start = performance.now();
    slider.value = Number(slider.min) + share * (slider.max - slider.min);
    slider.dispatchEvent(new Event("input", {bubbles: true}));
    while (picture() === before) await new Promise(resolve => setTimeout(resolve, 5));
    return (performance.now() - start) / 1000;
}"""


def main(name="conv_draw_mnist_any"):
    """Starts the command, moves the slider, and prints times."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "training", "explore", name, "--no-browser", "--port"]
    start = time.perf_counter()
    with subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL) as server:
        try:
            _wait_for(port, server)
            is_up = time.perf_counter() - start
            with sync_playwright() as driver:
                browser = driver.chromium.launch(
                    executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
                    args=["--no-sandbox"],
                )
                page = browser.new_page()
                page.set_default_timeout(1000 * _SECONDS)
                page.goto(f"http://127.0.0.1:{port}")
                page.locator(".reconstruction img").first.wait_for()
                seconds = []
                for move in range(_MOVES):
                    seconds.append(page.evaluate(_MOVE, (0.15 + 0.37 * move) % 1))
                    page.wait_for_timeout(_PAUSE)
        finally:
            server.terminate()
    low, middle, high = statistics.quantiles(seconds)
    print(f"{name}: {is_up:.0f} s from the command to the page")
    print(f"from slider to picture {middle:.2f} s ({low:.2f} to {high:.2f}, {_MOVES} moves)")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def _wait_for(port, server):
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The page did not start.")


if __name__ == "__main__":
    main(*sys.argv[1:])
