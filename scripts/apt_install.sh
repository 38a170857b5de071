#!/usr/bin/env bash
# Install Debian packages where apt and root's rights are at hand; exit 1 where they are not.
set -euo pipefail

command -v apt-get >/dev/null || exit 1
if [ "$(id -u)" -eq 0 ]; then
  as_root="env"
elif sudo -n true 2>/dev/null; then
  as_root="sudo -n env"
else
  exit 1
fi
echo "Installing with apt: $*"
$as_root apt-get -qq update || true # one broken source is no reason to stop
$as_root DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
