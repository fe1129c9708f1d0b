/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a key: rotated, its material on the way out, and its end with all that hangs on
 * it. Each is whole or not at all. */
#include "../dying.h"

#include "base/mem.h"
#include "base/text.h"

#define OPS(f) ((f)->keys.ops)
#define SELF(f) ((f)->keys.self)
#define NOW_MS INT64_C(1700000000000)
#define GRANTS 300
#define ALIASES 20
#define TAGS 30

/* Which writes are the last one: every third; under a sanitizer, which takes its time, fewer. */
#ifdef HOLDFAST_SANITIZED
#define WRITE_STEP 9
#else
#define WRITE_STEP 3
#endif

static const uint8_t other_owner[16] = {0x55};

static struct err load(struct fixture *f, uint32_t n, struct kms_key_full *out)
{
	struct kms_key_id id = sample_id(n);
	return OPS(f)->key_load(SELF(f), &sample_scope, &id, out);
}

/* A change of key 1 that is not there yet: revision 2. */
static struct kms_key changed_key(void)
{
	struct kms_key key = sample_key(1);
	key.revision = 2;
	return key;
}

static void test_an_update_needs_no_record(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	struct kms_key key = changed_key();
	assert_ok(sample_create(f, 1));
	assert_ok(kms_key_move(&key, KMS_STATE_PENDING_DELETION));
	key.deletion_ms = NOW_MS;
	key.destroying = true;
	assert_ok(OPS(f)->key_update(SELF(f), &key, NULL));
	assert_ok(load(f, 1, &full));
	assert_true(full.key.destroying);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
	assert_err(OPS(f)->key_update(SELF(f), &key, NULL), E_STORE_CONFLICT);
}

static void test_what_is_kept_of_rotation_is_loaded_as_given(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	struct kms_key key = changed_key();
	assert_ok(sample_create(f, 1));
	key.rotation_enabled = true;
	key.rotation_period_days = 90;
	key.rotation_from_ms = NOW_MS + 1;
	key.on_demand_ms = NOW_MS + 2;
	assert_ok(OPS(f)->key_update(SELF(f), &key, NULL));
	assert_ok(load(f, 1, &full));
	assert_true(full.key.rotation_enabled);
	assert_int_equal(full.key.rotation_period_days, 90);
	assert_int_equal(full.key.rotation_from_ms, NOW_MS + 1);
	assert_int_equal(full.key.on_demand_ms, NOW_MS + 2);
	assert_false(full.key.destroying);
}

/* ---- rotation ---- */

struct rotation {
	struct kms_intent intent;
	struct kms_key key;
	struct kms_version version;
	struct kms_outbox_record record;
};

/* Of key 1, to version 2. */
static struct rotation rotation_make(void)
{
	struct rotation r = {sample_intent(2), changed_key(), sample_version(2), sample_record(2)};
	r.intent.key_id = r.version.key_id = r.key.id;
	r.intent.number = r.version.number = r.key.current_version = 2;
	r.version.rotation = KMS_ROTATION_ON_DEMAND;
	return r;
}

static struct err rotate(struct fixture *f, const struct rotation *r)
{
	return OPS(f)->key_rotate(SELF(f), &r->key, &r->version, &r->record);
}

static void assert_not_rotated(struct fixture *f)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(load(f, 1, &full));
	assert_int_equal(full.key.current_version, 1);
	assert_int_equal(full.version_count, 1);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox WHERE event_id GLOB '*2'"), 0);
}

static void test_a_rotation_is_one_transaction(void **state)
{
	struct fixture *f = *state;
	struct rotation r = rotation_make();
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(sample_create(f, 1));
	assert_ok(OPS(f)->intent_add(SELF(f), &r.intent));
	assert_ok(rotate(f, &r));
	assert_ok(load(f, 1, &full));
	assert_int_equal(full.key.current_version, 2);
	assert_int_equal(full.key.revision, 2);
	assert_int_equal(full.version_count, 2);
	assert_int_equal(full.versions[1].number, 2);
	assert_int_equal(full.versions[1].rotation, KMS_ROTATION_ON_DEMAND);
	assert_memory_equal(&full.versions[1].token_id, &r.version.token_id,
			    sizeof r.version.token_id);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM intents"), 0);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 2);
}

static void test_a_rotation_needs_the_next_revision(void **state)
{
	struct fixture *f = *state;
	struct rotation r = rotation_make();
	assert_ok(sample_create(f, 1));
	assert_ok(OPS(f)->intent_add(SELF(f), &r.intent));
	r.key.revision = 3;
	assert_err(rotate(f, &r), E_STORE_CONFLICT);
	assert_not_rotated(f);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM intents"), 1);
	r.key.revision = 2;
	assert_ok(rotate(f, &r));
	assert_err(rotate(f, &r), E_STORE_CONFLICT);
}

