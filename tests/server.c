/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "server.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>

/* What is waited for takes much less; a busy machine is not a failure. */
#define PATIENCE_US (60 * G_USEC_PER_SEC)

static const char nginx_configuration[] =
  "@USER@\n"
  "daemon off;\n"
  "pid @FOLDER@/pid;\n"
  "error_log @FOLDER@/error.log;\n"
  "events { worker_connections 2048; }\n"
  "http {\n"
  "  access_log off;\n"
  "  keepalive_requests 1000000;\n"
  "  client_body_temp_path @FOLDER@/body;\n"
  "  proxy_temp_path @FOLDER@/proxy;\n"
  "  fastcgi_temp_path @FOLDER@/fastcgi;\n"
  "  uwsgi_temp_path @FOLDER@/uwsgi;\n"
  "  scgi_temp_path @FOLDER@/scgi;\n"
  "  default_type text/plain;\n"
  "  server {\n"
  "    listen 127.0.0.1:@PORT@;\n"
  "    listen 127.0.0.1:@TLS_PORT@ ssl http2;\n"
  "    ssl_certificate @FOLDER@/certificate.pem;\n"
  "    ssl_certificate_key @FOLDER@/key.pem;\n"
  "    root @FOLDER@;\n"
  "    location /json {\n"
  "      default_type application/json;\n"
  "      return 200 '{\"answer\": 42}';\n"
  "    }\n"
  "    location /gzip/ { gzip on; gzip_types text/plain; alias @FOLDER@/; }\n"
  "    location /slow/ { limit_rate 1k; alias @FOLDER@/; }\n"
  "    location /upgrade { return 301 https://$host:@TLS_PORT@/headers; }\n"
  "    location /headers { return 200 '$http_authorization|$http_accept|$http_user_agent'; }\n"
  "    location /method { return 200 '$request_method $content_type $content_length'; }\n"
  "  }\n"
  "}\n";

/* The child goes with this process, even if that is killed; and so do nginx's own. */
static void
die_with_parent (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
}

static char *
read_line (GInputStream *stream)
{
  g_autoptr(GString) line = g_string_new (NULL);
  char byte;

  while (g_input_stream_read (stream, &byte, 1, NULL, NULL) == 1 && byte != '\n')
    g_string_append_c (line, byte);
  g_assert_cmpstr (line->str, !=, "");

  return g_string_free (g_steal_pointer (&line), FALSE);
}

static void
start (Server             *self,
       const char * const *arguments,
       gboolean            has_tls)
{
  g_autoptr(GSubprocessLauncher) launcher = NULL;
  g_autoptr(GError) error = NULL;
  GInputStream *output;

  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE
                                        | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, NULL, NULL);
  /* What these servers leave behind is not this test's leak. */
  g_subprocess_launcher_setenv (launcher, "ASAN_OPTIONS", "detect_leaks=0", TRUE);
  self->process = g_subprocess_launcher_spawnv (launcher, arguments, &error);
  g_assert_no_error (error);

  output = g_subprocess_get_stdout_pipe (self->process);
  self->uri = read_line (output);
  if (has_tls)
    self->tls_uri = read_line (output);
}

static void
make_folder (Server *self)
{
  g_autoptr(GError) error = NULL;

  self->folder = g_dir_make_tmp ("par-server-XXXXXX", &error);
  g_assert_no_error (error);
}

static char *
in_folder (Server     *self,
           const char *name)
{
  return g_build_filename (self->folder, name, NULL);
}

static void
run (Server             *self,
     const char * const *arguments)
{
  g_autoptr(GSubprocessLauncher) launcher = NULL;
  g_autoptr(GSubprocess) process = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *messages = NULL;

  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE
                                        | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_subprocess_launcher_set_cwd (launcher, self->folder);
  process = g_subprocess_launcher_spawnv (launcher, arguments, &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, NULL, &messages, &error);
  g_assert_no_error (error);
  if (!g_subprocess_get_successful (process))
    g_error ("%s: %s", arguments[0], messages);
}

/* Makes certificate.pem for 127.0.0.1, signed by itself or by an authority. */
static void
make_certificate (Server   *self,
                  gboolean  with_authority)
{
  const char *own[] = {
    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
    "-nodes", "-days", "30", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
    "-keyout", "key.pem", "-out", "certificate.pem",
    with_authority ? "-CA" : NULL, "authority.pem", "-CAkey", "authority-key.pem", NULL,
  };
  const char *authority[] = {
    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
    "-nodes", "-days", "30", "-subj", "/CN=Authority of a test",
    "-keyout", "authority-key.pem", "-out", "authority.pem", NULL,
  };

  if (with_authority)
    {
      run (self, authority);
      self->authority = in_folder (self, "authority.pem");
    }
  run (self, own);
}

static char *
find_bad_server (void)
{
  return g_test_build_filename (G_TEST_BUILT, "bad-server", NULL);
}

