"""The browser for the screens' tests: found, quiet, or missed with a mend."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from hub.runtime import browser
from hub.runtime.complaint import Complaint


def test_a_named_browser_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(browser.VARIABLE, "/opt/mine")
    assert browser.find_browser() == "/opt/mine"


def test_what_playwright_downloaded_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "chromium-1200" / "chrome-linux64" / "chrome"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.delenv(browser.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert browser.find_browser() == str(program)


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac's applications are not on the PATH")
def test_without_any_way_to_one_the_mend_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(browser.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))  # no browser, no apt-get
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_DOWNLOAD_HOST", "http://127.0.0.1:1")
    monkeypatch.setenv("CROSSDOCK_HOME", str(tmp_path / "home"))
    with pytest.raises(Complaint, match=r"apt install chromium.*CROSSDOCK_BROWSER"):
        browser.find_browser()


@pytest.mark.slow
def test_it_shows_a_page_headless() -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(**browser.launch_options())  # type: ignore[arg-type]
        page = chromium.new_page()
        page.set_content("<title>dock</title><script>document.title += ' open'</script>")
        assert page.title() == "dock open"
        chromium.close()


def test_its_own_sandbox_is_given_up_for_root_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "--no-sandbox" not in browser.launch_options("/x")["args"]  # type: ignore[operator]
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "--no-sandbox" in browser.launch_options("/x")["args"]  # type: ignore[operator]