static void test_a_rotation_needs_its_intent(void **state)
{
	struct fixture *f = *state;
	struct rotation r = rotation_make();
	assert_ok(sample_create(f, 1));
	assert_err(rotate(f, &r), E_STORE_CONFLICT);
	assert_not_rotated(f);
	/* One of another version is none. */
	r.intent.number = 3;
	assert_ok(OPS(f)->intent_add(SELF(f), &r.intent));
	assert_err(rotate(f, &r), E_STORE_CONFLICT);
	assert_not_rotated(f);
}

/* Somebody claimed it after its lease, and may be destroying the object. */
static void test_no_rotation_under_a_claimed_intent(void **state)
{
	struct fixture *f = *state;
	struct rotation r = rotation_make();
	assert_ok(sample_create(f, 1));
	assert_ok(OPS(f)->intent_add(SELF(f), &r.intent));
	clock_manual_advance(&f->clock, 60001);
	assert_ok(OPS(f)->intent_claim(SELF(f), &r.intent, other_owner, NOW_MS + 200000));
	assert_err(rotate(f, &r), E_STORE_CONFLICT);
	assert_not_rotated(f);
}

static void test_a_version_is_made_once(void **state)
{
	struct fixture *f = *state;
	struct rotation r = rotation_make();
	assert_ok(sample_create(f, 1));
	assert_ok(OPS(f)->intent_add(SELF(f), &r.intent));
	r.version.number = r.key.current_version = 1;
	assert_err(rotate(f, &r), E_EXISTS);
	assert_not_rotated(f);
	assert_int_equal(fixture_ask(f, "SELECT revision FROM keys"), 1);
}

static void test_contradictory_rotations_are_not_stored(void **state)
{
	struct fixture *f = *state;
	struct rotation r = rotation_make();
	assert_ok(sample_create(f, 1));
	assert_ok(OPS(f)->intent_add(SELF(f), &r.intent));
	r.key.current_version = 1;
	assert_err(rotate(f, &r), E_BUG);
	r = rotation_make();
	r.version.key_id = sample_id(2);
	assert_err(rotate(f, &r), E_BUG);
	r = rotation_make();
	r.version.rotation = KMS_ROTATION_COUNT;
	assert_err(rotate(f, &r), E_BUG);
	r = rotation_make();
	r.version.valid_to_ms = NOW_MS;
	assert_err(rotate(f, &r), E_BUG);
	assert_err(OPS(f)->key_rotate(SELF(f), &r.key, &r.version, NULL), E_BUG);
	assert_not_rotated(f);
}

/* ---- material ---- */

/* Key 1 with imported material that ends. */
static void import(struct fixture *f, struct kms_key *key, struct kms_version *version)
{
	struct kms_intent intent = sample_intent(1);
	struct kms_outbox_record record = sample_record(1);
	*key = sample_key(1);
	*version = sample_version(1);
	key->origin = KMS_ORIGIN_EXTERNAL;
	version->valid_to_ms = NOW_MS + 5;
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	assert_ok(OPS(f)->key_create(SELF(f), NEW_KEY(key, version), &record));
}

static void test_material_goes_in_two_steps(void **state)
{
	struct fixture *f = *state;
	struct kms_key key;
	struct kms_version version;
	struct kms_outbox_record record = sample_record(2);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	import(f, &key, &version);
	key.revision = 2;
	key.state = KMS_STATE_PENDING_IMPORT;
	version.material = KMS_MATERIAL_GOING;
	assert_ok(OPS(f)->material_update(SELF(f), &key, &version, NULL));
	key.revision = 3;
	version.material = KMS_MATERIAL_GONE;
	assert_ok(OPS(f)->material_update(SELF(f), &key, &version, &record));
	assert_ok(load(f, 1, &full));
	assert_int_equal(full.key.state, KMS_STATE_PENDING_IMPORT);
	assert_int_equal(full.versions[0].material, KMS_MATERIAL_GONE);
	assert_int_equal(full.versions[0].valid_to_ms, NOW_MS + 5);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 2);
}

