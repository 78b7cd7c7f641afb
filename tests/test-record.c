/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/par-record-private.h"

#define CHUNK_SIZE 256

typedef struct
{
  ParRecords records;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  par_records_init (&fixture->records);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  par_records_clear (&fixture->records);
}

static void
add_records (Fixture *fixture,
             guint    n_records)
{
  for (guint i = 0; i < n_records; i++)
    par_records_add (&fixture->records);
}

static void
remove_records (Fixture *fixture,
                guint64  start,
                guint64  end)
{
  for (guint64 index = start; index < end; index++)
    par_records_remove (&fixture->records, index);
}

static guint
count_chunks (Fixture *fixture)
{
  guint n_chunks = 0;

  for (guint i = 0; i < fixture->records.chunks->len; i++)
    n_chunks += g_ptr_array_index (fixture->records.chunks, i) != NULL;

  return n_chunks;
}

static void
new_records_are_queued (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("A record begins with nothing of one that had its place before.");

  for (guint i = 0; i < 3 * CHUNK_SIZE; i++)
    {
      ParRecord *record = par_records_add (&fixture->records);

      g_assert_true (par_records_get (&fixture->records, i) == record);
      g_assert_cmpint (record->state, ==, PAR_REQUEST_STATE_QUEUED);
      g_assert_false (par_record_has_settled (record));
      g_assert_null (record->detail);
      g_assert_null (record->attempts);
      g_assert_cmpuint (record->n_out, ==, 0);
      g_assert_false (record->removed);
    }
  g_assert_cmpuint (fixture->records.end, ==, 3 * CHUNK_SIZE);
  g_assert_cmpuint (fixture->records.n_rows, ==, 3 * CHUNK_SIZE);
}

static void
records_do_not_move (Fixture       *fixture,
                     gconstpointer  data)
{
  ParRecord *first = par_records_add (&fixture->records);
  ParRecord *middle;

  g_test_summary ("An attempt may keep a pointer to its record while others are added.");

  add_records (fixture, 5000);
  middle = par_records_get (&fixture->records, 2500);
  add_records (fixture, 100000);
  g_assert_true (par_records_get (&fixture->records, 0) == first);
  g_assert_true (par_records_get (&fixture->records, 2500) == middle);
}

static void
an_index_beyond_the_end_is_no_record (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_test_summary ("Nor is one in the room for more that the last chunk has.");

  g_assert_null (par_records_get (&fixture->records, 0));
  g_assert_null (par_records_get (&fixture->records, G_MAXUINT64));
  add_records (fixture, 10);
  g_assert_nonnull (par_records_get (&fixture->records, 9));
  g_assert_null (par_records_get (&fixture->records, 10));
  g_assert_null (par_records_get (&fixture->records, CHUNK_SIZE));
  g_assert_null (par_records_get (&fixture->records, G_MAXUINT64));
}

static void
a_chunk_goes_with_its_last_record (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_test_summary ("Not before all of its 256 records are removed, in whatever order.");

  add_records (fixture, 4 * CHUNK_SIZE);
  g_assert_cmpuint (count_chunks (fixture), ==, 4);

  for (guint i = CHUNK_SIZE - 1; i > 0; i--)
    par_records_remove (&fixture->records, CHUNK_SIZE + i);
  g_assert_cmpuint (count_chunks (fixture), ==, 4);
  g_assert_nonnull (par_records_get (&fixture->records, CHUNK_SIZE + 1));

  par_records_remove (&fixture->records, CHUNK_SIZE);
  g_assert_cmpuint (count_chunks (fixture), ==, 3);
  g_assert_null (par_records_get (&fixture->records, CHUNK_SIZE));
  g_assert_null (par_records_get (&fixture->records, 2 * CHUNK_SIZE - 1));
  g_assert_nonnull (par_records_get (&fixture->records, CHUNK_SIZE - 1));
  g_assert_nonnull (par_records_get (&fixture->records, 2 * CHUNK_SIZE));
}

