/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tells ThreadSanitizer of the order that GLib makes between threads.
 *
 * GLib as distributions build it is not instrumented, so whatever a GMutex guards looks like a race.
 * The dynamic linker finds these functions of the program before GLib's: they tell the sanitizer
 * what it cannot see, and call the real ones. They catch the calls of the program, Par, GObject and
 * GIO, but none that GLib makes within itself. Each edge too many hides races, so an edge is here
 * only where GLib documents it or could not work without.
 *
 * Nothing is needed for g_atomic_*(), which are inline; for starting and joining threads, which
 * libc does in the sanitizer's sight; nor for GTask, GWeakRef, signals and the handlers of a
 * GCancellable, which use the functions below. Bit locks, sorted queues and pools, and GLib's own
 * sources for children, signals and file descriptors are left out for want of a user. */

#include <dlfcn.h>
#include <gio/gio.h>
#include <malloc.h>
#include <sanitizer/tsan_interface.h>

/* The function that the one of this name stands in front of. */
#define NEXT(function) \
  ({ \
    static __typeof__ (&function) next; \
    if (next == NULL) \
      next = dlsym (RTLD_NEXT, #function); \
    next; \
  })

const char *__tsan_default_options (void);
const char *__tsan_default_suppressions (void);
void __tsan_write_range (gpointer memory, gsize size);

const char *
__tsan_default_options (void)
{
  return "halt_on_error=1:second_deadlock_stack=1";
}

/* The sanitizer sees the calls of memcpy() and free() within libraries, but not the locks around
 * them. ignore_noninstrumented_modules=1 is no way out: on Linux it takes every module for one that
 * is not instrumented, the program too. And G_DEFINE_QUARK() keeps its quark in a plain variable,
 * to which all threads write the same number. */
const char *
__tsan_default_suppressions (void)
{
  return "called_from_lib:libglib-2.0.so\n"
         "called_from_lib:libgobject-2.0.so\n"
         "called_from_lib:libgio-2.0.so\n"
         "race:_error_quark$\n";
}

/* GLib's frees are ignored with all else that it does within itself, so they show here what the
 * sanitizer is to know: nobody may still be using that memory. */
void
g_free (gpointer memory)
{
  if (memory != NULL)
    __tsan_write_range (memory, malloc_usable_size (memory));
  NEXT (g_free) (memory);
}

/* Slices go from thread to thread within GLib. */
void
g_slice_free1 (gsize    size,
               gpointer memory)
{
  if (memory != NULL)
    {
      __tsan_write_range (memory, size);
      __tsan_release (memory);
    }
  NEXT (g_slice_free1) (size, memory);
}

gpointer
g_slice_alloc (gsize size)
{
  gpointer memory = NEXT (g_slice_alloc) (size);

  if (memory != NULL)
    __tsan_acquire (memory);

  return memory;
}

gpointer
g_slice_alloc0 (gsize size)
{
  gpointer memory = NEXT (g_slice_alloc0) (size);

  if (memory != NULL)
    __tsan_acquire (memory);

  return memory;
}

/* What a lock inside GLib does that is taken and released for one call. */
static void
pass (gpointer lock)
{
  __tsan_acquire (lock);
  __tsan_release (lock);
}

void
g_mutex_lock (GMutex *mutex)
{
  __tsan_mutex_pre_lock (mutex, 0);
  NEXT (g_mutex_lock) (mutex);
  __tsan_mutex_post_lock (mutex, 0, 0);
}

gboolean
g_mutex_trylock (GMutex *mutex)
{
  gboolean locked;

  __tsan_mutex_pre_lock (mutex, __tsan_mutex_try_lock);
  locked = NEXT (g_mutex_trylock) (mutex);
  __tsan_mutex_post_lock (mutex, __tsan_mutex_try_lock
                                 | (locked ? 0 : __tsan_mutex_try_lock_failed), 0);

  return locked;
}

void
g_mutex_unlock (GMutex *mutex)
{
  __tsan_mutex_pre_unlock (mutex, 0);
  NEXT (g_mutex_unlock) (mutex);
  __tsan_mutex_post_unlock (mutex, 0);
}

void
g_mutex_clear (GMutex *mutex)
{
  __tsan_mutex_destroy (mutex, 0);
  NEXT (g_mutex_clear) (mutex);
}

void
g_rec_mutex_lock (GRecMutex *mutex)
{
  __tsan_mutex_pre_lock (mutex, __tsan_mutex_write_reentrant);
  NEXT (g_rec_mutex_lock) (mutex);
  __tsan_mutex_post_lock (mutex, __tsan_mutex_write_reentrant, 0);
}

gboolean
g_rec_mutex_trylock (GRecMutex *mutex)
{
  const unsigned flags = __tsan_mutex_write_reentrant | __tsan_mutex_try_lock;
  gboolean locked;

  __tsan_mutex_pre_lock (mutex, flags);
  locked = NEXT (g_rec_mutex_trylock) (mutex);
  __tsan_mutex_post_lock (mutex, flags | (locked ? 0 : __tsan_mutex_try_lock_failed), 0);

  return locked;
}

void
g_rec_mutex_unlock (GRecMutex *mutex)
{
  __tsan_mutex_pre_unlock (mutex, 0);
  NEXT (g_rec_mutex_unlock) (mutex);
  __tsan_mutex_post_unlock (mutex, 0);
}

void
g_rec_mutex_clear (GRecMutex *mutex)
{
  __tsan_mutex_destroy (mutex, 0);
  NEXT (g_rec_mutex_clear) (mutex);
}

void
g_rw_lock_writer_lock (GRWLock *lock)
{
  __tsan_mutex_pre_lock (lock, 0);
  NEXT (g_rw_lock_writer_lock) (lock);
  __tsan_mutex_post_lock (lock, 0, 0);
}

gboolean
g_rw_lock_writer_trylock (GRWLock *lock)
{
  gboolean locked;

  __tsan_mutex_pre_lock (lock, __tsan_mutex_try_lock);
  locked = NEXT (g_rw_lock_writer_trylock) (lock);
  __tsan_mutex_post_lock (lock, __tsan_mutex_try_lock
                                | (locked ? 0 : __tsan_mutex_try_lock_failed), 0);

  return locked;
}

void
g_rw_lock_writer_unlock (GRWLock *lock)
{
  __tsan_mutex_pre_unlock (lock, 0);
  NEXT (g_rw_lock_writer_unlock) (lock);
  __tsan_mutex_post_unlock (lock, 0);
}

void
g_rw_lock_reader_lock (GRWLock *lock)
{
  __tsan_mutex_pre_lock (lock, __tsan_mutex_read_lock);
  NEXT (g_rw_lock_reader_lock) (lock);
  __tsan_mutex_post_lock (lock, __tsan_mutex_read_lock, 0);
}

gboolean
g_rw_lock_reader_trylock (GRWLock *lock)
{
  gboolean locked;

  __tsan_mutex_pre_lock (lock, __tsan_mutex_try_read_lock);
  locked = NEXT (g_rw_lock_reader_trylock) (lock);
  __tsan_mutex_post_lock (lock, __tsan_mutex_try_read_lock
                                | (locked ? 0 : __tsan_mutex_try_lock_failed), 0);

  return locked;
}

void
g_rw_lock_reader_unlock (GRWLock *lock)
{
  __tsan_mutex_pre_unlock (lock, __tsan_mutex_read_lock);
  NEXT (g_rw_lock_reader_unlock) (lock);
  __tsan_mutex_post_unlock (lock, __tsan_mutex_read_lock);
}

void
g_rw_lock_clear (GRWLock *lock)
{
  __tsan_mutex_destroy (lock, 0);
  NEXT (g_rw_lock_clear) (lock);
}

/* Only the mutex orders what a condition is about, so signals need no edge. */
void
g_cond_wait (GCond  *cond,
             GMutex *mutex)
{
  __tsan_mutex_pre_unlock (mutex, 0);
  __tsan_mutex_post_unlock (mutex, 0);
  NEXT (g_cond_wait) (cond, mutex);
  __tsan_mutex_pre_lock (mutex, 0);
  __tsan_mutex_post_lock (mutex, 0, 0);
}

gboolean
g_cond_wait_until (GCond  *cond,
                   GMutex *mutex,
                   gint64  end_time)
{
  gboolean signalled;

  __tsan_mutex_pre_unlock (mutex, 0);
  __tsan_mutex_post_unlock (mutex, 0);
  signalled = NEXT (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_mutex_pre_lock (mutex, 0);
  __tsan_mutex_post_lock (mutex, 0, 0);

  return signalled;
}

typedef struct
{
  GThreadFunc func;
  gpointer arg;
  GOnce *once;
} OnceCall;

/* Readers look at the status without a lock, so the release comes before GLib sets it. */
static gpointer
call_once (gpointer data)
{
  OnceCall *call = data;
  gpointer result = call->func (call->arg);

  __tsan_release ((gpointer) &call->once->status);

  return result;
}

gpointer
g_once_impl (GOnce       *once,
             GThreadFunc  func,
             gpointer     arg)
{
  OnceCall call = { func, arg, once };
  gpointer result = NEXT (g_once_impl) (once, call_once, &call);

  __tsan_acquire ((gpointer) &once->status);

  return result;
}

gboolean
(g_once_init_enter) (volatile void *location)
{
  gboolean first = NEXT (g_once_init_enter) (location);

  __tsan_acquire ((gpointer) location);

  return first;
}

void
(g_once_init_leave) (volatile void *location,
                     gsize          result)
{
  __tsan_release ((gpointer) location);
  NEXT (g_once_init_leave) (location, result);
}

gboolean
(g_atomic_ref_count_dec) (gatomicrefcount *count)
{
  gboolean last;

  __tsan_release (count);
  last = NEXT (g_atomic_ref_count_dec) (count);
  if (last)
    __tsan_acquire (count);

  return last;
}

static __thread GDestroyNotify clear_box;

static void
acquire_and_clear (gpointer box)
{
  __tsan_acquire (box);
  if (clear_box != NULL)
    clear_box (box);
}

/* What is cleared may be or hold another box. */
void
g_atomic_rc_box_release_full (gpointer       box,
                              GDestroyNotify clear)
{
  GDestroyNotify outer = clear_box;

  clear_box = clear;
  __tsan_release (box);
  NEXT (g_atomic_rc_box_release_full) (box, acquire_and_clear);
  clear_box = outer;
}

void
g_async_queue_lock (GAsyncQueue *queue)
{
  NEXT (g_async_queue_lock) (queue);
  __tsan_acquire (queue);
}

void
g_async_queue_unlock (GAsyncQueue *queue)
{
  __tsan_release (queue);
  NEXT (g_async_queue_unlock) (queue);
}

void
g_async_queue_push (GAsyncQueue *queue,
                    gpointer     data)
{
  __tsan_release (queue);
  NEXT (g_async_queue_push) (queue, data);
}

void
g_async_queue_push_front (GAsyncQueue *queue,
                          gpointer     data)
{
  __tsan_release (queue);
  NEXT (g_async_queue_push_front) (queue, data);
}

gpointer
g_async_queue_pop (GAsyncQueue *queue)
{
  gpointer data = NEXT (g_async_queue_pop) (queue);

  __tsan_acquire (queue);

  return data;
}

gpointer
g_async_queue_try_pop (GAsyncQueue *queue)
{
  gpointer data = NEXT (g_async_queue_try_pop) (queue);

  __tsan_acquire (queue);

  return data;
}

gpointer
g_async_queue_timeout_pop (GAsyncQueue *queue,
                           guint64      timeout)
{
  gpointer data = NEXT (g_async_queue_timeout_pop) (queue, timeout);

  __tsan_acquire (queue);

  return data;
}

typedef struct
{
  GFunc func;
  gpointer user_data;
} PoolFunc;

static void
call_pool_func (gpointer item,
                gpointer user_data)
{
  PoolFunc *call = user_data;

  __tsan_acquire (call);
  call->func (item, call->user_data);
  __tsan_release (call);
}

GThreadPool *
g_thread_pool_new_full (GFunc            func,
                        gpointer         user_data,
                        GDestroyNotify   item_free_func,
                        gint             max_threads,
                        gboolean         exclusive,
                        GError         **error)
{
  /* Never freed: a pool that is not waited for outlives its g_thread_pool_free(). */
  PoolFunc *call = g_new (PoolFunc, 1);

  call->func = func;
  call->user_data = user_data;

  return NEXT (g_thread_pool_new_full) (call_pool_func, call, item_free_func,
                                        max_threads, exclusive, error);
}

GThreadPool *
g_thread_pool_new (GFunc      func,
                   gpointer   user_data,
                   gint       max_threads,
                   gboolean   exclusive,
                   GError   **error)
{
  return g_thread_pool_new_full (func, user_data, NULL, max_threads, exclusive, error);
}

gboolean
g_thread_pool_push (GThreadPool  *pool,
                    gpointer      data,
                    GError      **error)
{
  __tsan_release (pool->user_data);

  return NEXT (g_thread_pool_push) (pool, data, error);
}

void
g_thread_pool_free (GThreadPool *pool,
                    gboolean     immediate,
                    gboolean     wait_)
{
  gpointer call = pool->user_data;

  NEXT (g_thread_pool_free) (pool, immediate, wait_);
  if (wait_)
    __tsan_acquire (call);
}

/* A context has one lock, which every call on it or on its sources takes, and which its thread
 * takes around everything that it dispatches. */
static void
pass_context (GMainContext *context)
{
  pass (context != NULL ? context : g_main_context_default ());
}

static void
pass_source (GSource *source)
{
  GMainContext *context = source->context;

  if (context != NULL)
    pass (context);
}

/* Stored behind the source it belongs to. */
typedef struct
{
  GSourceFuncs funcs;
  GSourceFuncs *real;
} SourceFuncs;

static GSourceFuncs *
get_real_funcs (GSource *source)
{
  return ((SourceFuncs *) source->source_funcs)->real;
}

static gboolean
prepare_source (GSource *source,
                gint    *timeout)
{
  pass_source (source);

  return get_real_funcs (source)->prepare (source, timeout);
}

static gboolean
check_source (GSource *source)
{
  pass_source (source);

  return get_real_funcs (source)->check (source);
}

static gboolean
dispatch_source (GSource     *source,
                 GSourceFunc  callback,
                 gpointer     user_data)
{
  gboolean again;

  pass_source (source);
  again = get_real_funcs (source)->dispatch (source, callback, user_data);
  pass_source (source);

  return again;
}

static void
finalize_source (GSource *source)
{
  __tsan_acquire (source);
  if (get_real_funcs (source)->finalize != NULL)
    get_real_funcs (source)->finalize (source);
}

GSource *
g_source_new (GSourceFuncs *funcs,
              guint         struct_size)
{
  guint offset = (struct_size + 15) & ~15u;
  GSource *source = NEXT (g_source_new) (funcs, offset + sizeof (SourceFuncs));
  SourceFuncs *own = (SourceFuncs *) ((char *) source + offset);

  own->real = funcs;
  own->funcs = *funcs;
  own->funcs.prepare = funcs->prepare != NULL ? prepare_source : NULL;
  own->funcs.check = funcs->check != NULL ? check_source : NULL;
  own->funcs.dispatch = dispatch_source;
  own->funcs.finalize = finalize_source;
  source->source_funcs = &own->funcs;

  return source;
}

/* GLib makes these two within itself. */
static gboolean (*dispatch_real_idle)    (GSource *, GSourceFunc, gpointer);
static gboolean (*dispatch_real_timeout) (GSource *, GSourceFunc, gpointer);

static gboolean
dispatch_idle (GSource     *source,
               GSourceFunc  callback,
               gpointer     user_data)
{
  gboolean again;

  pass_source (source);
  again = dispatch_real_idle (source, callback, user_data);
  pass_source (source);

  return again;
}

static gboolean
dispatch_timeout (GSource     *source,
                  GSourceFunc  callback,
                  gpointer     user_data)
{
  gboolean again;

  pass_source (source);
  again = dispatch_real_timeout (source, callback, user_data);
  pass_source (source);

  return again;
}

static void __attribute__ ((constructor))
watch_idle_and_timeout (void)
{
  dispatch_real_idle = g_idle_funcs.dispatch;
  dispatch_real_timeout = g_timeout_funcs.dispatch;
  g_idle_funcs.dispatch = dispatch_idle;
  g_timeout_funcs.dispatch = dispatch_timeout;
}

guint
g_source_attach (GSource      *source,
                 GMainContext *context)
{
  pass_context (context);

  return NEXT (g_source_attach) (source, context);
}

void
g_source_set_ready_time (GSource *source,
                         gint64   ready_time)
{
  pass_source (source);
  NEXT (g_source_set_ready_time) (source, ready_time);
}

void
g_source_set_callback (GSource        *source,
                       GSourceFunc     func,
                       gpointer        data,
                       GDestroyNotify  notify)
{
  pass_source (source);
  NEXT (g_source_set_callback) (source, func, data, notify);
}

void
g_source_destroy (GSource *source)
{
  pass_source (source);
  NEXT (g_source_destroy) (source);
}

gboolean
g_source_remove (guint tag)
{
  pass_context (NULL);

  return NEXT (g_source_remove) (tag);
}

void
g_source_unref (GSource *source)
{
  __tsan_release (source);
  NEXT (g_source_unref) (source);
}

typedef struct
{
  GMainContext *context;
  GSourceFunc function;
  gpointer data;
  GDestroyNotify notify;
} Invocation;

static gboolean
call_invoked (gpointer data)
{
  Invocation *call = data;
  gboolean again;

  pass_context (call->context);
  again = call->function (call->data);
  pass_context (call->context);

  return again;
}

static void
free_invoked (gpointer data)
{
  Invocation *call = data;

  if (call->notify != NULL)
    call->notify (call->data);
  g_free (call);
}

/* Where nobody runs the context, GLib takes it over and calls the function at once. */
void
g_main_context_invoke_full (GMainContext   *context,
                            gint            priority,
                            GSourceFunc     function,
                            gpointer        data,
                            GDestroyNotify  notify)
{
  Invocation *call = g_new (Invocation, 1);

  *call = (Invocation) { context, function, data, notify };
  pass_context (context);
  NEXT (g_main_context_invoke_full) (context, priority, call_invoked, call, free_invoked);
}

void
g_main_context_invoke (GMainContext *context,
                       GSourceFunc   function,
                       gpointer      data)
{
  g_main_context_invoke_full (context, G_PRIORITY_DEFAULT, function, data, NULL);
}

guint
g_idle_add_full (gint            priority,
                 GSourceFunc     function,
                 gpointer        data,
                 GDestroyNotify  notify)
{
  pass_context (NULL);

  return NEXT (g_idle_add_full) (priority, function, data, notify);
}

guint
g_idle_add (GSourceFunc function,
            gpointer    data)
{
  return g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, function, data, NULL);
}

guint
g_timeout_add_full (gint            priority,
                    guint           interval,
                    GSourceFunc     function,
                    gpointer        data,
                    GDestroyNotify  notify)
{
  pass_context (NULL);

  return NEXT (g_timeout_add_full) (priority, interval, function, data, notify);
}

guint
g_timeout_add (guint       interval,
               GSourceFunc function,
               gpointer    data)
{
  return g_timeout_add_full (G_PRIORITY_DEFAULT, interval, function, data, NULL);
}

void
g_main_loop_run (GMainLoop *loop)
{
  NEXT (g_main_loop_run) (loop);
  __tsan_acquire (loop);
}

void
g_main_loop_quit (GMainLoop *loop)
{
  __tsan_release (loop);
  NEXT (g_main_loop_quit) (loop);
}

/* Once a class is initialized GObject does no more than to read a flag for it, so the edge goes
 * from the end of every class_init and interface_init to the start of every init. */
static char types;

static void
init_class (gpointer klass,
            gpointer class_init)
{
  ((GClassInitFunc) class_init) (klass, NULL);
  __tsan_release (&types);
}

static GQuark
get_init_quark (void)
{
  return g_quark_from_static_string ("tsan-instance-init");
}

static void
init_instance (GTypeInstance *instance,
               gpointer       klass)
{
  GInstanceInitFunc init = g_type_get_qdata (G_TYPE_FROM_INSTANCE (instance), get_init_quark ());

  __tsan_acquire (&types);
  init (instance, klass);
}

GType
g_type_register_static_simple (GType              parent_type,
                               const gchar       *type_name,
                               guint              class_size,
                               GClassInitFunc     class_init,
                               guint              instance_size,
                               GInstanceInitFunc  instance_init,
                               GTypeFlags         flags)
{
  const GTypeInfo info = {
    .class_size = class_size,
    .class_init = class_init != NULL ? init_class : NULL,
    .class_data = class_init,
    .instance_size = instance_size,
    .instance_init = instance_init != NULL ? init_instance : NULL,
  };
  GType type = g_type_register_static (parent_type, type_name, &info, flags);

  if (instance_init != NULL)
    g_type_set_qdata (type, get_init_quark (), instance_init);

  return type;
}

static void
init_interface (gpointer iface,
                gpointer data)
{
  const GInterfaceInfo *real = data;

  real->interface_init (iface, real->interface_data);
  __tsan_release (&types);
}

void
g_type_add_interface_static (GType                 instance_type,
                             GType                 interface_type,
                             const GInterfaceInfo *info)
{
  GInterfaceInfo own = *info;

  if (info->interface_init != NULL)
    {
      own.interface_init = init_interface;
      own.interface_data = g_memdup2 (info, sizeof *info);
    }

  NEXT (g_type_add_interface_static) (instance_type, interface_type, &own);
}

/* GObject asks for a datum of the object after it has seen that a reference is the last one and
 * before it calls dispose(): there all earlier unrefs are acquired, whoever drops the last one. Who
 * reads how many references there are, by an atomic function, acquires them as well. */
static void
release_object (GObject *object)
{
  __tsan_release (&object->qdata);
  __tsan_release ((gpointer) &object->ref_count);
}

void
g_object_unref (gpointer object)
{
  if (object != NULL)
    release_object (object);
  NEXT (g_object_unref) (object);
}

void
g_value_unset (GValue *value)
{
  if (G_VALUE_HOLDS_OBJECT (value) && g_value_get_object (value) != NULL)
    release_object (g_value_get_object (value));
  NEXT (g_value_unset) (value);
}

gpointer
g_datalist_id_get_data (GData  **datalist,
                        GQuark   key_id)
{
  gpointer data = NEXT (g_datalist_id_get_data) (datalist, key_id);

  __tsan_acquire (datalist);

  return data;
}

gpointer
g_datalist_get_data (GData       **datalist,
                     const gchar  *key)
{
  gpointer data = NEXT (g_datalist_get_data) (datalist, key);

  __tsan_acquire (datalist);

  return data;
}

void
g_datalist_id_set_data_full (GData          **datalist,
                             GQuark           key_id,
                             gpointer         data,
                             GDestroyNotify   destroy)
{
  pass (datalist);
  NEXT (g_datalist_id_set_data_full) (datalist, key_id, data, destroy);
}

void
g_cancellable_cancel (GCancellable *cancellable)
{
  if (cancellable != NULL)
    __tsan_release (cancellable);
  NEXT (g_cancellable_cancel) (cancellable);
}

gboolean
g_cancellable_is_cancelled (GCancellable *cancellable)
{
  gboolean cancelled = NEXT (g_cancellable_is_cancelled) (cancellable);

  if (cancelled)
    __tsan_acquire (cancellable);

  return cancelled;
}

gboolean
g_cancellable_set_error_if_cancelled (GCancellable  *cancellable,
                                      GError       **error)
{
  gboolean cancelled = NEXT (g_cancellable_set_error_if_cancelled) (cancellable, error);

  if (cancelled)
    __tsan_acquire (cancellable);

  return cancelled;
}
