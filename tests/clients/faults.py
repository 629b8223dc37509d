"""A proxy that hands requests on to the server, and fails some of them on purpose."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


class Fault(Enum):
    """What happens to one request."""

    BEFORE = "502 and the server sees nothing"
    AFTER = "502 although the server accepted"
    NOT_JSON = "the server's status with a page instead of JSON"


@dataclass(slots=True)
class Proxy:
    """What a running proxy saw: the path of each request, and how many of them were under way together."""

    base_url: str
    faults: Mapping[int, Fault]
    paths: list[str] = field(default_factory=list)
    together: int = 0
    together_max: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, path: str) -> Fault | None:
        """Note a request and return what is to happen to it; requests count from 0."""
        with self.lock:
            self.paths.append(path)
            self.together += 1
            self.together_max = max(self.together_max, self.together)
            return self.faults.get(len(self.paths) - 1)

    def end(self) -> None:
        """Note that a request was answered."""
        with self.lock:
            self.together -= 1


@contextmanager
def faulty_proxy(server_url: str, faults: Mapping[int, Fault]) -> Iterator[Proxy]:
    """Run a proxy in front of a server while the block runs. Shape: `faults` by number of the request."""
    proxy = Proxy("", faults)
    hop_by_hop = {"host", "content-length", "transfer-encoding", "connection"}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fault = proxy.begin(self.path)
            try:
                self._answer(body, fault)
            finally:
                proxy.end()

        def _answer(self, body: bytes, fault: Fault | None) -> None:
            page = b"<html>Bad Gateway</html>"
            if fault is Fault.BEFORE:
                self._send(502, "text/html", page)
                return
            headers = {key: value for key, value in self.headers.items() if key.lower() not in hop_by_hop}
            answer = httpx.post(
                server_url + self.path, content=body, headers=headers, timeout=60, trust_env=False
            )
            if fault is Fault.AFTER:
                self._send(502, "text/html", page)
            elif fault is Fault.NOT_JSON:
                self._send(answer.status_code, "text/html", page)
            else:
                self._send(answer.status_code, answer.headers["content-type"], answer.content)

        def _send(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        proxy.base_url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            listening.shutdown()
            thread.join()
