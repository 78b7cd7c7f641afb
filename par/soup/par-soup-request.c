/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-request.h"

#include <string.h>

#include "par-soup-job-private.h"
#include "par-soup-uri-private.h"
#include "par-soup-verdict-private.h"

#define DEFAULT_MAX_BODY_SIZE (64 * 1024 * 1024)

/**
 * ParSoupRequest:
 *
 * A request that is sent by HTTP.
 *
 * It is added by [method@Session.send], or as any other is by [method@Par.Requests.add]. Each
 * attempt sends a message of its own. The result is a [class@Response]; the cancellable of an
 * attempt closes its connection, or gives it back.
 *
 * | answer | verdict |
 * | --- | --- |
 * | 2xx, or what [property@Request:accept-status] says | success |
 * | 408, 429, 500, 502, 503, 504 | failure, which another attempt may mend |
 * | any other status | failure for good |
 * | none, or a body that was cut short | failure, which another attempt may mend |
 *
 * An error names the method, the URI without what is secret in it, and where there is an answer
 * its status and the beginning of its text; see [error@ParSoup.Error].
 *
 * `POST` and `PATCH` are not idempotent, so they get one attempt, unless
 * [property@Par.Request:idempotent] is set. [property@Par.Request:key] is the host and the port.
 *
 * Set everything before the request is added; from then on it is fixed. That, and the making of
 * it, may be done in any thread, but not in two at once.
 *
 * ```c
 * static void
 * add_search (ParRequests *requests, ParSoupSession *session, GBytes *query)
 * {
 *   g_autoptr(ParSoupRequest) request = NULL;
 *
 *   request = par_soup_request_new ("POST", "https://example.org/search", NULL);
 *   par_soup_request_set_body (request, query);
 *   par_soup_request_set_content_type (request, "application/json");
 *   soup_message_headers_replace (par_soup_request_get_headers (request),
 *                                 "Accept", "application/json");
 *   par_request_set_idempotent (PAR_REQUEST (request), TRUE);
 *   par_soup_session_send (session, requests, request);
 * }
 * ```
 *
 * Since: 0.1
 */
struct _ParSoupRequest
{
  ParRequest parent_instance;

  char *method;
  char *uri;
  GUri *parsed_uri;  /* or NULL if it is none of HTTP */
  ParSoupSession *session;
  SoupMessageHeaders *headers;
  GBytes *body;
  char *content_type;
  char **replicas;
  char *accept_status;
  gint64 max_body_size;
  gboolean follow_redirects;
  gboolean cross_origins;
  gboolean streaming;

  /* Made when it is added, before any attempt: one or the other. */
  ParSoupCall *call;
  GError *call_error;
};

typedef enum
{
  PROP_METHOD = 1,
  PROP_URI,
  PROP_SESSION,
  PROP_HEADERS,
  PROP_BODY,
  PROP_CONTENT_TYPE,
  PROP_REPLICAS,
  PROP_ACCEPT_STATUS,
  PROP_MAX_BODY_SIZE,
  PROP_FOLLOW_REDIRECTS,
  PROP_CROSS_ORIGINS,
  PROP_STREAMING,
} ParSoupRequestProperty;

static GParamSpec *properties[PROP_STREAMING + 1];

G_DEFINE_FINAL_TYPE (ParSoupRequest, par_soup_request, PAR_TYPE_REQUEST)

