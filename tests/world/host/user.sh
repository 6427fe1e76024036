#!/bin/sh
# Runs in a host: user.sh NAME SHELL SUDO, the public key on stdin. An ordinary user who may log in by that key only.
# SUDO: nothing, or everything (as a cloud image's first user has it).
set -eu
name=$1 shell=$2 sudo=$3
id "$name" >/dev/null 2>&1 || useradd --create-home --user-group "$name"
usermod --shell "$(command -v "$shell")" "$name"
home=$(getent passwd "$name" | cut -d: -f6)
install -d -m 700 -o "$name" -g "$name" "$home/.ssh"
cat >"$home/.ssh/authorized_keys"
chown "$name:$name" "$home/.ssh/authorized_keys"
chmod 600 "$home/.ssh/authorized_keys"
rm -f "/etc/sudoers.d/$name"
if [ "$sudo" = everything ]; then
  echo "$name ALL=(ALL:ALL) NOPASSWD: ALL" >"/etc/sudoers.d/$name"
  chmod 440 "/etc/sudoers.d/$name"
fi
