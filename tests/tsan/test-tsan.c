/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* That ThreadSanitizer with tsan-glib.c in place is quiet where GLib makes order between threads,
 * and still finds the races. */

#include <gio/gio.h>

#define N_THREADS 4
#define N_ROUNDS 500

/* What the threads share. It is plain, so it is a race unless GLib orders them. */
typedef struct
{
  GMutex lock;
  GMutex other_lock;
  GRecMutex rec_lock;
  GRWLock rw_lock;
  GCond cond;
  GOnce once;
  GAsyncQueue *queue;
  GMainLoop *loop;
  GCancellable *cancellable;
  guint number;
  guint *numbers;
} Shared;

static void
shared_init (Shared        *self,
             gconstpointer  data)
{
  g_mutex_init (&self->lock);
  g_mutex_init (&self->other_lock);
  g_rec_mutex_init (&self->rec_lock);
  g_rw_lock_init (&self->rw_lock);
  g_cond_init (&self->cond);
  self->once = (GOnce) G_ONCE_INIT;
  self->queue = g_async_queue_new ();
  self->loop = g_main_loop_new (NULL, FALSE);
  self->cancellable = g_cancellable_new ();
  self->numbers = g_new0 (guint, N_ROUNDS);
}

static void
shared_clear (Shared        *self,
              gconstpointer  data)
{
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->other_lock);
  g_rec_mutex_clear (&self->rec_lock);
  g_rw_lock_clear (&self->rw_lock);
  g_cond_clear (&self->cond);
  g_async_queue_unref (self->queue);
  g_main_loop_unref (self->loop);
  g_object_unref (self->cancellable);
  g_free (self->numbers);
}

/* Runs @func in several threads at once and waits for them. */
static void
run_threads (Shared      *shared,
             GThreadFunc  func)
{
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new (NULL, func, shared);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
}

static gpointer
add_under_locks (gpointer data)
{
  Shared *shared = data;

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      if (!g_mutex_trylock (&shared->lock))
        g_mutex_lock (&shared->lock);
      shared->number++;
      g_cond_signal (&shared->cond);
      g_mutex_unlock (&shared->lock);

      g_rec_mutex_lock (&shared->rec_lock);
      g_rec_mutex_lock (&shared->rec_lock);
      shared->numbers[0]++;
      g_rec_mutex_unlock (&shared->rec_lock);
      shared->numbers[0]++;
      g_rec_mutex_unlock (&shared->rec_lock);

      g_rw_lock_writer_lock (&shared->rw_lock);
      shared->numbers[1]++;
      g_rw_lock_writer_unlock (&shared->rw_lock);

      g_rw_lock_reader_lock (&shared->rw_lock);
      g_assert_cmpuint (shared->numbers[1], >, 0);
      g_rw_lock_reader_unlock (&shared->rw_lock);
    }

  return NULL;
}

static void
locks_are_quiet (Shared        *shared,
                 gconstpointer  data)
{
  run_threads (shared, add_under_locks);

  g_assert_cmpuint (shared->number, ==, N_THREADS * N_ROUNDS);
  g_assert_cmpuint (shared->numbers[0], ==, 2 * N_THREADS * N_ROUNDS);
  g_assert_cmpuint (shared->numbers[1], ==, N_THREADS * N_ROUNDS);
}

static void
conditions_are_quiet (Shared        *shared,
                      gconstpointer  data)
{
  GThread *thread = g_thread_new (NULL, add_under_locks, shared);

  g_mutex_lock (&shared->lock);
  while (shared->number == 0)
    g_cond_wait (&shared->cond, &shared->lock);
  while (shared->number < N_ROUNDS)
    g_cond_wait_until (&shared->cond, &shared->lock, g_get_monotonic_time () + G_TIME_SPAN_SECOND);
  g_mutex_unlock (&shared->lock);

  g_thread_join (thread);
}

static gpointer
set_number (gpointer data)
{
  Shared *shared = data;

  shared->number = 1;

  return shared;
}

static gpointer
call_once (gpointer data)
{
  Shared *shared = g_once (&((Shared *) data)->once, set_number, data);
  static gsize initialized;
  static guint value;

  if (g_once_init_enter (&initialized))
    {
      value = 1;
      g_once_init_leave (&initialized, 1);
    }
  g_assert_cmpuint (shared->number + value, ==, 2);

  return NULL;
}

static void
once_is_quiet (Shared        *shared,
               gconstpointer  data)
{
  run_threads (shared, call_once);
}

static void
count_item (gpointer item,
            gpointer data)
{
  guint *number = item;

  g_assert_cmpuint (*number, ==, 1);
  *number = 2;
}

