/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token and the store fail at chosen moments: what the client gets, and what is left. The token
 * is the real one; hsm_submit() is wrapped by the linker.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/mem.h"
#include "base/text.h"
#include "fixture.h"
#include "service/reconcile.h"
#include "the_world.h"

static void adjust(struct kms_store_ops *ops);

struct world world = {.adjust = adjust};
static char key[KMS_KEY_ID_TEXT + 1];

/* --- faults of the token --- */

enum fault {
	FAULT_NONE,
	FAULT_NOT_DONE, /* answered with the error, never done */
	FAULT_LOST,     /* done, and the answer replaced by the error */
};

static struct {
	pthread_mutex_t lock;
	enum hsm_verb verb; /* the next operation of this kind */
	enum fault fault;
	uint16_t code;
} planned = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* GENERATE_SEALED operations that asked for the plaintext. */
static atomic_uint plaintexts_wanted;

void __real_hsm_submit(struct hsm *hsm, struct hsm_op *op);
void __wrap_hsm_submit(struct hsm *hsm, struct hsm_op *op);

struct lost {
	void (*done)(struct hsm_op *op, struct err result);
	void *user;
	uint16_t code;
};

static void lose(struct hsm_op *op, UNUSED struct err result)
{
	struct lost lost = *(struct lost *)op->user;
	free(op->user);
	op->done = lost.done;
	op->user = lost.user;
	hsm_op_cleanup(op);
	op->done(op, ERR(lost.code));
}

static enum fault take_plan(enum hsm_verb verb, uint16_t *code)
{
	LOCK_SCOPE(&planned.lock);
	if (planned.verb != verb)
		return FAULT_NONE;
	enum fault fault = planned.fault;
	planned.fault = FAULT_NONE;
	*code = planned.code;
	return fault;
}

void __wrap_hsm_submit(struct hsm *hsm, struct hsm_op *op)
{
	uint16_t code = 0;
	atomic_fetch_add(&plaintexts_wanted, op->verb == HSM_GENERATE_SEALED && op->want_plaintext);
	enum fault fault = take_plan(op->verb, &code);
	if (fault == FAULT_NOT_DONE) {
		op->done(op, ERR(code));
		return;
	}
	if (fault == FAULT_LOST) {
		struct lost *lost = malloc(sizeof *lost);
		assert_non_null(lost);
		*lost = (struct lost){op->done, op->user, code};
		op->done = lose;
		op->user = lost;
	}
	__real_hsm_submit(hsm, op);
}

static void plan(enum hsm_verb verb, enum fault fault, enum err_code code)
{
	LOCK_SCOPE(&planned.lock);
	planned.verb = verb;
	planned.fault = fault;
	planned.code = (uint16_t)code;
}

/* --- faults of the store --- */

enum {
	STORE_WELL,
	STORE_FULL,      /* key_create() fails */
	STORE_UNCLEAR,   /* key_create() and key_update() commit, and fail */
	STORE_FORGETFUL, /* outbox_done() does nothing */
	STORE_BUSY,      /* outbox_done() fails, once */
};
static atomic_int store_fault;

static struct err key_create(void *self, const struct kms_new_key *made,
			     const struct kms_outbox_record *outbox)
{
	if (atomic_load(&store_fault) == STORE_FULL)
		return ERR(E_STORE_FULL);
	TRY(store_sqlite_keys(world.first.store).ops->key_create(self, made, outbox));
	return atomic_load(&store_fault) == STORE_UNCLEAR ? ERR(E_STORE) : OK;
}

static struct err key_update(void *self, const struct kms_key *changed,
			     const struct kms_outbox_record *outbox)
{
	TRY(store_sqlite_keys(world.first.store).ops->key_update(self, changed, outbox));
	return atomic_load(&store_fault) == STORE_UNCLEAR ? ERR(E_STORE) : OK;
}

