/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <par/par.h>

static void
domain_has_a_name (void)
{
  g_test_summary ("The one that bindings know the errors by.");

  g_assert_cmpstr (g_quark_to_string (PAR_REQUESTS_ERROR), ==, "par-requests-error-quark");
}

static void
codes_have_names (void)
{
  GEnumClass *codes = g_type_class_ref (PAR_TYPE_REQUESTS_ERROR);

  g_test_summary ("And keep their numbers.");

  g_assert_cmpint (g_enum_get_value_by_nick (codes, "failed")->value, ==, 0);
  g_assert_cmpint (g_enum_get_value_by_nick (codes, "no-result")->value, ==, 1);
  g_assert_cmpint (PAR_REQUESTS_ERROR_FAILED, ==, 0);
  g_assert_cmpint (PAR_REQUESTS_ERROR_NO_RESULT, ==, 1);

  g_type_class_unref (codes);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/par/requests-error/" name, func)
  add ("domain-has-a-name", domain_has_a_name);
  add ("codes-have-names", codes_have_names);
#undef add

  return g_test_run ();
}
