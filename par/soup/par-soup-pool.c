/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-pool-private.h"

#include "par-soup-uri-private.h"

#define MAX_THREADS 4

/* How many workers send at once, each with a descriptor more, to be cancelled by; and how many of
 * these are kept. */
#define MAX_WORKERS 64
#define MAX_SPARE 8

/* What is kept open for later. */
#define MAX_IDLE 64
#define IDLE_TIME_US (30 * G_USEC_PER_SEC)

/* How many exchanges share a connection by HTTP/2. */
#define MAX_STREAMS 100

/* Who may send how much to whom, and from where. The pool of a caller's session counts what is
 * sent; the sessions of its own have one connection each, so that the pool knows of all of them:
 * within one session, libsoup goes through all of its messages and all of its connections for each
 * message, and asks the system about each connection that is idle.
 *
 * A connection is made in the lane of an I/O thread, since only there are a host's addresses tried
 * beside each other. When it has turned out to be one of HTTP/1, workers may send by it too, in
 * calls that block, which takes half the time. */
struct _ParSoupPool
{
  SoupSession *session;        /* the caller's, or NULL */
  GTlsDatabase *tls_database;  /* for sessions of its own, or NULL for the default */
  guint max_per_host;
  guint max_running;           /* at all hosts */

  GMutex lock;

  /* Guarded by the lock. */
  gboolean is_closed;
  GHashTable *hosts;           /* (element-type utf8 ParSoupHost) */
  GQueue idle;                 /* of ParSoupConnection, the one used last at the tail */
  GQueue hungry;               /* of ParSoupHost: something waits there */
  GPtrArray *threads;          /* (element-type ParSoupLane) */
  GPtrArray *owners;           /* (element-type ParSoupLane) */
  guint n_running;
  guint n_workers;             /* that send */
  GPtrArray *spare;            /* (element-type GCancellable): none is cancelled, each has its fd */
  char *user_agent;
  guint n_replicas;            /* counts the requests that have some */
  ParSoupTurn expiry;
};

struct _ParSoupHost
{
  char *key;
  guint n_connections;
  GQueue idle;      /* of ParSoupConnection, the one used last at the head */
  GQueue shared;    /* of ParSoupConnection: in use, with room for another message */
  GQueue waiting;   /* of ParSoupTicket */
  GList hungry_link;
  gboolean is_hungry;
};

typedef enum
{
  IN_USE,
  SHARED,
  IDLE,
} ParSoupUse;

/* Where one connection to a host may be, and a session that has no other. */
struct _ParSoupConnection
{
  ParSoupPool *pool;
  ParSoupHost *host;
  ParSoupLane *lane;     /* or NULL if the system has no thread: the worker does it all */
  SoupSession *session;  /* made in its lane, when it is used first */
  gboolean is_untied;    /* from its lane: a worker may send by it */
  ParSoupUse use;
  guint n_running;
  guint max_running;
  gint64 idle_since_us;
  GList host_link;
  GList idle_link;
};

static ParSoupHost *
ensure_host (ParSoupPool *self,
             GUri        *uri)
{
  g_autofree char *key = par_soup_uri_get_host_key (uri);
  ParSoupHost *host = g_hash_table_lookup (self->hosts, key);

  if (host == NULL)
    {
      host = g_new0 (ParSoupHost, 1);
      host->key = g_steal_pointer (&key);
      host->hungry_link.data = host;
      g_hash_table_insert (self->hosts, host->key, host);
    }

  return host;
}

static void
free_host (gpointer data)
{
  ParSoupHost *host = data;

  g_free (host->key);
  g_free (host);
}

static void
drop_host_if_unused (ParSoupPool *self,
                     ParSoupHost *host)
{
  if (host->n_connections == 0 && g_queue_is_empty (&host->waiting))
    g_hash_table_remove (self->hosts, host->key);
}

static void
set_hungry (ParSoupPool *self,
            ParSoupHost *host)
{
  gboolean is_hungry = !g_queue_is_empty (&host->waiting);

  if (is_hungry == host->is_hungry)
    return;

  host->is_hungry = is_hungry;
  if (is_hungry)
    g_queue_push_tail_link (&self->hungry, &host->hungry_link);
  else
    g_queue_unlink (&self->hungry, &host->hungry_link);
}