static void
par_soup_request_get_property (GObject    *object,
                               guint       prop_id,
                               GValue     *value,
                               GParamSpec *pspec)
{
  ParSoupRequest *self = PAR_SOUP_REQUEST (object);

  switch ((ParSoupRequestProperty) prop_id)
    {
    case PROP_METHOD:
      g_value_set_string (value, par_soup_request_get_method (self));
      break;

    case PROP_URI:
      g_value_set_string (value, par_soup_request_get_uri (self));
      break;

    case PROP_SESSION:
      g_value_set_object (value, par_soup_request_get_session (self));
      break;

    case PROP_HEADERS:
      g_value_set_boxed (value, par_soup_request_get_headers (self));
      break;

    case PROP_BODY:
      g_value_set_boxed (value, par_soup_request_get_body (self));
      break;

    case PROP_CONTENT_TYPE:
      g_value_set_string (value, par_soup_request_get_content_type (self));
      break;

    case PROP_REPLICAS:
      g_value_set_boxed (value, par_soup_request_get_replicas (self));
      break;

    case PROP_ACCEPT_STATUS:
      g_value_set_string (value, par_soup_request_get_accept_status (self));
      break;

    case PROP_MAX_BODY_SIZE:
      g_value_set_int64 (value, par_soup_request_get_max_body_size (self));
      break;

    case PROP_FOLLOW_REDIRECTS:
      g_value_set_boolean (value, par_soup_request_get_follow_redirects (self));
      break;

    case PROP_CROSS_ORIGINS:
      g_value_set_boolean (value, par_soup_request_get_cross_origins (self));
      break;

    case PROP_STREAMING:
      g_value_set_boolean (value, par_soup_request_get_streaming (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_soup_request_set_property (GObject      *object,
                               guint         prop_id,
                               const GValue *value,
                               GParamSpec   *pspec)
{
  ParSoupRequest *self = PAR_SOUP_REQUEST (object);

  switch ((ParSoupRequestProperty) prop_id)
    {
    case PROP_METHOD:
      self->method = g_value_dup_string (value);
      break;

    case PROP_URI:
      self->uri = g_value_dup_string (value);
      break;

    case PROP_SESSION:
      par_soup_request_set_session (self, g_value_get_object (value));
      break;

    case PROP_BODY:
      par_soup_request_set_body (self, g_value_get_boxed (value));
      break;

    case PROP_CONTENT_TYPE:
      par_soup_request_set_content_type (self, g_value_get_string (value));
      break;

    case PROP_REPLICAS:
      par_soup_request_set_replicas (self, g_value_get_boxed (value));
      break;

    case PROP_ACCEPT_STATUS:
      par_soup_request_set_accept_status (self, g_value_get_string (value));
      break;

    case PROP_MAX_BODY_SIZE:
      par_soup_request_set_max_body_size (self, g_value_get_int64 (value));
      break;

    case PROP_FOLLOW_REDIRECTS:
      par_soup_request_set_follow_redirects (self, g_value_get_boolean (value));
      break;

    case PROP_CROSS_ORIGINS:
      par_soup_request_set_cross_origins (self, g_value_get_boolean (value));
      break;

    case PROP_STREAMING:
      par_soup_request_set_streaming (self, g_value_get_boolean (value));
      break;

    case PROP_HEADERS:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_soup_request_constructed (GObject *object)
{
  ParSoupRequest *self = PAR_SOUP_REQUEST (object);
  ParRequest *request = PAR_REQUEST (object);

  G_OBJECT_CLASS (par_soup_request_parent_class)->constructed (object);

  if (self->method == NULL)
    self->method = g_strdup (SOUP_METHOD_GET);
  if (g_str_equal (self->method, "POST") || g_str_equal (self->method, "PATCH"))
    par_request_set_idempotent (request, FALSE);

  if (self->uri != NULL)
    self->parsed_uri = par_soup_uri_parse (self->uri, NULL);
  if (self->parsed_uri != NULL)
    {
      g_autofree char *key = par_soup_uri_get_host_key (self->parsed_uri);

      par_request_set_key (request, key);
    }
}

static void
par_soup_request_finalize (GObject *object)
{
  ParSoupRequest *self = PAR_SOUP_REQUEST (object);

  g_free (self->method);
  g_free (self->uri);
  g_clear_pointer (&self->parsed_uri, g_uri_unref);
  g_clear_object (&self->session);
  g_clear_pointer (&self->headers, soup_message_headers_unref);
  g_clear_pointer (&self->body, g_bytes_unref);
  g_free (self->content_type);
  g_strfreev (self->replicas);
  g_free (self->accept_status);
  g_clear_pointer (&self->call, par_soup_call_unref);
  g_clear_error (&self->call_error);

  G_OBJECT_CLASS (par_soup_request_parent_class)->finalize (object);
}

/* What HTTP calls a token; and no method that would leave libsoup without an answer. */
static gboolean
check_method (const char  *method,
              GError     **error)
{
  const char *token = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "!#$%&'*+-.^_`|~";

  if (*method != '\0' && method[strspn (method, token)] == '\0' && !g_str_equal (method, "CONNECT"))
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "'%s' is no method that can be sent", method);

  return FALSE;
}

static gboolean
check_uri (ParSoupRequest  *self,
           GError         **error)
{
  /* This time to know why. */
  return self->parsed_uri != NULL
         || par_soup_uri_parse (self->uri != NULL ? self->uri : "", error) != NULL;
}

static GPtrArray *
parse_replicas (char   **replicas,
                GError **error)
{
  g_autoptr(GPtrArray) parsed = g_ptr_array_new_with_free_func ((GDestroyNotify) g_uri_unref);

  for (guint i = 0; replicas[i] != NULL; i++)
    {
      GUri *uri = par_soup_uri_parse (replicas[i], error);

      if (uri == NULL)
        {
          g_prefix_error (error, "replica %u: ", i);
          return NULL;
        }
      g_ptr_array_add (parsed, uri);
    }

  return g_steal_pointer (&parsed);
}

static ParSoupCall *
new_call (ParSoupRequest  *self,
          ParSoupPool     *pool,
          GError         **error)
{
  g_autoptr(ParSoupCall) call = NULL;

  if (!check_method (self->method, error) || !check_uri (self, error))
    return NULL;

  call = par_soup_call_new (self->method, self->parsed_uri);
  if (self->replicas != NULL && self->replicas[0] != NULL)
    {
      call->replicas = parse_replicas (self->replicas, error);
      if (call->replicas == NULL)
        return NULL;
      call->first_replica = par_soup_pool_next_replica (pool) % call->replicas->len;
    }

  if (self->headers != NULL)
    par_soup_call_copy_headers (call, self->headers);
  call->user_agent = par_soup_pool_dup_user_agent (pool);
  if (self->body != NULL)
    call->body = g_bytes_ref (self->body);
  call->content_type = g_strdup (self->content_type);
  call->accept_status = g_strdup (self->accept_status);
  call->max_body_size = self->max_body_size;
  call->follows_redirects = self->follow_redirects;
  call->crosses_origins = self->cross_origins;
  call->is_streaming = self->streaming;
  call->is_idempotent = par_request_get_idempotent (PAR_REQUEST (self));

  return g_steal_pointer (&call);
}

static gboolean
par_soup_request_is_async (ParRequest *request)
{
  ParSoupRequest *self = PAR_SOUP_REQUEST (request);
  ParSoupPool *pool = par_soup_session_get_pool (self->session);

  if (self->call == NULL && self->call_error == NULL)
    self->call = new_call (self, pool, &self->call_error);

  return self->streaming || par_soup_pool_is_callers (pool);
}

static gboolean
check_call (ParSoupRequest  *self,
            GError         **error)
{
  if (self->call == NULL)
    g_propagate_error (error, g_error_copy (self->call_error));

  return self->call != NULL;
}

static void
par_soup_request_start (ParRequest  *request,
                        ParAttempt  *attempt,
                        GError     **error)
{
  ParSoupRequest *self = PAR_SOUP_REQUEST (request);

  if (check_call (self, error))
    par_soup_job_start (par_soup_session_get_pool (self->session), self->call, attempt);
}

static void
par_soup_request_run (ParRequest  *request,
                      ParAttempt  *attempt,
                      GError     **error)
{
  ParSoupRequest *self = PAR_SOUP_REQUEST (request);

  if (check_call (self, error))
    par_soup_job_run (par_soup_session_get_pool (self->session), self->call, attempt);
}

static void
par_soup_request_class_init (ParSoupRequestClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  ParRequestClass *request_class = PAR_REQUEST_CLASS (klass);

  object_class->get_property = par_soup_request_get_property;
  object_class->set_property = par_soup_request_set_property;
  object_class->constructed = par_soup_request_constructed;
  object_class->finalize = par_soup_request_finalize;

  request_class->is_async = par_soup_request_is_async;
  request_class->start = par_soup_request_start;
  request_class->run = par_soup_request_run;

  /**
   * ParSoupRequest:method: (getter get_method)
   *
   * The method, such as `GET`.
   *
   * Since: 0.1
   */
  properties[PROP_METHOD] =
    g_param_spec_string ("method", NULL, NULL,
                         "GET",
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupRequest:uri: (getter get_uri)
   *
   * Where the request is sent, by `http` or `https`.
   *
   * If it is none of HTTP the request fails.
   *
   * Since: 0.1
   */
  properties[PROP_URI] =
    g_param_spec_string ("uri", NULL, NULL,
                         NULL,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupRequest:session: (getter get_session) (setter set_session)
   *
   * What the request is sent by; if `NULL`, by [func@Session.get_default].
   *
   * Since: 0.1
   */
  properties[PROP_SESSION] =
    g_param_spec_object ("session", NULL, NULL,
                         par_soup_session_get_type (),
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupRequest:headers: (getter get_headers)
   *
   * The headers that are sent, to be changed until the request is added.
   *
   * Since: 0.1
   */
  properties[PROP_HEADERS] =
    g_param_spec_boxed ("headers", NULL, NULL,
                        SOUP_TYPE_MESSAGE_HEADERS,
                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupRequest:body: (getter get_body) (setter set_body)
   *
   * What is sent with the request, or `NULL`.
   *
   * Since: 0.1
   */
  properties[PROP_BODY] =
    g_param_spec_boxed ("body", NULL, NULL,
                        G_TYPE_BYTES,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupRequest:content-type: (getter get_content_type) (setter set_content_type)
   *
   * What [property@Request:body] is, such as `application/json`.
   *
   * Since: 0.1
   */
  properties[PROP_CONTENT_TYPE] =
    g_param_spec_string ("content-type", NULL, NULL,
                         NULL,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupRequest:replicas: (getter get_replicas) (setter set_replicas)
   *
   * Base URIs of services that are alike.
   *
   * If there are any, attempts are sent to them in turn instead of to the host of
   * [property@Request:uri], whose path and query are kept and put below their paths. Each request
   * of a session begins with the next one, so that with [property@Par.Requests:redundancy] its
   * copies ask different replicas at once.
   *
   * Since: 0.1
   */
  properties[PROP_REPLICAS] =
    g_param_spec_boxed ("replicas", NULL, NULL,
                        G_TYPE_STRV,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupRequest:accept-status: (getter get_accept_status) (setter set_accept_status)
   *
   * The statuses that are a success, such as `200-299,404`.
   *
   * If `NULL` those are 200 to 299. A redirection that is listed is not followed.
   *
   * Since: 0.1
   */
  properties[PROP_ACCEPT_STATUS] =
    g_param_spec_string ("accept-status", NULL, NULL,
                         NULL,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupRequest:max-body-size: (getter get_max_body_size) (setter set_max_body_size)
   *
   * How many bytes the body of an answer may have, uncompressed; 0 for any.
   *
   * If it has more, the attempt fails with [TOO_LARGE][error@ParSoup.Error.TOO_LARGE] as soon as that is
   * known, and the connection is closed.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_BODY_SIZE] =
    g_param_spec_int64 ("max-body-size", NULL, NULL,
                        0, G_MAXINT64, DEFAULT_MAX_BODY_SIZE,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupRequest:follow-redirects: (getter get_follow_redirects) (setter set_follow_redirects)
   *
   * Whether redirections are followed.
   *
   * They are followed within an origin (scheme, host and port), and from `http` to `https` on the
   * same host, up to 20 of them. To another origin they are only followed with
   * [property@Request:cross-origins]; else the attempt fails with
   * [REDIRECTED][error@ParSoup.Error.REDIRECTED].
   *
   * To any other origin, by `https` or not, neither a user and password go along, nor any header
   * that may be a credential, such as `Authorization` and `Cookie`: only those that say what is
   * accepted, and those of conditions and ranges.
   *
   * If `FALSE`, a redirection is an answer like any other.
   *
   * Since: 0.1
   */
  properties[PROP_FOLLOW_REDIRECTS] =
    g_param_spec_boolean ("follow-redirects", NULL, NULL,
                          TRUE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupRequest:cross-origins: (getter get_cross_origins) (setter set_cross_origins)
   *
   * Whether redirections to other origins are followed.
   *
   * See [property@Request:follow-redirects] for what does not go along.
   *
   * Since: 0.1
   */
  properties[PROP_CROSS_ORIGINS] =
    g_param_spec_boolean ("cross-origins", NULL, NULL,
                          FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupRequest:streaming: (getter get_streaming) (setter set_streaming)
   *
   * Whether the body is left to be read from [property@Response:stream].
   *
   * If `TRUE`, an attempt succeeds when the headers of an answer have come, and what goes wrong
   * with the body afterwards is told by the stream.
   *
   * Since: 0.1
   */
  properties[PROP_STREAMING] =
    g_param_spec_boolean ("streaming", NULL, NULL,
                          FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
par_soup_request_init (ParSoupRequest *self)
{
  self->max_body_size = DEFAULT_MAX_BODY_SIZE;
  self->follow_redirects = TRUE;
}

/**
 * par_soup_request_new:
 * @method: the method, such as `GET`
 * @uri: where to send it, by `http` or `https`
 * @error: return location for an error
 *
 * Creates a request that is sent by HTTP.
 *
 * It fails with a [error@GLib.UriError] if @uri is none of HTTP, and with
 * `G_IO_ERROR_INVALID_ARGUMENT` if @method is none that can be sent.
 *
 * A user and a password in @uri are sent to its origin, and to no other, by basic authentication.
 *
 * Returns: (transfer full): a request to be added with [method@Par.Requests.add]
 *
 * Since: 0.1
 */
ParSoupRequest *
par_soup_request_new (const char  *method,
                      const char  *uri,
                      GError     **error)
{
  g_autoptr(ParSoupRequest) self = NULL;

  g_return_val_if_fail (method != NULL, NULL);
  g_return_val_if_fail (uri != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!check_method (method, error))
    return NULL;

  self = g_object_new (PAR_SOUP_TYPE_REQUEST, "method", method, "uri", uri, NULL);

  return check_uri (self, error) ? g_steal_pointer (&self) : NULL;
}

/* Complains if the request has been added. */
static gboolean
is_fixed (ParSoupRequest *self,
          const char     *property)
{
  gboolean fixed = par_request_get_index (PAR_REQUEST (self)) != G_MAXUINT64;

  if (fixed)
    g_critical ("The %s of a request is fixed once it has been added: set it before", property);

  return fixed;
}

/**
 * par_soup_request_get_method: (get-property method)
 * @self: a request
 *
 * Gets the method.
 *
 * Returns: (transfer none): the method
 *
 * Since: 0.1
 */
const char *
par_soup_request_get_method (ParSoupRequest *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (self), NULL);

  return self->method;
}

/**
 * par_soup_request_get_uri: (get-property uri)
 * @self: a request
 *
 * Gets where the request is sent.
 *
 * Returns: (transfer none) (nullable): the URI
 *
 * Since: 0.1
 */
const char *
par_soup_request_get_uri (ParSoupRequest *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (self), NULL);

  return self->uri;
}

/**
 * par_soup_request_get_session: (get-property session)
 * @self: a request
 *
 * Gets what the request is sent by.
 *
 * Returns: (transfer none) (nullable): the session, or `NULL` for
 *   [func@Session.get_default]
 *
 * Since: 0.1
 */
ParSoupSession *
par_soup_request_get_session (ParSoupRequest *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (self), NULL);

  return self->session;
}

/**
 * par_soup_request_set_session: (set-property session)
 * @self: a request
 * @session: (nullable): a session, or `NULL` for [func@Session.get_default]
 *
 * Sets what the request is sent by.
 *
 * Since: 0.1
 */
void
par_soup_request_set_session (ParSoupRequest *self,
                              ParSoupSession *session)
{
  g_return_if_fail (PAR_SOUP_IS_REQUEST (self));
  if (is_fixed (self, "session"))
    return;

  if (g_set_object (&self->session, session))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SESSION]);
}

/**
 * par_soup_request_get_headers: (get-property headers)
 * @self: a request
 *
 * Gets the headers that are sent, to be changed until the request is added.
 *
 * `User-Agent` is that of the session, if it is not set here. `Accept-Encoding` is `gzip`; if it is
 * set here the body is left as it comes.
 *
 * Returns: (transfer none): the headers
 *
 * Since: 0.1
 */
SoupMessageHeaders *
par_soup_request_get_headers (ParSoupRequest *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (self), NULL);

  if (self->headers == NULL)
    self->headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);

  return self->headers;
}

/**
 * par_soup_request_get_body: (get-property body)
 * @self: a request
 *
 * Gets what is sent with the request.
 *
 * Returns: (transfer none) (nullable): the body
 *
 * Since: 0.1
 */
GBytes *
par_soup_request_get_body (ParSoupRequest *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (self), NULL);

  return self->body;
}

/**
 * par_soup_request_set_body: (set-property body)
 * @self: a request
 * @body: (nullable): the body
 *
 * Sets what is sent with the request.
 *
 * Since: 0.1
 */
void
par_soup_request_set_body (ParSoupRequest *self,
                           GBytes         *body)
{
  g_return_if_fail (PAR_SOUP_IS_REQUEST (self));
  if (is_fixed (self, "body"))
    return;

  if (self->body == body)
    return;

  g_clear_pointer (&self->body, g_bytes_unref);
  self->body = body != NULL ? g_bytes_ref (body) : NULL;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_BODY]);
}

/**
 * par_soup_request_get_content_type: (get-property content-type)
 * @self: a request
 *
 * Gets what the body is.
 *
 * Returns: (transfer none) (nullable): the type
 *
 * Since: 0.1
 */
const char *
par_soup_request_get_content_type (ParSoupRequest *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (self), NULL);

  return self->content_type;
}

/**
 * par_soup_request_set_content_type: (set-property content-type)
 * @self: a request
 * @content_type: (nullable): what the body is, such as `application/json`
 *
 * Sets what the body is.
 *
 * Since: 0.1
 */
void
par_soup_request_set_content_type (ParSoupRequest *self,
                                   const char     *content_type)
{
  g_return_if_fail (PAR_SOUP_IS_REQUEST (self));
  if (is_fixed (self, "content-type"))
    return;

  if (g_strcmp0 (self->content_type, content_type) == 0)
    return;

  g_free (self->content_type);
  self->content_type = g_strdup (content_type);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CONTENT_TYPE]);
}

/**
 * par_soup_request_get_replicas: (get-property replicas)
 * @self: a request
 *
 * Gets the base URIs of services that are alike.
 *
 * Returns: (transfer none) (array zero-terminated=1) (nullable): the base URIs
 *
 * Since: 0.1
 */
const char * const *
par_soup_request_get_replicas (ParSoupRequest *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (self), NULL);

  return (const char * const *) self->replicas;
}

/**
 * par_soup_request_set_replicas: (set-property replicas)
 * @self: a request
 * @replicas: (nullable) (array zero-terminated=1): base URIs
 *
 * Sets the base URIs of services that are alike.
 *
 * See [property@Request:replicas]. If one of them is none of HTTP the request fails.
 *
 * Since: 0.1
 */
void
par_soup_request_set_replicas (ParSoupRequest      *self,
                               const char * const  *replicas)
{
  g_return_if_fail (PAR_SOUP_IS_REQUEST (self));
  if (is_fixed (self, "replicas"))
    return;

  if (self->replicas == (char **) replicas)
    return;

  g_strfreev (self->replicas);
  self->replicas = g_strdupv ((char **) replicas);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_REPLICAS]);
}

/**
 * par_soup_request_get_accept_status: (get-property accept-status)
 * @self: a request
 *
 * Gets the statuses that are a success.
 *
 * Returns: (transfer none) (nullable): the statuses
 *
 * Since: 0.1
 */
const char *
par_soup_request_get_accept_status (ParSoupRequest *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (self), NULL);

  return self->accept_status;
}