static void
thread_pools_are_quiet (Shared        *shared,
                        gconstpointer  data)
{
  GThreadPool *pool = g_thread_pool_new (count_item, shared, N_THREADS, FALSE, NULL);

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      shared->numbers[i] = 1;
      g_thread_pool_push (pool, &shared->numbers[i], NULL);
    }
  g_thread_pool_free (pool, FALSE, TRUE);

  for (guint i = 0; i < N_ROUNDS; i++)
    g_assert_cmpuint (shared->numbers[i], ==, 2);
}

static gpointer
push_numbers (gpointer data)
{
  Shared *shared = data;

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      shared->numbers[i] = 1;
      g_async_queue_push (shared->queue, &shared->numbers[i]);
    }

  return NULL;
}

static void
queues_are_quiet (Shared        *shared,
                  gconstpointer  data)
{
  GThread *thread = g_thread_new (NULL, push_numbers, shared);

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      guint *number = g_async_queue_try_pop (shared->queue);

      if (number == NULL)
        number = g_async_queue_pop (shared->queue);
      g_assert_cmpuint (*number, ==, 1);
    }

  g_thread_join (thread);
}

static gboolean
count_call (gpointer data)
{
  Shared *shared = data;

  shared->number++;

  return G_SOURCE_REMOVE;
}

static gboolean
dispatch_count (GSource     *source,
                GSourceFunc  callback,
                gpointer     data)
{
  g_source_set_ready_time (source, -1);

  return callback (data);
}

static void
attach_counter (Shared *shared)
{
  static GSourceFuncs funcs = { .dispatch = dispatch_count };
  GSource *source = g_source_new (&funcs, sizeof (GSource));

  g_source_set_callback (source, count_call, shared, NULL);
  g_source_attach (source, NULL);
  g_source_set_ready_time (source, 0);
  g_source_unref (source);
}

static gboolean
quit (gpointer data)
{
  Shared *shared = data;

  if (shared->number < 4 * N_THREADS * N_ROUNDS)
    return G_SOURCE_CONTINUE;

  g_main_loop_quit (shared->loop);

  return G_SOURCE_REMOVE;
}

static gpointer
add_sources (gpointer data)
{
  Shared *shared = data;

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      g_main_context_invoke (NULL, count_call, shared);
      g_idle_add (count_call, shared);
      g_timeout_add (0, count_call, shared);
      attach_counter (shared);
    }

  return NULL;
}

static gpointer
run_adders (gpointer data)
{
  Shared *shared = data;

  run_threads (shared, add_sources);

  return NULL;
}

static void
sources_are_quiet (Shared        *shared,
                   gconstpointer  data)
{
  GThread *thread = g_thread_new (NULL, run_adders, shared);

  g_timeout_add (1, quit, shared);
  g_main_loop_run (shared->loop);
  g_thread_join (thread);
}

static gpointer
set_number_and_quit (gpointer data)
{
  Shared *shared = data;

  shared->number = 1;
  g_main_loop_quit (shared->loop);

  return NULL;
}

static gboolean
start_quitter (gpointer data)
{
  g_thread_unref (g_thread_new (NULL, set_number_and_quit, data));

  return G_SOURCE_REMOVE;
}

static void
quitting_a_loop_is_quiet (Shared        *shared,
                          gconstpointer  data)
{
  g_idle_add (start_quitter, shared);
  g_main_loop_run (shared->loop);
  g_assert_cmpuint (shared->number, ==, 1);
}

static void
run_task (GTask        *task,
          gpointer      source_object,
          gpointer      data,
          GCancellable *cancellable)
{
  guint *number = data;

  g_assert_cmpuint (*number, ==, 1);
  *number = 2;
  g_task_return_int (task, 1);
}

static void
task_done_cb (GObject      *source_object,
              GAsyncResult *result,
              gpointer      data)
{
  Shared *shared = data;
  guint *number = g_task_get_task_data (G_TASK (result));

  g_assert_cmpuint (*number, ==, 2);
  shared->number += g_task_propagate_int (G_TASK (result), NULL);
  if (shared->number == N_ROUNDS)
    g_main_loop_quit (shared->loop);
}

static void
tasks_are_quiet (Shared        *shared,
                 gconstpointer  data)
{
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      GTask *task = g_task_new (NULL, shared->cancellable, task_done_cb, shared);
      guint *number = g_new (guint, 1);

      *number = 1;
      g_task_set_task_data (task, number, g_free);
      g_task_run_in_thread (task, run_task);
      g_object_unref (task);
    }
  g_main_loop_run (shared->loop);
}

#define TEST_TYPE_THING (test_thing_get_type ())
G_DECLARE_FINAL_TYPE (TestThing, test_thing, TEST, THING, GObject)

struct _TestThing
{
  GObject parent_instance;
  guint numbers[N_THREADS];
};

static guint thing_value;

static void test_thing_iface_init (GAsyncResultIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TestThing, test_thing, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_ASYNC_RESULT, test_thing_iface_init))

