/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm_local without a token, for tests of the process protocol and of holdfast-token alone. It
 * keeps every bound and every output of hsm.h but HIDES NOTHING: "sealing" puts zeros around the
 * plaintext. It must never be linked into anything but a test.
 *
 * The URI steers it: "pin=SECRET" is the PIN it accepts, "missing=PATH" is E_HSM_AWAY until PATH
 * exists. So does the first byte of to.key: HANG_KEY, SLOW_KEY.
 */
#include <pthread.h>
#include <unistd.h>

#include "base/entropy.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "hsm/p11/local.h"

#define OBJECTS_MAX 4096
#define HANG_KEY 0xee /* first byte of a key under which every operation hangs */
#define SLOW_KEY 0xdd /* first byte of a key under which every operation takes SLOW_MS */
#define SLOW_MS 300

struct hsm {
	struct hsm_lane_watch *watch;
	const struct clock *clock;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	bool stopping;
	struct hsm_op *first;
	struct hsm_op **last;
	size_t waiting;
	size_t queue_max;
	uint64_t operations;
	struct hsm_object objects[OBJECTS_MAX];
	size_t object_count;
	struct hsm_anchor anchor; /* one, whatever the prefix */
};

static struct err seal(struct hsm_op *op, struct view plaintext)
{
	static const uint8_t zeros[HSM_SEALED_OVERHEAD];
	buf_init(&op->sealed, HSM_PLAINTEXT_MAX + HSM_SEALED_OVERHEAD);
	TRY(buf_append(&op->sealed, view_of(zeros, HSM_NONCE_LEN + HSM_IV_LEN)));
	TRY(buf_append(&op->sealed, plaintext));
	return buf_append(&op->sealed, view_of(zeros, HSM_TAG_LEN));
}

static struct err do_seal(struct hsm *hsm, struct hsm_op *op)
{
	(void)hsm;
	return seal(op, secret_view(op->plaintext));
}

static struct view inside(const struct hsm_op *op)
{
	return view_part(op->sealed_in, HSM_NONCE_LEN + HSM_IV_LEN,
			 op->sealed_in.len - HSM_SEALED_OVERHEAD);
}

static struct err do_open(struct hsm *hsm, struct hsm_op *op)
{
	(void)hsm;
	REQUIRE(op->sealed_in.ptr[0] == 0, E_HSM_CIPHERTEXT);
	return secret_new_from(inside(op), &op->plaintext_out);
}

static struct err do_reseal(struct hsm *hsm, struct hsm_op *op)
{
	(void)hsm;
	return seal(op, inside(op));
}

static struct err do_random(struct hsm *hsm, struct hsm_op *op)
{
	(void)hsm;
	CLEANUP(secret_free) struct secret *drawn = NULL;
	TRY(secret_new(op->length, &drawn));
	TRY(entropy_fill(drawn->ptr, op->length));
	drawn->len = op->length;
	op->plaintext_out = TAKE(drawn);
	return OK;
}

static struct err do_generate(struct hsm *hsm, struct hsm_op *op)
{
	TRY(do_random(hsm, op));
	TRY(seal(op, secret_view(op->plaintext_out)));
	if (!op->want_plaintext)
		secret_free(&op->plaintext_out);
	return OK;
}

static struct err do_mac(struct hsm *hsm, struct hsm_op *op)
{
	(void)hsm;
	TRY(MEM_NEW_ARRAY(op->message_count, &op->macs));
	for (size_t i = 0; i < op->message_count; i++) {
		struct view m = op->messages[i];
		op->macs[i][0] = (uint8_t)m.len;
		op->macs[i][1] = m.len > 0 ? m.ptr[0] : 0;
	}
	return OK;
}

static struct hsm_object *find(struct hsm *hsm, const struct hsm_key_id *id)
{
	for (size_t i = 0; i < hsm->object_count; i++)
		if (mem_equal(&hsm->objects[i].id, id, sizeof *id))
			return &hsm->objects[i];
	return NULL;
}

static struct err do_key_generate(struct hsm *hsm, struct hsm_op *op)
{
	REQUIRE(find(hsm, &op->object.id) == NULL, E_HSM_KEY_EXISTS);
	REQUIRE(hsm->object_count < OBJECTS_MAX, E_HSM_CAPACITY);
	op->object.sound = true;
	hsm->objects[hsm->object_count++] = op->object;
	return OK;
}

static struct err do_key_find(struct hsm *hsm, struct hsm_op *op)
{
	struct hsm_object *found = find(hsm, &op->object.id);
	REQUIRE(found != NULL, E_HSM_KEY_UNKNOWN);
	op->object = *found;
	return OK;
}

