"""A browser without a window, told what to do through a pipe."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import sys

NAMES = "chromium", "chromium-browser", "google-chrome"
# a browser reads commands from file 3 and writes answers to file 4
_STARTED = """
import fcntl, os, sys
files = [fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3]]
for number, file in enumerate(files, 3):
    os.dup2(file, number)
os.execv(sys.argv[3], sys.argv[3:])
"""

FAULTS = """
(() => {
  const found = [], page = document.documentElement;
  if (page.scrollWidth > innerWidth)
    found.push(`the page is ${page.scrollWidth} wide, of ${innerWidth}`);
  for (const one of document.querySelectorAll("img"))
    if (!one.complete || !one.naturalWidth || !one.naturalHeight)
      found.push(`no picture: ${one.alt}`);
    else if (!one.alt)
      found.push(`a picture without words: ${one.outerHTML.slice(0, 80)}`);
  for (const one of document.querySelectorAll("svg"))
    if (!one.getBoundingClientRect().height)
      found.push(`no drawing: ${one.outerHTML.slice(0, 80)}`);
  for (const one of document.querySelectorAll("body *")) {
    const hidden = getComputedStyle(one).overflowX == "hidden";
    if (hidden && one.scrollWidth > one.clientWidth)
      found.push(`cut off: ${one.outerHTML.slice(0, 80)}`);
  }
  return found;
})()
"""
"""What is wrong with a page as it is laid out, a sentence each."""


def find_browser():
    """Path of the first browser that there is, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A page that is looked at in several widths and colours.

    Args:
        path: of the program.
        profile: a folder of its own.
    """

    def __init__(self, path, profile):
        reads, self._commands = os.pipe()
        answers, writes = os.pipe()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", _STARTED),
                *(str(reads), str(writes), path),
                *("--headless=new", "--no-sandbox", "--disable-gpu"),
                *("--hide-scrollbars", "--remote-debugging-pipe"),
                *(f"--user-data-dir={profile}", "about:blank"),
            ],
            pass_fds=(reads, writes),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(reads)
        os.close(writes)
        self._answers = os.fdopen(answers, "rb")
        self._numbers, self._unread = itertools.count(1), b""
        self._session, self._events = None, []
        pages = self._call("Target.getTargets")["targetInfos"]
        (page,) = (one for one in pages if one["type"] == "page")
        target = {"targetId": page["targetId"], "flatten": True}
        self._session = self._call("Target.attachToTarget", **target)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def close(self):
        """Ends the program."""
        self._session = None
        self._call("Browser.close")
        self._process.wait(timeout=60)
        self._answers.close()
        os.close(self._commands)

    def show(self, path, width, dark):
        """Lays a page out, and waits until it is loaded.

        Returns:
            What it wrote to the console.
        """
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=844,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme"}
        scheme["value"] = "dark" if dark else "light"
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._events.clear()
        self._call("Page.navigate", url=path.as_uri())
        while not any(
            event["method"] == "Page.loadEventFired" for event in self._events
        ):
            self._read()
        told = "Runtime.consoleAPICalled", "Runtime.exceptionThrown"
        told = *told, "Log.entryAdded"
        return [event for event in self._events if event["method"] in told]

    def run(self, script):
        """The value of a script."""
        found = self._call(
            "Runtime.evaluate", expression=script, returnByValue=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def picture(self):
        """All of the page, as a PNG."""
        found = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    def _call(self, method, **parameters):
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _read(self):
        """The next answer or event; events are kept."""
        while b"\0" not in self._unread:
            part = self._answers.read1()
            assert part, "the browser has ended"
            self._unread += part
        message, _, self._unread = self._unread.partition(b"\0")
        found = json.loads(message)
        if "method" in found:
            self._events.append(found)
        return found
