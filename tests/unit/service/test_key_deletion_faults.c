/* SPDX-License-Identifier: Apache-2.0 */
/* A deletion that is interrupted at each of its steps ends all the same, and is told once. */
#include "base/mem.h"
#include "ending.h"
#include "service/core.h"
#include "service/key_deletion.h"
#include "service/refused.h"

#define VERSIONS 3

static struct world world;
static char bystander[KMS_KEY_ID_TEXT + 1];

static int set_up(UNUSED void **state)
{
	ending_make(&world);
	world_create_key(&world, "{}", bystander);
	return 0;
}

static int tear_down(UNUSED void **state)
{
	ending_remove();
	return 0;
}

static struct err run(const char *id, bool *done)
{
	const struct kms_key_id key_id = ending_id(id);
	struct service *service = world.first.service;
	return key_deletion_run(service, &service->options.installation.scope, &key_id, done);
}

/* Each step, with what the store, the token or the stopping service may answer. */
static const struct ending_fault faults[] = {
	{STEP_LOAD, 0, false, E_STORE},          {STEP_CLOCK, 0, false, E_CLOCK_UNTRUSTED},
	{STEP_BEGIN, 0, false, E_STORE_FULL},    {STEP_BEGIN, 0, true, E_STORE},
	{STEP_REST, 0, false, E_CANCELLED},      {STEP_REST, 2, false, E_CANCELLED},
	{STEP_DESTROY, 0, false, E_HSM_AWAY},    {STEP_DESTROY, 0, true, E_HSM_TIMEOUT},
	{STEP_DESTROY, 2, false, E_HSM_REFUSED}, {STEP_DESTROY, 2, true, E_HSM_AWAY},
	{STEP_CLEAR, 0, false, E_STORE_FULL},    {STEP_CLEAR, 0, true, E_STORE},
	{STEP_END, 0, false, E_STORE_FULL},      {STEP_END, 0, true, E_STORE},
};

static size_t make_due_key(char id[KMS_KEY_ID_TEXT + 1])
{
	size_t objects = ending_objects();
	world_create_key(&world, "{}", id);
	for (int i = 1; i < VERSIONS; i++)
		ending_add_version(id);
	ending_make_due(id);
	return objects;
}

static void assert_ended(const char *id, size_t objects)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	CLEANUP(reply_cleanup) struct reply r;
	assert_err(ending_load(id, &full), E_NOT_FOUND);
	assert_int_equal(ending_objects(), objects);
	assert_int_equal(ending_records("DeleteKey", id), 1);
	assert_int_equal(refused_count(world.first.service->refused), 0);
	world_encrypt(&world, bystander, "aGk=", "{}", &r);
	assert_status(&r, 200);
}

/* The same service goes on, as the scheduler's next attempt does; or a new one does. */
static void interrupt(const struct ending_fault *fault, bool restart)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = true;
	size_t objects = make_due_key(id);
	bool committed = fault->step == STEP_END && fault->done;
	ending_plan(fault);
	assert_err(run(id, &done), fault->code);
	assert_true(ending_fault_happened());
	assert_false(done);
	if (restart || committed) /* then the record is in the outbox, for the next start */
		ending_restart();
	ending_plan(NULL);
	assert_ok(run(id, &done));
	assert_true(done != committed);
	assert_ended(id, objects);
	assert_ok(run(id, &done));
	assert_false(done);
}

static void test_a_step_that_failed_is_taken_again(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i += 3)
		interrupt(&faults[i], false);
}

static void test_the_process_may_end_at_each_step(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		interrupt(&faults[i], true);
}

static void test_each_object_is_destroyed_after_a_rest(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = false;
	(void)make_due_key(id);
	ending_plan(NULL);
	assert_ok(run(id, &done));
	assert_int_equal(ending_steps(STEP_CLOCK), 1);
	assert_int_equal(ending_steps(STEP_BEGIN), 1);
	assert_int_equal(ending_steps(STEP_REST), VERSIONS);
	assert_int_equal(ending_steps(STEP_DESTROY), VERSIONS);
	assert_int_equal(ending_steps(STEP_END), 1);
}

static void test_the_record_comes_with_the_end_and_once(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = false;
	size_t objects = make_due_key(id);
	ending_plan(&(struct ending_fault){STEP_END, 0, false, E_STORE_BUSY});
	assert_err(run(id, &done), E_STORE_BUSY);
	assert_int_equal(ending_records("DeleteKey", id), 0);
	assert_ok(run(id, &done));
	ending_restart();
	ending_restart();
	assert_ended(id, objects);
	assert_int_equal(ending_outbox(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_step_that_failed_is_taken_again),
		cmocka_unit_test(test_the_process_may_end_at_each_step),
		cmocka_unit_test(test_each_object_is_destroyed_after_a_rest),
		cmocka_unit_test(test_the_record_comes_with_the_end_and_once),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
