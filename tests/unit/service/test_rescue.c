/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's acceptance: of the report that was seen and of no other; and what an older store
 * would set going again stays. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "lives.h"
#include "service/core.h"
#include "service/key_making.h"
#include "service/reconcile.h"
#include "service/rescue.h"

#define PERIOD_DAYS 365
#define AFTER_LEASE_MS 120000

static struct world world = {.without_due_work = true};
static struct rescue_options options;
static const struct rescue_consent consent = {.uid = 7, .user = "someone"};

static int set_up(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	options = (struct rescue_options){
		.hsm = world.hsm,
		.store = store_sqlite_keys(world.first.store),
		.agenda = store_sqlite_agenda(world.first.store),
		.manifest = store_sqlite_manifest(world.first.store),
		.identities = store_sqlite_identities(world.first.store),
		.installations = store_sqlite_installation(world.first.store),
		.installation = world.installation,
		.sealer = &world.first.sealer,
		.clock = &world_clock,
		.audit_directory = world.first.audit_directory,
		.audit_log = "main",
	};
	return 0;
}

static int tear_down(UNUSED void **state)
{
	world_stop(&world.first);
	world_remove(&world);
	return 0;
}

static void look(struct rescue_report *report)
{
	assert_ok(rescue_look(&options, false, report));
}

/* Here, unlike in a recovery, a service runs beside, and may commit what it has to do by itself
 * between the look and the acceptance: then it is looked again. */
static void look_and_accept(struct rescue_report *report)
{
	struct kms_mark mark = {0};
	struct err e = ERR(E_STORE_CONFLICT);
	for (int i = 0; i < 20 && err_is(e, E_STORE_CONFLICT); i++) {
		rescue_report_cleanup(report);
		*report = (struct rescue_report){0};
		look(report);
		e = rescue_accept(&options, report, &consent, &mark);
	}
	assert_ok(e);
	assert_true(mark.epoch > report->survey.mark.epoch);
}

/* Settled after its lease, as reconciliation does without an acceptance, it would be destroyed,
 * although it may be finished and used by now. */
static void test_a_version_in_the_making_is_adopted(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	struct kms_version version = {.key_id = key, .number = 2};
	CLEANUP(rescue_report_cleanup) struct rescue_report report = {0};
	assert_ok(key_making_begin(world.first.service, &world.installation.scope, &version));
	size_t objects = life_objects(&world);
	look_and_accept(&report);
	assert_int_equal(report.intents, 1);
	assert_int_equal(life_intents(&world), 0);
	world_advance(AFTER_LEASE_MS);
	reconcile_intents(world.first.service);
	assert_int_equal(life_objects(&world), objects);
	assert_ok(service_reconcile(world.first.service));
	assert_int_equal(life_versions(&world, &key), 2);
}

static void test_destruction_is_held(UNUSED void **state)
{
	struct kms_clock_mark mark = {0};
	CLEANUP(rescue_report_cleanup) struct rescue_report report = {0};
	look_and_accept(&report);
	assert_ok(options.agenda.ops->mark_load(options.agenda.self, &mark));
	assert_true(mark.held);
	assert_true(mark.held_ms < mark.trusted_ms);
}

static void test_another_report_is_not_accepted(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_mark mark = {0};
	CLEANUP(rescue_report_cleanup) struct rescue_report before = {0};
	CLEANUP(rescue_report_cleanup) struct rescue_report after = {0};
	look(&before);
	world_create_key(&world, "{}", id);
	assert_err(rescue_accept(&options, &before, &consent, &mark), E_STORE_CONFLICT);
	look(&after);
	assert_string_not_equal(before.code, after.code);
}

static void test_another_token_needs_a_word_more(UNUSED void **state)
{
	struct kms_mark mark = {0};
	CLEANUP(rescue_report_cleanup) struct rescue_report report = {0};
	assert_ok(rescue_look(&options, true, &report));
	assert_true(report.token.wrap_tried);
	assert_false(err_failed(report.token.wrap));
	assert_err(rescue_accept(&options, &report, &consent, &mark), E_HSM_TOKEN_CHANGED);
	const struct rescue_consent given = {.uid = 7, .user = "", .accept_token = true};
	report.token.wrap = ERR(E_HSM_CIPHERTEXT);
	assert_err(rescue_accept(&options, &report, &given, &mark), E_HSM_TOKEN_CHANGED);
}

static void test_the_record_names_who_and_what(UNUSED void **state)
{
	CLEANUP(rescue_report_cleanup) struct rescue_report report = {0};
	struct kms_outbox_record *records = NULL;
	size_t count = 0;
	bool found = false;
	look_and_accept(&report);
	assert_ok(options.store.ops->outbox_list(options.store.self, &records, &count));
	for (size_t i = 0; i < count; i++) {
		CLEANUP(mem_free_at) char *line = NULL;
		assert_ok(text_new(records[i].line, &line));
		found |= strstr(line, "\"RecoverStore\"") != NULL &&
			 strstr(line, "uid 7, someone") != NULL &&
			 strstr(line, report.code) != NULL;
		mem_free((void *)(uintptr_t)records[i].line.ptr);
	}
	mem_free(records);
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_version_in_the_making_is_adopted),
		cmocka_unit_test(test_destruction_is_held),
		cmocka_unit_test(test_another_report_is_not_accepted),
		cmocka_unit_test(test_another_token_needs_a_word_more),
		cmocka_unit_test(test_the_record_names_who_and_what),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
