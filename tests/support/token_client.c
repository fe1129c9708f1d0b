/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon's side of the token socket, for tests and benches: keeps a number of operations under
 * way for a time, counts how they end, and prints one line of JSON.
 *
 *   token_client SOCKET VERB COUNT SECONDS [KEYBYTE [DEADLINE_MS [UID]]]
 *
 * VERB: seal, open, generate, random, key, probe, sign; raise: an anchor from where it stands, one
 * epoch each, and the highest that was acknowledged is printed; anchor: reads it; "status" waits
 * for the condition and prints it.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "hsm/remote.h"

#define COUNT_MAX HSM_REMOTE_IN_FLIGHT_MAX
#define CODES_MAX ERR_CODE_COUNT

/* One operation, again and again. */
struct runner {
	struct hsm_op op;
	_Atomic bool busy;
};

struct load {
	struct hsm *hsm;
	enum hsm_verb verb;
	int64_t deadline_ms;
	int64_t end_ms;
	uint8_t key_byte;
	struct secret *plaintext;
	enum hsm_suite suite;
	struct buf sealed; /* what is opened again and again */
	_Atomic uint64_t counts[CODES_MAX];
	_Atomic uint64_t under_way;
	_Atomic uint64_t wrong; /* an answer that is not the one asked for */
	_Atomic uint64_t serial;
	_Atomic uint64_t anchor;        /* the highest that was answered */
	_Atomic int64_t longest_gap_ms; /* between two successes */
	_Atomic int64_t last_success_ms;
};

static const struct {
	const char *name;
	enum hsm_verb verb;
} names[] = {{"seal", HSM_SEAL},     {"open", HSM_OPEN},          {"generate", HSM_GENERATE_SEALED},
	     {"random", HSM_RANDOM}, {"key", HSM_KEY_GENERATE},   {"probe", HSM_PROBE},
	     {"sign", HSM_SIGN},     {"raise", HSM_ANCHOR_RAISE}, {"anchor", HSM_ANCHOR_READ}};

static int64_t now_ms(void)
{
	return clock_steady_ms(&clock_system);
}

static void fill(struct load *load, struct hsm_op *op)
{
	static const uint8_t header[40] = {1};
	*op = (struct hsm_op){.verb = load->verb, .user = load};
	op->deadline_ms = now_ms() + load->deadline_ms;
	op->from = op->to = (struct hsm_sealing){.suite = load->suite,
						 .header = VIEW_ARRAY(header),
						 .context = VIEW_LITERAL("context")};
	op->to.key.bytes[0] = load->key_byte;
	op->from.key = op->to.key;
	op->plaintext = load->plaintext;
	op->sealed_in = buf_view(&load->sealed);
	op->length = 32;
	op->object.role = HSM_ROLE_VERSION;
	uint64_t serial = load->serial++;
	mem_copy(op->object.id.bytes, sizeof op->object.id.bytes, &serial, sizeof serial);
	mem_copy(op->digest, sizeof op->digest, &serial, sizeof serial);
	/* Whoever raises to this epoch raises to this digest. */
	op->anchor = (struct hsm_anchor){.prefix = "holdfast:test", .epoch = serial};
	mem_copy(op->anchor.digest, sizeof op->anchor.digest, &serial, sizeof serial);
}

static void note_anchor(struct load *load, uint64_t epoch)
{
	uint64_t highest = load->anchor;
	while (epoch > highest && !atomic_compare_exchange_weak(&load->anchor, &highest, epoch))
		;
}

static bool is_signed(const struct hsm_op *op)
{
	static const uint8_t nothing[HSM_SIGNATURE_LEN];
	return !mem_equal(op->signature, nothing, sizeof nothing);
}

static bool is_anchor(const struct hsm_op *op)
{
	uint64_t digest = 0;
	mem_copy(&digest, sizeof digest, op->anchor.digest, sizeof digest);
	note_anchor((struct load *)op->user, op->anchor.epoch);
	return digest == op->anchor.epoch;
}