static struct err outbox_done(void *self, const char (*ids)[KMS_EVENT_ID_LEN + 1], size_t count)
{
	int busy = STORE_BUSY;
	if (atomic_load(&store_fault) == STORE_FORGETFUL)
		return OK;
	if (atomic_compare_exchange_strong(&store_fault, &busy, STORE_WELL))
		return ERR(E_STORE_BUSY);
	return store_sqlite_keys(world.first.store).ops->outbox_done(self, ids, count);
}

static void adjust(struct kms_store_ops *ops)
{
	ops->key_create = key_create;
	ops->key_update = key_update;
	ops->outbox_done = outbox_done;
}

/* --- what is there --- */

static size_t intent_count(void)
{
	const struct kms_store store = store_sqlite_keys(world.first.store);
	CLEANUP(mem_free_at) struct kms_intent *intents = NULL;
	size_t count = 0;
	assert_ok(store.ops->intent_list(store.self, INT64_MAX, &intents, &count));
	return count;
}

static size_t object_count(void)
{
	struct hsm_key_id cursor = {0};
	size_t total = 0;
	for (size_t count = 1; count > 0; total += count) {
		CLEANUP(hsm_op_cleanup)
		struct hsm_op op = {.verb = HSM_ENUMERATE,
				    .cursor = cursor,
				    .deadline_ms = clock_steady_ms(&clock_system) + 5000};
		assert_ok(hsm_call(world.hsm, &op));
		cursor = op.cursor;
		count = op.object_count;
	}
	return total;
}

static size_t key_count(void)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "ListKeys", "{\"Limit\":1000}");
	return json_count(json_member(r.json, "Keys"));
}

static int set_up(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	world_create_key(&world, "{}", key);
	return 0;
}

/* --- CreateKey --- */

static void test_a_lost_answer_is_asked_for(UNUSED void **state)
{
	/* EXISTS: the token made it, lost its session and was asked again by its own process. */
	static const enum err_code answers[] = {E_HSM_AWAY, E_HSM_TIMEOUT, E_HSM_KEY_EXISTS};
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		size_t keys = key_count();
		plan(HSM_KEY_GENERATE, FAULT_LOST, answers[i]);
		CLEANUP(reply_cleanup) struct reply r;
		world_call(&world, &r, "CreateKey", "{}");
		assert_status(&r, 200);
		assert_int_equal(key_count(), keys + 1);
		assert_int_equal(intent_count(), 0);
	}
}

static void test_a_key_that_fails_its_trial_is_destroyed(UNUSED void **state)
{
	size_t keys = key_count(), objects = object_count();
	plan(HSM_OPEN, FAULT_NOT_DONE, E_HSM_REFUSED);
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "CreateKey", "{}");
	assert_int_equal(r.status, 500);
	assert_int_equal(key_count(), keys);
	assert_int_equal(object_count(), objects);
	assert_int_equal(intent_count(), 0);
}

static void test_a_failed_commit_leaves_nothing(UNUSED void **state)
{
	size_t keys = key_count(), objects = object_count();
	atomic_store(&store_fault, STORE_FULL);
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "CreateKey", "{}");
	atomic_store(&store_fault, STORE_WELL);
	assert_int_equal(r.status, 500);
	assert_string_equal(reply_type(&r), "DependencyTimeoutException");
	assert_int_equal(key_count(), keys);
	assert_int_equal(object_count(), objects);
	assert_int_equal(intent_count(), 0);
}

/* Committed, but nobody said so: the object belongs to a key now and must stay. */
static void test_an_unclear_disabling_is_seen_at_once(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply unclear;
	CLEANUP(reply_cleanup) struct reply used;
	atomic_store(&store_fault, STORE_UNCLEAR);
	world_call(&world, &unclear, "DisableKey", "{\"KeyId\":\"%s\"}", key);
	atomic_store(&store_fault, STORE_WELL);
	assert_int_equal(unclear.status, 500);
	world_encrypt(&world, key, "aGk=", "{}", &used);
	assert_string_equal(reply_type(&used), "DisabledException");
	world_switch(&world, "EnableKey", key);
}

