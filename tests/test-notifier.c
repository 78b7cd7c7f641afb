/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/par-notifier-private.h"

#include <string.h>

/* An object with two properties, which anybody may change in any thread. */
#define TEST_TYPE_THING (test_thing_get_type ())
G_DECLARE_FINAL_TYPE (TestThing, test_thing, TEST, THING, GObject)

struct _TestThing
{
  GObject parent_instance;

  GMutex lock;
  ParNotifier notifier;
};

typedef enum
{
  PROP_LEFT = 1,
  PROP_RIGHT,
} TestThingProperty;

static GParamSpec *properties[PROP_RIGHT + 1];

G_DEFINE_FINAL_TYPE (TestThing, test_thing, G_TYPE_OBJECT)

static void
test_thing_get_property (GObject    *object,
                         guint       prop_id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  g_value_set_uint (value, prop_id);
}

static void
test_thing_finalize (GObject *object)
{
  TestThing *self = TEST_THING (object);

  par_notifier_clear (&self->notifier);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (test_thing_parent_class)->finalize (object);
}

static void
test_thing_class_init (TestThingClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = test_thing_get_property;
  object_class->finalize = test_thing_finalize;

  properties[PROP_LEFT] = g_param_spec_uint ("left", NULL, NULL, 0, G_MAXINT, 0, flags);
  properties[PROP_RIGHT] = g_param_spec_uint ("right", NULL, NULL, 0, G_MAXINT, 0, flags);
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
test_thing_init (TestThing *self)
{
  g_mutex_init (&self->lock);
  par_notifier_init (&self->notifier, self, &self->lock, properties);
}

static void
change (TestThing         *thing,
        TestThingProperty  property)
{
  g_mutex_lock (&thing->lock);
  par_notifier_queue (&thing->notifier, property);
  g_mutex_unlock (&thing->lock);
}

static gpointer
change_left (gpointer thing)
{
  change (thing, PROP_LEFT);

  return NULL;
}

static gpointer
tell_left (gpointer thing)
{
  par_notifier_tell (&TEST_THING (thing)->notifier, PROP_LEFT);

  return NULL;
}

typedef struct
{
  GMainContext *context;
  TestThing *thing;
  GString *told;
} Fixture;

static void
notify_cb (GObject    *object,
           GParamSpec *pspec,
           gpointer    data)
{
  Fixture *fixture = data;

  g_assert_true (g_main_context_is_owner (fixture->context));
  /* Nobody holds the lock. */
  g_mutex_lock (&fixture->thing->lock);
  g_mutex_unlock (&fixture->thing->lock);
  g_string_append_printf (fixture->told, "%s ", pspec->name);
}

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->context = g_main_context_new ();
  fixture->told = g_string_new (NULL);
  g_main_context_push_thread_default (fixture->context);
  fixture->thing = g_object_new (TEST_TYPE_THING, NULL);
  g_main_context_pop_thread_default (fixture->context);
}

static void
listen (Fixture *fixture)
{
  g_signal_connect (fixture->thing, "notify", G_CALLBACK (notify_cb), fixture);
}

static void
run_context (Fixture *fixture)
{
  while (g_main_context_iteration (fixture->context, FALSE))
    ;
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  if (fixture->thing != NULL)
    g_assert_finalize_object (fixture->thing);
  run_context (fixture);
  g_main_context_unref (fixture->context);
  g_string_free (fixture->told, TRUE);
}

static void
changes_are_told_in_the_context (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_test_summary ("Of who made the object, whichever thread they come in, and when it is run.");

  listen (fixture);
  g_thread_join (g_thread_new ("change", change_left, fixture->thing));
  g_assert_cmpstr (fixture->told->str, ==, "");
  run_context (fixture);
  g_assert_cmpstr (fixture->told->str, ==, "left ");

  change (fixture->thing, PROP_RIGHT);
  g_assert_cmpstr (fixture->told->str, ==, "left ");
  run_context (fixture);
  g_assert_cmpstr (fixture->told->str, ==, "left right ");
}

static void
many_changes_are_told_once (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("For each property.");

  listen (fixture);
  for (guint i = 0; i < 1000; i++)
    change (fixture->thing, i % 3 == 0 ? PROP_RIGHT : PROP_LEFT);
  run_context (fixture);
  g_assert_cmpuint (strlen (fixture->told->str), ==, strlen ("left right "));
}

static void
nobody_listens_nothing_is_done (Fixture       *fixture,
                                gconstpointer  data)
{
  g_test_summary ("There is no source that anybody would have to pay for.");

  change (fixture->thing, PROP_LEFT);
  g_assert_null (fixture->thing->notifier.source);
  g_assert_false (g_main_context_pending (fixture->context));

  listen (fixture);
  run_context (fixture);
  g_assert_cmpstr (fixture->told->str, ==, "");
  change (fixture->thing, PROP_LEFT);
  run_context (fixture);
  g_assert_cmpstr (fixture->told->str, ==, "left ");
}

