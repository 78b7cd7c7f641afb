/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-session.h"

#include "par-soup-pool-private.h"

#define DEFAULT_CONNECTIONS_PER_HOST 6
#define DEFAULT_USER_AGENT "Par/" PACKAGE_VERSION

/**
 * ParSoupSession:
 *
 * What requests are sent by.
 *
 * Share one between all requests that may use each other's connections: connections are kept for
 * half a minute, 64 of them at most, and no more are made to one host at once than
 * [property@Session:connections-per-host].
 *
 * Requests that would be too many at one host are held back by [property@Session:limiter], which
 * [method@Session.send] and the like give to a [class@Par.Requests] that has none of its own.
 *
 * A session sends from the workers of the runs, and from a few threads of its own. What it returns,
 * it returns as all of Par does: nothing of the program is called in another thread. So it can be
 * used from any language. A session may be used by several threads at once.
 *
 * [ctor@Session.new_for_session] makes one that sends by a [class@Soup.Session] that the program
 * has set up, with its cookies, proxies and log. It sends in the owner context only, since libsoup
 * emits its signals where it sends, and within the limits of that session, `max-conns-per-host`
 * and `max-conns`, which are 2 and 10 unless it was made with others.
 *
 * When the last reference is dropped, all connections that are not in use are closed.
 *
 * ```c
 * static void
 * add_all (ParRequests *requests, char **uris, GError **error)
 * {
 *   g_autoptr(ParSoupSession) session = par_soup_session_new ();
 *
 *   for (guint i = 0; uris[i] != NULL; i++)
 *     if (par_soup_session_get (session, requests, uris[i], error) < 0)
 *       return;
 * }
 * ```
 *
 * Since: 0.1
 */
struct _ParSoupSession
{
  GObject parent_instance;

  SoupSession *session;
  GTlsDatabase *tls_database;
  guint connections_per_host;
  ParLimiter *limiter;
  char *user_agent;
  ParSoupPool *pool;
};

typedef enum
{
  PROP_SESSION = 1,
  PROP_CONNECTIONS_PER_HOST,
  PROP_LIMITER,
  PROP_TLS_DATABASE,
  PROP_USER_AGENT,
} ParSoupSessionProperty;

static GParamSpec *properties[PROP_USER_AGENT + 1];

G_DEFINE_FINAL_TYPE (ParSoupSession, par_soup_session, G_TYPE_OBJECT)

