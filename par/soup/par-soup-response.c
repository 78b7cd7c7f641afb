/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-response-private.h"

#include "par-soup-text-private.h"
#include "par-soup-uri-private.h"

/**
 * ParSoupResponse:
 *
 * What a service has answered: the result of a [class@Request].
 *
 * It is what [method@Par.Request.get_value] holds when the request has succeeded. It belongs to
 * whoever has it, and does not change.
 *
 * ```c
 * static void
 * completed_cb (ParRequests *requests, ParRequest *request, gpointer user_data)
 * {
 *   const GValue *value = par_request_get_value (request);
 *
 *   if (value != NULL)
 *     {
 *       ParSoupResponse *response = g_value_get_object (value);
 *
 *       g_print ("%s: %s\n", par_soup_response_get_uri (response),
 *                par_soup_response_get_text (response));
 *     }
 *   else
 *     {
 *       g_printerr ("%s\n", par_request_get_error (request)->message);
 *     }
 * }
 * ```
 *
 * Since: 0.1
 */
struct _ParSoupResponse
{
  GObject parent_instance;

  guint status;
  char *reason;
  SoupMessageHeaders *headers;
  GBytes *body;
  GInputStream *stream;
  char *uri;
  guint replica;
  SoupHTTPVersion http_version;
  gint64 elapsed_us;

  GMutex lock;

  /* Guarded by the lock. */
  char *text;
};

typedef enum
{
  PROP_STATUS = 1,
  PROP_REASON,
  PROP_HEADERS,
  PROP_BODY,
  PROP_TEXT,
  PROP_STREAM,
  PROP_URI,
  PROP_REPLICA,
  PROP_HTTP_VERSION,
  PROP_ELAPSED,
} ParSoupResponseProperty;

static GParamSpec *properties[PROP_ELAPSED + 1];

G_DEFINE_FINAL_TYPE (ParSoupResponse, par_soup_response, G_TYPE_OBJECT)