void
server_start_bad (Server *self)
{
  g_autofree char *path = find_bad_server ();
  g_autofree char *certificate = NULL;
  g_autofree char *key = NULL;
  const char *arguments[] = { path, "--certificate", NULL, "--key", NULL, NULL };

  make_folder (self);
  make_certificate (self, FALSE);
  arguments[2] = certificate = in_folder (self, "certificate.pem");
  arguments[4] = key = in_folder (self, "key.pem");
  start (self, arguments, TRUE);
}

void
server_start_hosts (Server *self)
{
  g_autofree char *path = find_bad_server ();
  const char *arguments[] = { path, "--all-hosts", NULL };

  start (self, arguments, FALSE);
}

void
server_start_weather (Server     *self,
                      const char *option,
                      ...)
{
  g_autoptr(GPtrArray) arguments = g_ptr_array_new ();
  va_list args;

  g_ptr_array_add (arguments, (gpointer) g_getenv ("PAR_TEST_WEATHER_SERVICE"));
  va_start (args, option);
  for (; option != NULL; option = va_arg (args, const char *))
    g_ptr_array_add (arguments, (gpointer) option);
  va_end (args);
  g_ptr_array_add (arguments, NULL);

  start (self, (const char * const *) arguments->pdata, FALSE);
}

/* A socket that listens at a free port. */
static GSocket *
listen_somewhere (guint16 *port)
{
  g_autoptr(GSocketAddress) wanted = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GError) error = NULL;
  GSocket *socket;

  socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &error);
  g_assert_no_error (error);
  g_socket_set_listen_backlog (socket, 4096);
  g_socket_bind (socket, wanted, TRUE, &error);
  g_assert_no_error (error);
  g_socket_listen (socket, &error);
  g_assert_no_error (error);
  address = g_socket_get_local_address (socket, &error);
  g_assert_no_error (error);
  *port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));

  return socket;
}

static void
write_file (Server     *self,
            const char *name,
            const char *contents)
{
  g_autofree char *path = in_folder (self, name);
  g_autoptr(GError) error = NULL;

  g_file_set_contents (path, contents, -1, &error);
  g_assert_no_error (error);
}

static void
write_configuration (Server  *self,
                     guint16  port,
                     guint16  tls_port)
{
  g_autoptr(GString) text = g_string_new (nginx_configuration);
  g_autofree char *port_text = g_strdup_printf ("%u", port);
  g_autofree char *tls_port_text = g_strdup_printf ("%u", tls_port);

  /* Else it would be one who may not read the folder. */
  g_string_replace (text, "@USER@", geteuid () == 0 ? "user root;" : "", 0);
  g_string_replace (text, "@FOLDER@", self->folder, 0);
  g_string_replace (text, "@PORT@", port_text, 0);
  g_string_replace (text, "@TLS_PORT@", tls_port_text, 0);
  write_file (self, "nginx.conf", text->str);
}

static void
write_big_file (Server *self)
{
  g_autofree char *text = g_malloc (1024 * 1024 + 1);

  for (gsize i = 0; i < 1024 * 1024; i++)
    text[i] = i % 64 == 63 ? '\n' : 'a' + i % 26;
  text[1024 * 1024] = '\0';
  write_file (self, "big.txt", text);
}

static int
dup_socket (GSocket *socket)
{
  int fd = dup (g_socket_get_fd (socket));

  g_assert_cmpint (fd, >=, 0);

  return fd;
}

void
server_start_nginx (Server *self)
{
  guint16 port, tls_port;
  g_autoptr(GSocket) socket = listen_somewhere (&port);
  g_autoptr(GSocket) tls_socket = listen_somewhere (&tls_port);
  g_autoptr(GSubprocessLauncher) launcher = NULL;
  g_autofree char *configuration = NULL;
  g_autofree char *log = NULL;
  g_autoptr(GError) error = NULL;

  make_folder (self);
  make_certificate (self, TRUE);
  write_configuration (self, port, tls_port);
  write_big_file (self);
  configuration = in_folder (self, "nginx.conf");
  log = in_folder (self, "error.log");

  /* nginx is handed its sockets as if it were to follow one that has been updated: the ports are
   * free, and whoever connects before it has started waits. */
  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, NULL, NULL);
  g_subprocess_launcher_take_fd (launcher, dup_socket (socket), 10);
  g_subprocess_launcher_take_fd (launcher, dup_socket (tls_socket), 11);
  g_subprocess_launcher_setenv (launcher, "NGINX", "10;11;", TRUE);
  g_subprocess_launcher_set_stderr_file_path (launcher, log);
  self->process = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("PAR_TEST_NGINX"),
                                               "-p", self->folder, "-c", configuration,
                                               "-e", log, NULL);
  g_assert_no_error (error);

  self->uri = g_strdup_printf ("http://127.0.0.1:%u", port);
  self->tls_uri = g_strdup_printf ("https://127.0.0.1:%u", tls_port);
}

