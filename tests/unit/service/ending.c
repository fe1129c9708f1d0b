/* SPDX-License-Identifier: Apache-2.0 */
#include "ending.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/lock.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/clock_trust.h"
#include "service/core.h"
#include "service/key_making.h"
#include "service/keyring.h"
#include "service/scheduler.h"

static struct world *world;

static struct {
	pthread_mutex_t lock;
	bool planned, happened;
	struct ending_fault fault;
	unsigned steps[STEP_COUNT];
	void (*meanwhile[STEP_COUNT])(void);
	enum err_code distrust;
	int64_t back_ms;
} at = {.lock = PTHREAD_MUTEX_INITIALIZER};

void ending_plan(const struct ending_fault *fault)
{
	LOCK_SCOPE(&at.lock);
	at.planned = fault != NULL;
	at.happened = false;
	if (fault != NULL)
		at.fault = *fault;
	mem_wipe(at.steps, sizeof at.steps);
}

bool ending_fault_happened(void)
{
	LOCK_SCOPE(&at.lock);
	return at.happened;
}

unsigned ending_steps(enum ending_step step)
{
	LOCK_SCOPE(&at.lock);
	return at.steps[step];
}

void ending_meanwhile(enum ending_step step, void (*act)(void))
{
	LOCK_SCOPE(&at.lock);
	at.meanwhile[step] = act;
}

void ending_distrust(enum err_code code)
{
	LOCK_SCOPE(&at.lock);
	at.distrust = code;
}

void ending_set_back(int64_t ms)
{
	LOCK_SCOPE(&at.lock);
	at.back_ms = ms;
}

/* true: a fault of this step. */
static bool take(enum ending_step step, struct ending_fault *out)
{
	void (*act)(void) = NULL;
	bool faulty = false;
	{
		LOCK_SCOPE(&at.lock);
		unsigned nth = at.steps[step]++;
		act = at.meanwhile[step];
		at.meanwhile[step] = NULL;
		faulty = at.planned && at.fault.step == step && at.fault.nth == nth;
		*out = at.fault;
		at.happened |= faulty;
		at.planned &= !faulty;
	}
	if (act != NULL)
		act();
	return faulty;
}

/* --- the steps --- */

#define REAL(self) (store_sqlite_keys((struct store_sqlite *)(self)).ops)

static struct err key_load(void *self, const struct kms_scope *scope, const struct kms_key_id *id,
			   struct kms_key_full *out)
{
	struct ending_fault fault;
	if (take(STEP_LOAD, &fault))
		return ERR((uint16_t)fault.code);
	return REAL(self)->key_load(self, scope, id, out);
}

#define STEP(step, call)                                         \
	struct ending_fault fault = {.done = true};              \
	bool faulty = take((step), &fault);                      \
	struct err result = fault.done || !faulty ? (call) : OK; \
	return faulty && !err_failed(result) ? ERR((uint16_t)fault.code) : result

static struct err begin_deletion(void *self, const struct kms_key *key)
{
	STEP(STEP_BEGIN, REAL(self)->key_update(self, key, NULL));
}

static struct err key_update(void *self, const struct kms_key *key,
			     const struct kms_outbox_record *outbox)
{
	return key->destroying && outbox == NULL ? begin_deletion(self, key)
						 : REAL(self)->key_update(self, key, outbox);
}

static struct err key_clear(void *self, const struct kms_key *seen, bool *more)
{
	STEP(STEP_CLEAR, REAL(self)->key_clear(self, seen, more));
}

static struct err key_delete(void *self, const struct kms_key *seen,
			     const struct kms_outbox_record *outbox)
{
	STEP(STEP_END, REAL(self)->key_delete(self, seen, outbox));
}

static struct err material_update(void *self, const struct kms_key *key,
				  const struct kms_version *version,
				  const struct kms_outbox_record *outbox)
{
	STEP(outbox == NULL ? STEP_BEGIN : STEP_END,
	     REAL(self)->material_update(self, key, version, outbox));
}