static void
set_use (ParSoupConnection *connection,
         ParSoupUse         use)
{
  ParSoupHost *host = connection->host;
  ParSoupPool *pool = connection->pool;

  if (use == connection->use)
    return;

  if (connection->use == SHARED)
    {
      g_queue_unlink (&host->shared, &connection->host_link);
    }
  else if (connection->use == IDLE)
    {
      g_queue_unlink (&host->idle, &connection->host_link);
      g_queue_unlink (&pool->idle, &connection->idle_link);
    }

  connection->use = use;
  if (use == SHARED)
    {
      g_queue_push_head_link (&host->shared, &connection->host_link);
    }
  else if (use == IDLE)
    {
      connection->idle_since_us = g_get_monotonic_time ();
      g_queue_push_head_link (&host->idle, &connection->host_link);
      g_queue_push_tail_link (&pool->idle, &connection->idle_link);
    }
}

static ParSoupConnection *
add_connection (ParSoupPool *self,
                ParSoupHost *host,
                ParSoupLane *lane)
{
  ParSoupConnection *connection = g_new0 (ParSoupConnection, 1);

  connection->pool = self;
  connection->host = host;
  connection->lane = lane;
  connection->max_running = 1;
  connection->host_link.data = connection;
  connection->idle_link.data = connection;
  host->n_connections++;
  if (lane != NULL)
    lane->n_connections++;

  return connection;
}

static gboolean
keep (gpointer data)
{
  return G_SOURCE_REMOVE;
}

/* Closes a session's connection, in the lane if somebody is there. */
static void
drop_session (SoupSession *session,
              ParSoupLane *lane)
{
  g_autoptr(GSource) source = NULL;

  if (lane == NULL)
    {
      g_object_unref (session);
      return;
    }

  if (par_soup_lane_enter (lane))
    {
      g_object_unref (session);
      par_soup_lane_leave (lane);
      return;
    }

  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (source, "[ParSoup] close");
  g_source_set_callback (source, keep, session, g_object_unref);
  g_source_attach (source, lane->context);
}

/* What is to be dropped when the lock is free: sessions and their lanes in turn. */
typedef GPtrArray Dropped;

static Dropped *
new_dropped (void)
{
  return g_ptr_array_new ();
}

static void
free_dropped (Dropped *dropped)
{
  for (guint i = 0; i < dropped->len; i += 2)
    {
      drop_session (g_ptr_array_index (dropped, i), g_ptr_array_index (dropped, i + 1));
      if (g_ptr_array_index (dropped, i + 1) != NULL)
        par_soup_lane_unref (g_ptr_array_index (dropped, i + 1));
    }
  g_ptr_array_unref (dropped);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Dropped, free_dropped)

/* Removes a connection that nobody uses, with the lock held. */
static void
remove_connection (ParSoupConnection *connection,
                   Dropped           *dropped)
{
  set_use (connection, IN_USE);
  connection->host->n_connections--;
  if (connection->lane != NULL)
    connection->lane->n_connections--;
  if (connection->session != NULL)
    {
      g_ptr_array_add (dropped, g_steal_pointer (&connection->session));
      g_ptr_array_add (dropped, connection->lane != NULL ? par_soup_lane_ref (connection->lane)
                                                         : NULL);
    }
  g_free (connection);
}

static ParSoupLane *
find_least_busy (GPtrArray *lanes)
{
  ParSoupLane *found = NULL;

  for (guint i = 0; i < lanes->len; i++)
    {
      ParSoupLane *lane = g_ptr_array_index (lanes, i);

      if (found == NULL || lane->n_connections < found->n_connections)
        found = lane;
    }

  return found;
}

/* The I/O lane for a new connection, or NULL if the system has no thread for one. */
static ParSoupLane *
choose_thread (ParSoupPool *self)
{
  ParSoupLane *lane = find_least_busy (self->threads);
  guint max_threads = CLAMP (g_get_num_processors (), 2, MAX_THREADS);

  if ((lane == NULL || lane->n_connections > 0) && self->threads->len < max_threads)
    {
      ParSoupLane *fresh = par_soup_lane_new_thread ((GDestroyNotify) par_soup_pool_unref,
                                                     par_soup_pool_ref (self));

      if (fresh != NULL)
        g_ptr_array_add (self->threads, lane = fresh);
    }

  return lane;
}