static void test_an_unclear_commit_keeps_the_object(UNUSED void **state)
{
	size_t keys = key_count(), objects = object_count();
	atomic_store(&store_fault, STORE_UNCLEAR);
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "CreateKey", "{}");
	atomic_store(&store_fault, STORE_WELL);
	assert_int_equal(r.status, 500);
	assert_int_equal(key_count(), keys + 1);
	assert_int_equal(object_count(), objects + 1);
}

/* --- what an interrupted process leaves --- */

/* An intent and its object, as after a kill between generation and commit. */
static struct hsm_key_id interrupt(int64_t lease_ms, bool with_object)
{
	const struct kms_store store = store_sqlite_keys(world.first.store);
	struct kms_intent intent = {.scope = world.installation.scope,
				    .number = 1,
				    .kind = KMS_INTENT_MAKE,
				    .owner = {9},
				    .lease_ms = lease_ms};
	assert_ok(kms_key_id_make(false, &intent.key_id));
	struct kms_key_id random;
	assert_ok(kms_key_id_make(false, &random));
	mem_copy(intent.token_id.bytes, 16, random.bytes, 16);
	assert_ok(store.ops->intent_add(store.self, &intent));
	if (!with_object)
		return intent.token_id;
	struct hsm_status token;
	hsm_status(world.hsm, &token);
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {
		.verb = HSM_KEY_GENERATE,
		.deadline_ms = clock_steady_ms(&clock_system) + 5000,
		.object = {.id = intent.token_id, .role = HSM_ROLE_VERSION, .suite = token.suite}};
	assert_ok(kms_version_label(world.installation.id, &intent.key_id, 1, op.object.label));
	assert_ok(hsm_call(world.hsm, &op));
	return intent.token_id;
}

static bool is_on_token(struct hsm_key_id id)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_KEY_FIND,
			    .deadline_ms = clock_steady_ms(&clock_system) + 5000,
			    .object = {.id = id}};
	return !err_failed(hsm_call(world.hsm, &op));
}

static void test_intents_are_settled_after_their_lease(UNUSED void **state)
{
	int64_t now = clock_real_ms(&clock_system);
	struct hsm_key_id old = interrupt(now - 1000, true);
	(void)interrupt(now - 1000, false);
	struct hsm_key_id held = interrupt(now + 60000, true);
	assert_true(is_on_token(old));
	reconcile_intents(world.first.service);
	assert_false(is_on_token(old));
	assert_true(is_on_token(held));
	assert_int_equal(intent_count(), 1);
	const struct kms_store store = store_sqlite_keys(world.first.store);
	assert_ok(store.ops->intent_remove(store.self, &held));
}

static void test_a_token_that_does_not_answer_ends_the_settling(UNUSED void **state)
{
	int64_t now = clock_real_ms(&clock_system);
	size_t before = intent_count();
	const struct hsm_key_id ids[] = {interrupt(now - 1000, false), interrupt(now - 1000, false),
					 interrupt(now - 1000, false)};
	plan(HSM_KEY_DESTROY, FAULT_NOT_DONE, E_HSM_TIMEOUT);
	reconcile_intents(world.first.service);
	assert_int_equal(intent_count(), before + ARRAY_LEN(ids));
	const struct kms_store store = store_sqlite_keys(world.first.store);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		assert_ok(store.ops->intent_remove(store.self, &ids[i]));
}

/* The object of the test before is on the token, under our name, and nothing names it. */
static void test_what_nobody_knows_is_left_alone(UNUSED void **state)
{
	size_t objects = object_count();
	assert_ok(service_reconcile(world.first.service));
	assert_int_equal(object_count(), objects);
}

static size_t occurrences(const char *text, const char *part)
{
	size_t count = 0;
	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		count++;
	return count;
}

