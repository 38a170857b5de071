#!/usr/bin/env bash
# On Linux, see that the shared libraries of Qt and OpenGL and a virtual screen (Xvfb) are there.
# On Debian and Ubuntu install what is missing where root's rights are at hand; else say what to install.
set -euo pipefail

[ "$(uname -s)" = Linux ] || exit 0
PATH="$PATH:/usr/sbin:/sbin" # where ldconfig is, for users other than root

libraries="libEGL.so.1=libegl1
libGL.so.1=libgl1
libGLX_mesa.so.0=libglx-mesa0
libdbus-1.so.3=libdbus-1-3
libfontconfig.so.1=libfontconfig1
libglib-2.0.so.0=libglib2.0-0
libgssapi_krb5.so.2=libgssapi-krb5-2
libxcb-cursor.so.0=libxcb-cursor0
libxcb-icccm.so.4=libxcb-icccm4
libxcb-image.so.0=libxcb-image0
libxcb-keysyms.so.1=libxcb-keysyms1
libxcb-randr.so.0=libxcb-randr0
libxcb-render-util.so.0=libxcb-render-util0
libxcb-shape.so.0=libxcb-shape0
libxcb-sync.so.1=libxcb-sync1
libxcb-xfixes.so.0=libxcb-xfixes0
libxkbcommon-x11.so.0=libxkbcommon-x11-0"

missing=""
present=$(ldconfig -p 2>/dev/null || true)
for pair in $libraries; do
  case "$present" in
    *"${pair%%=*} "*) ;;
    *) missing="$missing ${pair##*=}" ;;
  esac
done
if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  command -v Xvfb >/dev/null || missing="$missing xvfb"
  command -v xauth >/dev/null || missing="$missing xauth"
fi
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086  # a list of words
"$(dirname "$0")/apt_install.sh" $missing ||
  echo "Missing system packages, go on without them. Please install:$missing" >&2
