/* SPDX-License-Identifier: Apache-2.0 */
#include "trust_world.h"

#include "base/mem.h"

/* ---- the store ---- */

struct trust_store trust_store;

static struct err mark_load(UNUSED void *self, struct kms_clock_mark *out)
{
	trust_store.loads++;
	TRY(trust_store.failure);
	REQUIRE(trust_store.there, E_NOT_FOUND);
	*out = trust_store.mark;
	return OK;
}

static struct err mark_save(void *self, const struct kms_clock_mark *mark,
			    const struct kms_outbox_record *outbox)
{
	(void)self;
	trust_store.saves++;
	TRY(trust_store.failure);
	if (trust_store.intrudes) {
		trust_store.intrudes = false;
		trust_store.mark = trust_store.intruder;
	}
	REQUIRE(mark->revision == (trust_store.there ? trust_store.mark.revision + 1 : 1),
		E_STORE_CONFLICT);
	if (outbox != NULL)
		mem_copy(trust_store.event_id, sizeof trust_store.event_id, outbox->event_id,
			 sizeof outbox->event_id);
	trust_store.there = true;
	trust_store.mark = *mark;
	bool wrong = trust_store.answers_wrong;
	trust_store.answers_wrong = false;
	return wrong ? ERR(E_STORE) : OK;
}

static const struct kms_agenda_ops ops = {.mark_load = mark_load, .mark_save = mark_save};

/* ---- the trust_clocks ---- */

struct clock_manual trust_clocks;

struct clock_trust *trust_start(void)
{
	struct clock_trust *trust = NULL;
	const struct clock_trust_options options = {.agenda = {.ops = &ops},
						    .clock = &trust_clocks.clock};
	assert_false(err_failed(clock_trust_open(&options, &trust)));
	return trust;
}

int trust_begin(void **state)
{
	trust_store = (struct trust_store){.failure = OK};
	clock_manual_init(&trust_clocks, BEGIN);
	trust_clocks.now_steady_ms = HOUR;
	*state = trust_start();
	return 0;
}

int trust_end(void **state)
{
	struct clock_trust *trust = *state;
	clock_trust_close(&trust);
	return 0;
}

void trust_restart(void **state)
{
	(void)trust_end(state);
	*state = trust_start();
}

void trust_pass(struct clock_trust *trust, int64_t ms)
{
	for (int64_t i = 0; i < ms; i += SECOND) {
		clock_manual_advance(&trust_clocks, SECOND);
		clock_trust_look(trust);
	}
}

void trust_set_clock(int64_t by_ms)
{
	trust_clocks.now_real_ms += by_ms;
}

enum clock_verdict trust_verdict(struct clock_trust *trust)
{
	int64_t now_ms = 0; /* untouched on failure */
	struct err e = clock_trust_check(trust, &now_ms);
	struct clock_trust_report report;
	clock_trust_report(trust, &report);
	assert_int_equal(now_ms, err_failed(e) ? 0 : trust_clocks.now_real_ms);
	assert_int_equal(err_failed(e), report.verdict != CLOCK_TRUSTED);
	if (err_failed(e)) {
		assert_true(err_is(e, E_CLOCK_UNTRUSTED));
		assert_int_equal(e.detail, report.verdict);
	}
	return report.verdict;
}