static void
test_thing_finalize (GObject *object)
{
  TestThing *self = TEST_THING (object);

  for (guint i = 0; i < N_THREADS; i++)
    self->numbers[i]++;

  G_OBJECT_CLASS (test_thing_parent_class)->finalize (object);
}

static gpointer
test_thing_get_user_data (GAsyncResult *result)
{
  return &thing_value;
}

static void
test_thing_iface_init (GAsyncResultIface *iface)
{
  iface->get_user_data = test_thing_get_user_data;
}

static void
test_thing_class_init (TestThingClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_thing_finalize;
  thing_value = 1;
}

static void
test_thing_init (TestThing *self)
{
  self->numbers[0] = thing_value;
}

static gpointer
make_thing (gpointer data)
{
  TestThing *thing = g_object_new (TEST_TYPE_THING, NULL);
  guint *number = G_ASYNC_RESULT_GET_IFACE (thing)->get_user_data (G_ASYNC_RESULT (thing));

  g_assert_cmpuint (*number, ==, 1);
  g_object_unref (thing);

  return NULL;
}

static void
classes_are_quiet (Shared        *shared,
                   gconstpointer  data)
{
  run_threads (shared, make_thing);
}

typedef struct
{
  TestThing *thing;
  guint index;
} Holder;

static gpointer
write_and_unref (gpointer data)
{
  Holder *holder = data;
  GValue value = G_VALUE_INIT;

  holder->thing->numbers[holder->index]++;

  /* Half of the references are dropped within GObject. */
  if (holder->index % 2 == 0)
    {
      g_object_unref (holder->thing);
      return NULL;
    }

  g_value_init (&value, TEST_TYPE_THING);
  g_value_take_object (&value, holder->thing);
  g_value_unset (&value);

  return NULL;
}

static void
last_unrefs_are_quiet (Shared        *shared,
                       gconstpointer  data)
{
  for (guint round = 0; round < N_ROUNDS / 10; round++)
    {
      TestThing *thing = g_object_new (TEST_TYPE_THING, NULL);
      GThread *threads[N_THREADS];
      Holder holders[N_THREADS];

      for (guint i = 0; i < N_THREADS; i++)
        {
          holders[i] = (Holder) { g_object_ref (thing), i };
          threads[i] = g_thread_new (NULL, write_and_unref, &holders[i]);
        }
      g_object_unref (thing);
      for (guint i = 0; i < N_THREADS; i++)
        g_thread_join (threads[i]);
    }
}

static void
sole_references_are_quiet (Shared        *shared,
                           gconstpointer  data)
{
  g_autoptr(TestThing) thing = g_object_new (TEST_TYPE_THING, NULL);

  for (guint i = 0; i < N_THREADS; i++)
    {
      Holder holder = { g_object_ref (thing), i };
      GThread *thread = g_thread_new (NULL, write_and_unref, &holder);

      while (g_atomic_int_get (&((GObject *) thing)->ref_count) > 1)
        g_thread_yield ();
      thing->numbers[i]++;
      g_thread_join (thread);
    }
}

static gpointer
wait_for_cancel (gpointer data)
{
  Shared *shared = data;

  while (!g_cancellable_is_cancelled (shared->cancellable))
    g_thread_yield ();
  g_assert_cmpuint (shared->number, ==, 1);

  return NULL;
}

static void
cancelling_is_quiet (Shared        *shared,
                     gconstpointer  data)
{
  GThread *thread = g_thread_new (NULL, wait_for_cancel, shared);

  shared->number = 1;
  g_cancellable_cancel (shared->cancellable);
  g_thread_join (thread);
}

/* In here the race happens; around it, the test looks at what the sanitizer said. */
static gboolean
is_inside (const char *complaint)
{
  if (g_test_subprocess ())
    return TRUE;

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr (complaint);

  return FALSE;
}

static gpointer
add_without_lock (gpointer data)
{
  Shared *shared = data;

  shared->number++;

  return NULL;
}

static void
no_lock_is_found (Shared        *shared,
                  gconstpointer  data)
{
  if (is_inside ("*WARNING: ThreadSanitizer: data race*"))
    run_threads (shared, add_without_lock);
}

static gpointer
add_under_other_lock (gpointer data)
{
  Shared *shared = data;

  g_mutex_lock (&shared->other_lock);
  shared->number++;
  g_mutex_unlock (&shared->other_lock);

  return NULL;
}

static void
the_wrong_lock_is_found (Shared        *shared,
                         gconstpointer  data)
{
  GThread *thread;

  if (!is_inside ("*WARNING: ThreadSanitizer: data race*"))
    return;

  thread = g_thread_new (NULL, add_under_other_lock, shared);
  g_mutex_lock (&shared->lock);
  shared->number++;
  g_mutex_unlock (&shared->lock);
  g_thread_join (thread);
}