static void adjust(struct kms_store_ops *ops)
{
	ops->key_load = key_load;
	ops->key_update = key_update;
	ops->key_clear = key_clear;
	ops->key_delete = key_delete;
	ops->material_update = material_update;
}

struct err __wrap_clock_trust_check(struct clock_trust *trust, int64_t *now_ms);
struct err __wrap_clock_trust_check(UNUSED struct clock_trust *trust, int64_t *now_ms)
{
	struct ending_fault fault;
	bool faulty = take(STEP_CLOCK, &fault);
	LOCK_SCOPE(&at.lock);
	enum err_code code = faulty ? fault.code : at.distrust;
	*now_ms = clock_real_ms(&clock_system) - at.back_ms;
	return code != E_OK ? ERR((uint16_t)code) : OK;
}

struct err __wrap_scheduler_rest(struct scheduler *scheduler);
struct err __wrap_scheduler_rest(UNUSED struct scheduler *scheduler)
{
	struct ending_fault fault;
	return take(STEP_REST, &fault) ? ERR((uint16_t)fault.code) : OK;
}

struct lost {
	void (*done)(struct hsm_op *op, struct err result);
	void *user;
	enum err_code code;
};

static void lose(struct hsm_op *op, UNUSED struct err result)
{
	struct lost lost = *(struct lost *)op->user;
	free(op->user);
	op->done = lost.done;
	op->user = lost.user;
	hsm_op_cleanup(op);
	op->done(op, ERR((uint16_t)lost.code));
}

void __real_hsm_submit(struct hsm *hsm, struct hsm_op *op);
void __wrap_hsm_submit(struct hsm *hsm, struct hsm_op *op);
void __wrap_hsm_submit(struct hsm *hsm, struct hsm_op *op)
{
	struct ending_fault fault;
	if (op->verb != HSM_KEY_DESTROY || !take(STEP_DESTROY, &fault)) {
		__real_hsm_submit(hsm, op);
		return;
	}
	if (!fault.done) {
		op->done(op, ERR((uint16_t)fault.code));
		return;
	}
	struct lost *lost = malloc(sizeof *lost);
	assert_non_null(lost);
	*lost = (struct lost){op->done, op->user, fault.code};
	op->done = lose;
	op->user = lost;
	__real_hsm_submit(hsm, op);
}

/* --- the world --- */

void ending_make(struct world *w)
{
	world = w;
	world->adjust = adjust;
	world->without_due_work = true; /* the tests do it */
	world_make(world);
	world_start(world, &world->first, "audit");
}

void ending_remove(void)
{
	world_stop(&world->first);
	world_remove(world);
}

void ending_restart(void)
{
	world_stop(&world->first);
	world_start(world, &world->first, "audit");
}

/* --- keys --- */

static const struct kms_scope *scope(void)
{
	return &world->first.service->options.installation.scope;
}

static struct kms_store store(void)
{
	return store_sqlite_keys(world->first.store);
}

struct kms_key_id ending_id(const char *id)
{
	struct kms_key_id out;
	assert_ok(kms_key_id_parse(view_of_text(id), &out));
	return out;
}

struct err ending_load(const char *id, struct kms_key_full *out)
{
	const struct kms_key_id key_id = ending_id(id);
	return store().ops->key_load(store().self, scope(), &key_id, out);
}

void ending_change(const char *id, void (*change)(struct kms_key *key))
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(ending_load(id, &full));
	change(&full.key);
	full.key.revision++;
	assert_ok(store().ops->key_update(store().self, &full.key, NULL));
}

static const struct kms_outbox_record *some_record(void)
{
	static struct kms_outbox_record record;
	static unsigned count;
	assert_ok(text_format(record.event_id, sizeof record.event_id,
			      "00000000-0000-4000-8000-%012u", count++));
	record.line = VIEW_LITERAL("{\"eventName\":\"Arranged\"}");
	return &record;
}