static bool is_right(const struct hsm_op *op)
{
	const struct load *load = (const struct load *)op->user;
	switch (op->verb) {
	case HSM_SEAL:
		return op->sealed.len == load->plaintext->len + HSM_SEALED_OVERHEAD;
	case HSM_OPEN:
		return op->plaintext_out->len == 32;
	case HSM_GENERATE_SEALED:
		return op->plaintext_out == NULL && op->sealed.len == 32 + HSM_SEALED_OVERHEAD;
	case HSM_RANDOM:
		return op->plaintext_out->len == 32;
	case HSM_RESEAL:
	case HSM_MAC:
	case HSM_KEY_GENERATE:
	case HSM_KEY_FIND:
	case HSM_KEY_DESTROY:
	case HSM_ENUMERATE:
	case HSM_PROBE:
	case HSM_PUBLIC_KEY:
	case HSM_DESCRIBE:
	case HSM_VERB_COUNT:
		return true;
	case HSM_SIGN:
		return is_signed(op);
	case HSM_ANCHOR_READ:
	case HSM_ANCHOR_RAISE:
		return is_anchor(op);
	}
	return false;
}

static void note_gap(struct load *load)
{
	int64_t now = now_ms();
	int64_t gap = now - load->last_success_ms;
	load->last_success_ms = now;
	if (gap > load->longest_gap_ms)
		load->longest_gap_ms = gap;
}

static void done(struct hsm_op *op, struct err result)
{
	struct load *load = (struct load *)op->user;
	load->counts[result.code]++;
	if (!err_failed(result)) {
		load->wrong += is_right(op) ? 0 : 1;
		note_gap(load);
	}
	hsm_op_cleanup(op);
	if (now_ms() >= load->end_ms || err_failed(result)) {
		/* The main thread starts it again, slowly. */
		((struct runner *)(void *)op)->busy = false;
		load->under_way--;
		return;
	}
	fill(load, op);
	op->done = done;
	hsm_submit(load->hsm, op);
}

static void start_idle(struct load *load, struct runner *runners, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (runners[i].busy)
			continue;
		runners[i].busy = true;
		load->under_way++;
		fill(load, &runners[i].op);
		runners[i].op.done = done;
		hsm_submit(load->hsm, &runners[i].op);
	}
}

static void print_result(struct load *load, double seconds)
{
	struct hsm_status status;
	hsm_status(load->hsm, &status);
	(void)printf("{\"rate\": %.0f, \"wrong\": %llu, \"gap_ms\": %lld, \"condition\": %d, "
		     "\"last_error\": \"%s\", \"anchor\": %llu",
		     (double)load->counts[E_OK] / seconds, (unsigned long long)load->wrong,
		     (long long)load->longest_gap_ms, (int)status.condition,
		     err_name(status.last_error), (unsigned long long)load->anchor);
	for (uint16_t code = 0; code < CODES_MAX; code++)
		if (load->counts[code] > 0)
			(void)printf(", \"%s\": %llu", err_name((struct err){.code = code}),
				     (unsigned long long)load->counts[code]);
	(void)printf("}\n");
}

/* Waits for the token and takes its suite. */
static struct err meet(struct load *load, int64_t ms)
{
	struct hsm_status status = {0};
	int64_t end = now_ms() + ms;
	for (hsm_status(load->hsm, &status); status.condition != HSM_UP && now_ms() < end;
	     hsm_status(load->hsm, &status))
		(void)poll(NULL, 0, 5);
	REQUIRE(status.condition == HSM_UP, E_HSM_AWAY);
	load->suite = status.suite;
	return OK;
}

static struct err make_key(struct load *load)
{
	bool signs = load->verb == HSM_SIGN;
	struct hsm_op op;
	fill(load, &op);
	op.verb = HSM_KEY_GENERATE;
	op.object = (struct hsm_object){.id = op.to.key};
	op.object.role = signs ? HSM_ROLE_AUDIT_SIGN : HSM_ROLE_VERSION;
	op.object.suite = signs ? HSM_SUITE_NONE : load->suite;
	TRY(text_copy(op.object.label, sizeof op.object.label,
		      view_of_text(signs ? "holdfast:test:audit-sign" : "holdfast:test")));
	struct err e = hsm_call(load->hsm, &op);
	hsm_op_cleanup(&op);
	return err_is(e, E_HSM_KEY_EXISTS) ? OK : e;
}