/**
 * par_soup_request_set_accept_status: (set-property accept-status)
 * @self: a request
 * @accept_status: (nullable): statuses, such as `200-299,404`, or `NULL` for 200 to 299
 *
 * Sets the statuses that are a success.
 *
 * Since: 0.1
 */
void
par_soup_request_set_accept_status (ParSoupRequest *self,
                                    const char     *accept_status)
{
  g_return_if_fail (PAR_SOUP_IS_REQUEST (self));
  g_return_if_fail (accept_status == NULL || par_soup_verdict_is_valid_accept (accept_status));
  if (is_fixed (self, "accept-status"))
    return;

  if (g_strcmp0 (self->accept_status, accept_status) == 0)
    return;

  g_free (self->accept_status);
  self->accept_status = g_strdup (accept_status);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ACCEPT_STATUS]);
}

/**
 * par_soup_request_get_max_body_size: (get-property max-body-size)
 * @self: a request
 *
 * Gets how many bytes the body of an answer may have.
 *
 * Returns: the size, or 0 for any
 *
 * Since: 0.1
 */
gint64
par_soup_request_get_max_body_size (ParSoupRequest *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (self), 0);

  return self->max_body_size;
}

/**
 * par_soup_request_set_max_body_size: (set-property max-body-size)
 * @self: a request
 * @max_body_size: a size, or 0 for any
 *
 * Sets how many bytes the body of an answer may have, uncompressed.
 *
 * Since: 0.1
 */
