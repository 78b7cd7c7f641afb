/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-sockets-private.h"

#include <sys/socket.h>

/* libsoup shows the socket of a connection only while that is made, and of a message that is sent
 * later no more than the connection's number. So each session has a table of them. */

static GMutex lock;

/* The table of @session, with the lock held. */
static GHashTable *
ensure_table (SoupSession *session)
{
  GQuark quark = g_quark_from_static_string ("par-soup-sockets");
  GHashTable *table = g_object_get_qdata (G_OBJECT (session), quark);

  if (table == NULL)
    {
      table = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_object_unref);
      g_object_set_qdata_full (G_OBJECT (session), quark, table,
                               (GDestroyNotify) g_hash_table_unref);
    }

  return table;
}

static gboolean
is_closed (gpointer id,
           gpointer socket,
           gpointer user_data)
{
  return g_socket_is_closed (socket);
}

/* @message is about to be sent by a new connection. */
void
par_soup_sockets_note (SoupSession *session,
                       SoupMessage *message,
                       GIOStream   *connection)
{
  guint64 id = soup_message_get_connection_id (message);
  g_autoptr(GIOStream) base = NULL;
  GSocket *socket;
  GHashTable *table;

  if (G_IS_TLS_CONNECTION (connection))
    g_object_get (connection, "base-io-stream", &base, NULL);
  else if (connection != NULL)
    base = g_object_ref (connection);
  if (!G_IS_SOCKET_CONNECTION (base))
    return;

  socket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (base));
  g_mutex_lock (&lock);
  table = ensure_table (session);
  g_hash_table_foreach_remove (table, is_closed, NULL);
  g_hash_table_replace (table, g_memdup2 (&id, sizeof id), g_object_ref (socket));
  g_mutex_unlock (&lock);
}

/* Has the peer told with the end that this has been the end. Else, if it has filled all the room
 * there was, it asks for more, and the system says for a minute that there is none. */
static void
set_abortive (GSocket *socket)
{
  struct linger linger = { .l_onoff = 1, .l_linger = 0 };

  setsockopt (g_socket_get_fd (socket), SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

/* Ends the connection of @message, so that whoever reads from it comes to an end too. */
void
par_soup_sockets_shut_down (SoupSession *session,
                            SoupMessage *message)
{
  guint64 id = soup_message_get_connection_id (message);
  g_autoptr(GSocket) socket = NULL;

  g_mutex_lock (&lock);
  g_set_object (&socket, g_hash_table_lookup (ensure_table (session), &id));
  g_mutex_unlock (&lock);

  if (socket == NULL)
    return;

  set_abortive (socket);
  g_socket_shutdown (socket, TRUE, TRUE, NULL);
}
