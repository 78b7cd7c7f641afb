/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-body-private.h"

#include "par-soup-dechunker-private.h"
#include "par-soup-error.h"

#define BUFFER_SIZE 16384

typedef struct
{
  const guint8 *start;
  const guint8 *end;
  guint8 *bytes;  /* BUFFER_SIZE of them, or NULL */
} Buffer;

struct _ParSoupBody
{
  GInputStream parent_instance;

  SoupMessage *message;
  GInputStream *stream;          /* libsoup's */
  GInputStream *source;          /* (unowned) what is read: that, or the connection below it */
  GMainContext *context;         /* (owned) where that was sent, as libsoup insists on; or NULL */
  gint64 expected_length;        /* as it is sent, or -1 */
  gint64 max_size;               /* 0 for any */
  ParSoupBodyClosedFunc closed;
  gpointer closed_data;

  gboolean is_chunked;
  ParSoupDechunker dechunker;
  Buffer chunks;                 /* read, but not taken apart */

  GConverter *decompressor;
  Buffer compressed;             /* taken apart, but compressed */
  gboolean has_all_compressed;
  gboolean may_have_output;      /* in the decompressor */
  gboolean is_decompressed;      /* to the end, but the end of what was sent has not been seen */

  gint64 n_received;             /* bytes of the body, as it is sent */
  gint64 size;                   /* so far, as it is read */
  gboolean at_end;
};

static void par_soup_body_init_pollable (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ParSoupBody, par_soup_body, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      par_soup_body_init_pollable))

static gboolean
is_empty (const Buffer *buffer)
{
  return buffer->start == buffer->end;
}

static void
set_content (Buffer *buffer,
             gsize   length)
{
  buffer->start = buffer->bytes;
  buffer->end = buffer->bytes + length;
}

static gssize
read_source (ParSoupBody   *self,
             gpointer       buffer,
             gsize          count,
             gboolean       blocking,
             GCancellable  *cancellable,
             GError       **error)
{
  return g_pollable_stream_read (self->source, buffer, count, blocking, cancellable, error);
}

static gssize
fail_for_early_end (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT,
                       "the connection was closed before the whole body had come");

  return -1;
}

static gssize
read_whole (ParSoupBody   *self,
            gpointer       buffer,
            gsize          count,
            gboolean       blocking,
            GCancellable  *cancellable,
            GError       **error)
{
  gssize n_read = read_source (self, buffer, count, blocking, cancellable, error);

  /* libsoup lets a body be too short if the connection was to be closed anyway. */
  if (n_read == 0 && self->n_received < self->expected_length)
    return fail_for_early_end (error);
  if (n_read > 0)
    self->n_received += n_read;

  return n_read;
}

static gssize
read_chunks (ParSoupBody   *self,
             gpointer       buffer,
             gsize          count,
             gboolean       blocking,
             GCancellable  *cancellable,
             GError       **error)
{
  guint8 *start = buffer;
  guint8 *out = start;

  for (;;)
    {
      gssize n_read;

      if (!par_soup_dechunker_run (&self->dechunker, &self->chunks.start, self->chunks.end,
                                   &out, start + count, error))
        return -1;
      if (out > start)
        {
          self->n_received += out - start;
          return out - start;
        }
      if (self->dechunker.state == PAR_SOUP_DECHUNKER_DONE)
        break;

      n_read = read_source (self, self->chunks.bytes, BUFFER_SIZE, blocking, cancellable, error);
      if (n_read == 0)
        return fail_for_early_end (error);
      if (n_read < 0)
        return -1;
      set_content (&self->chunks, n_read);
    }

  /* libsoup has been passed by. It is told of the end, and uses the connection again; unless
   * something was sent that nobody has asked for. */
  if (is_empty (&self->chunks))
    g_signal_emit_by_name (self->stream, "eof");

  return 0;
}

