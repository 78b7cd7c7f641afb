#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later

# Installs the build in folder $1 below a temporary one, builds a program against that with
# pkg-config alone, runs it, does the same with what is there in other languages, and uninstalls: not
# a file may be left.

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
sed -i "s|^prefix=.*|prefix=$tmp/root$prefix|" "${pc%/*}"/par-*.pc

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

export LD_LIBRARY_PATH="$libdir"
if [ -e "${pc%/*}/par-soup-1.pc" ]; then
  cat > soup.c <<'END'
#include <par/soup/par-soup.h>

int
main (void)
{
  g_autoptr(ParSoupRequest) request = par_soup_request_new ("GET", "http://example.org/", NULL);

  g_print ("hello %s %d\n", par_request_get_key (PAR_REQUEST (request)),
           PAR_SOUP_TYPE_SESSION != G_TYPE_INVALID && PAR_SOUP_TYPE_ERROR != G_TYPE_INVALID);

  return 0;
}
END
  flags=$(pkg-config --cflags --libs par-soup-1)
  # shellcheck disable=SC2086
  ${CC:-cc} -Wall -Wextra -Wno-unused-parameter -Werror -o soup soup.c $flags
  said=$(./soup)
  if [ "$said" != "hello example.org:80 1" ]; then
    echo "the program of ParSoup said '$said'" >&2
    exit 1
  fi
fi

vapi=$(find "$tmp/root" -name par-1.vapi)
if [ -n "$vapi" ] && command -v valac >/dev/null; then
  cat > hello.vala <<'END'
void main () {
    var requests = new Par.Requests ();
    requests.add_thread ((attempt) => attempt.return_string ("Oakland"));
    try {
        requests.do ();
    } catch (Error error) {
        printerr ("%s\n", error.message);
    }
    print ("hello %s\n", requests.get_request (0).get_value ().get_string ());
}
END
  valac --vapidir "${vapi%/*}" --pkg par-1 -X -w -o hello-vala hello.vala
  said=$(./hello-vala)
  if [ "$said" != "hello Oakland" ]; then
    echo "the program in Vala said '$said'" >&2
    exit 1
  fi
fi

# The override is to be found where GJS looks by itself.
typelib=$(find "$tmp/root" -name Par-1.typelib)
if [ -n "$typelib" ] && command -v gjs >/dev/null; then
  cat > hello.js <<'END'
imports.gi.versions.Par = '1';
const {GLib, Par} = imports.gi;
const loop = new GLib.MainLoop(null, false);
const requests = new Par.Requests();
requests.add(async () => ({city: 'Oakland'}));
requests.do_async(null).finally(() => loop.quit());
loop.run();
print(`hello ${requests.get_request(0).result().city}`);
END
  said=$(env --unset=GJS_PATH XDG_DATA_DIRS="$tmp/root$prefix/share" \
         GI_TYPELIB_PATH="${typelib%/*}" gjs hello.js)
  if [ "$said" != "hello Oakland" ]; then
    echo "the program in GJS said '$said'" >&2
    exit 1
  fi
fi

# What "ninja uninstall" runs.
cd "$tmp/build"
meson --internal uninstall > "$tmp/uninstall.log"
if [ -e "$tmp/root" ] && [ -n "$(find "$tmp/root" ! -type d)" ]; then
  echo "left by uninstalling:" >&2
  find "$tmp/root" ! -type d >&2
  exit 1
fi