static void
the_chunk_being_filled_stays (Fixture       *fixture,
                              gconstpointer  data)
{
  g_test_summary ("All it has so far is removed, and more is added to it.");

  add_records (fixture, CHUNK_SIZE - 1);
  remove_records (fixture, 0, CHUNK_SIZE - 1);
  g_assert_cmpuint (count_chunks (fixture), ==, 1);

  par_records_add (&fixture->records);
  g_assert_nonnull (par_records_get (&fixture->records, CHUNK_SIZE - 1));
  par_records_remove (&fixture->records, CHUNK_SIZE - 1);
  g_assert_cmpuint (count_chunks (fixture), ==, 0);

  par_records_add (&fixture->records);
  g_assert_nonnull (par_records_get (&fixture->records, CHUNK_SIZE));
  g_assert_null (par_records_get (&fixture->records, CHUNK_SIZE - 1));
  g_assert_cmpuint (count_chunks (fixture), ==, 1);
}

static void
a_record_stays_while_an_attempt_is_out (Fixture       *fixture,
                                        gconstpointer  data)
{
  ParRecord *record;

  g_test_summary ("Its row is gone, its memory only when it is dropped.");

  add_records (fixture, 2 * CHUNK_SIZE);
  record = par_records_get (&fixture->records, 7);
  record->n_out = 1;
  remove_records (fixture, 0, CHUNK_SIZE);

  g_assert_cmpuint (fixture->records.n_rows, ==, CHUNK_SIZE);
  g_assert_cmpuint (count_chunks (fixture), ==, 2);
  g_assert_true (par_records_get (&fixture->records, 7) == record);
  g_assert_true (record->removed);

  record->n_out = 0;
  par_records_release (&fixture->records, 7);
  g_assert_cmpuint (count_chunks (fixture), ==, 1);
  g_assert_null (par_records_get (&fixture->records, 7));
}

/* Checks all positions and rows against a list of what is left, made the slow way. */
static void
assert_rows (Fixture *fixture)
{
  guint64 position = 0;
  guint64 found;

  for (guint64 index = 0; index < fixture->records.end; index++)
    {
      ParRecord *record = par_records_get (&fixture->records, index);

      if (record == NULL || record->removed)
        continue;

      g_assert_cmpuint (par_records_get_position (&fixture->records, index), ==, position);
      g_assert_true (par_records_find_row (&fixture->records, position, &found));
      g_assert_cmpuint (found, ==, index);
      position++;
    }

  g_assert_cmpuint (fixture->records.n_rows, ==, position);
  g_assert_false (par_records_find_row (&fixture->records, position, &found));
  g_assert_false (par_records_find_row (&fixture->records, G_MAXUINT64, &found));
}

static void
rows_are_indexes_until_one_is_removed (Fixture       *fixture,
                                       gconstpointer  data)
{
  g_test_summary ("None, one, and many records, all there.");

  assert_rows (fixture);
  add_records (fixture, 1);
  assert_rows (fixture);
  add_records (fixture, 3 * CHUNK_SIZE);
  assert_rows (fixture);
}

static void
rows_close_the_holes (Fixture       *fixture,
                      gconstpointer  data)
{
  g_test_summary ("Positions count what is left: holes in a chunk, at its ends, whole chunks.");

  add_records (fixture, 5 * CHUNK_SIZE + 10);
  par_records_remove (&fixture->records, 0);
  assert_rows (fixture);
  par_records_remove (&fixture->records, 100);
  par_records_remove (&fixture->records, CHUNK_SIZE - 1);
  par_records_remove (&fixture->records, CHUNK_SIZE);
  par_records_remove (&fixture->records, 5 * CHUNK_SIZE + 9);
  assert_rows (fixture);
  remove_records (fixture, 2 * CHUNK_SIZE, 4 * CHUNK_SIZE);
  assert_rows (fixture);
  remove_records (fixture, 1, 100);
  remove_records (fixture, 101, CHUNK_SIZE - 1);
  assert_rows (fixture);
  add_records (fixture, CHUNK_SIZE);
  assert_rows (fixture);
}

static void
rows_are_right_in_any_order (Fixture       *fixture,
                             gconstpointer  data)
{
  guint64 *indexes;
  guint n_records = 3 * CHUNK_SIZE + 50;

  g_test_summary ("Records removed at random, and one added now and then.");

  add_records (fixture, n_records);
  indexes = g_new (guint64, n_records);
  for (guint i = 0; i < n_records; i++)
    indexes[i] = i;

  for (guint i = n_records; i > 0; i--)
    {
      guint at = g_test_rand_int_range (0, i);

      par_records_remove (&fixture->records, indexes[at]);
      indexes[at] = indexes[i - 1];
      if (i % 50 == 0)
        {
          add_records (fixture, 1);
          assert_rows (fixture);
        }
    }
  assert_rows (fixture);

  g_free (indexes);
}

