/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A server in another process, in a folder of its own. It ends with the test, whatever becomes of
 * that. */
typedef struct
{
  GSubprocess *process;
  char *folder;
  char *uri;
  char *tls_uri;     /* or NULL */
  char *authority;   /* the file of what has signed its certificate, or NULL */
  guint n_questions; /* how often it was asked for its figures */
} Server;

/* The misbehaving server, with a certificate that nobody trusts. */
void    server_start_bad   (Server     *self);
/* The same, for all addresses that begin with 127. */
void    server_start_hosts (Server     *self);
/* nginx, by HTTP/1.1 and by HTTP/2 over TLS, with a certificate of an authority of its own. */
void    server_start_nginx (Server     *self);
/* The weather service of the examples. */
void    server_start_weather (Server     *self,
                            const char *option,
                            ...) G_GNUC_NULL_TERMINATED;
void    server_stop        (Server     *self);

/* The URI of @path there, which lives as long as the test program. */
const char *server_at      (Server     *self,
                            const char *path);
const char *server_tls_at  (Server     *self,
                            const char *path);

/* What the server is asked by a connection that is closed again. */
char   *server_ask         (Server     *self,
                            const char *path);

/* What the misbehaving server counts, without the question. */
typedef struct
{
  guint n_open;         /* connections now */
  guint n_connections;  /* so far */
  guint n_requests;     /* so far */
  guint n_answering;    /* requests now */
  guint n_peak;         /* requests at once */
} ServerStats;

ServerStats server_get_stats (Server *self);
void    server_wait_closed (Server     *self);

/* Drops a reference, and waits for attempts that are out to let go of theirs: those of workers when
 * they have ended, async ones in the owner context. */
void    drop_and_wait      (gpointer    object);

/* What this process has open. */
guint   count_descriptors  (void);
guint   count_sockets      (void);
void    wait_for_descriptors (guint   n);
guint   count_threads      (void);
void    wait_for_sockets   (guint       n);
void    wait_for_threads   (guint       n);

G_END_DECLS