static struct err do_key_destroy(struct hsm *hsm, struct hsm_op *op)
{
	struct hsm_object *found = find(hsm, &op->object.id);
	REQUIRE(found != NULL, E_HSM_KEY_UNKNOWN);
	*found = hsm->objects[--hsm->object_count];
	return OK;
}

static struct err do_enumerate(struct hsm *hsm, struct hsm_op *op)
{
	TRY(MEM_NEW_ARRAY(HSM_ENUMERATE_MAX, &op->objects));
	for (size_t i = 0; i < hsm->object_count && op->object_count < HSM_ENUMERATE_MAX; i++)
		op->objects[op->object_count++] = hsm->objects[i];
	return OK;
}

static struct err do_probe(struct hsm *hsm, struct hsm_op *op)
{
	(void)hsm;
	(void)op;
	return OK;
}

/* The digest twice: whoever has the digest has the signature. */
static struct err do_sign(struct hsm *hsm, struct hsm_op *op)
{
	(void)hsm;
	mem_copy(op->signature, sizeof op->signature, op->digest, sizeof op->digest);
	mem_copy(op->signature + sizeof op->digest, sizeof op->digest, op->digest,
		 sizeof op->digest);
	return OK;
}

static struct err do_public_key(struct hsm *hsm, struct hsm_op *op)
{
	(void)hsm;
	op->point[0] = 4;
	return OK;
}

static struct err do_describe(struct hsm *hsm, struct hsm_op *op)
{
	TRY(do_key_find(hsm, op));
	op->attributes.known = op->attributes.set = 1U << HSM_ATTRIBUTE_TOKEN;
	return OK;
}

static struct err do_anchor_read(struct hsm *hsm, struct hsm_op *op)
{
	op->anchor.epoch = hsm->anchor.epoch;
	mem_copy(op->anchor.digest, sizeof op->anchor.digest, hsm->anchor.digest,
		 sizeof hsm->anchor.digest);
	return OK;
}

static struct err do_anchor_raise(struct hsm *hsm, struct hsm_op *op)
{
	REQUIRE(op->anchor.epoch != hsm->anchor.epoch ||
			mem_equal(op->anchor.digest, hsm->anchor.digest, sizeof op->anchor.digest),
		E_HSM_ANCHOR);
	if (op->anchor.epoch > hsm->anchor.epoch)
		hsm->anchor = op->anchor;
	return do_anchor_read(hsm, op);
}

static struct err (*const verbs[HSM_VERB_COUNT])(struct hsm *hsm, struct hsm_op *op) = {
	[HSM_SEAL] = do_seal,
	[HSM_OPEN] = do_open,
	[HSM_RESEAL] = do_reseal,
	[HSM_GENERATE_SEALED] = do_generate,
	[HSM_RANDOM] = do_random,
	[HSM_MAC] = do_mac,
	[HSM_KEY_GENERATE] = do_key_generate,
	[HSM_KEY_FIND] = do_key_find,
	[HSM_KEY_DESTROY] = do_key_destroy,
	[HSM_ENUMERATE] = do_enumerate,
	[HSM_PROBE] = do_probe,
	[HSM_SIGN] = do_sign,
	[HSM_PUBLIC_KEY] = do_public_key,
	[HSM_DESCRIBE] = do_describe,
	[HSM_ANCHOR_READ] = do_anchor_read,
	[HSM_ANCHOR_RAISE] = do_anchor_raise,
};

static struct err obey(struct hsm *hsm, struct hsm_op *op)
{
	uint8_t first = op->to.key.bytes[0];
	REQUIRE(op->deadline_ms > clock_steady_ms(hsm->clock), E_HSM_TIMEOUT);
	hsm->watch->deadline_ms[0] = op->deadline_ms;
	if (first == HANG_KEY)
		(void)pause();
	if (first == SLOW_KEY) {
		log_event(LOG_INFO, "memory.slow_begun");
		(void)usleep(SLOW_MS * 1000);
	}
	struct err e = verbs[op->verb](hsm, op);
	hsm->watch->deadline_ms[0] = 0;
	hsm->watch->operations++;
	return e;
}

static struct hsm_op *next_op(struct hsm *hsm)
{
	LOCK_SCOPE(&hsm->lock);
	while (hsm->first == NULL && !hsm->stopping)
		(void)pthread_cond_wait(&hsm->more, &hsm->lock);
	struct hsm_op *op = hsm->first;
	if (op == NULL || hsm->stopping)
		return NULL;
	hsm->first = op->next;
	hsm->waiting--;
	hsm->operations++;
	if (hsm->first == NULL)
		hsm->last = &hsm->first;
	return op;
}

