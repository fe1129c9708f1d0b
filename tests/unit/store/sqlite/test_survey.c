/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole against its manifest: whatever somebody changes in the file behind the service is found
 * by a survey, by kind and by name.
 */
#include "tamper_subjects.h"

#include "base/mem.h"
#include "base/text.h"

static void survey(struct fixture *f, struct kms_survey *out)
{
	const struct kms_survey_options options = {0};
	assert_ok(f->manifest.ops->survey(f->manifest.self, &options, out));
}

static void test_an_untouched_store_is_sound(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	assert_ok(f->manifest.ops->begin(f->manifest.self));
	survey(f, &s);
	assert_ok(s.verdict);
	assert_int_equal(s.mark.epoch, 1);
	assert_int_equal(s.found, 0);
	assert_true(s.rows > 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tamper_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_an_untouched_store_is_sound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
