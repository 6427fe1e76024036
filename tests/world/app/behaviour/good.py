"""A release that works."""


def started():
    pass


def version(version):
    return version


def health(version):
    return 200, f"ok {version}\n"