void ending_add_version(const char *id)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(ending_load(id, &full));
	struct kms_version made = {.key_id = full.key.id,
				   .number = full.key.current_version + 1,
				   .rotation = KMS_ROTATION_ON_DEMAND};
	assert_ok(key_making_begin(world->first.service, scope(), &made));
	full.key.current_version = made.number;
	full.key.revision++;
	assert_ok(store().ops->key_rotate(store().self, &full.key, &made, some_record()));
}

static void date_has_come(struct kms_key *key)
{
	key->deletion_ms = clock_real_ms(&clock_system) - 1000;
}

void ending_make_due(const char *id)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(world, &r, "ScheduleKeyDeletion", "{\"KeyId\":\"%s\"}", id);
	assert_status(&r, 200);
	ending_change(id, date_has_come);
}

void ending_set_material(const char *id, uint32_t number, enum kms_material_state material)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(ending_load(id, &full));
	full.key.revision++;
	full.versions[number - 1].material = material;
	assert_ok(store().ops->material_update(store().self, &full.key, &full.versions[number - 1],
					       NULL));
	keyring_drop(world->first.service->keyring, &full.key.id);
}

void ending_import(int64_t valid_to_ms, char id[KMS_KEY_ID_TEXT + 1])
{
	static char description[] = "imported", policy[4096];
	CLEANUP(kms_key_full_cleanup) struct kms_key_full like = {0};
	char other[KMS_KEY_ID_TEXT + 1];
	world_create_key(world, "{}", other); /* for its policy */
	assert_ok(ending_load(other, &like));
	assert_ok(text_copy(policy, sizeof policy, view_of_text(like.key.policy)));
	struct kms_key key = like.key;
	struct kms_version version = {.number = 1, .valid_to_ms = valid_to_ms};
	assert_ok(kms_key_id_make(false, &key.id));
	key.origin = KMS_ORIGIN_EXTERNAL;
	key.description = description;
	key.policy = policy;
	key.revision = 1;
	version.key_id = key.id;
	assert_ok(key_making_begin(world->first.service, scope(), &version));
	const struct kms_new_key made = {.key = &key, .version = &version};
	assert_ok(store().ops->key_create(store().self, &made, some_record()));
	kms_key_id_format(&key.id, id);
}

/* --- what is left --- */

size_t ending_objects(void)
{
	struct hsm_key_id cursor = {0};
	size_t total = 0;
	for (size_t count = 1; count > 0; total += count) {
		CLEANUP(hsm_op_cleanup)
		struct hsm_op op = {.verb = HSM_ENUMERATE,
				    .cursor = cursor,
				    .deadline_ms = clock_steady_ms(&clock_system) + 5000};
		assert_ok(hsm_call(world->hsm, &op));
		cursor = op.cursor;
		count = op.object_count;
	}
	return total;
}

static size_t find_records(const char *event, const char *id, char **out)
{
	char name[64];
	size_t count = 0;
	CLEANUP(mem_free_at) char *log = world_audit(&world->first);
	assert_ok(text_format(name, sizeof name, "\"eventName\":\"%s\"", event));
	for (struct view rest = view_of_text(log); rest.len > 0;) {
		CLEANUP(mem_free_at) char *line = NULL;
		assert_ok(text_new(view_cut(&rest, '\n'), &line));
		if (strstr(line, name) == NULL || strstr(line, id) == NULL)
			continue;
		count++;
		if (out != NULL && *out == NULL)
			*out = TAKE(line);
	}
	return count;
}

size_t ending_records(const char *event, const char *id)
{
	return find_records(event, id, NULL);
}

char *ending_record(const char *event, const char *id)
{
	char *line = NULL;
	assert_int_equal(find_records(event, id, &line), 1);
	return line;
}

size_t ending_outbox(void)
{
	struct kms_outbox_record *records = NULL;
	size_t count = 0;
	assert_ok(store().ops->outbox_list(store().self, &records, &count));
	for (size_t i = 0; i < count; i++)
		mem_free_at(&records[i].line.ptr);
	mem_free(records);
	return count;
}