static void
remove_idle_of (ParSoupPool *self,
                ParSoupLane *lane,
                Dropped     *dropped)
{
  GList *link = self->idle.head;

  while (link != NULL)
    {
      ParSoupConnection *connection = link->data;

      link = link->next;
      if (connection->lane == lane)
        remove_connection (connection, dropped);
    }
}

static ParSoupLane *
ensure_owner_lane (ParSoupPool  *self,
                   GMainContext *owner,
                   Dropped      *dropped)
{
  ParSoupLane *found = NULL;

  for (guint i = self->owners->len; i > 0; i--)
    {
      ParSoupLane *lane = g_ptr_array_index (self->owners, i - 1);

      if (par_soup_lane_is_dead (lane))
        {
          remove_idle_of (self, lane, dropped);
          if (lane->n_connections == 0)
            g_ptr_array_remove_index_fast (self->owners, i - 1);
        }
      else if (lane->owner == owner)
        {
          found = lane;
        }
    }

  if (found == NULL)
    {
      found = par_soup_lane_new_owner (owner, (GDestroyNotify) par_soup_pool_unref,
                                       par_soup_pool_ref (self));
      g_ptr_array_add (self->owners, found);
    }

  return found;
}

/* Finds one of @connections in @lane, or in that of any I/O thread. */
static ParSoupConnection *
find_in_lane (GQueue      *connections,
              ParSoupLane *lane)
{
  for (GList *link = connections->head; link != NULL; link = link->next)
    {
      ParSoupConnection *connection = link->data;

      if (lane != NULL ? connection->lane == lane : connection->lane->thread != NULL)
        return connection;
    }

  return NULL;
}

static gboolean
has_room (ParSoupPool *self,
          ParSoupHost *host)
{
  return host->n_connections < self->max_per_host;
}

/* A connection for @ticket, or NULL if it has to wait. */
static ParSoupConnection *
find_connection (ParSoupPool   *self,
                 ParSoupTicket *ticket,
                 Dropped       *dropped)
{
  ParSoupHost *host = ticket->host;
  ParSoupLane *lane = NULL;
  ParSoupConnection *connection;

  if (self->n_running >= self->max_running)
    return NULL;

  if (ticket->owner != NULL)
    lane = ensure_owner_lane (self, ticket->owner, dropped);

  connection = find_in_lane (&host->shared, lane);
  if (connection == NULL)
    connection = find_in_lane (&host->idle, lane);
  if (connection != NULL)
    return connection;

  if (!has_room (self, host))
    {
      if (g_queue_is_empty (&host->idle))
        return NULL;
      remove_connection (g_queue_peek_tail (&host->idle), dropped);
    }

  return add_connection (self, host, lane != NULL ? lane : choose_thread (self));
}

/* Whether the worker of @ticket is to send by @connection itself. */
static gboolean
is_for_worker (ParSoupTicket     *ticket,
               ParSoupConnection *connection)
{
  if (connection->lane == NULL)
    return TRUE;

  return ticket->owner == NULL && ticket->may_reuse && connection->is_untied
         && connection->pool->n_workers < MAX_WORKERS;
}

/* To signal takes a call of the system, even if nobody waits. */
static void
wake_worker (ParSoupTicket *ticket)
{
  if (ticket->is_waiting)
    g_cond_signal (&ticket->cond);
}

static GCancellable *
take_cancellable (ParSoupPool *self)
{
  GCancellable *cancellable;

  if (self->spare->len > 0)
    return g_ptr_array_steal_index_fast (self->spare, self->spare->len - 1);

  /* That its fd is there spares each wait the making of one. */
  cancellable = g_cancellable_new ();
  g_cancellable_get_fd (cancellable);

  return cancellable;
}

static void
free_cancellable (gpointer cancellable)
{
  g_cancellable_release_fd (cancellable);
  g_object_unref (cancellable);
}