/* Reads the body as it is sent, but for the chunks. */
static gssize
read_received (ParSoupBody   *self,
               gpointer       buffer,
               gsize          count,
               gboolean       blocking,
               GCancellable  *cancellable,
               GError       **error)
{
  return self->is_chunked ? read_chunks (self, buffer, count, blocking, cancellable, error)
                          : read_whole (self, buffer, count, blocking, cancellable, error);
}

static gboolean
fill_compressed (ParSoupBody   *self,
                 gboolean       blocking,
                 GCancellable  *cancellable,
                 GError       **error)
{
  gssize n_read = read_received (self, self->compressed.bytes, BUFFER_SIZE, blocking, cancellable,
                                 error);

  if (n_read < 0)
    return FALSE;
  set_content (&self->compressed, n_read);
  self->has_all_compressed = n_read == 0;

  return TRUE;
}

static gssize
decompress (ParSoupBody  *self,
            gpointer      buffer,
            gsize         count,
            GError      **error)
{
  GConverterFlags flags = self->has_all_compressed ? G_CONVERTER_INPUT_AT_END : 0;
  g_autoptr(GError) local_error = NULL;
  gsize n_used = 0, n_written = 0;
  GConverterResult result;

  result = g_converter_convert (self->decompressor,
                                self->compressed.start,
                                self->compressed.end - self->compressed.start,
                                buffer, count, flags, &n_used, &n_written, &local_error);
  if (result == G_CONVERTER_ERROR)
    {
      self->may_have_output = FALSE;
      if (g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT)
          && !self->has_all_compressed)
        return 0;
      g_propagate_prefixed_error (error, g_steal_pointer (&local_error),
                                  "the body is not properly compressed: ");
      return -1;
    }

  self->compressed.start += n_used;
  self->may_have_output = n_written == count;
  self->is_decompressed = result == G_CONVERTER_FINISHED;

  return n_written;
}

static gssize
read_decompressed (ParSoupBody   *self,
                   gpointer       buffer,
                   gsize          count,
                   gboolean       blocking,
                   GCancellable  *cancellable,
                   GError       **error)
{
  while (!self->is_decompressed)
    {
      gssize n_read;

      if (is_empty (&self->compressed) && !self->may_have_output && !self->has_all_compressed
          && !fill_compressed (self, blocking, cancellable, error))
        return -1;

      /* Some servers say that nothing is compressed. */
      if (self->has_all_compressed && self->n_received == 0)
        return 0;

      n_read = decompress (self, buffer, count, error);
      if (n_read != 0)
        return n_read;
    }

  /* The connection can be used again if nothing more comes. */
  if (is_empty (&self->compressed) && !self->has_all_compressed
      && !fill_compressed (self, blocking, cancellable, error))
    return -1;

  return 0;
}

static gssize
read_body (ParSoupBody   *self,
           gpointer       buffer,
           gsize          count,
           gboolean       blocking,
           GCancellable  *cancellable,
           GError       **error)
{
  gssize n_read;

  if (self->at_end)
    return 0;

  if (self->decompressor != NULL)
    n_read = read_decompressed (self, buffer, count, blocking, cancellable, error);
  else
    n_read = read_received (self, buffer, count, blocking, cancellable, error);

  if (n_read == 0)
    self->at_end = TRUE;
  if (n_read <= 0)
    return n_read;

  self->size += n_read;
  if (self->max_size > 0 && self->size > self->max_size)
    {
      g_set_error (error, PAR_SOUP_ERROR, PAR_SOUP_ERROR_TOO_LARGE,
                   "the body is larger than %" G_GINT64_FORMAT " bytes: raise max-body-size if "
                   "that is wanted", self->max_size);
      return -1;
    }

  return n_read;
}

static void
enter_context (ParSoupBody *self)
{
  if (self->context != NULL)
    g_main_context_push_thread_default (self->context);
}

static void
leave_context (ParSoupBody *self)
{
  if (self->context != NULL)
    g_main_context_pop_thread_default (self->context);
}

