"""A release that does not start."""

raise SystemExit("diary: the settings of this release cannot be read")