static void
give_back_cancellable (ParSoupPool  *self,
                       GCancellable *cancellable)
{
  if (g_cancellable_is_cancelled (cancellable) || self->spare->len >= MAX_SPARE)
    free_cancellable (cancellable);
  else
    g_ptr_array_add (self->spare, cancellable);
}

/* Gives those who wait at @host what there is, with the lock held. */
static void
serve (ParSoupPool *self,
       ParSoupHost *host,
       Dropped     *dropped)
{
  ParSoupTicket *ticket;

  while ((ticket = g_queue_peek_head (&host->waiting)) != NULL)
    {
      ParSoupConnection *connection = find_connection (self, ticket, dropped);

      if (connection == NULL)
        break;

      g_queue_unlink (&host->waiting, &ticket->link);
      ticket->connection = connection;
      self->n_running++;
      connection->n_running++;
      set_use (connection, connection->n_running < connection->max_running ? SHARED : IN_USE);
      if (is_for_worker (ticket, connection))
        {
          self->n_workers++;
          ticket->cancellable = take_cancellable (self);
          ticket->is_ready = TRUE;
          wake_worker (ticket);
        }
      else
        {
          par_soup_lane_push (connection->lane, &ticket->turn);
        }
    }

  set_hungry (self, host);
}

/* Has those who wait served, after one has left @host. */
static void
serve_after (ParSoupPool *self,
             ParSoupHost *host,
             Dropped     *dropped)
{
  GList *link;

  serve (self, host, dropped);

  /* What was missing elsewhere may have been something that all hosts share. */
  if (self->max_running == G_MAXUINT)
    return;
  for (link = self->hungry.head; link != NULL && self->n_running < self->max_running; )
    {
      ParSoupHost *other = link->data;

      link = link->next;
      serve (self, other, dropped);
    }
}

static void
run_ticket (ParSoupTurn *turn)
{
  ParSoupTicket *ticket = (ParSoupTicket *) turn;

  ticket->run (ticket);
}

static void
expire_cb (ParSoupTurn *turn)
{
  ParSoupPool *self = (ParSoupPool *) ((guint8 *) turn - G_STRUCT_OFFSET (ParSoupPool, expiry));
  g_autoptr(Dropped) dropped = new_dropped ();
  gint64 until_us = g_get_monotonic_time () - IDLE_TIME_US;
  ParSoupConnection *connection;

  g_mutex_lock (&self->lock);
  while ((connection = g_queue_peek_head (&self->idle)) != NULL
         && connection->idle_since_us <= until_us)
    {
      ParSoupHost *host = connection->host;

      remove_connection (connection, dropped);
      drop_host_if_unused (self, host);
    }
  if (connection != NULL)
    par_soup_lane_set_alarm (connection->lane, &self->expiry,
                             connection->idle_since_us + IDLE_TIME_US);
  g_mutex_unlock (&self->lock);
}

static GPtrArray *
new_lanes (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) par_soup_lane_close);
}

ParSoupPool *
par_soup_pool_new (SoupSession  *session,
                   GTlsDatabase *tls_database,
                   guint         connections_per_host)
{
  ParSoupPool *self = g_atomic_rc_box_new0 (ParSoupPool);

  g_set_object (&self->session, session);
  g_set_object (&self->tls_database, tls_database);
  self->max_per_host = connections_per_host;
  self->max_running = G_MAXUINT;
  if (session != NULL)
    {
      self->max_per_host = soup_session_get_max_conns_per_host (session);
      self->max_running = soup_session_get_max_conns (session);
    }

  g_mutex_init (&self->lock);
  self->hosts = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, free_host);
  self->threads = new_lanes ();
  self->owners = new_lanes ();
  self->spare = g_ptr_array_new_with_free_func (free_cancellable);
  self->expiry.function = expire_cb;

  return self;
}

