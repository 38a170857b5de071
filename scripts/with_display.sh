#!/usr/bin/env bash
# Run a command on the display there is, or on a virtual one where Linux has none.
set -euo pipefail

if [ "$(uname -s)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  command -v xvfb-run >/dev/null || {
    echo "There is no display, and no xvfb-run to make one. Please install: xvfb xauth" >&2
    exit 1
  }
  exec xvfb-run -a -s "-screen 0 1600x1000x24" "$@"
fi
exec "$@"
