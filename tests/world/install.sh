#!/usr/bin/env bash
# Installs what the tests of a world need on a fresh Debian 12. Doing it again costs a second and changes nothing.
set -euo pipefail

# package          why
wanted=(
  docker.io        # engine: hosts are containers, the action is built and run as a container
  iptables         # the engine's own networks, and cutting a host's network
  debootstrap      # the root of every image, without an image registry
  openssh-client   # the product drives the user's own OpenSSH
  openssh-server   # a real sshd on loopback for the transport's tests
  sudo             # the root face runs under it
  strace           # faults in system calls
  fish tcsh        # login shells that are not POSIX; the others of the six come with the hosts
  mksh zsh
  git              # the sample app's repository, `git archive`
  iproute2         # what containers call this machine
  curl             # asks a host as a person would
  gcc libc6-dev    # the linker and the C library that a static program is made with
  shellcheck       # these scripts, and those inside workflows
  rsync            # copies of trees with owners and modes
  python3-venv     # linters of the docs level, in a folder of their own
)

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
# An engine from somewhere else is as good as Debian's.
if command -v dockerd >/dev/null 2>&1; then
  kept=()
  for package in "${missing[@]}"; do [ "$package" = docker.io ] || kept+=("$package"); done
  missing=("${kept[@]}")
fi

if [ "${#missing[@]}" -eq 0 ]; then
  echo "install: nothing to do"
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "install: missing ${missing[*]}; run as root, or install them yourself" >&2
  exit 1
fi
echo "install: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
