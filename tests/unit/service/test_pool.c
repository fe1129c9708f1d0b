/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded queue of calls that must wait, and the fixed order of the pipeline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/lock.h"
#include "service/operation.h"
#include "service/pipeline.h"
#include "service/pool.h"

#define QUEUE_MAX 4

static struct {
	pthread_mutex_t gate; /* held by the test: the pool's thread stands still */
	unsigned ran;
} shared = {.gate = PTHREAD_MUTEX_INITIALIZER};

static void run(UNUSED struct call_work *work)
{
	LOCK_SCOPE(&shared.gate);
	shared.ran++;
}

static struct pool *start(void)
{
	const struct pool_options options = {.threads = 1, .queue_max = QUEUE_MAX, .run = run};
	struct pool *pool = NULL;
	shared.ran = 0;
	assert_int_equal(pool_start(&options, &pool).code, E_OK);
	return pool;
}

/* How many the pool takes while its thread holds one of them. */
static unsigned fill(bool authenticated)
{
	static struct call_work works[4 * QUEUE_MAX];
	unsigned taken = 0;
	struct pool *pool = start();
	pthread_mutex_lock(&shared.gate);
	for (unsigned i = 0; i < 4 * QUEUE_MAX; i++) {
		works[i].authenticated = authenticated;
		taken += pool_put(pool, &works[i]);
	}
	pthread_mutex_unlock(&shared.gate);
	pool_stop(&pool);
	assert_int_equal(shared.ran, taken);
	return taken;
}

/* One more than the bound when the thread had taken the first before the queue was full. */
static void test_the_queue_is_bounded_and_all_of_it_is_run(UNUSED void **state)
{
	unsigned taken = fill(true);
	assert_true(taken == QUEUE_MAX || taken == QUEUE_MAX + 1);
}

static void test_half_of_it_is_for_known_callers_alone(UNUSED void **state)
{
	unsigned taken = fill(false);
	assert_true(taken == QUEUE_MAX / 2 || taken == QUEUE_MAX / 2 + 1);
}

static void test_the_order_of_the_pipeline(UNUSED void **state)
{
	static const char *const names[] = {"authenticate",    "find the operation",
					    "trust",           "decode and validate",
					    "resolve keys",    "authorise",
					    "state and usage", "execute",
					    "anchor",          "finish",
					    "dry run",         "encode"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_string_equal(pipeline_step_name(i), names[i]);
	assert_null(pipeline_step_name(ARRAY_LEN(names)));
}

/* Every row says what the pipeline enforces; a handler for the token ends in a reply. */
static void test_rows_are_whole(UNUSED void **state)
{
	for (size_t i = 0; operation_at(i) != NULL; i++) {
		const struct operation *row = operation_at(i);
		const struct operation *found = NULL;
		assert_int_equal(
			operation_find(row->door, row->protocol, view_of_text(row->name), &found)
				.code,
			E_OK);
		assert_ptr_equal(found, row);
		assert_non_null(row->keys[0].action);
		assert_int_equal(row->input->type, SCHEMA_STRUCTURE);
		assert_true(row->keys[0].member == NULL || row->states != 0);
		assert_true(row->keys[0].member == NULL || row->usages != 0);
		assert_true(row->read_only || (row->flags & OPERATION_BLOCKS));
	}
}

static void test_names_of_the_model(UNUSED void **state)
{
	const struct operation *row = NULL;
	static const struct {
		enum call_door door;
		enum call_protocol protocol;
		const char *name;
		enum err_code code;
	} names[] = {
		{CALL_DOOR_PUBLIC, CALL_PROTOCOL_JSON, "Sign", E_UNSUPPORTED_OPERATION},
		{CALL_DOOR_PUBLIC, CALL_PROTOCOL_JSON, "VerifyMac", E_UNSUPPORTED_OPERATION},
		{CALL_DOOR_PUBLIC, CALL_PROTOCOL_JSON, "encrypt", E_UNKNOWN_OPERATION},
		{CALL_DOOR_PUBLIC, CALL_PROTOCOL_JSON, "", E_UNKNOWN_OPERATION},
		{CALL_DOOR_PUBLIC, CALL_PROTOCOL_JSON, "Status", E_UNKNOWN_OPERATION},
		{CALL_DOOR_PUBLIC, CALL_PROTOCOL_JSON, "GetCallerIdentity", E_UNKNOWN_OPERATION},
		{CALL_DOOR_PUBLIC, CALL_PROTOCOL_QUERY, "GetCallerIdentity", E_OK},
		{CALL_DOOR_PUBLIC, CALL_PROTOCOL_QUERY, "Encrypt", E_UNKNOWN_OPERATION},
		{CALL_DOOR_PUBLIC, CALL_PROTOCOL_QUERY, "Sign", E_UNKNOWN_OPERATION},
		{CALL_DOOR_ADMIN, CALL_PROTOCOL_JSON, "Sign", E_UNKNOWN_OPERATION},
		{CALL_DOOR_ADMIN, CALL_PROTOCOL_JSON, "Encrypt", E_UNKNOWN_OPERATION},
		{CALL_DOOR_ADMIN, CALL_PROTOCOL_JSON, "Status", E_OK}};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(operation_find(names[i].door, names[i].protocol,
						view_of_text(names[i].name), &row)
					 .code,
				 names[i].code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_queue_is_bounded_and_all_of_it_is_run),
		cmocka_unit_test(test_half_of_it_is_for_known_callers_alone),
		cmocka_unit_test(test_the_order_of_the_pipeline),
		cmocka_unit_test(test_rows_are_whole),
		cmocka_unit_test(test_names_of_the_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
