/* SPDX-License-Identifier: Apache-2.0 */
#include "lives.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "breakage.h"

static struct kms_store port(struct world *w)
{
	return store_sqlite_keys(w->first.store);
}

void life_load(struct world *w, const struct kms_key_id *id, struct kms_key_full *out)
{
	const struct kms_store store = port(w);
	assert_ok(store.ops->key_load(store.self, &w->installation.scope, id, out));
}

void life_change(struct world *w, const struct kms_key_id *id, void (*apply)(struct kms_key *key))
{
	const struct kms_store store = port(w);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	life_load(w, id, &full);
	apply(&full.key);
	full.key.revision++;
	assert_ok(store.ops->key_update(store.self, &full.key, NULL));
}

static uint32_t wanted_days;

static void switch_on(struct kms_key *key)
{
	bool changed = false;
	assert_ok(kms_rotation_enable(key, wanted_days, clock_real_ms(&world_clock), &changed));
	assert_true(changed);
}

void life_ask_for_rotation(struct kms_key *key)
{
	key->on_demand_ms = clock_real_ms(&world_clock);
}

#define BEGUN_MAX 64
static struct kms_key_id begun[BEGUN_MAX];
static size_t begun_count;

struct kms_key_id life_begin(struct world *w, uint32_t days, char id[KMS_KEY_ID_TEXT + 1])
{
	struct kms_key_id key_id;
	world_create_key(w, "{}", id);
	assert_ok(kms_key_id_parse(view_of_text(id), &key_id));
	wanted_days = days;
	life_change(w, &key_id, switch_on);
	assert_true(begun_count < BEGUN_MAX);
	begun[begun_count++] = key_id;
	return key_id;
}

static void switch_off(struct kms_key *key)
{
	bool changed = false;
	kms_rotation_disable(key, &changed);
}

void life_end_all(struct world *w)
{
	while (begun_count > 0)
		life_change(w, &begun[--begun_count], switch_off);
}

size_t life_versions(struct world *w, const struct kms_key_id *id)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	life_load(w, id, &full);
	return full.version_count;
}

void life_await_versions(struct world *w, const struct kms_key_id *id, size_t versions)
{
	for (unsigned i = 0; i < 1000 && life_versions(w, id) < versions; i++)
		(void)usleep(10000);
	assert_int_equal(life_versions(w, id), versions);
}

size_t life_intents(struct world *w)
{
	const struct kms_store store = port(w);
	CLEANUP(mem_free_at) struct kms_intent *intents = NULL;
	size_t count = 0;
	assert_ok(store.ops->intent_list(store.self, INT64_MAX, &intents, &count));
	return count;
}

size_t life_objects(struct world *w)
{
	struct hsm_key_id cursor = {0};
	size_t total = 0;
	for (size_t count = 1; count > 0; total += count) {
		CLEANUP(hsm_op_cleanup)
		struct hsm_op op = {.verb = HSM_ENUMERATE,
				    .cursor = cursor,
				    .deadline_ms = clock_steady_ms(&clock_system) + 5000};
		assert_ok(hsm_call(w->hsm, &op));
		cursor = op.cursor;
		count = op.object_count;
	}
	return total;
}

size_t life_records(struct world *w, const char *event, const char *id)
{
	char name[64];
	size_t count = 0;
	CLEANUP(mem_free_at) char *log = world_audit(&w->first);
	assert_ok(text_format(name, sizeof name, "\"eventName\":\"%s\"", event));
	for (struct view rest = view_of_text(log); rest.len > 0;) {
		CLEANUP(mem_free_at) char *line = NULL;
		assert_ok(text_new(view_cut(&rest, '\n'), &line));
		count += strstr(line, name) != NULL && strstr(line, id) != NULL;
	}
	return count;
}

static void assert_on_token(struct world *w, const struct kms_version *version)
{
	char label[HSM_LABEL_MAX + 1];
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_KEY_FIND,
			    .deadline_ms = clock_steady_ms(&clock_system) + 5000,
			    .object = {.id = version->token_id}};
	assert_ok(hsm_call(w->hsm, &op));
	assert_ok(kms_version_label(w->installation.id, &version->key_id, version->number, label));
	assert_string_equal(op.object.label, label);
	assert_true(op.object.sound);
}

void life_assert_whole(struct world *w, const struct kms_key_id *id, size_t versions)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	life_load(w, id, &full);
	assert_int_equal(full.version_count, versions);
	assert_int_equal(full.key.current_version, full.versions[versions - 1].number);
	for (size_t i = 0; i < versions; i++)
		assert_on_token(w, &full.versions[i]);
}

void life_restart(struct world *w, int64_t ms)
{
	world_stop(&w->first);
	break_nothing();
	world_advance(ms);
	world_start(w, &w->first, "audit");
}