static void test_material_changes_under_the_revision_of_its_key(void **state)
{
	struct fixture *f = *state;
	struct kms_key key;
	struct kms_version version;
	import(f, &key, &version);
	version.valid_to_ms = 0;
	assert_err(OPS(f)->material_update(SELF(f), &key, &version, NULL), E_STORE_CONFLICT);
	assert_int_equal(fixture_ask(f, "SELECT valid_to_ms FROM versions"), NOW_MS + 5);
	key.revision = 2;
	assert_ok(OPS(f)->material_update(SELF(f), &key, &version, NULL));
	assert_int_equal(fixture_ask(f, "SELECT valid_to_ms FROM versions"), 0);
}

static void test_nothing_else_of_a_version_changes(void **state)
{
	struct fixture *f = *state;
	struct kms_key key;
	struct kms_version version;
	struct kms_version others[6];
	import(f, &key, &version);
	key.revision = 2;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		others[i] = version;
	others[0].number = 2;
	others[1].token_id.bytes[0]++;
	others[2].suite = HSM_SUITE_DIRECT;
	others[3].created_ms++;
	others[4].material_id[0]++;
	others[5].rotation = KMS_ROTATION_ON_DEMAND;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_err(OPS(f)->material_update(SELF(f), &key, &others[i], NULL),
			   E_STORE_CONFLICT);
	assert_int_equal(fixture_ask(f, "SELECT revision FROM keys"), 1);
	assert_ok(OPS(f)->material_update(SELF(f), &key, &version, NULL));
}

/* A key that is used has its material; and what a token made stays as long as its key. */
static void test_contradictory_material_is_not_stored(void **state)
{
	struct fixture *f = *state;
	struct kms_key key;
	struct kms_version version;
	import(f, &key, &version);
	key.revision = 2;
	version.material = KMS_MATERIAL_GOING;
	assert_err(OPS(f)->material_update(SELF(f), &key, &version, NULL), E_BUG);
	key.state = KMS_STATE_PENDING_IMPORT;
	key.origin = KMS_ORIGIN_AWS_KMS;
	assert_err(OPS(f)->material_update(SELF(f), &key, &version, NULL), E_BUG);
}

/* Messages that are reserved meanwhile must not bring back what goes. */
static void test_reserving_puts_back_no_material(void **state)
{
	struct fixture *f = *state;
	struct kms_key key;
	struct kms_version seen;
	import(f, &key, &seen);
	struct kms_version going = seen;
	key.revision = 2;
	key.state = KMS_STATE_PENDING_IMPORT;
	going.material = KMS_MATERIAL_GOING;
	assert_ok(OPS(f)->material_update(SELF(f), &key, &going, NULL));
	assert_err(OPS(f)->version_reserve(SELF(f), &sample_scope, &seen, 10), E_STORE_CONFLICT);
	assert_int_equal(fixture_ask(f, "SELECT material FROM versions"), KMS_MATERIAL_GOING);
	assert_ok(OPS(f)->version_reserve(SELF(f), &sample_scope, &going, 10));
}

/* ---- the end ---- */

static struct kms_claim claim_of(uint32_t n)
{
	return (struct kms_claim){.kind = KMS_DUE_DELETION,
				  .scope = sample_scope,
				  .key_id = sample_id(n),
				  .owner = {7},
				  .lease_ms = NOW_MS + 60000};
}

/* Of one key: grants, aliases, tags, a use and a claim. */
static void hang_on(struct fixture *f, uint32_t n, uint32_t grants)
{
	struct kms_key_id id = sample_id(n);
	struct kms_claim claim = claim_of(n);
	struct kms_tag tags[TAGS];
	const struct kms_tag_change change = {&sample_scope, &id, tags, TAGS};
	struct kms_outbox_record record = sample_record(5000 * n);
	const struct kms_last_use use = {.scope = sample_scope,
					 .key_id = id,
					 .operation = "Encrypt",
					 .time_ms = NOW_MS,
					 .event_id = "00000000-0000-4000-8000-000000000001",
					 .request_id = "00000000-0000-4000-8000-000000000002"};
	for (uint32_t i = 0; i < TAGS; i++)
		tags[i] = sample_tag(i);
	assert_ok(f->catalog.ops->tags_put(f->catalog.self, &change, &record));
	for (uint32_t i = 0; i < grants; i++) {
		struct kms_grant grant = sample_grant(i, n);
		record = sample_record(5000 * n + 1 + i);
		assert_ok(f->grants.ops->create(f->grants.self, &grant, &record));
	}
	for (uint32_t i = 0; i < ALIASES; i++) {
		struct kms_alias alias = sample_alias(100 * n + i, n);
		record = sample_record(5000 * n + 4000 + i);
		assert_ok(f->catalog.ops->alias_create(f->catalog.self, &alias, &record));
	}
	assert_ok(f->catalog.ops->last_use_save(f->catalog.self, &use, 1));
	assert_ok(f->agenda.ops->claim_take(f->agenda.self, &claim, NOW_MS));
}

