"""A release that listens and dies soon after, every time."""
import os
import threading

from good import health, started as _started, version  # noqa: F401


def _die():
    print("ERROR diary: out of memory in the background worker", flush=True)
    os._exit(1)


def started():
    _started()
    timer = threading.Timer(0.7, _die)
    timer.daemon = True
    timer.start()
