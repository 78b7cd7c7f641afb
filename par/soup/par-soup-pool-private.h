/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <libsoup/soup.h>

#include "par-soup-lane-private.h"

G_BEGIN_DECLS

typedef struct _ParSoupPool ParSoupPool;
typedef struct _ParSoupHost ParSoupHost;
typedef struct _ParSoupConnection ParSoupConnection;
typedef struct _ParSoupTicket ParSoupTicket;

/* ParSoupSession is a layer above. With no session given, the pool is that of the default one. */
typedef struct _ParSoupSession ParSoupSession;
GType        par_soup_session_get_type (void);
ParSoupPool *par_soup_session_get_pool (ParSoupSession *session);

/* Where a ticket was when it was withdrawn. */
typedef enum
{
  PAR_SOUP_TICKET_NOWHERE,  /* it cannot enter any more */
  PAR_SOUP_TICKET_WAITING,  /* nor will it be run */
  PAR_SOUP_TICKET_RUNNING,  /* it is to leave, and the turn is called there */
  PAR_SOUP_TICKET_BLOCKING, /* it is to leave, as the worker learns from the connection */
} ParSoupTicketPlace;

/* A place in the queue for a connection, and the hold on it. It is one of an owner context or of a
 * worker that waits. */
struct _ParSoupTicket
{
  ParSoupTurn turn;
  void (*run) (ParSoupTicket *ticket);
  GMainContext *owner;            /* (unowned) the owner context to run it in; or NULL */
  gboolean may_reuse;             /* a connection that has sent something already */

  /* The pool's. */
  GCond cond;
  GList link;
  ParSoupHost *host;
  ParSoupConnection *connection;
  GCancellable *cancellable;      /* of what the worker sends by that connection */
  gboolean is_ready;              /* the connection, and the worker has not taken it */
  gboolean is_waiting;            /* the worker */
  gboolean is_withdrawn;
  gboolean is_finished;
};

ParSoupPool *par_soup_pool_new         (SoupSession   *session,
                                        GTlsDatabase  *tls_database,
                                        guint          connections_per_host);
ParSoupPool *par_soup_pool_ref         (ParSoupPool   *self);
void         par_soup_pool_unref       (ParSoupPool   *self);
void         par_soup_pool_close       (ParSoupPool   *self);

gboolean     par_soup_pool_enter       (ParSoupPool   *self,
                                        ParSoupTicket *ticket,
                                        GUri          *uri);
gboolean     par_soup_pool_wait        (ParSoupPool   *self,
                                        ParSoupTicket *ticket);
void         par_soup_pool_finish      (ParSoupPool   *self,
                                        ParSoupTicket *ticket);
void         par_soup_pool_leave       (ParSoupPool   *self,
                                        ParSoupTicket *ticket);
ParSoupTicketPlace
             par_soup_pool_withdraw    (ParSoupPool   *self,
                                        ParSoupTicket *ticket,
                                        ParSoupTurn   *turn);
gboolean     par_soup_pool_is_callers  (ParSoupPool   *self);
void         par_soup_pool_set_user_agent (ParSoupPool *self,
                                        const char    *user_agent);
char        *par_soup_pool_dup_user_agent (ParSoupPool *self);
guint        par_soup_pool_next_replica (ParSoupPool  *self);

void         par_soup_ticket_init        (ParSoupTicket *self,
                                          void         (*run) (ParSoupTicket *ticket));
void         par_soup_ticket_clear       (ParSoupTicket *self);
SoupSession *par_soup_ticket_get_session (ParSoupTicket *self);
void         par_soup_ticket_share       (ParSoupTicket *self);
void         par_soup_ticket_untie       (ParSoupTicket *self);
gboolean     par_soup_ticket_is_shared   (ParSoupTicket *self);
gboolean     par_soup_ticket_may_connect (ParSoupTicket *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ParSoupPool, par_soup_pool_unref)

G_END_DECLS