/* Key 1 of two versions, with all that hangs on it, about to go; and key 2. */
static struct kms_key doomed_make(struct fixture *f, uint32_t grants)
{
	struct rotation r = rotation_make();
	assert_ok(sample_create(f, 1));
	assert_ok(sample_create(f, 2));
	r.intent.token_id.bytes[1] = r.version.token_id.bytes[1] = 9;
	r.record = sample_record(3);
	assert_ok(OPS(f)->intent_add(SELF(f), &r.intent));
	assert_ok(rotate(f, &r));
	hang_on(f, 1, grants);
	hang_on(f, 2, 1);
	r.key.revision = 3;
	r.key.state = KMS_STATE_PENDING_DELETION;
	r.key.deletion_ms = NOW_MS;
	r.key.destroying = true;
	assert_ok(OPS(f)->key_update(SELF(f), &r.key, NULL));
	return r.key;
}

static const char *const hanging[] = {"keys",    "versions", "grants",    "grant_counts",
				      "aliases", "tags",     "last_uses", "claims"};

/* How many rows of `table` key n has. */
static int64_t rows_of(struct fixture *f, const char *table, uint32_t n)
{
	char sql[128];
	assert_ok(text_format(
		sql, sizeof sql,
		"SELECT count(*) FROM %s WHERE key_id=x'4a1100000000000000000000%08x'", table, n));
	return fixture_ask(f, sql);
}

static void assert_gone(struct fixture *f)
{
	for (size_t i = 0; i < ARRAY_LEN(hanging); i++) {
		assert_int_equal(rows_of(f, hanging[i], 1), 0);
		assert_true(rows_of(f, hanging[i], 2) > 0);
	}
	assert_int_equal(rows_of(f, "aliases", 2), ALIASES);
	assert_int_equal(rows_of(f, "tags", 2), TAGS);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM pragma_foreign_key_check()"), 0);
	assert_int_equal(
		fixture_ask(f, "SELECT count(*) FROM outbox WHERE event_id GLOB '*ffffff'"), 1);
}

static void assert_whole(struct fixture *f, int64_t grants)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(load(f, 1, &full));
	assert_int_equal(full.version_count, 2);
	assert_int_equal(rows_of(f, "grants", 1), grants);
	assert_int_equal(rows_of(f, "aliases", 1), ALIASES);
	assert_int_equal(rows_of(f, "tags", 1), TAGS);
	assert_int_equal(rows_of(f, "last_uses", 1), 1);
	assert_int_equal(rows_of(f, "claims", 1), 1);
	assert_int_equal(
		fixture_ask(f, "SELECT count(*) FROM outbox WHERE event_id GLOB '*ffffff'"), 0);
}

static void test_a_key_goes_with_all_that_hangs_on_it(void **state)
{
	struct fixture *f = *state;
	struct kms_key key = doomed_make(f, GRANTS);
	struct kms_outbox_record record = sample_record(0xffffff);
	struct kms_key_full full = {0};
	assert_whole(f, GRANTS);
	assert_ok(OPS(f)->key_delete(SELF(f), &key, &record));
	assert_gone(f);
	assert_err(load(f, 1, &full), E_NOT_FOUND);
	assert_err(OPS(f)->key_delete(SELF(f), &key, &record), E_NOT_FOUND);
	assert_ok(load(f, 2, &full));
	kms_key_full_cleanup(&full);
}

static void test_grants_go_a_page_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct kms_key key = doomed_make(f, KMS_CLEARED_MAX + 7);
	struct kms_key other = key;
	bool more = false;
	other.revision++;
	assert_err(OPS(f)->key_clear(SELF(f), &other, &more), E_STORE_CONFLICT);
	other.destroying = false;
	assert_err(OPS(f)->key_clear(SELF(f), &other, &more), E_BUG);
	assert_whole(f, KMS_CLEARED_MAX + 7);
	assert_ok(OPS(f)->key_clear(SELF(f), &key, &more));
	assert_true(more);
	assert_whole(f, 7);
	assert_ok(OPS(f)->key_clear(SELF(f), &key, &more));
	assert_false(more);
	assert_whole(f, 0);
}

static void test_only_the_key_that_was_seen_goes(void **state)
{
	struct fixture *f = *state;
	struct kms_key key = doomed_make(f, 2);
	struct kms_outbox_record record = sample_record(0xffffff);
	key.revision--;
	assert_err(OPS(f)->key_delete(SELF(f), &key, &record), E_STORE_CONFLICT);
	key.revision++;
	/* The revision that was seen, and another row: never one of ours. */
	key.deletion_ms++;
	assert_err(OPS(f)->key_delete(SELF(f), &key, &record), E_STORE_CONFLICT);
	assert_whole(f, 2);
}