static void *run(void *context)
{
	struct hsm *hsm = (struct hsm *)context;
	struct hsm_op *op = next_op(hsm);
	while (op != NULL) {
		op->done(op, obey(hsm, op));
		op = next_op(hsm);
	}
	return NULL;
}

static bool queue(struct hsm *hsm, struct hsm_op *op)
{
	LOCK_SCOPE(&hsm->lock);
	if (hsm->waiting >= hsm->queue_max)
		return false;
	op->next = NULL;
	*hsm->last = op;
	hsm->last = &op->next;
	hsm->waiting++;
	(void)pthread_cond_signal(&hsm->more);
	return true;
}

void hsm_submit(struct hsm *hsm, struct hsm_op *op)
{
	if (!queue(hsm, op))
		op->done(op, ERR(E_BUSY));
}

void hsm_status(struct hsm *hsm, struct hsm_status *out)
{
	LOCK_SCOPE(&hsm->lock);
	*out = (struct hsm_status){.condition = HSM_UP,
				   .last_error = OK,
				   .suite = HSM_SUITE_DIRECT,
				   .lanes = 1,
				   .generation = 1,
				   .operations = hsm->operations,
				   .manufacturer = "Holdfast tests",
				   .model = "memory",
				   .serial = "0001",
				   .token_label = "memory"};
}

void hsm_close(struct hsm **hsm)
{
	struct hsm *gone = TAKE(*hsm);
	if (gone == NULL)
		return;
	{
		LOCK_SCOPE(&gone->lock);
		gone->stopping = true;
		(void)pthread_cond_signal(&gone->more);
	}
	(void)pthread_join(gone->thread, NULL);
	while (gone->first != NULL) {
		struct hsm_op *op = gone->first;
		gone->first = op->next;
		op->done(op, ERR(E_CANCELLED));
	}
	mem_free(gone);
}

static struct view parameter(const char *uri, const char *name)
{
	struct view rest = view_of_text(uri);
	while (rest.ptr != NULL) {
		struct view value = view_cut(&rest, ';');
		struct view key = view_cut(&value, '=');
		if (view_equal_text(key, name))
			return value;
	}
	return VIEW_NONE;
}

static struct err admit(const struct hsm_local_options *options)
{
	struct view missing = parameter(options->uri, "missing");
	struct view pin = parameter(options->uri, "pin");
	char path[256];
	TRY(text_copy(path, sizeof path, missing));
	REQUIRE(missing.len == 0 || access(path, F_OK) == 0, E_HSM_AWAY);
	REQUIRE(pin.len == 0 || view_equal(pin, secret_view(options->pin)), E_HSM_PIN);
	return OK;
}

NODISCARD struct err hsm_local_open(const struct hsm_local_options *options, struct hsm **out)
{
	*out = NULL;
	TRY(admit(options));
	CLEANUP(mem_free_at) struct hsm *hsm = NULL;
	TRY(MEM_NEW(&hsm));
	hsm->watch = options->watch;
	hsm->clock = options->clock;
	hsm->queue_max = options->queue_max;
	hsm->last = &hsm->first;
	(void)pthread_mutex_init(&hsm->lock, NULL);
	(void)pthread_cond_init(&hsm->more, NULL);
	REQUIRE(pthread_create(&hsm->thread, NULL, run, hsm) == 0, E_SYSTEM);
	*out = TAKE(hsm);
	return OK;
}

NODISCARD struct err hsm_local_init_token(const char *module_path, const char *label,
					  const struct secret *so_pin, const struct secret *pin)
{
	(void)module_path;
	(void)so_pin;
	(void)pin;
	return text_equal(label, "taken") ? ERR(E_ALREADY_INITIALISED) : OK;
}

NODISCARD struct err hsm_local_pin_limits(const struct hsm_local_pin_options *options, size_t *min,
					  size_t *max)
{
	(void)options, (void)min, (void)max;
	return ERR(E_HSM_UNSUPPORTED);
}

NODISCARD struct err hsm_local_pin_set(const struct hsm_local_pin_options *options,
				       const struct secret *old, const struct secret *fresh)
{
	(void)options, (void)old, (void)fresh;
	return ERR(E_HSM_UNSUPPORTED);
}

NODISCARD struct err hsm_local_pin_try(const struct hsm_local_pin_options *options,
				       const struct secret *pin)
{
	(void)options, (void)pin;
	return ERR(E_HSM_UNSUPPORTED);
}