static gssize
read_in_context (ParSoupBody   *self,
                 gpointer       buffer,
                 gsize          count,
                 gboolean       blocking,
                 GCancellable  *cancellable,
                 GError       **error)
{
  gssize n_read;

  enter_context (self);
  n_read = read_body (self, buffer, count, blocking, cancellable, error);
  leave_context (self);

  return n_read;
}

static gssize
par_soup_body_read (GInputStream  *stream,
                    void          *buffer,
                    gsize          count,
                    GCancellable  *cancellable,
                    GError       **error)
{
  return read_in_context (PAR_SOUP_BODY (stream), buffer, count, TRUE, cancellable, error);
}

static gboolean
par_soup_body_close (GInputStream  *stream,
                     GCancellable  *cancellable,
                     GError       **error)
{
  ParSoupBody *self = PAR_SOUP_BODY (stream);
  ParSoupBodyClosedFunc closed = g_steal_pointer (&self->closed);

  /* Nothing is read any more: a connection of which a body is left is closed. */
  enter_context (self);
  g_input_stream_close (self->stream, NULL, NULL);
  leave_context (self);
  if (closed != NULL)
    closed (self->closed_data);

  return TRUE;
}

/* In the caller's thread, where the default would take another. */
static void
par_soup_body_close_async (GInputStream        *stream,
                           int                  io_priority,
                           GCancellable        *cancellable,
                           GAsyncReadyCallback  callback,
                           gpointer             user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  g_task_set_source_tag (task, par_soup_body_close_async);
  g_task_set_priority (task, io_priority);
  g_task_return_boolean (task, par_soup_body_close (stream, NULL, NULL));
}

static gboolean
par_soup_body_close_finish (GInputStream  *stream,
                            GAsyncResult  *result,
                            GError       **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* Whether there is something to be read that nobody has to be waited for. The sources that libsoup
 * makes do not see the end of a body whose length is known, nor for HTTP/2 what has come before. */
static gboolean
has_something (ParSoupBody *self)
{
  return self->at_end || self->may_have_output || !is_empty (&self->chunks)
         || !is_empty (&self->compressed) || self->n_received == self->expected_length
         || (soup_message_get_http_version (self->message) == SOUP_HTTP_2_0
             && g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (self->source)));
}

static gboolean
par_soup_body_is_readable (GPollableInputStream *stream)
{
  ParSoupBody *self = PAR_SOUP_BODY (stream);

  return has_something (self)
         || g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (self->source));
}

static gssize
par_soup_body_read_nonblocking (GPollableInputStream  *stream,
                                void                  *buffer,
                                gsize                  count,
                                GError               **error)
{
  return read_in_context (PAR_SOUP_BODY (stream), buffer, count, FALSE, NULL, error);
}

static GSource *
par_soup_body_create_source (GPollableInputStream *stream,
                             GCancellable         *cancellable)
{
  ParSoupBody *self = PAR_SOUP_BODY (stream);
  g_autoptr(GSource) source = NULL;

  if (has_something (self))
    source = g_timeout_source_new (0);
  else
    source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (self->source), NULL);

  return g_pollable_source_new_full (stream, source, cancellable);
}

static void
par_soup_body_finalize (GObject *object)
{
  ParSoupBody *self = PAR_SOUP_BODY (object);

  g_clear_object (&self->message);
  g_clear_object (&self->stream);
  g_clear_object (&self->decompressor);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self->chunks.bytes);
  g_free (self->compressed.bytes);

  G_OBJECT_CLASS (par_soup_body_parent_class)->finalize (object);
}

static void
par_soup_body_class_init (ParSoupBodyClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (klass);

  object_class->finalize = par_soup_body_finalize;

  stream_class->read_fn = par_soup_body_read;
  stream_class->close_fn = par_soup_body_close;
  stream_class->close_async = par_soup_body_close_async;
  stream_class->close_finish = par_soup_body_close_finish;
}