static void test_a_record_left_in_the_outbox_is_not_doubled(UNUSED void **state)
{
	atomic_store(&store_fault, STORE_FORGETFUL);
	CLEANUP(mem_free_at) char *before = world_audit(&world.first);
	world_switch(&world, "DisableKey", key);
	world_switch(&world, "EnableKey", key);
	world_stop(&world.first);
	atomic_store(&store_fault, STORE_WELL);
	world_start(&world, &world.first, "audit");
	CLEANUP(mem_free_at) char *after = world_audit(&world.first);
	assert_int_equal(occurrences(after, "\"DisableKey\""),
			 occurrences(before, "\"DisableKey\"") + 1);
}

static void test_a_change_without_a_record_gets_it_at_the_next_start(UNUSED void **state)
{
	CLEANUP(mem_free_at) char *before = world_audit(&world.first);
	world_break_audit(true);
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "DisableKey", "{\"KeyId\":\"%s\"}", key);
	world_break_audit(false);
	assert_int_equal(r.status, 500);
	world_stop(&world.first);
	world_start(&world, &world.first, "audit");
	CLEANUP(mem_free_at) char *after = world_audit(&world.first);
	assert_int_equal(occurrences(after, "\"DisableKey\""),
			 occurrences(before, "\"DisableKey\"") + 1);
	world_switch(&world, "EnableKey", key);
}

/* Of the records of this event, those that tell of no error. */
static size_t successes(const char *log, const char *event)
{
	char name[64];
	size_t count = 0;
	assert_ok(text_format(name, sizeof name, "\"eventName\":\"%s\"", event));
	for (struct view rest = view_of_text(log); rest.len > 0;) {
		struct view line = view_cut(&rest, '\n');
		CLEANUP(mem_free_at) char *text = NULL;
		assert_ok(text_new(line, &text));
		count += strstr(text, name) != NULL && strstr(text, "\"errorCode\"") == NULL;
	}
	return count;
}

/* It was answered and recorded as failed, and then turns out to have happened. */
static void test_an_unclear_change_gets_its_record_at_the_next_start(UNUSED void **state)
{
	CLEANUP(mem_free_at) char *before = world_audit(&world.first);
	CLEANUP(reply_cleanup) struct reply unclear;
	atomic_store(&store_fault, STORE_UNCLEAR);
	world_call(&world, &unclear, "DisableKey", "{\"KeyId\":\"%s\"}", key);
	atomic_store(&store_fault, STORE_WELL);
	assert_int_equal(unclear.status, 500);
	world_stop(&world.first);
	world_start(&world, &world.first, "audit");
	CLEANUP(mem_free_at) char *after = world_audit(&world.first);
	assert_int_equal(occurrences(after, "\"DisableKey\""),
			 occurrences(before, "\"DisableKey\"") + 2);
	assert_int_equal(successes(after, "DisableKey"), successes(before, "DisableKey") + 1);
	world_switch(&world, "EnableKey", key);
}

static size_t outbox_count(void)
{
	const struct kms_store store = store_sqlite_keys(world.first.store);
	struct kms_outbox_record *records = NULL;
	size_t count = 0;
	assert_ok(store.ops->outbox_list(store.self, &records, &count));
	for (size_t i = 0; i < count; i++)
		mem_free_at(&records[i].line.ptr);
	mem_free(records);
	return count;
}

/* What is in the outbox keeps the audit log's segments from being removed. */
static void test_an_outbox_that_was_not_cleared_is_cleared_later(UNUSED void **state)
{
	for (unsigned i = 0; i < 200 && outbox_count() > 0; i++)
		(void)usleep(20000);
	assert_int_equal(outbox_count(), 0);
	atomic_store(&store_fault, STORE_BUSY);
	world_switch(&world, "DisableKey", key);
	for (unsigned i = 0; i < 200 && atomic_load(&store_fault) == STORE_BUSY; i++)
		(void)usleep(20000);
	assert_int_equal(atomic_load(&store_fault), STORE_WELL);
	for (unsigned i = 0; i < 200 && outbox_count() > 0; i++)
		(void)usleep(20000);
	assert_int_equal(outbox_count(), 0);
	world_switch(&world, "EnableKey", key);
}

