#!/bin/bash
# Stands before `curl` on a person's machine: what is published of this repository is read from /published, as it is here.
set -eu
exec /usr/bin/curl "${@/#'https://raw.githubusercontent.com/org/rollback-deploy/v1/'/file:///published/}"