static gpointer
add_as_reader (gpointer data)
{
  Shared *shared = data;

  g_rw_lock_reader_lock (&shared->rw_lock);
  shared->number++;
  g_rw_lock_reader_unlock (&shared->rw_lock);

  return NULL;
}

static void
writing_readers_are_found (Shared        *shared,
                           gconstpointer  data)
{
  if (is_inside ("*WARNING: ThreadSanitizer: data race*"))
    run_threads (shared, add_as_reader);
}

static void
touching_a_pushed_item_is_found (Shared        *shared,
                                 gconstpointer  data)
{
  GThreadPool *pool;

  if (!is_inside ("*WARNING: ThreadSanitizer: data race*"))
    return;

  shared->number = 1;
  pool = g_thread_pool_new (count_item, shared, 1, FALSE, NULL);
  g_thread_pool_push (pool, &shared->number, NULL);
  shared->number = 1;
  g_thread_pool_free (pool, FALSE, TRUE);
}

static gpointer
idle_and_add (gpointer data)
{
  Shared *shared = data;

  g_idle_add (quit, shared);
  shared->number++;

  return NULL;
}

static void
touching_idle_data_is_found (Shared        *shared,
                                gconstpointer  data)
{
  GThread *thread;

  if (!is_inside ("*WARNING: ThreadSanitizer: data race*"))
    return;

  shared->number = 4 * N_THREADS * N_ROUNDS;
  thread = g_thread_new (NULL, idle_and_add, shared);
  g_main_loop_run (shared->loop);
  g_thread_join (thread);
}

static gpointer
unref_and_write (gpointer data)
{
  Holder *holder = data;

  g_object_unref (holder->thing);
  holder->thing->numbers[holder->index]++;

  return NULL;
}

static void
touching_an_object_after_unref_is_found (Shared        *shared,
                                         gconstpointer  data)
{
  TestThing *thing;
  Holder holder;
  GThread *thread;

  if (!is_inside ("*WARNING: ThreadSanitizer: *"))
    return;

  thing = g_object_new (TEST_TYPE_THING, NULL);
  holder = (Holder) { g_object_ref (thing), 0 };
  thread = g_thread_new (NULL, unref_and_write, &holder);
  unref_and_write (&holder);
  g_thread_join (thread);
}

static gpointer
free_numbers (gpointer data)
{
  Shared *shared = data;

  g_free (g_steal_pointer (&shared->numbers));

  return NULL;
}

static void
freeing_what_is_read_is_found (Shared        *shared,
                               gconstpointer  data)
{
  guint *numbers = shared->numbers;
  GThread *thread;

  if (!is_inside ("*WARNING: ThreadSanitizer: *"))
    return;

  thread = g_thread_new (NULL, free_numbers, shared);
  g_assert_cmpuint (numbers[0], ==, 0);
  g_thread_join (thread);
}

static void
locks_in_different_order_are_found (Shared        *shared,
                                    gconstpointer  data)
{
  if (!is_inside ("*WARNING: ThreadSanitizer: lock-order-inversion*"))
    return;

  g_mutex_lock (&shared->lock);
  g_mutex_lock (&shared->other_lock);
  g_mutex_unlock (&shared->other_lock);
  g_mutex_unlock (&shared->lock);

  g_mutex_lock (&shared->other_lock);
  g_mutex_lock (&shared->lock);
  g_mutex_unlock (&shared->lock);
  g_mutex_unlock (&shared->other_lock);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/tsan/" name, Shared, NULL, shared_init, func, shared_clear)
  add ("quiet/locks", locks_are_quiet);
  add ("quiet/conditions", conditions_are_quiet);
  add ("quiet/once", once_is_quiet);
  add ("quiet/thread-pools", thread_pools_are_quiet);
  add ("quiet/queues", queues_are_quiet);
  add ("quiet/sources", sources_are_quiet);
  add ("quiet/quitting-a-loop", quitting_a_loop_is_quiet);
  add ("quiet/tasks", tasks_are_quiet);
  add ("quiet/classes", classes_are_quiet);
  add ("quiet/last-unrefs", last_unrefs_are_quiet);
  add ("quiet/sole-references", sole_references_are_quiet);
  add ("quiet/cancelling", cancelling_is_quiet);
  add ("found/no-lock", no_lock_is_found);
  add ("found/the-wrong-lock", the_wrong_lock_is_found);
  add ("found/writing-readers", writing_readers_are_found);
  add ("found/touching-a-pushed-item", touching_a_pushed_item_is_found);
  add ("found/touching-idle-data", touching_idle_data_is_found);
  add ("found/touching-an-object-after-unref", touching_an_object_after_unref_is_found);
  add ("found/freeing-what-is-read", freeing_what_is_read_is_found);
  add ("found/locks-in-different-order", locks_in_different_order_are_found);
#undef add

  return g_test_run ();
}