ParSoupPool *
par_soup_pool_ref (ParSoupPool *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
clear_pool (gpointer data)
{
  ParSoupPool *self = data;

  g_ptr_array_unref (self->threads);
  g_ptr_array_unref (self->owners);
  g_ptr_array_unref (self->spare);
  g_hash_table_unref (self->hosts);
  g_clear_object (&self->session);
  g_clear_object (&self->tls_database);
  g_free (self->user_agent);
  g_mutex_clear (&self->lock);
}

void
par_soup_pool_unref (ParSoupPool *self)
{
  g_atomic_rc_box_release_full (self, clear_pool);
}

static void
close_lanes (GPtrArray *threads,
             GPtrArray *owners,
             gboolean   joins)
{
  for (guint i = 0; i < threads->len; i++)
    par_soup_lane_quit (g_ptr_array_index (threads, i));
  for (guint i = 0; i < owners->len; i++)
    par_soup_lane_settle (g_ptr_array_index (owners, i));
  for (guint i = 0; joins && i < threads->len; i++)
    par_soup_lane_join (g_ptr_array_index (threads, i));

  g_ptr_array_unref (threads);
  g_ptr_array_unref (owners);
}

/* Takes the lanes out, with the lock held, if nobody needs them any more. */
static gboolean
take_lanes (ParSoupPool  *self,
            GPtrArray   **threads,
            GPtrArray   **owners)
{
  if (!self->is_closed || self->n_running > 0)
    return FALSE;

  *threads = self->threads;
  *owners = self->owners;
  self->threads = new_lanes ();
  self->owners = new_lanes ();

  return TRUE;
}

/* Closes all connections, those in use when they are left. When this returns the others are
 * closed, unless they are in another thread's owner context. */
void
par_soup_pool_close (ParSoupPool *self)
{
  Dropped *dropped = new_dropped ();
  GPtrArray *threads, *owners;
  ParSoupConnection *connection;
  gboolean is_over;

  g_mutex_lock (&self->lock);
  self->is_closed = TRUE;
  while ((connection = g_queue_peek_head (&self->idle)) != NULL)
    {
      ParSoupHost *host = connection->host;

      remove_connection (connection, dropped);
      drop_host_if_unused (self, host);
    }
  is_over = take_lanes (self, &threads, &owners);
  g_mutex_unlock (&self->lock);

  free_dropped (dropped);
  if (is_over)
    close_lanes (threads, owners, TRUE);
}

/* Runs what was served in a lane, if the caller may. */
static void
run_if_here (ParSoupLane *lane)
{
  if (par_soup_lane_is_here (lane))
    par_soup_lane_run (lane);
}

/* Asks for a connection to the host of @uri. The ticket is run when there is one, maybe at once,
 * and then has to leave. FALSE if it has been withdrawn. */
gboolean
par_soup_pool_enter (ParSoupPool   *self,
                     ParSoupTicket *ticket,
                     GUri          *uri)
{
  g_autoptr(Dropped) dropped = new_dropped ();
  ParSoupLane *lane = NULL;

  g_mutex_lock (&self->lock);
  if (ticket->is_withdrawn)
    {
      g_mutex_unlock (&self->lock);
      return FALSE;
    }

  ticket->turn.function = run_ticket;
  ticket->link.data = ticket;
  ticket->host = ensure_host (self, uri);
  g_queue_push_tail_link (&ticket->host->waiting, &ticket->link);
  serve (self, ticket->host, dropped);
  if (ticket->connection != NULL && ticket->cancellable == NULL)
    lane = par_soup_lane_ref (ticket->connection->lane);
  g_mutex_unlock (&self->lock);

  /* From here on the ticket may be gone, unless there is a worker who has it. */
  if (lane != NULL)
    {
      run_if_here (lane);
      par_soup_lane_unref (lane);
    }

  return TRUE;
}

/* Waits for what comes of a ticket that has entered, in its worker. TRUE if that is a connection
 * by which the worker is to run it; FALSE if the ticket is finished with. */
gboolean
par_soup_pool_wait (ParSoupPool   *self,
                    ParSoupTicket *ticket)
{
  gboolean is_ready;

  g_mutex_lock (&self->lock);
  ticket->is_waiting = TRUE;
  while (!ticket->is_ready && !ticket->is_finished)
    g_cond_wait (&ticket->cond, &self->lock);
  ticket->is_waiting = FALSE;
  is_ready = ticket->is_ready;
  ticket->is_ready = FALSE;
  g_mutex_unlock (&self->lock);

  return is_ready;
}

/* Nothing is to come of the ticket any more. */
void
par_soup_pool_finish (ParSoupPool   *self,
                      ParSoupTicket *ticket)
{
  g_mutex_lock (&self->lock);
  ticket->is_finished = TRUE;
  wake_worker (ticket);
  g_mutex_unlock (&self->lock);
}

static void
give_back (ParSoupConnection *connection,
           gboolean           is_spoilt,
           Dropped           *dropped)
{
  ParSoupPool *self = connection->pool;

  self->n_running--;
  connection->n_running--;
  if (connection->n_running > 0)
    {
      set_use (connection, SHARED);
    }
  else if (self->is_closed || self->session != NULL || connection->lane == NULL || is_spoilt)
    {
      remove_connection (connection, dropped);
    }
  else
    {
      set_use (connection, IDLE);
      par_soup_lane_set_alarm (connection->lane, &self->expiry,
                               connection->idle_since_us + IDLE_TIME_US);
    }
}

static void
trim_idle (ParSoupPool *self,
           Dropped     *dropped)
{
  while (self->idle.length > MAX_IDLE)
    {
      ParSoupConnection *connection = g_queue_peek_head (&self->idle);
      ParSoupHost *host = connection->host;

      remove_connection (connection, dropped);
      drop_host_if_unused (self, host);
    }
}

/* Gives the connection back: in its lane, or in the worker that it was for. */
void
par_soup_pool_leave (ParSoupPool   *self,
                     ParSoupTicket *ticket)
{
  Dropped *dropped = new_dropped ();
  GPtrArray *threads, *owners;
  ParSoupHost *host;
  ParSoupLane *lane = NULL;
  gboolean is_spoilt = FALSE, is_over;

  g_mutex_lock (&self->lock);
  host = g_steal_pointer (&ticket->host);
  if (ticket->cancellable != NULL)
    {
      is_spoilt = g_cancellable_is_cancelled (ticket->cancellable);
      self->n_workers--;
      give_back_cancellable (self, g_steal_pointer (&ticket->cancellable));
    }
  else
    {
      lane = par_soup_lane_ref (ticket->connection->lane);
    }
  give_back (g_steal_pointer (&ticket->connection), is_spoilt, dropped);
  serve_after (self, host, dropped);
  drop_host_if_unused (self, host);
  trim_idle (self, dropped);
  is_over = take_lanes (self, &threads, &owners);
  g_mutex_unlock (&self->lock);

  if (lane != NULL)
    {
      run_if_here (lane);
      /* A stream may be closed by an owner who does not iterate any more. */
      if (lane->owner != NULL)
        par_soup_lane_settle (lane);
      par_soup_lane_unref (lane);
    }
  free_dropped (dropped);
  if (is_over)
    close_lanes (threads, owners, FALSE);
}

/* Has the ticket wanted no more. If it has a connection, @turn is called in its lane, and what
 * that ends is given the time to end. */
ParSoupTicketPlace
par_soup_pool_withdraw (ParSoupPool   *self,
                        ParSoupTicket *ticket,
                        ParSoupTurn   *turn)
{
  ParSoupTicketPlace place = PAR_SOUP_TICKET_NOWHERE;
  g_autoptr(GCancellable) cancellable = NULL;
  ParSoupLane *lane = NULL;

  g_mutex_lock (&self->lock);
  ticket->is_withdrawn = TRUE;
  if (ticket->cancellable != NULL)
    {
      place = PAR_SOUP_TICKET_BLOCKING;
      cancellable = g_object_ref (ticket->cancellable);
    }
  else if (ticket->connection != NULL)
    {
      place = PAR_SOUP_TICKET_RUNNING;
      lane = par_soup_lane_ref (ticket->connection->lane);
      par_soup_lane_push (lane, turn);
    }
  else if (ticket->host != NULL)
    {
      ParSoupHost *host = g_steal_pointer (&ticket->host);

      place = PAR_SOUP_TICKET_WAITING;
      g_queue_unlink (&host->waiting, &ticket->link);
      set_hungry (self, host);
      drop_host_if_unused (self, host);
    }
  g_mutex_unlock (&self->lock);

  if (lane != NULL && par_soup_lane_is_here (lane))
    {
      par_soup_lane_run (lane);
      par_soup_lane_settle (lane);
    }
  g_clear_pointer (&lane, par_soup_lane_unref);
  if (cancellable != NULL)
    g_cancellable_cancel (cancellable);

  return place;
}

gboolean
par_soup_pool_is_callers (ParSoupPool *self)
{
  return self->session != NULL;
}

void
par_soup_pool_set_user_agent (ParSoupPool *self,
                              const char  *user_agent)
{
  g_mutex_lock (&self->lock);
  g_free (self->user_agent);
  self->user_agent = g_strdup (user_agent);
  g_mutex_unlock (&self->lock);
}

char *
par_soup_pool_dup_user_agent (ParSoupPool *self)
{
  char *user_agent;

  g_mutex_lock (&self->lock);
  user_agent = g_strdup (self->user_agent);
  g_mutex_unlock (&self->lock);

  return user_agent;
}

/* Where the next request with replicas begins among them. */
guint
par_soup_pool_next_replica (ParSoupPool *self)
{
  guint replica;

  g_mutex_lock (&self->lock);
  replica = self->n_replicas++;
  g_mutex_unlock (&self->lock);

  return replica;
}

static SoupSession *
new_session (ParSoupPool *self)
{
  /* The pool closes what is idle. libsoup would set a timer for each message. */
  SoupSession *session = soup_session_new_with_options ("max-conns", 1,
                                                        "max-conns-per-host", 1,
                                                        "idle-timeout", 0,
                                                        NULL);

  if (self->tls_database != NULL)
    soup_session_set_tls_database (session, self->tls_database);

  /* What one attempt was let in with is no business of another. */
  soup_session_remove_feature_by_type (session, SOUP_TYPE_AUTH_MANAGER);
  soup_session_remove_feature_by_type (session, SOUP_TYPE_CONTENT_DECODER);

  return session;
}

void
par_soup_ticket_init (ParSoupTicket *self,
                      void         (*run) (ParSoupTicket *ticket))
{
  *self = (ParSoupTicket) { .run = run };
  g_cond_init (&self->cond);
}

void
par_soup_ticket_clear (ParSoupTicket *self)
{
  g_cond_clear (&self->cond);
}

/* What to send by, in the lane of the ticket. */
SoupSession *
par_soup_ticket_get_session (ParSoupTicket *self)
{
  ParSoupConnection *connection = self->connection;
  ParSoupPool *pool = connection->pool;

  if (pool->session != NULL)
    return pool->session;
  if (connection->session == NULL)
    connection->session = new_session (pool);

  return connection->session;
}

/* The connection has turned out to be one of HTTP/1: another may send by it from any thread. */
void
par_soup_ticket_untie (ParSoupTicket *self)
{
  ParSoupConnection *connection = self->connection;
  ParSoupPool *pool = connection->pool;

  /* No worker comes by one of an owner. */
  if (self->owner != NULL || connection->is_untied)
    return;

  g_mutex_lock (&pool->lock);
  connection->is_untied = TRUE;
  g_mutex_unlock (&pool->lock);
}

/* The connection has turned out to be one of HTTP/2, which several messages can share. */
void
par_soup_ticket_share (ParSoupTicket *self)
{
  ParSoupConnection *connection = self->connection;
  ParSoupPool *pool = connection->pool;
  g_autoptr(Dropped) dropped = NULL;
  ParSoupLane *lane;

  /* One without a lane is its worker's. */
  if (pool->session != NULL || connection->max_running > 1 || connection->lane == NULL)
    return;

  dropped = new_dropped ();
  g_mutex_lock (&pool->lock);
  connection->max_running = MAX_STREAMS;
  set_use (connection, SHARED);
  serve (pool, connection->host, dropped);
  lane = par_soup_lane_ref (connection->lane);
  g_mutex_unlock (&pool->lock);

  run_if_here (lane);
  par_soup_lane_unref (lane);
}

gboolean
par_soup_ticket_is_shared (ParSoupTicket *self)
{
  return self->connection->max_running > 1;
}

/* Whether the worker may have libsoup make a connection: there is no lane for it. */
gboolean
par_soup_ticket_may_connect (ParSoupTicket *self)
{
  return self->connection->lane == NULL;
}