/* What the verb needs: a key, something to open, the epoch to go on from. */
static struct err prepare(struct load *load, int64_t ms)
{
	struct hsm_op op;
	TRY(meet(load, ms));
	fill(load, &op);
	if (load->verb == HSM_ANCHOR_RAISE) {
		op.verb = HSM_ANCHOR_READ;
		TRY(hsm_call(load->hsm, &op));
		load->serial = op.anchor.epoch + 1;
		return OK;
	}
	TRY(make_key(load));
	if (load->verb != HSM_OPEN)
		return OK;
	op.verb = HSM_SEAL;
	TRY(hsm_call(load->hsm, &op));
	load->sealed = op.sealed;
	return OK;
}

static void run_load(struct load *load, size_t count, int64_t ms)
{
	struct runner *runners = NULL;
	if (err_failed(MEM_NEW_ARRAY(count, &runners)))
		exit(1);
	int64_t begun = now_ms();
	load->end_ms = begun + ms;
	load->last_success_ms = begun;
	while (now_ms() < load->end_ms) {
		start_idle(load, runners, count);
		(void)poll(NULL, 0, 2);
	}
	double seconds = (double)(now_ms() - begun) / 1000;
	while (load->under_way > 0)
		(void)poll(NULL, 0, 2);
	print_result(load, seconds);
	mem_free(runners);
}

static void run_status(struct load *load, int64_t ms)
{
	struct hsm_status status = {.condition = HSM_CONNECTING};
	int64_t end = now_ms() + ms;
	while (now_ms() < end && status.condition == HSM_CONNECTING) {
		(void)poll(NULL, 0, 5);
		hsm_status(load->hsm, &status);
	}
	print_result(load, 1);
}

static int64_t number(int argc, char **argv, int at, int64_t otherwise)
{
	return at < argc ? strtoll(argv[at], NULL, 0) : otherwise;
}

static bool needs_preparation(enum hsm_verb verb)
{
	return verb == HSM_SEAL || verb == HSM_OPEN || verb == HSM_GENERATE_SEALED ||
	       verb == HSM_SIGN || verb == HSM_ANCHOR_RAISE;
}

int main(int argc, char **argv)
{
	static struct load load;
	if (argc < 5)
		return 2;
	int64_t count = number(argc, argv, 3, 1);
	struct hsm_remote_options options = {.socket_path = argv[1],
					     .expected_uid = number(argc, argv, 7, -1),
					     .in_flight_max = COUNT_MAX,
					     .clock = &clock_system};
	load.key_byte = (uint8_t)number(argc, argv, 5, 1);
	load.deadline_ms = number(argc, argv, 6, 5000);
	if (count < 1 || count > COUNT_MAX ||
	    err_failed(secret_new_from(VIEW_LITERAL("0123456789abcdef0123456789abcdef"),
				       &load.plaintext)) ||
	    err_failed(hsm_remote_open(&options, &load.hsm)))
		return 1;
	int64_t ms = (int64_t)(strtod(argv[4], NULL) * 1000);
	load.suite = HSM_SUITE_DIRECT;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (text_equal(argv[2], names[i].name))
			load.verb = names[i].verb;
	struct err e = needs_preparation(load.verb) ? prepare(&load, ms) : OK;
	if (err_failed(e))
		(void)fprintf(stderr, "token_client: not prepared: %s\n", err_name(e));
	if (load.verb == 0)
		run_status(&load, ms);
	else
		run_load(&load, (size_t)count, ms);
	hsm_close(&load.hsm);
	buf_cleanup(&load.sealed);
	secret_free(&load.plaintext);
	return 0;
}
