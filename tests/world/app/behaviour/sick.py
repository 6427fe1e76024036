"""A release that runs and says that it is not well."""
from good import started, version  # noqa: F401


def health(version):
    return 500, f"{version}: the database schema is too old\n"
