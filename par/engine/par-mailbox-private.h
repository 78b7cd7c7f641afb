/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "par-record-private.h"

G_BEGIN_DECLS

#define PAR_NEWS_MAX_SETTLED 256

/* An attempt that has been started, for those who listen. */
typedef struct
{
  guint64 index;
  guint64 n_settled;  /* requests that had settled before it started */
  guint number;
  ParAttemptKind kind;
} ParStart;

/* What is to be destroyed in the owner context. */
typedef struct
{
  GValue value;
  gpointer data;
  GDestroyNotify destroy;
} ParTrash;

/* What has happened since the owner last looked. The owner keeps it and hands it in again, so
 * that its arrays are made once. */
typedef struct
{
  guint n_settled;
  guint64 settled[PAR_NEWS_MAX_SETTLED];
  ParRecord *records[PAR_NEWS_MAX_SETTLED];
  guint8 is_out[PAR_NEWS_MAX_SETTLED];  /* some attempt still has its data */
  gboolean more;           /* that did not fit */

  GArray *starts;          /* of ParStart */
  GArray *trash;           /* of ParTrash */
  GPtrArray *cancellables; /* (owned) to be cancelled */

  guint64 n_new;           /* rows */
  guint64 n_published;     /* rows, with those */
  guint64 n_queued;        /* now */
  guint64 peak_running;    /* since the last news */
  guint64 n_attempts_running;
  guint deferred;          /* properties set in another thread, as bits */
  gboolean over;           /* the run has ended, and par_engine_finish() is called next */
} ParNews;

/* What the owner has not seen. Guarded by the host's lock. */
typedef struct
{
  ParRecords *records;

  guint64 n_settled;      /* ever */
  guint64 n_unseen;       /* settled, in a list through the records */
  guint64 first_unseen;
  guint64 last_unseen;

  GArray *starts;
  GArray *trash;
  GArray *litter;         /* trash that does not need the owner, who has left */
  GPtrArray *cancellables;
  guint deferred;
} ParMailbox;

GPtrArray *par_cancellables_new    (void);
GPtrArray *par_cancellables_steal  (GPtrArray    **cancellables);
void       par_cancellables_cancel (GPtrArray     *cancellables);

GArray *par_trash_new            (void);
void    par_trash_clear          (gpointer        trash);
GArray *par_trash_steal          (GArray        **trash);

void    par_mailbox_init         (ParMailbox     *self,
                                  ParRecords     *records);
void    par_mailbox_clear        (ParMailbox     *self);
void    par_mailbox_add_settled  (ParMailbox     *self,
                                  guint64         index);
void    par_mailbox_add_trash    (ParMailbox     *self,
                                  gboolean        is_litter,
                                  GValue         *value,
                                  gpointer        data,
                                  GDestroyNotify  destroy);
void    par_mailbox_collect      (ParMailbox     *self,
                                  ParNews        *news,
                                  guint           max_settled);

G_END_DECLS