static void
remove_folder (const char *path)
{
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *below = g_build_filename (path, name, NULL);

      if (g_file_test (below, G_FILE_TEST_IS_DIR))
        remove_folder (below);
      else
        g_remove (below);
    }
  g_rmdir (path);
}

void
server_stop (Server *self)
{
  g_subprocess_send_signal (self->process, SIGTERM);
  g_subprocess_wait (self->process, NULL, NULL);
  g_clear_object (&self->process);
  g_clear_pointer (&self->uri, g_free);
  g_clear_pointer (&self->tls_uri, g_free);
  g_clear_pointer (&self->authority, g_free);
  if (self->folder != NULL)
    remove_folder (self->folder);
  g_clear_pointer (&self->folder, g_free);
}

const char *
server_at (Server     *self,
           const char *path)
{
  g_autofree char *uri = g_strconcat (self->uri, path, NULL);

  return g_intern_string (uri);
}

const char *
server_tls_at (Server     *self,
               const char *path)
{
  g_autofree char *uri = g_strconcat (self->tls_uri, path, NULL);

  return g_intern_string (uri);
}

char *
server_ask (Server     *self,
            const char *path)
{
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketConnection) connection = NULL;
  g_autoptr(GOutputStream) text = g_memory_output_stream_new_resizable ();
  g_autofree char *request = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
  g_autoptr(GError) error = NULL;
  const char *body;

  g_socket_client_set_enable_proxy (client, FALSE);
  connection = g_socket_client_connect_to_uri (client, self->uri, 80, NULL, &error);
  g_assert_no_error (error);
  g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), request,
                             strlen (request), NULL, NULL, &error);
  g_assert_no_error (error);
  g_socket_shutdown (g_socket_connection_get_socket (connection), FALSE, TRUE, &error);
  g_assert_no_error (error);
  g_output_stream_splice (text, g_io_stream_get_input_stream (G_IO_STREAM (connection)),
                          G_OUTPUT_STREAM_SPLICE_NONE, NULL, &error);
  g_assert_no_error (error);
  g_output_stream_write (text, "", 1, NULL, NULL);

  body = strstr (g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (text)), "\r\n\r\n");
  g_assert_nonnull (body);

  return g_strdup (body + 4);
}

ServerStats
server_get_stats (Server *self)
{
  g_autofree char *text = server_ask (self, "/stats");
  ServerStats stats;

  g_assert_cmpint (sscanf (text, "%u open, %u connections, %u requests, %u now, %u at once",
                           &stats.n_open, &stats.n_connections, &stats.n_requests,
                           &stats.n_answering, &stats.n_peak), ==, 5);
  self->n_questions++;
  stats.n_open--;
  stats.n_connections -= self->n_questions;
  stats.n_requests -= self->n_questions;
  stats.n_answering--;

  return stats;
}

void
server_wait_closed (Server *self)
{
  gint64 until_us = g_get_monotonic_time () + PATIENCE_US;

  while (server_get_stats (self).n_open > 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_usleep (1000);
    }
}

static void
freed_cb (gpointer  is_freed,
          GObject  *object)
{
  g_atomic_int_set ((int *) is_freed, TRUE);
  g_main_context_wakeup (NULL);
}

void
drop_and_wait (gpointer object)
{
  int is_freed = FALSE;

  g_object_weak_ref (object, freed_cb, &is_freed);
  g_object_unref (object);
  while (!g_atomic_int_get (&is_freed))
    g_main_context_iteration (NULL, TRUE);
}

static guint
count_entries (const char *path)
{
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

guint
count_descriptors (void)
{
  return count_entries ("/proc/self/fd") - 1;
}

/* Those of the internet: GIO may have one by which the kernel tells it of networks. */
guint
count_sockets (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      int domain;
      socklen_t size = sizeof domain;

      n += getsockopt (atoi (name), SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0
           && (domain == AF_INET || domain == AF_INET6);
    }

  return n;
}

/* Those of ParSoup. */
guint
count_threads (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *id;
  guint n = 0;

  while ((id = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/task", id, "comm", NULL);
      g_autofree char *name = NULL;

      n += g_file_get_contents (path, &name, NULL, NULL) && g_str_equal (name, "par-soup\n");
    }

  return n;
}

static void
wait_for_count (guint (*count) (void),
                guint   n)
{
  gint64 until_us = g_get_monotonic_time () + PATIENCE_US;

  while (count () > n)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_usleep (1000);
    }
}

void
wait_for_descriptors (guint n)
{
  wait_for_count (count_descriptors, n);
}

void
wait_for_sockets (guint n)
{
  wait_for_count (count_sockets, n);
}

void
wait_for_threads (guint n)
{
  wait_for_count (count_threads, n);
}
