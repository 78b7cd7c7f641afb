// SPDX-License-Identifier: LGPL-2.1-or-later

// Where links to other libraries lead.
baseURLs = [
    ['GLib', 'https://docs.gtk.org/glib/'],
    ['GObject', 'https://docs.gtk.org/gobject/'],
    ['Gio', 'https://docs.gtk.org/gio/'],
    ['Par', '../par-1/'],
    ['Soup', 'https://libsoup.org/libsoup-3.0/'],
];
