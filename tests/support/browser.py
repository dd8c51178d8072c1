"""Chromium without a network, for tests that look at pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.absent import absent

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["chromium"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser that knows no address but 127.0.0.1. Without one the test is skipped, but fails under CI=true."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        absent("no Chromium on the PATH; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