static void
par_soup_response_get_property (GObject    *object,
                                guint       prop_id,
                                GValue     *value,
                                GParamSpec *pspec)
{
  ParSoupResponse *self = PAR_SOUP_RESPONSE (object);

  switch ((ParSoupResponseProperty) prop_id)
    {
    case PROP_STATUS:
      g_value_set_uint (value, par_soup_response_get_status (self));
      break;

    case PROP_REASON:
      g_value_set_string (value, par_soup_response_get_reason (self));
      break;

    case PROP_HEADERS:
      g_value_set_boxed (value, par_soup_response_get_headers (self));
      break;

    case PROP_BODY:
      g_value_set_boxed (value, par_soup_response_get_body (self));
      break;

    case PROP_TEXT:
      g_value_set_string (value, par_soup_response_get_text (self));
      break;

    case PROP_STREAM:
      g_value_set_object (value, par_soup_response_get_stream (self));
      break;

    case PROP_URI:
      g_value_set_string (value, par_soup_response_get_uri (self));
      break;

    case PROP_REPLICA:
      g_value_set_uint (value, par_soup_response_get_replica (self));
      break;

    case PROP_HTTP_VERSION:
      g_value_set_enum (value, par_soup_response_get_http_version (self));
      break;

    case PROP_ELAPSED:
      g_value_set_int64 (value, par_soup_response_get_elapsed (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_soup_response_finalize (GObject *object)
{
  ParSoupResponse *self = PAR_SOUP_RESPONSE (object);

  g_free (self->reason);
  g_clear_pointer (&self->headers, soup_message_headers_unref);
  g_clear_pointer (&self->body, g_bytes_unref);
  g_clear_object (&self->stream);
  g_free (self->uri);
  g_free (self->text);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (par_soup_response_parent_class)->finalize (object);
}

static void
par_soup_response_class_init (ParSoupResponseClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = par_soup_response_get_property;
  object_class->finalize = par_soup_response_finalize;

  /**
   * ParSoupResponse:status: (getter get_status)
   *
   * The status, such as 200.
   *
   * Since: 0.1
   */
  properties[PROP_STATUS] =
    g_param_spec_uint ("status", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupResponse:reason: (getter get_reason)
   *
   * What the service calls that status, such as "OK".
   *
   * Since: 0.1
   */
  properties[PROP_REASON] =
    g_param_spec_string ("reason", NULL, NULL,
                         NULL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupResponse:headers: (getter get_headers)
   *
   * The headers, as they came.
   *
   * Since: 0.1
   */
  properties[PROP_HEADERS] =
    g_param_spec_boxed ("headers", NULL, NULL,
                        SOUP_TYPE_MESSAGE_HEADERS,
                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupResponse:body: (getter get_body)
   *
   * The body, uncompressed; empty if it is left to be read from the stream.
   *
   * Since: 0.1
   */
  properties[PROP_BODY] =
    g_param_spec_boxed ("body", NULL, NULL,
                        G_TYPE_BYTES,
                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupResponse:text: (getter get_text)
   *
   * The body as text in UTF-8.
   *
   * Since: 0.1
   */
  properties[PROP_TEXT] =
    g_param_spec_string ("text", NULL, NULL,
                         "",
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupResponse:stream: (getter get_stream)
   *
   * What the body can be read from, if [property@Request:streaming] asks for it.
   *
   * Since: 0.1
   */
  properties[PROP_STREAM] =
    g_param_spec_object ("stream", NULL, NULL,
                         G_TYPE_INPUT_STREAM,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupResponse:uri: (getter get_uri)
   *
   * Where the answer came from, after redirections, without user and password.
   *
   * Since: 0.1
   */
  properties[PROP_URI] =
    g_param_spec_string ("uri", NULL, NULL,
                         NULL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupResponse:replica: (getter get_replica)
   *
   * Which of [property@Request:replicas] has answered, from 0.
   *
   * Since: 0.1
   */
  properties[PROP_REPLICA] =
    g_param_spec_uint ("replica", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupResponse:http-version: (getter get_http_version)
   *
   * The version of HTTP that was spoken.
   *
   * Since: 0.1
   */
  properties[PROP_HTTP_VERSION] =
    g_param_spec_enum ("http-version", NULL, NULL,
                       SOUP_TYPE_HTTP_VERSION, SOUP_HTTP_1_1,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParSoupResponse:elapsed: (getter get_elapsed)
   *
   * How long the answer took, in microseconds.
   *
   * It counts from when the message had a connection, or began to make one, to the end of the
   * body, or to that of the headers where the body is a stream.
   *
   * Since: 0.1
   */
  properties[PROP_ELAPSED] =
    g_param_spec_int64 ("elapsed", NULL, NULL,
                        0, G_MAXINT64, 0,
                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
par_soup_response_init (ParSoupResponse *self)
{
  g_mutex_init (&self->lock);
}

/* Takes over @body and @stream, which may be NULL. */
ParSoupResponse *
par_soup_response_new (SoupMessage  *message,
                       GBytes       *body,
                       GInputStream *stream,
                       guint         replica,
                       gint64        elapsed_us)
{
  ParSoupResponse *self = g_object_new (PAR_SOUP_TYPE_RESPONSE, NULL);
  g_autoptr(GUri) uri = par_soup_uri_strip (soup_message_get_uri (message));

  self->status = soup_message_get_status (message);
  self->reason = g_strdup (soup_message_get_reason_phrase (message));
  self->headers = soup_message_headers_ref (soup_message_get_response_headers (message));
  self->body = body != NULL ? body : g_bytes_new (NULL, 0);
  self->stream = stream;
  self->uri = g_uri_to_string (uri);
  self->replica = replica;
  self->http_version = soup_message_get_http_version (message);
  self->elapsed_us = elapsed_us;

  return self;
}

/**
 * par_soup_response_get_status: (get-property status)
 * @self: a response
 *
 * Gets the status, such as 200.
 *
 * Returns: the status
 *
 * Since: 0.1
 */
guint
par_soup_response_get_status (ParSoupResponse *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_RESPONSE (self), 0);

  return self->status;
}

/**
 * par_soup_response_get_reason: (get-property reason)
 * @self: a response
 *
 * Gets what the service calls its status, such as "OK".
 *
 * Returns: (transfer none) (nullable): the reason
 *
 * Since: 0.1
 */
const char *
par_soup_response_get_reason (ParSoupResponse *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_RESPONSE (self), NULL);

  return self->reason;
}

/**
 * par_soup_response_get_headers: (get-property headers)
 * @self: a response
 *
 * Gets the headers, as they came.
 *
 * A body that was compressed has been uncompressed, though `Content-Encoding` and
 * `Content-Length` still tell of how it was sent.
 *
 * Returns: (transfer none): the headers
 *
 * Since: 0.1
 */
SoupMessageHeaders *
par_soup_response_get_headers (ParSoupResponse *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_RESPONSE (self), NULL);

  return self->headers;
}

/**
 * par_soup_response_get_body: (get-property body)
 * @self: a response
 *
 * Gets the body, uncompressed; it is empty if it is left to be read from the stream.
 *
 * Returns: (transfer none): the body
 *
 * Since: 0.1
 */
GBytes *
par_soup_response_get_body (ParSoupResponse *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_RESPONSE (self), NULL);

  return self->body;
}

/**
 * par_soup_response_get_text: (get-property text)
 * @self: a response
 *
 * Gets the body as text in UTF-8.
 *
 * It is decoded by the charset that the `Content-Type` declares, or else as UTF-8; what cannot be
 * decoded is replaced.
 *
 * Returns: (transfer none): the text
 *
 * Since: 0.1
 */
const char *
par_soup_response_get_text (ParSoupResponse *self)
{
  const char *text;

  g_return_val_if_fail (PAR_SOUP_IS_RESPONSE (self), NULL);

  g_mutex_lock (&self->lock);
  if (self->text == NULL)
    self->text = par_soup_text_decode (self->body,
                                       soup_message_headers_get_one (self->headers,
                                                                     "Content-Type"));
  text = self->text;
  g_mutex_unlock (&self->lock);

  return text;
}

/**
 * par_soup_response_get_stream: (get-property stream)
 * @self: a response
 *
 * Gets what the body can be read from, if [property@Request:streaming] asks for it.
 *
 * The stream is for the owner context. It tells a body that is cut short, uncompresses, and fails
 * beyond [property@Request:max-body-size] as the rest does. It holds its connection until it is
 * closed: close it, or drop the last reference, when there is nothing more to read.
 *
 * Returns: (transfer none) (nullable): the stream
 *
 * Since: 0.1
 */
GInputStream *
par_soup_response_get_stream (ParSoupResponse *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_RESPONSE (self), NULL);

  return self->stream;
}

/**
 * par_soup_response_get_uri: (get-property uri)
 * @self: a response
 *
 * Gets where the answer came from, after redirections, without user and password.
 *
 * Returns: (transfer none): the URI
 *
 * Since: 0.1
 */
const char *
par_soup_response_get_uri (ParSoupResponse *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_RESPONSE (self), NULL);

  return self->uri;
}

/**
 * par_soup_response_get_replica: (get-property replica)
 * @self: a response
 *
 * Gets which of [property@Request:replicas] has answered.
 *
 * Returns: its place, from 0; 0 too if there are no replicas
 *
 * Since: 0.1
 */
guint
par_soup_response_get_replica (ParSoupResponse *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_RESPONSE (self), 0);

  return self->replica;
}

/**
 * par_soup_response_get_http_version: (get-property http-version)
 * @self: a response
 *
 * Gets the version of HTTP that was spoken.
 *
 * Returns: the version
 *
 * Since: 0.1
 */
SoupHTTPVersion
par_soup_response_get_http_version (ParSoupResponse *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_RESPONSE (self), SOUP_HTTP_1_1);

  return self->http_version;
}

/**
 * par_soup_response_get_elapsed: (get-property elapsed)
 * @self: a response
 *
 * Gets how long the answer took.
 *
 * It counts from when the message had a connection, or began to make one, to the end of the body,
 * or to that of the headers where the body is a stream.
 *
 * Returns: the time in microseconds
 *
 * Since: 0.1
 */
gint64
par_soup_response_get_elapsed (ParSoupResponse *self)
{
  g_return_val_if_fail (PAR_SOUP_IS_RESPONSE (self), 0);

  return self->elapsed_us;
}