static void
removed_in_order_costs_constant_memory (Fixture       *fixture,
                                        gconstpointer  data)
{
  guint64 window = 1000;
  guint64 index;

  g_test_summary ("Of a million records no more than five chunks are there at once.");

  for (index = 0; index < 1000000; index++)
    {
      par_records_add (&fixture->records);
      if (index >= window)
        par_records_remove (&fixture->records, index - window);
      if (index % 1000 == 0)
        {
          g_assert_cmpuint (count_chunks (fixture), <=, window / CHUNK_SIZE + 2);
          g_assert_cmpuint (fixture->records.chunks->len, <=, 2 * (window / CHUNK_SIZE + 2));
        }
    }

  g_assert_cmpuint (fixture->records.n_rows, ==, window);
  g_assert_cmpuint (fixture->records.end, ==, 1000000);
  g_assert_nonnull (par_records_get (&fixture->records, 999999));
  g_assert_null (par_records_get (&fixture->records, 0));

  remove_records (fixture, index - window, index);
  g_assert_cmpuint (count_chunks (fixture), <=, 1);
}

static void
one_that_stays_keeps_one_chunk (Fixture       *fixture,
                                gconstpointer  data)
{
  guint64 found;

  g_test_summary ("A request that never ends does not keep those after it.");

  par_records_add (&fixture->records);
  for (guint64 index = 1; index < 100000; index++)
    {
      par_records_add (&fixture->records);
      par_records_remove (&fixture->records, index);
    }

  g_assert_cmpuint (count_chunks (fixture), <=, 2);
  g_assert_cmpuint (fixture->records.n_rows, ==, 1);
  g_assert_true (par_records_find_row (&fixture->records, 0, &found));
  g_assert_cmpuint (found, ==, 0);
}

static void
details_are_made_once (Fixture       *fixture,
                       gconstpointer  data)
{
  ParRecord *record = par_records_add (&fixture->records);
  ParRecordDetail *detail = par_record_get_detail (record);

  g_test_summary ("Few records need one.");

  g_assert_nonnull (detail);
  g_assert_cmpint (detail->priority, ==, 0);
  g_assert_true (par_record_get_detail (record) == detail);
  g_free (detail);
}

static void
the_last_three_states_are_settled (Fixture       *fixture,
                                   gconstpointer  data)
{
  static const struct
  {
    ParRequestState state;
    gboolean settled;
  } rows[] = {
    { PAR_REQUEST_STATE_QUEUED, FALSE },
    { PAR_REQUEST_STATE_RUNNING, FALSE },
    { PAR_REQUEST_STATE_SUCCEEDED, TRUE },
    { PAR_REQUEST_STATE_FAILED, TRUE },
    { PAR_REQUEST_STATE_CANCELLED, TRUE },
  };
  ParRecord *record = par_records_add (&fixture->records);

  g_test_summary ("As ParRequestState says.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      record->state = rows[i].state;
      g_assert_cmpint (par_record_has_settled (record), ==, rows[i].settled);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/record/" name, Fixture, NULL, set_up, func, tear_down)
  add ("new-records-are-queued", new_records_are_queued);
  add ("records-do-not-move", records_do_not_move);
  add ("an-index-beyond-the-end-is-no-record", an_index_beyond_the_end_is_no_record);
  add ("a-chunk-goes-with-its-last-record", a_chunk_goes_with_its_last_record);
  add ("the-chunk-being-filled-stays", the_chunk_being_filled_stays);
  add ("a-record-stays-while-an-attempt-is-out", a_record_stays_while_an_attempt_is_out);
  add ("rows-are-indexes-until-one-is-removed", rows_are_indexes_until_one_is_removed);
  add ("rows-close-the-holes", rows_close_the_holes);
  add ("rows-are-right-in-any-order", rows_are_right_in_any_order);
  add ("removed-in-order-costs-constant-memory", removed_in_order_costs_constant_memory);
  add ("one-that-stays-keeps-one-chunk", one_that_stays_keeps_one_chunk);
  add ("details-are-made-once", details_are_made_once);
  add ("the-last-three-states-are-settled", the_last_three_states_are_settled);
#undef add

  return g_test_run ();
}