static void
par_soup_body_init_pollable (GPollableInputStreamInterface *iface)
{
  iface->is_readable = par_soup_body_is_readable;
  iface->read_nonblocking = par_soup_body_read_nonblocking;
  iface->create_source = par_soup_body_create_source;
}

static void
par_soup_body_init (ParSoupBody *self)
{
}

/* What libsoup takes the chunks from, or NULL: then libsoup must do it. That is the connection's
 * stream, below the one for the body, below the one that is given to the program. */
static GInputStream *
find_chunks (SoupMessage  *message,
             GInputStream *stream)
{
  GInputStream *body, *connection;

  if (soup_message_get_http_version (message) > SOUP_HTTP_1_1
      || (soup_message_headers_get_encoding (soup_message_get_response_headers (message))
          != SOUP_ENCODING_CHUNKED)
      || !G_IS_FILTER_INPUT_STREAM (stream)
      || g_signal_lookup ("eof", G_OBJECT_TYPE (stream)) == 0)
    return NULL;

  body = g_filter_input_stream_get_base_stream (G_FILTER_INPUT_STREAM (stream));
  if (!g_str_equal (G_OBJECT_TYPE_NAME (body), "SoupBodyInputStream"))
    return NULL;

  connection = g_filter_input_stream_get_base_stream (G_FILTER_INPUT_STREAM (body));

  return G_IS_POLLABLE_INPUT_STREAM (connection) ? connection : NULL;
}

static gboolean
is_bodyless (SoupMessage *message)
{
  guint status = soup_message_get_status (message);

  return g_str_equal (soup_message_get_method (message), "HEAD")
         || status == SOUP_STATUS_NO_CONTENT || status == SOUP_STATUS_NOT_MODIFIED;
}

/* Takes over @stream, that of an answer whose headers have come. @decodes uncompresses it, so that
 * more than @max_size is the size of what is read. */
ParSoupBody *
par_soup_body_new (SoupMessage  *message,
                   GInputStream *stream,
                   gboolean      decodes,
                   gint64        max_size)
{
  ParSoupBody *self = g_object_new (PAR_SOUP_TYPE_BODY, NULL);
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  SoupEncoding encoding = soup_message_headers_get_encoding (headers);
  const char *coding = soup_message_headers_get_list (headers, "Content-Encoding");
  GInputStream *chunks = find_chunks (message, stream);

  if (g_main_context_get_thread_default () != NULL)
    self->context = g_main_context_ref_thread_default ();
  self->message = g_object_ref (message);
  self->stream = stream;
  self->source = chunks != NULL ? chunks : stream;
  self->expected_length = -1;
  self->max_size = max_size;

  if (is_bodyless (message))
    {
      self->source = stream;
      return self;
    }

  if (encoding == SOUP_ENCODING_CONTENT_LENGTH)
    self->expected_length = soup_message_headers_get_content_length (headers);

  if (chunks != NULL)
    {
      self->is_chunked = TRUE;
      self->chunks.bytes = g_malloc (BUFFER_SIZE);
      set_content (&self->chunks, 0);
    }

  if (decodes && coding != NULL
      && (g_ascii_strcasecmp (coding, "gzip") == 0 || g_ascii_strcasecmp (coding, "x-gzip") == 0))
    {
      self->decompressor = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
      self->compressed.bytes = g_malloc (BUFFER_SIZE);
      set_content (&self->compressed, 0);
    }

  return self;
}

/* Called once, when the stream is closed, in whatever thread that is done. */
void
par_soup_body_set_closed_func (ParSoupBody           *self,
                               ParSoupBodyClosedFunc  function,
                               gpointer               user_data)
{
  self->closed = function;
  self->closed_data = user_data;
}

/* How much is to be read, or -1 if that is not known before. */
gint64
par_soup_body_get_expected_length (ParSoupBody *self)
{
  return self->decompressor == NULL ? self->expected_length : -1;
}
