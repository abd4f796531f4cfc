"""A mail server that keeps what it is sent."""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager


class _Session(socketserver.StreamRequestHandler):
    server: Sink

    def handle(self):
        self._say("220 sink")
        for line in self.rfile:
            verb = line.decode().split()[0].upper()
            if verb == self.server.refuses:
                self._say("451 not now")
            elif verb == "DATA":
                self._say("354 go on")
                self.server.messages.append(self._message())
                self._say("250 kept")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, answer):
        self.wfile.write(f"{answer}\r\n".encode())

    def _message(self):
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(lines).decode()


class Sink(socketserver.ThreadingTCPServer):
    """Listens on a free port; `messages` are those that arrived."""

    def __init__(self, refuses):
        super().__init__(("127.0.0.1", 0), _Session)
        self.refuses = refuses
        self.messages = []
        self.port = self.server_address[1]


@contextmanager
def smtp_sink(refuses=None):
    """Run a sink that refuses one command, e.g. RCPT, or none."""
    with Sink(refuses) as sink:
        thread = threading.Thread(target=sink.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield sink
        finally:
            sink.shutdown()
            thread.join()