static void
par_soup_session_get_property (GObject    *object,
                               guint       prop_id,
                               GValue     *value,
                               GParamSpec *pspec)
{
  ParSoupSession *self = PAR_SOUP_SESSION (object);

  switch ((ParSoupSessionProperty) prop_id)
    {
    case PROP_SESSION:
      g_value_set_object (value, par_soup_session_get_session (self));
      break;

    case PROP_CONNECTIONS_PER_HOST:
      g_value_set_uint (value, par_soup_session_get_connections_per_host (self));
      break;

    case PROP_LIMITER:
      g_value_set_object (value, par_soup_session_get_limiter (self));
      break;

    case PROP_TLS_DATABASE:
      g_value_set_object (value, par_soup_session_get_tls_database (self));
      break;

    case PROP_USER_AGENT:
      g_value_set_string (value, par_soup_session_get_user_agent (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_soup_session_set_property (GObject      *object,
                               guint         prop_id,
                               const GValue *value,
                               GParamSpec   *pspec)
{
  ParSoupSession *self = PAR_SOUP_SESSION (object);

  switch ((ParSoupSessionProperty) prop_id)
    {
    case PROP_SESSION:
      self->session = g_value_dup_object (value);
      break;

    case PROP_CONNECTIONS_PER_HOST:
      self->connections_per_host = g_value_get_uint (value);
      break;

    case PROP_TLS_DATABASE:
      self->tls_database = g_value_dup_object (value);
      break;

    case PROP_USER_AGENT:
      par_soup_session_set_user_agent (self, g_value_get_string (value));
      break;

    case PROP_LIMITER:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_soup_session_constructed (GObject *object)
{
  ParSoupSession *self = PAR_SOUP_SESSION (object);

  G_OBJECT_CLASS (par_soup_session_parent_class)->constructed (object);

  if (self->session != NULL)
    self->connections_per_host = soup_session_get_max_conns_per_host (self->session);
  else
    self->user_agent = g_strdup (DEFAULT_USER_AGENT);

  self->limiter = par_limiter_new ();
  par_limiter_set_concurrency (self->limiter, self->connections_per_host);
  par_limiter_set_per_key (self->limiter, TRUE);

  self->pool = par_soup_pool_new (self->session, self->tls_database, self->connections_per_host);
  par_soup_pool_set_user_agent (self->pool, self->user_agent);
}

static void
par_soup_session_finalize (GObject *object)
{
  ParSoupSession *self = PAR_SOUP_SESSION (object);

  par_soup_pool_close (self->pool);
  par_soup_pool_unref (self->pool);
  g_clear_object (&self->limiter);
  g_clear_object (&self->session);
  g_clear_object (&self->tls_database);
  g_free (self->user_agent);

  G_OBJECT_CLASS (par_soup_session_parent_class)->finalize (object);
}

static void
par_soup_session_class_init (ParSoupSessionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = par_soup_session_get_property;
  object_class->set_property = par_soup_session_set_property;
  object_class->constructed = par_soup_session_constructed;
  object_class->finalize = par_soup_session_finalize;

  /**
   * ParSoupSession:session: (getter get_session)
   *
   * The program's own session, or `NULL`.
   *
   * Since: 0.1
   */
  properties[PROP_SESSION] =
    g_param_spec_object ("session", NULL, NULL,
                         SOUP_TYPE_SESSION,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupSession:connections-per-host: (getter get_connections_per_host)
   *
   * How many connections there may be to one host and port at once.
   *
   * Each has one message at a time, but for HTTP/2, where it has up to 100. With a session of the
   * program's own this is its `max-conns-per-host`.
   *
   * Since: 0.1
   */
  properties[PROP_CONNECTIONS_PER_HOST] =
    g_param_spec_uint ("connections-per-host", NULL, NULL,
                       1, G_MAXINT, DEFAULT_CONNECTIONS_PER_HOST,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupSession:limiter: (getter get_limiter)
   *
   * What holds requests back that would be too many at one host.
   *
   * It is made with [property@Session:connections-per-host] for each [property@Par.Request:key],
   * which is the host and the port. [method@Session.send] and the like give it to a
   * [class@Par.Requests] that has no limiter. So a request waits before its attempt begins: neither
   * the attempt's timeout nor what a [class@Par.Hedge] learns has the wait in it, and requests to
   * other hosts go before it.
   *
   * Attempts that come to the session in another way, by [method@Par.Requests.add], after a
   * redirection or to a replica, wait for their connection when they have begun.
   *
   * A request with several replicas goes to several hosts, so it does not have the limiter given:
   * all attempts that wait for a replica that has stalled would hold back those that are to go to
   * another.
   *
   * A service that speaks HTTP/2 has room for more than one message in each connection: raise
   * [property@Par.Limiter:concurrency] for that. The connections do not become more.
   *
   * Since: 0.1
   */
  properties[PROP_LIMITER] =
    g_param_spec_object ("limiter", NULL, NULL,
                         PAR_TYPE_LIMITER,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupSession:tls-database: (getter get_tls_database)
   *
   * What the certificates of services are verified by; `NULL` for what the system trusts.
   *
   * It must be safe to use from several threads, as those of GIO are. With a session of the
   * program's own it is not used: that session has one.
   *
   * Since: 0.1
   */
  properties[PROP_TLS_DATABASE] =
    g_param_spec_object ("tls-database", NULL, NULL,
                         G_TYPE_TLS_DATABASE,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupSession:user-agent: (getter get_user_agent) (setter set_user_agent)
   *
   * What the program calls itself, in the header `User-Agent`.
   *
   * It is "Par/" and the version, unless a session of the program's own is given: then it is
   * `NULL`, and what that session says.
   *
   * Since: 0.1
   */
  properties[PROP_USER_AGENT] =
    g_param_spec_string ("user-agent", NULL, NULL,
                         NULL,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
par_soup_session_init (ParSoupSession *self)
{
}

ParSoupPool *
par_soup_session_get_pool (ParSoupSession *session)
{
  ParSoupSession *self = session != NULL ? session : par_soup_session_get_default ();

  return self->pool;
}

/**
 * par_soup_session_new:
 *
 * Creates a session that sends by sessions of its own.
 *
 * Returns: (transfer full): a session
 *
 * Since: 0.1
 */
ParSoupSession *
par_soup_session_new (void)
{
  return g_object_new (PAR_SOUP_TYPE_SESSION, NULL);
}

/**
 * par_soup_session_new_for_session:
 * @session: a session that the program has set up
 *
 * Creates a session that sends by the program's own, in the owner context only.
 *
 * Returns: (transfer full): a session
 *
 * Since: 0.1
 */
ParSoupSession *
par_soup_session_new_for_session (SoupSession *session)
{
  g_return_val_if_fail (SOUP_IS_SESSION (session), NULL);

  return g_object_new (PAR_SOUP_TYPE_SESSION, "session", session, NULL);
}

/**
 * par_soup_session_get_default:
 *
 * Gets the session of requests for which none is set.
 *
 * It is made when it is first needed, and kept.
 *
 * Returns: (transfer none): the session
 *
 * Since: 0.1
 */
ParSoupSession *
par_soup_session_get_default (void)
{
  static ParSoupSession *session;

  if (g_once_init_enter (&session))
    g_once_init_leave (&session, par_soup_session_new ());

  return session;
}

/**
 * par_soup_session_get_session: (get-property session)
 * @self: a session
 *
 * Gets the program's own session.
 *
 * Returns: (transfer none) (nullable): that session, or `NULL` if none was given
 *
 * Since: 0.1
 */
SoupSession *
par_soup_session_get_session (ParSoupSession *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_SESSION (self), NULL);

  return self->session;
}

/**
 * par_soup_session_get_connections_per_host: (get-property connections-per-host)
 * @self: a session
 *
 * Gets how many connections there may be to one host and port at once.
 *
 * Returns: the number
 *
 * Since: 0.1
 */
guint
par_soup_session_get_connections_per_host (ParSoupSession *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_SESSION (self), 0);

  return self->connections_per_host;
}

/**
 * par_soup_session_get_limiter: (get-property limiter)
 * @self: a session
 *
 * Gets what holds requests back that would be too many at one host.
 *
 * Give it to a [class@Par.Requests] to which requests are added by [method@Par.Requests.add].
 *
 * Returns: (transfer none): the limiter
 *
 * Since: 0.1
 */
ParLimiter *
par_soup_session_get_limiter (ParSoupSession *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_SESSION (self), NULL);

  return self->limiter;
}

/**
 * par_soup_session_get_tls_database: (get-property tls-database)
 * @self: a session
 *
 * Gets what the certificates of services are verified by.
 *
 * Returns: (transfer none) (nullable): the database, or `NULL` for what the system trusts
 *
 * Since: 0.1
 */
GTlsDatabase *
par_soup_session_get_tls_database (ParSoupSession *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_SESSION (self), NULL);

  return self->tls_database;
}

/**
 * par_soup_session_get_user_agent: (get-property user-agent)
 * @self: a session
 *
 * Gets what the program calls itself.
 *
 * Returns: (transfer none) (nullable): the value of the header `User-Agent`
 *
 * Since: 0.1
 */
const char *
par_soup_session_get_user_agent (ParSoupSession *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_SESSION (self), NULL);

  return self->user_agent;
}

/**
 * par_soup_session_set_user_agent: (set-property user-agent)
 * @self: a session
 * @user_agent: (nullable): the value of the header `User-Agent`, or `NULL` to send none
 *
 * Sets what the program calls itself.
 *
 * It holds for requests that have not been started. A header that a request has itself goes
 * before. Call this from one thread at a time.
 *
 * Since: 0.1
 */
void
par_soup_session_set_user_agent (ParSoupSession *self,
                                 const char     *user_agent)
{
  g_return_if_fail (PAR_SOUP_IS_SESSION (self));

  if (g_strcmp0 (self->user_agent, user_agent) == 0)
    return;

  g_free (self->user_agent);
  self->user_agent = g_strdup (user_agent);
  par_soup_pool_set_user_agent (self->pool, user_agent);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_USER_AGENT]);
}

static gboolean
has_several_hosts (ParSoupRequest *request)
{
  const char * const *replicas = par_soup_request_get_replicas (request);

  return replicas != NULL && replicas[0] != NULL && replicas[1] != NULL;
}

static gint64
send_new (ParSoupSession  *self,
          ParRequests     *requests,
          const char      *method,
          const char      *uri,
          const char      *content_type,
          GBytes          *body,
          GError         **error)
{
  g_autoptr(ParSoupRequest) request = par_soup_request_new (method, uri, error);

  if (request == NULL)
    return -1;

  par_soup_request_set_content_type (request, content_type);
  par_soup_request_set_body (request, body);

  return par_soup_session_send (self, requests, request);
}

/**
 * par_soup_session_get:
 * @self: a session
 * @requests: where to add the request
 * @uri: what to get
 * @error: return location for an error
 *
 * Adds a request that gets @uri.
 *
 * It fails if @uri is none of HTTP, as [ctor@Request.new] does.
 *
 * Returns: the index of the request, or -1 if it has not been added
 *
 * Since: 0.1
 */
gint64
par_soup_session_get (ParSoupSession  *self,
                      ParRequests     *requests,
                      const char      *uri,
                      GError         **error)
{
  g_return_val_if_fail (PAR_SOUP_IS_SESSION (self), -1);
  g_return_val_if_fail (PAR_IS_REQUESTS (requests), -1);
  g_return_val_if_fail (uri != NULL, -1);

  return send_new (self, requests, "GET", uri, NULL, NULL, error);
}

/**
 * par_soup_session_head:
 * @self: a session
 * @requests: where to add the request
 * @uri: what to ask for
 * @error: return location for an error
 *
 * Adds a request that gets the headers of @uri only.
 *
 * It fails if @uri is none of HTTP, as [ctor@Request.new] does.
 *
 * Returns: the index of the request, or -1 if it has not been added
 *
 * Since: 0.1
 */
gint64
par_soup_session_head (ParSoupSession  *self,
                       ParRequests     *requests,
                       const char      *uri,
                       GError         **error)
{
  g_return_val_if_fail (PAR_SOUP_IS_SESSION (self), -1);
  g_return_val_if_fail (PAR_IS_REQUESTS (requests), -1);
  g_return_val_if_fail (uri != NULL, -1);

  return send_new (self, requests, "HEAD", uri, NULL, NULL, error);
}

/**
 * par_soup_session_post:
 * @self: a session
 * @requests: where to add the request
 * @uri: where to send it
 * @content_type: (nullable): what @body is, such as `application/json`
 * @body: (nullable): what to send
 * @error: return location for an error
 *
 * Adds a request that sends @body to @uri.
 *
 * It gets one attempt, since `POST` is not idempotent. It fails if @uri is none of HTTP, as
 * [ctor@Request.new] does.
 *
 * Returns: the index of the request, or -1 if it has not been added
 *
 * Since: 0.1
 */
gint64
par_soup_session_post (ParSoupSession  *self,
                       ParRequests     *requests,
                       const char      *uri,
                       const char      *content_type,
                       GBytes          *body,
                       GError         **error)
{
  g_return_val_if_fail (PAR_SOUP_IS_SESSION (self), -1);
  g_return_val_if_fail (PAR_IS_REQUESTS (requests), -1);
  g_return_val_if_fail (uri != NULL, -1);

  return send_new (self, requests, "POST", uri, content_type, body, error);
}

/**
 * par_soup_session_send:
 * @self: a session
 * @requests: where to add the request
 * @request: a request that has not been added
 *
 * Adds a request that is sent by this session.
 *
 * It sets [property@Request:session] and calls [method@Par.Requests.add]. If @requests has no
 * limiter and @request has not several replicas, it sets [property@Par.Requests:limiter] to
 * [property@Session:limiter], which holds from the next run on.
 *
 * Returns: the index of the request, or -1 if it has not been added
 *
 * Since: 0.1
 */
gint64
par_soup_session_send (ParSoupSession *self,
                       ParRequests    *requests,
                       ParSoupRequest *request)
{
  g_autoptr(ParLimiter) limiter = NULL;
  guint64 index;

  g_return_val_if_fail (PAR_SOUP_IS_SESSION (self), -1);
  g_return_val_if_fail (PAR_IS_REQUESTS (requests), -1);
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (request), -1);

  par_soup_request_set_session (request, self);
  limiter = par_requests_get_limiter (requests);
  if (limiter == NULL && !has_several_hosts (request))
    par_requests_set_limiter (requests, self->limiter);
  index = par_requests_add (requests, PAR_REQUEST (request));

  /* Not every language has numbers as large as Par's for none. */
  return index != G_MAXUINT64 ? (gint64) index : -1;
}