static void
who_listens_to_one_property_is_told (Fixture       *fixture,
                                     gconstpointer  data)
{
  g_test_summary ("As bindings and most programs do.");

  g_signal_connect (fixture->thing, "notify::right", G_CALLBACK (notify_cb), fixture);
  change (fixture->thing, PROP_LEFT);
  run_context (fixture);
  g_assert_cmpstr (fixture->told->str, ==, "");
  change (fixture->thing, PROP_RIGHT);
  run_context (fixture);
  g_assert_cmpstr (fixture->told->str, ==, "right ");
}

static void
changes_wait_for_what_is_urgent (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_test_summary ("They are told at the priority of idle functions.");

  listen (fixture);
  change (fixture->thing, PROP_LEFT);
  g_assert_cmpint (g_source_get_priority (fixture->thing->notifier.source),
                   ==, G_PRIORITY_DEFAULT_IDLE);
}

static void
settings_are_told_at_once_at_home (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_test_summary ("In the thread that made the object; from others by its context.");

  listen (fixture);
  g_main_context_acquire (fixture->context);
  par_notifier_tell (&fixture->thing->notifier, PROP_RIGHT);
  g_assert_cmpstr (fixture->told->str, ==, "right ");
  g_main_context_release (fixture->context);

  g_thread_join (g_thread_new ("tell", tell_left, fixture->thing));
  g_assert_cmpstr (fixture->told->str, ==, "right ");
  run_context (fixture);
  g_assert_cmpstr (fixture->told->str, ==, "right left ");
}

static void
change_again_cb (TestThing  *thing,
                 GParamSpec *pspec,
                 guint      *n_left)
{
  if (*n_left > 0)
    {
      *n_left -= 1;
      change (thing, PROP_LEFT);
    }
}

static void
changes_in_a_handler_are_told (Fixture       *fixture,
                               gconstpointer  data)
{
  guint n_left = 3;

  g_test_summary ("Each by a new turn of the loop.");

  listen (fixture);
  g_signal_connect (fixture->thing, "notify::left", G_CALLBACK (change_again_cb), &n_left);
  change (fixture->thing, PROP_LEFT);
  for (guint i = 0; i < 4; i++)
    g_assert_true (g_main_context_iteration (fixture->context, FALSE));
  g_assert_false (g_main_context_iteration (fixture->context, FALSE));
  g_assert_cmpstr (fixture->told->str, ==, "left left left left ");
}

static void
drop_cb (TestThing   *thing,
         GParamSpec  *pspec,
         TestThing  **place)
{
  g_clear_object (place);
}

static void
last_reference_can_go_in_a_handler (Fixture       *fixture,
                                    gconstpointer  data)
{
  gpointer gone = fixture->thing;

  g_test_summary ("Or while a change waits to be told, which is then told to nobody.");

  g_object_add_weak_pointer (gone, &gone);
  g_signal_connect (fixture->thing, "notify", G_CALLBACK (drop_cb), &fixture->thing);
  change (fixture->thing, PROP_LEFT);
  change (fixture->thing, PROP_RIGHT);
  run_context (fixture);
  g_assert_null (gone);

  g_main_context_push_thread_default (fixture->context);
  fixture->thing = g_object_new (TEST_TYPE_THING, NULL);
  g_main_context_pop_thread_default (fixture->context);
  listen (fixture);
  change (fixture->thing, PROP_LEFT);
  g_clear_object (&fixture->thing);
  run_context (fixture);
  g_assert_cmpstr (fixture->told->str, ==, "");
}

static void
ignore_cb (TestThing  *thing,
           GParamSpec *pspec,
           gpointer    data)
{
}

static gpointer
change_and_drop (gpointer data)
{
  g_autoptr(TestThing) thing = data;

  change (thing, PROP_LEFT);
  change (thing, PROP_RIGHT);

  return NULL;
}

static void
last_reference_can_go_in_another_thread (Fixture       *fixture,
                                         gconstpointer  data)
{
  g_test_summary ("While the context is run: a race that a sanitizer sees, and no crash.");

  for (guint i = 0; i < 200; i++)
    {
      TestThing *thing;
      GThread *thread;

      g_main_context_push_thread_default (fixture->context);
      thing = g_object_new (TEST_TYPE_THING, NULL);
      g_main_context_pop_thread_default (fixture->context);
      g_signal_connect (thing, "notify", G_CALLBACK (ignore_cb), NULL);
      thread = g_thread_new ("drop", change_and_drop, thing);
      run_context (fixture);
      g_thread_join (thread);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/notifier/" name, Fixture, NULL, set_up, func, tear_down)
  add ("changes-are-told-in-the-context", changes_are_told_in_the_context);
  add ("many-changes-are-told-once", many_changes_are_told_once);
  add ("nobody-listens-nothing-is-done", nobody_listens_nothing_is_done);
  add ("who-listens-to-one-property-is-told", who_listens_to_one_property_is_told);
  add ("changes-wait-for-what-is-urgent", changes_wait_for_what_is_urgent);
  add ("settings-are-told-at-once-at-home", settings_are_told_at_once_at_home);
  add ("changes-in-a-handler-are-told", changes_in_a_handler_are_told);
  add ("last-reference-can-go-in-a-handler", last_reference_can_go_in_a_handler);
  add ("last-reference-can-go-in-another-thread", last_reference_can_go_in_another_thread);
#undef add

  return g_test_run ();
}