static size_t audit_occurrences(const char *part)
{
	CLEANUP(mem_free_at) char *log = world_audit(&world.first);
	return occurrences(log, part);
}

/* P6: the first change finds out; none after it is begun, and its record follows by itself. */
static void test_no_change_is_begun_while_the_audit_log_fails(UNUSED void **state)
{
	size_t records = audit_occurrences("\"DisableKey\"");
	CLEANUP(reply_cleanup) struct reply first;
	CLEANUP(reply_cleanup) struct reply refused;
	CLEANUP(reply_cleanup) struct reply after;
	world_break_audit(true);
	world_call(&world, &first, "DisableKey", "{\"KeyId\":\"%s\"}", key);
	world_call(&world, &refused, "EnableKey", "{\"KeyId\":\"%s\"}", key);
	world_break_audit(false);
	assert_int_equal(first.status, 500);
	assert_int_equal(refused.status, 500);
	for (unsigned i = 0; i < 200 && audit_occurrences("\"DisableKey\"") == records; i++)
		(void)usleep(20000);
	assert_int_equal(audit_occurrences("\"DisableKey\""), records + 1);
	world_call(&world, &after, "DescribeKey", "{\"KeyId\":\"%s\"}", key);
	assert_string_equal(reply_metadata(&after, "KeyState"), "Disabled");
	world_switch(&world, "EnableKey", key);
}

/* --- calls on keys --- */

