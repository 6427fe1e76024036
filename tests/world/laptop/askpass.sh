#!/bin/sh
# A person at the keyboard when ssh asks: pastes the fingerprint that the host's console showed, types the password.
case $1 in
  *fingerprint*) cat /root/.fingerprint ;;
  *password*) cat /root/.password ;;
  *) exit 1 ;;
esac