void
par_soup_request_set_max_body_size (ParSoupRequest *self,
                                    gint64          max_body_size)
{
  g_return_if_fail (PAR_SOUP_IS_REQUEST (self));
  g_return_if_fail (max_body_size >= 0);
  if (is_fixed (self, "max-body-size"))
    return;

  if (self->max_body_size == max_body_size)
    return;

  self->max_body_size = max_body_size;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MAX_BODY_SIZE]);
}

/**
 * par_soup_request_get_follow_redirects: (get-property follow-redirects)
 * @self: a request
 *
 * Gets whether redirections are followed.
 *
 * Returns: `TRUE` if they are
 *
 * Since: 0.1
 */
gboolean
par_soup_request_get_follow_redirects (ParSoupRequest *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (self), FALSE);

  return self->follow_redirects;
}

/**
 * par_soup_request_set_follow_redirects: (set-property follow-redirects)
 * @self: a request
 * @follow_redirects: whether to follow them
 *
 * Sets whether redirections are followed.
 *
 * See [property@Request:follow-redirects] for how far.
 *
 * Since: 0.1
 */
void
par_soup_request_set_follow_redirects (ParSoupRequest *self,
                                       gboolean        follow_redirects)
{
  g_return_if_fail (PAR_SOUP_IS_REQUEST (self));
  if (is_fixed (self, "follow-redirects"))
    return;

  follow_redirects = !!follow_redirects;
  if (self->follow_redirects == follow_redirects)
    return;

  self->follow_redirects = follow_redirects;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FOLLOW_REDIRECTS]);
}