static void test_no_key_goes_before_its_objects(void **state)
{
	struct fixture *f = *state;
	struct kms_key key = doomed_make(f, 2);
	struct kms_outbox_record record = sample_record(0xffffff);
	key.destroying = false;
	assert_err(OPS(f)->key_delete(SELF(f), &key, &record), E_BUG);
	key.destroying = true;
	assert_err(OPS(f)->key_delete(SELF(f), &key, NULL), E_BUG);
	assert_whole(f, 2);
}

static void test_a_key_of_another_account_stays(void **state)
{
	struct fixture *f = *state;
	struct kms_key key = doomed_make(f, 2);
	struct kms_outbox_record record = sample_record(0xffffff);
	key.scope.account[0] = '9';
	assert_err(OPS(f)->key_delete(SELF(f), &key, &record), E_NOT_FOUND);
	assert_whole(f, 2);
}

/* ---- killed in between ---- */

static struct err open_it(struct fixture *f)
{
	struct store_sqlite_options options = fixture_options(f);
	TRY(store_sqlite_open(&options, &f->store));
	fixture_ports(f);
	return OK;
}

static struct kms_key doomed;

static struct err delete_it(struct fixture *f)
{
	struct kms_outbox_record record = sample_record(0xffffff);
	TRY(open_it(f));
	return OPS(f)->key_delete(SELF(f), &doomed, &record);
}

static void test_a_kill_leaves_the_key_whole_or_gone(void **state)
{
	struct fixture *f = *state;
	unsigned whole = 0;
	bool ended = false;
	doomed = doomed_make(f, 50);
	for (unsigned at = 1; !ended; at += WRITE_STEP) {
		fixture_close(f);
		ended = dying_child_ended(f, delete_it, at);
		assert_ok(open_it(f));
		if (rows_of(f, "keys", 1) == 0)
			break;
		whole++;
		assert_false(ended);
		assert_whole(f, 50);
	}
	assert_gone(f);
	assert_true(whole > 1);
}

static struct err rotate_it(struct fixture *f)
{
	struct rotation r = rotation_make();
	TRY(open_it(f));
	TRY(OPS(f)->intent_claim(SELF(f), &r.intent, r.intent.owner, r.intent.lease_ms));
	return rotate(f, &r);
}

static void test_a_kill_leaves_the_key_rotated_or_not(void **state)
{
	struct fixture *f = *state;
	struct rotation r = rotation_make();
	unsigned not_rotated = 0;
	bool ended = false;
	assert_ok(sample_create(f, 1));
	assert_ok(OPS(f)->intent_add(SELF(f), &r.intent));
	for (unsigned at = 1; !ended; at += WRITE_STEP) {
		fixture_close(f);
		ended = dying_child_ended(f, rotate_it, at);
		assert_ok(open_it(f));
		if (fixture_ask(f, "SELECT current_version FROM keys") == 2)
			break;
		not_rotated++;
		assert_not_rotated(f);
		assert_int_equal(fixture_ask(f, "SELECT count(*) FROM intents"), 1);
	}
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM versions"), 2);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM intents"), 0);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 2);
	assert_true(not_rotated > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_an_update_needs_no_record),
		TEST(test_what_is_kept_of_rotation_is_loaded_as_given),
		TEST(test_a_rotation_is_one_transaction),
		TEST(test_a_rotation_needs_the_next_revision),
		TEST(test_a_rotation_needs_its_intent),
		TEST(test_no_rotation_under_a_claimed_intent),
		TEST(test_a_version_is_made_once),
		TEST(test_contradictory_rotations_are_not_stored),
		TEST(test_material_goes_in_two_steps),
		TEST(test_material_changes_under_the_revision_of_its_key),
		TEST(test_nothing_else_of_a_version_changes),
		TEST(test_contradictory_material_is_not_stored),
		TEST(test_reserving_puts_back_no_material),
		TEST(test_a_key_goes_with_all_that_hangs_on_it),
		TEST(test_grants_go_a_page_at_a_time),
		TEST(test_only_the_key_that_was_seen_goes),
		TEST(test_no_key_goes_before_its_objects),
		TEST(test_a_key_of_another_account_stays),
		TEST(test_a_kill_leaves_the_key_whole_or_gone),
		TEST(test_a_kill_leaves_the_key_rotated_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
