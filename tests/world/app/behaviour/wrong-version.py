"""A release that runs well and is another one than its name says, as after a build from a stale checkout."""
from good import health, started  # noqa: F401


def version(version):
    return "v0.9.0"
