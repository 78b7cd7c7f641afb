/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "par-soup-sockets-private.h"

#define PATIENCE_US (10 * G_USEC_PER_SEC)

/* Sends until there is no room, here or there, to the byte. */
static void
fill (GSocket *socket)
{
  const char bytes[] = "HTTP/1.1 102 Processing\r\n\r\n";
  g_autoptr(GError) error = NULL;

  while (g_socket_send_with_blocking (socket, bytes, sizeof bytes, FALSE, NULL, &error) > 0)
    ;
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
}

static void
drain (GSocket *socket)
{
  char bytes[65536];

  while (g_socket_receive (socket, bytes, sizeof bytes, NULL, NULL) > 0)
    ;
}

static void
peer_learns_of_the_end (void)
{
  g_autoptr(GSocketListener) listener = g_socket_listener_new ();
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(SoupSession) session = soup_session_new ();
  g_autoptr(SoupMessage) message = soup_message_new ("GET", "http://127.0.0.1/");
  g_autoptr(GSocketConnection) here = NULL, there = NULL;
  g_autoptr(GError) error = NULL;
  GSocket *socket;
  guint16 port = g_socket_listener_add_any_inet_port (listener, NULL, &error);

  g_test_summary ("When a connection was shut down, read to its end, and closed, a peer that has "
                  "more to send than there was room for does not wait for more room.");

  g_assert_no_error (error);
  here = g_socket_client_connect_to_host (client, "127.0.0.1", port, NULL, &error);
  g_assert_no_error (error);
  there = g_socket_listener_accept (listener, NULL, NULL, &error);
  g_assert_no_error (error);

  socket = g_socket_connection_get_socket (there);
  fill (socket);
  par_soup_sockets_note (session, message, G_IO_STREAM (here));
  par_soup_sockets_shut_down (session, message);
  drain (g_socket_connection_get_socket (here));
  g_assert_true (g_io_stream_close (G_IO_STREAM (here), NULL, &error));
  g_assert_no_error (error);

  g_assert_true (g_socket_condition_timed_wait (socket, G_IO_ERR | G_IO_HUP, PATIENCE_US, NULL,
                                                &error));
  g_assert_no_error (error);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/par-soup/sockets/peer-learns-of-the-end", peer_learns_of_the_end);

  return g_test_run ();
}
