"""A small real web app: it says which release it is, how it is, and nothing else.

Started in its release's folder (through the live link). Listens on the socket systemd hands over (LISTEN_FDS), else
on 127.0.0.1:$PORT. Finishes what it has begun when it is told to stop.
"""
import os
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import behaviour

# Read once: what a process answers is what it was started as, whatever the link says later.
VERSION = open("VERSION", encoding="utf-8").read().strip()


def environment():
    """The `.env` of this release, which usually is a link into `shared`."""
    try:
        lines = open(".env", encoding="utf-8").read().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


ENVIRONMENT = environment()


class Handler(BaseHTTPRequestHandler):
    server_version = "webapp"

    def do_GET(self):
        status, text = {
            "/": (200, f"<h1>diary {VERSION}</h1>\n"),
            "/version": (200, behaviour.version(VERSION) + "\n"),
            "/health": behaviour.health(VERSION),
            "/greeting": (200, ENVIRONMENT.get("GREETING", "none") + "\n"),
            "/pid": (200, f"{os.getpid()}\n"),
        }.get(self.path, (404, "no such page\n"))
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if self.path == "/" else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        pass


class Server(ThreadingHTTPServer):
    # A stop waits for every answer under way.
    daemon_threads = False
    block_on_close = True
    request_queue_size = 1024


def listener():
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1":
        return socket.socket(fileno=3)
    return None


def main():
    given = listener()
    address = given.getsockname() if given else ("127.0.0.1", int(os.environ.get("PORT", "5000")))
    server = Server(address, Handler, bind_and_activate=given is None)
    if given:
        server.socket.close()
        server.socket = given
    # shutdown() waits for serve_forever, which runs on this thread: so from another one.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    behaviour.started()
    print(f"diary {VERSION} listens on {address[0]}:{address[1]}", flush=True)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    print(f"diary {VERSION} stopped", flush=True)


main()
