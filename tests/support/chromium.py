"""Headless Chromium, driven over its DevTools pipe: what a person does to a page, and what comes of it.

    with launched(folder) as tab:
        browser = tab()
        browser.open("http://127.0.0.1:8000/")
        browser.until("document.title === 'checkreader'")

Nothing sleeps: whoever waits, waits for a condition in the page.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
PATIENCE = 60.0  # s
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--remote-debugging-pipe",
]
FLAGS += [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


class Pipe:
    """Messages to Chromium and from it, each in JSON with a zero byte behind.

    Args:
        to, back: file descriptors.
    """

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._received = b""
        self._number = 0

    def send(self, method: str, parameters: Any, session: str | None) -> int:
        """The number that the answer will have."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        return self._number

    def message(self, deadline: float) -> Any:
        """The next one; raises AssertionError if none comes until then, by `time.monotonic`."""
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._back], [], [], max(0, deadline - time.monotonic()))
            assert ready, "Chromium does not answer"
            data = os.read(self._back, 1 << 20)
            assert data, "Chromium has ended"
            self._received += data
        one, _, self._received = self._received.partition(b"\0")
        return json.loads(one)


class Browser:
    """One tab. `requests` are the addresses it asked for, `complaints` its errors and warnings."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._session: str | None = None
        self._answer: Callable[[Any], tuple[int, bytes] | None] = lambda request: None
        self.requests: list[str] = []
        self.bytes = 0  # over the wire, headers and bodies
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """The result of a DevTools command; raises AssertionError if it fails."""
        number = self._pipe.send(method, parameters, self._session)
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._pipe.message(deadline)
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            if answer.get("sessionId") == self._session:
                self._note(answer.get("method"), answer.get("params", {}))

    def _note(self, event: str | None, given: Any) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        elif event == "Fetch.requestPaused":
            self._reply(given["requestId"], self._answer(given["request"]))
        elif event == "Network.loadingFinished":
            self.bytes += int(given["encodedDataLength"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(given["exceptionDetails"].get("exception", given)))
        elif event == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(given["args"]))
        elif event == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")

    def _reply(self, request: str, answer: tuple[int, bytes] | None) -> None:
        if answer is None:
            self._pipe.send("Fetch.continueRequest", {"requestId": request}, self._session)
        else:
            status, body = answer
            found = {"requestId": request, "responseCode": status, "body": base64.b64encode(body).decode()}
            self._pipe.send("Fetch.fulfillRequest", found, self._session)

    def intercept(self, path: str, answer: Callable[[Any], tuple[int, bytes] | None]) -> None:
        """From now on `answer` gives status and body of requests to a path, None where the server is to answer."""
        self._answer = answer
        self.call("Fetch.enable", patterns=[{"urlPattern": f"*{path}"}])

    def close(self) -> None:
        self.call("Page.close")

    def offline(self, gone: bool = True) -> None:
        """Whether the server is out of reach."""
        self.call(
            "Network.emulateNetworkConditions",
            offline=gone,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )

    def look(
        self, width: int, height: int, *, dark: bool = False, mobile: bool = False, scale: float = 1
    ) -> None:
        """The window's size in CSS pixels, its color scheme, and whether it is a phone's."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=mobile,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=mobile)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, address: str) -> None:
        """Loads a page and waits for its scripts to be ready."""
        self.call("Page.navigate", url=address)
        self.until(f"location.href === {json.dumps(address)} && 'ready' in document.documentElement.dataset")

    def get(self, expression: str) -> Any:
        """What a JavaScript expression, or the promise it gives, is in the page."""
        found = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in found, (expression, found["exceptionDetails"])
        return found["result"].get("value")

    def until(self, condition: str) -> Any:
        """Waits until a JavaScript expression is true, and gives its value."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            # Looked at once per frame, by the page itself; a navigation in between ends the look.
            look = f"""new Promise((done) => {{ let frames = 60; (function look() {{
                const value = (() => {{ try {{ return {condition}; }} catch {{ return null; }} }})();
                if (value || !frames--) done(value); else requestAnimationFrame(look); }})(); }})"""
            found = self.call("Runtime.evaluate", expression=look, awaitPromise=True, returnByValue=True)
            value = found.get("result", {}).get("value")
            if value and "exceptionDetails" not in found:
                return value
        raise AssertionError(f"not within {PATIENCE:g} s: {condition}; {self.complaints}")

    def _middle(self, selector: str) -> tuple[float, float]:
        x, y = self.get(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}}); "
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        return x, y

    def click(self, selector: str) -> None:
        x, y = self._middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self._mouse(kind, x, y)

    def _mouse(self, kind: str, x: float, y: float) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def stroke(self, selector: str, points: Sequence[tuple[float, float]], touch: bool = False) -> None:
        """Draws a line on an element through points given as shares of its size."""
        self._middle(selector)
        x, y, width, height = self.get(
            f"(({{x, y, width, height}}) => [x, y, width, height])(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        places = [(x + a * width, y + b * height) for a, b in points]
        kinds = (
            ["Start", *["Move"] * (len(places) - 1)]
            if touch
            else ["mousePressed", *["mouseMoved"] * (len(places) - 1)]
        )
        for kind, (a, b) in zip(kinds, places, strict=True):
            if touch:
                self.call("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=[{"x": a, "y": b}])
            else:
                self._mouse(kind, a, b)
        if touch:
            self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        else:
            self._mouse("mouseReleased", *places[-1])

    def drop(self, selector: str, file: Path) -> None:
        x, y = self._middle(selector)
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def choose(self, selector: str, file: Path) -> None:
        """Gives a file to an input, as its dialog would."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    def press(self, key: str, code: int, text: str = "") -> None:
        """A key by its DOM name and its Windows code; `text` is what it writes."""
        self.call(
            "Input.dispatchKeyEvent",
            type="keyDown" if text else "rawKeyDown",
            key=key,
            code=key,
            windowsVirtualKeyCode=code,
            text=text,
        )
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def picture(self, whole: bool = False) -> bytes:
        """A screenshot as PNG, of the window or of the `whole` page."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(shot["data"])


@contextmanager
def launched(folder: Path) -> Iterator[Callable[[], Browser]]:
    """Opens tabs of a browser with an empty profile in `folder`."""
    assert CHROMIUM is not None
    (its_in, to), (back, its_out) = os.pipe(), os.pipe()
    # Chromium reads descriptor 3 and writes 4: what is moved there must lie above, or it would be overwritten.
    ours = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (its_in, its_out)]
    actions = [(os.POSIX_SPAWN_DUP2, ours[0], 3), (os.POSIX_SPAWN_DUP2, ours[1], 4)]
    actions += [(os.POSIX_SPAWN_OPEN, end, os.devnull, os.O_WRONLY, 0) for end in (1, 2)]
    arguments = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}"]
    process = os.posix_spawn(CHROMIUM, arguments, os.environ, file_actions=actions, setpgroup=0)
    try:
        for end in (its_in, its_out, *ours):
            os.close(end)
        pipe = Pipe(to, back)
        yield lambda: Browser(pipe)
    finally:
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(to)
        os.close(back)
