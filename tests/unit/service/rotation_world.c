/* SPDX-License-Identifier: Apache-2.0 */
#include "rotation_world.h"

#include <math.h>

#include "base/text.h"
#include "service/core.h"
#include "service/key_rotation.h"
#include "service/keyring.h"

static void adjust(struct kms_store_ops *ops);

struct world world = {.adjust = adjust, .without_due_work = true};
char the_key[KMS_KEY_ID_TEXT + 1];
int64_t material_age_ms;
uint16_t rotate_fault;
atomic_uint updates;

const char *const settings[SETTINGS] = {"EnableKeyRotation", "DisableKeyRotation",
					"RotateKeyOnDemand"};

/* --- the store, adjusted --- */

static struct kms_store rows(void)
{
	return store_sqlite_keys(world.first.store);
}

static struct err key_load(void *self, const struct kms_scope *scope, const struct kms_key_id *id,
			   struct kms_key_full *out)
{
	struct err e = rows().ops->key_load(self, scope, id, out);
	for (size_t i = 0; !err_failed(e) && i < out->version_count; i++)
		out->versions[i].created_ms -= material_age_ms;
	return e;
}

static struct err key_update(void *self, const struct kms_key *changed,
			     const struct kms_outbox_record *outbox)
{
	updates++;
	return rows().ops->key_update(self, changed, outbox);
}

static struct err key_rotate(void *self, const struct kms_key *changed,
			     const struct kms_version *made, const struct kms_outbox_record *outbox)
{
	if (rotate_fault != E_OK)
		return ERR(rotate_fault);
	return rows().ops->key_rotate(self, changed, made, outbox);
}

static void adjust(struct kms_store_ops *ops)
{
	ops->key_load = key_load;
	ops->key_update = key_update;
	ops->key_rotate = key_rotate;
}

static struct kms_key_id key_id(void)
{
	struct kms_key_id id;
	assert_ok(kms_key_id_parse(view_of_text(the_key), &id));
	return id;
}

static void load(struct kms_key_full *full)
{
	struct kms_key_id id = key_id();
	assert_ok(rows().ops->key_load(rows().self, &world.installation.scope, &id, full));
}

static void store(struct kms_key *row)
{
	row->revision++;
	assert_ok(rows().ops->key_update(rows().self, row, NULL));
	keyring_drop(world.first.service->keyring, &row->id);
}

void edit(edit_fn *change_row)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	load(&full);
	change_row(&full.key);
	store(&full.key);
}

void edit_next(int64_t until_next_ms)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	load(&full);
	full.key.rotation_enabled = true;
	full.key.rotation_period_days = 365;
	full.key.rotation_from_ms = clock_real_ms(&world_clock) + until_next_ms - 365 * KMS_DAY_MS;
	store(&full.key);
}

int rotation_fresh_key(UNUSED void **state)
{
	material_age_ms = 0;
	rotate_fault = E_OK;
	world_create_key(&world, "{}", the_key);
	updates = 0;
	return 0;
}

/* --- calls --- */

void call(const char *operation, const char *more, struct reply *r)
{
	world_call(&world, r, operation, "{\"KeyId\":\"%s\"%s}", the_key, more);
}

void change(const char *operation, const char *more)
{
	CLEANUP(reply_cleanup) struct reply r;
	call(operation, more, &r);
	assert_status(&r, 200);
	assert_string_equal(r.body, "");
}

void rotate(void)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[128];
	call("RotateKeyOnDemand", "", &r);
	assert_ok(text_format(text, sizeof text, "{\"KeyId\":\"%s\"}", the_key));
	assert_string_equal(r.body, text);
}

void do_due_work(void)
{
	struct kms_key_id id = key_id();
	unsigned rotated;
	assert_ok(key_rotation_run(world.first.service, &world.installation.scope, &id, &rotated));
}

double now_s(void)
{
	return (double)clock_real_ms(&world_clock) / 1000;
}

double number(const struct reply *r, const char *member)
{
	return json_number_of(json_member(r->json, member));
}

void assert_on(unsigned days, double next_s)
{
	CLEANUP(reply_cleanup) struct reply r;
	call("GetKeyRotationStatus", "", &r);
	assert_status(&r, 200);
	assert_int_equal(json_count(r.json), 4);
	assert_string_equal(reply_text(&r, "KeyId"), the_key);
	assert_true(json_bool_of(json_member(r.json, "KeyRotationEnabled")));
	assert_int_equal((int)number(&r, "RotationPeriodInDays"), (int)days);
	if (fabs(number(&r, "NextRotationDate") - now_s() - next_s) > 60)
		fail_msg("next %f, now %f", number(&r, "NextRotationDate"), now_s());
}

void assert_off(void)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[128];
	call("GetKeyRotationStatus", "", &r);
	assert_ok(text_format(text, sizeof text, "{\"KeyId\":\"%s\",\"KeyRotationEnabled\":false}",
			      the_key));
	assert_string_equal(r.body, text);
}

void assert_refusal(const char *operation, const char *type, const char *what)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[256];
	call(operation, "", &r);
	assert_ok(text_format(text, sizeof text, "%s %s", world_arn(the_key), what));
	assert_refused(&r, type, text);
}

void assert_unsupported(const char *operation)
{
	CLEANUP(reply_cleanup) struct reply r;
	call(operation, "", &r);
	assert_status(&r, 400);
	assert_string_equal(r.body, "{\"__type\":\"UnsupportedOperationException\"}");
}

/* --- what rotations left --- */

const struct json *entry(const struct reply *r, size_t at, const char *member)
{
	return json_member(json_element(json_member(r->json, "Rotations"), at), member);
}

bool entry_is(const struct reply *r, size_t at, const char *member, const char *value)
{
	return view_equal_text(json_string_of(entry(r, at, member)), value);
}

size_t list(const char *more, struct reply *r)
{
	call("ListKeyRotations", more, r);
	assert_status(r, 200);
	return json_count(json_member(r->json, "Rotations"));
}

size_t count_rotations(void)
{
	CLEANUP(reply_cleanup) struct reply r;
	return list("", &r);
}

void read_material(char out[MATERIAL_TEXT])
{
	CLEANUP(reply_cleanup) struct reply r;
	call("DescribeKey", "", &r);
	assert_ok(text_copy(out, MATERIAL_TEXT,
			    view_of_text(reply_metadata(&r, "CurrentKeyMaterialId"))));
}
