"""The web server: pages beside slow clients, and pages a second."""

from __future__ import annotations

import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from benchmarks.report import figure, spread
from soundscape_site.tests.web.slow_clients import KINDS, is_connected, slow_clients

_SLOW_CLIENTS = 50
_PAGES = 40
_READERS = 4
_READ_FOR_S = 4.0


def run(port: int) -> None:
    """Print how long the front page takes beside slow clients, and how often it is answered."""
    address = ("127.0.0.1", port)
    url = f"http://127.0.0.1:{port}/"
    for name, kind in KINDS.items():
        with slow_clients(address, kind, count=_SLOW_CLIENTS) as slow:
            times = [_page_s(url) for _ in range(_PAGES)]
            dropped = sum(not is_connected(connection) for connection in slow)
        spread(f"page beside {_SLOW_CLIENTS} clients: {name}", times)
        if dropped:
            figure("  of these clients, dropped meanwhile", dropped, "")
    with ThreadPoolExecutor(_READERS) as readers:
        counts = list(readers.map(_pages_read, [url] * _READERS))
    figure("front page", sum(counts) / _READ_FOR_S, "1/s", note=f"{_READERS} clients at once")


def _page_s(url: str) -> float:
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=60) as answer:
        answer.read()
    return time.perf_counter() - began


def _pages_read(url: str) -> int:
    end, count = time.perf_counter() + _READ_FOR_S, 0
    while time.perf_counter() < end:
        _page_s(url)
        count += 1
    return count