/**
 * par_soup_request_get_cross_origins: (get-property cross-origins)
 * @self: a request
 *
 * Gets whether redirections to other origins are followed.
 *
 * Returns: `TRUE` if they are
 *
 * Since: 0.1
 */
gboolean
par_soup_request_get_cross_origins (ParSoupRequest *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (self), FALSE);

  return self->cross_origins;
}

/**
 * par_soup_request_set_cross_origins: (set-property cross-origins)
 * @self: a request
 * @cross_origins: whether to follow them
 *
 * Sets whether redirections to other origins are followed.
 *
 * Neither user and password go along, nor a header that may be a credential.
 *
 * Since: 0.1
 */
void
par_soup_request_set_cross_origins (ParSoupRequest *self,
                                    gboolean        cross_origins)
{
  g_return_if_fail (PAR_SOUP_IS_REQUEST (self));
  if (is_fixed (self, "cross-origins"))
    return;

  cross_origins = !!cross_origins;
  if (self->cross_origins == cross_origins)
    return;

  self->cross_origins = cross_origins;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CROSS_ORIGINS]);
}

/**
 * par_soup_request_get_streaming: (get-property streaming)
 * @self: a request
 *
 * Gets whether the body is left to be read from a stream.
 *
 * Returns: `TRUE` if it is
 *
 * Since: 0.1
 */
gboolean
par_soup_request_get_streaming (ParSoupRequest *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_REQUEST (self), FALSE);

  return self->streaming;
}

/**
 * par_soup_request_set_streaming: (set-property streaming)
 * @self: a request
 * @streaming: whether to leave it
 *
 * Sets whether the body is left to be read from a stream.
 *
 * Since: 0.1
 */
void
par_soup_request_set_streaming (ParSoupRequest *self,
                                gboolean        streaming)
{
  g_return_if_fail (PAR_SOUP_IS_REQUEST (self));
  if (is_fixed (self, "streaming"))
    return;

  streaming = !!streaming;
  if (self->streaming == streaming)
    return;

  self->streaming = streaming;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STREAMING]);
}