static void test_faults_of_the_token_as_clients_see_them(UNUSED void **state)
{
	static const struct {
		enum err_code code;
		uint16_t status;
		const char *type;
	} rows[] = {
		{E_HSM_AWAY, 500, "DependencyTimeoutException"},
		{E_HSM_TIMEOUT, 500, "DependencyTimeoutException"},
		{E_HSM_CAPACITY, 400, "ThrottlingException"},
		{E_BUSY, 400, "ThrottlingException"},
		{E_HSM_KEY_UNKNOWN, 500, "KeyUnavailableException"},
		{E_HSM_ATTRIBUTES, 500, "KeyUnavailableException"},
		{E_HSM_REFUSED, 500, "KMSInternalException"},
		{E_HSM_CIPHERTEXT, 400, "InvalidCiphertextException"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		plan(HSM_GENERATE_SEALED, FAULT_LOST, rows[i].code);
		world_call(&world, &r, "GenerateDataKey",
			   "{\"KeyId\":\"%s\",\"KeySpec\":\"AES_256\"}", key);
		assert_int_equal(r.status, rows[i].status);
		assert_string_equal(reply_type(&r), rows[i].type);
		assert_null(json_member(r.json, "Plaintext"));
	}
}

static void test_random_bytes_that_were_lost_are_not_answered(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply lost;
	CLEANUP(reply_cleanup) struct reply drawn;
	plan(HSM_RANDOM, FAULT_LOST, E_HSM_TIMEOUT);
	world_call(&world, &lost, "GenerateRandom", "{\"NumberOfBytes\":32}");
	assert_int_equal(lost.status, 500);
	assert_string_equal(reply_type(&lost), "DependencyTimeoutException");
	assert_null(json_member(lost.json, "Plaintext"));
	world_call(&world, &drawn, "GenerateRandom", "{\"NumberOfBytes\":32}");
	assert_status(&drawn, 200);
	assert_true(drawn.secret);
	assert_int_equal(strlen(reply_text(&drawn, "Plaintext")), 44);
}

/* Committed, but nobody said so: the key must refuse work from that moment. */
static void test_an_unclear_scheduling_is_seen_at_once(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply unclear;
	CLEANUP(reply_cleanup) struct reply used;
	CLEANUP(reply_cleanup) struct reply cancelled;
	atomic_store(&store_fault, STORE_UNCLEAR);
	world_call(&world, &unclear, "ScheduleKeyDeletion", "{\"KeyId\":\"%s\"}", key);
	atomic_store(&store_fault, STORE_WELL);
	assert_int_equal(unclear.status, 500);
	world_encrypt(&world, key, "aGk=", "{}", &used);
	assert_string_equal(reply_type(&used), "KMSInvalidStateException");
	world_call(&world, &cancelled, "CancelKeyDeletion", "{\"KeyId\":\"%s\"}", key);
	assert_status(&cancelled, 200);
	world_switch(&world, "EnableKey", key);
}

static void test_a_dry_run_asks_the_token_for_no_plaintext(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply dry;
	CLEANUP(reply_cleanup) struct reply wet;
	unsigned before = atomic_load(&plaintexts_wanted);
	world_call(&world, &dry, "GenerateDataKey",
		   "{\"KeyId\":\"%s\",\"NumberOfBytes\":32,\"DryRun\":true}", key);
	assert_string_equal(reply_type(&dry), "DryRunOperationException");
	assert_int_equal(atomic_load(&plaintexts_wanted), before);
	world_call(&world, &wet, "GenerateDataKey", "{\"KeyId\":\"%s\",\"NumberOfBytes\":32}", key);
	assert_status(&wet, 200);
	assert_int_equal(atomic_load(&plaintexts_wanted), before + 1);
}

static void test_a_version_whose_object_is_gone_is_refused(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	world_create_key(&world, "{}", id);
	const struct kms_store store = store_sqlite_keys(world.first.store);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	struct kms_key_id key_id;
	assert_ok(kms_key_id_parse(view_of_text(id), &key_id));
	assert_ok(store.ops->key_load(store.self, &world.installation.scope, &key_id, &full));
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_KEY_DESTROY,
			    .deadline_ms = clock_steady_ms(&clock_system) + 5000,
			    .object = {.id = full.versions[0].token_id}};
	assert_ok(kms_version_label(world.installation.id, &key_id, 1, op.object.label));
	assert_ok(hsm_call(world.hsm, &op));
	assert_ok(service_reconcile(world.first.service));
	CLEANUP(reply_cleanup) struct reply r;
	world_encrypt(&world, id, "aGk=", "{}", &r);
	assert_int_equal(r.status, 500);
	assert_string_equal(reply_type(&r), "KeyUnavailableException");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lost_answer_is_asked_for),
		cmocka_unit_test(test_a_key_that_fails_its_trial_is_destroyed),
		cmocka_unit_test(test_a_failed_commit_leaves_nothing),
		cmocka_unit_test(test_an_unclear_commit_keeps_the_object),
		cmocka_unit_test(test_an_unclear_disabling_is_seen_at_once),
		cmocka_unit_test(test_intents_are_settled_after_their_lease),
		cmocka_unit_test(test_a_token_that_does_not_answer_ends_the_settling),
		cmocka_unit_test(test_what_nobody_knows_is_left_alone),
		cmocka_unit_test(test_a_record_left_in_the_outbox_is_not_doubled),
		cmocka_unit_test(test_a_change_without_a_record_gets_it_at_the_next_start),
		cmocka_unit_test(test_an_unclear_change_gets_its_record_at_the_next_start),
		cmocka_unit_test(test_an_outbox_that_was_not_cleared_is_cleared_later),
		cmocka_unit_test(test_no_change_is_begun_while_the_audit_log_fails),
		cmocka_unit_test(test_faults_of_the_token_as_clients_see_them),
		cmocka_unit_test(test_random_bytes_that_were_lost_are_not_answered),
		cmocka_unit_test(test_an_unclear_scheduling_is_seen_at_once),
		cmocka_unit_test(test_a_dry_run_asks_the_token_for_no_plaintext),
		cmocka_unit_test(test_a_version_whose_object_is_gone_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, the_world_tear_down);
}
