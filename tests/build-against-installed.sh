#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later

# Installs the build in folder $1 below a temporary one, builds a program against that with
# pkg-config alone, runs it, and uninstalls: not a file may be left.

set -eu

build=$(cd "$1" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Meson writes the log that uninstalling goes by into the folder it installs from, where there may
# be one of a real installation: so it installs from another, full of links to the build.
mkdir -p "$tmp/build/meson-logs" "$tmp/program"
cp -R "$build/meson-private" "$tmp/build"
for entry in "$build"/*; do
  [ -e "$tmp/build/${entry##*/}" ] || ln -s "$entry" "$tmp/build"
done
meson install --no-rebuild --quiet --destdir "$tmp/root" -C "$tmp/build"

pc=$(find "$tmp/root" -name par-1.pc)
prefix=$(sed -n 's/^prefix=//p' "$pc")
sed -i "s|^prefix=.*|prefix=$tmp/root$prefix|" "$pc"

private=$(find "$tmp/root" -name '*-private.h')
if [ -n "$private" ]; then
  echo "installed, but private: $private" >&2
  exit 1
fi

cat > "$tmp/program/hello.c" <<'END'
#include <par/par.h>

static void
say_hello (ParAttempt *attempt, gpointer name, GError **error)
{
  par_attempt_return_string (attempt, name);
}

int
main (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParRequest) request = NULL;

  par_requests_add_thread (requests, say_hello, "Oakland", NULL);
  if (!par_requests_do (requests, NULL, NULL))
    return 1;

  request = par_requests_get_request (requests, 0);
  g_print ("hello %s %d\n", g_value_get_string (par_request_get_value (request)),
           PAR_TYPE_REQUESTS != G_TYPE_INVALID && PAR_TYPE_REQUEST_STATE != G_TYPE_INVALID);

  return 0;
}
END

cd "$tmp/program"
export PKG_CONFIG_PATH="${pc%/*}"
flags=$(pkg-config --cflags --libs par-1)
# shellcheck disable=SC2086
${CC:-cc} -Wall -Wextra -Wno-unused-parameter -Werror -o hello hello.c $flags

libdir=$(pkg-config --variable=libdir par-1)
said=$(LD_LIBRARY_PATH="$libdir" ./hello)
if [ "$said" != "hello Oakland 1" ]; then
  echo "the program said '$said'" >&2
  exit 1
fi

# What "ninja uninstall" runs.
cd "$tmp/build"
meson --internal uninstall > "$tmp/uninstall.log"
if [ -e "$tmp/root" ] && [ -n "$(find "$tmp/root" ! -type d)" ]; then
  echo "left by uninstalling:" >&2
  find "$tmp/root" ! -type d >&2
  exit 1
fi
