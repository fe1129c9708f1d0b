/* SPDX-License-Identifier: Apache-2.0 */
/* What the agenda cannot read, or names though it is gone, holds up no other due work. */
#include <stdatomic.h>
#include <unistd.h>

#include "breakage.h"
#include "lives.h"
#include "service/core.h"
#include "service/scheduler.h"
#include "the_world.h"

#define PERIOD_DAYS 365
#define PERIOD_MS (PERIOD_DAYS * WORLD_DAY_MS)

static void watch_agenda(struct kms_agenda_ops *ops);

struct world world = {.adjust = breakage_adjust,
		      .adjust_agenda = watch_agenda,
		      .due_interval_ms = 20,
		      .due_share_percent = 100};

static struct kms_agenda_ops agenda;
static atomic_bool expiries_unread, failures_unread, is_gone;
static atomic_uint put_off;    /* acts that failed */
static struct kms_key_id gone; /* by the time that it is claimed */

static struct err due_list(void *self, const struct kms_due_query *query, struct kms_due **out,
			   size_t *count)
{
	REQUIRE(query->kind != KMS_DUE_EXPIRY || !atomic_load(&expiries_unread), E_STORE);
	return agenda.due_list(self, query, out, count);
}

static struct err claim_fail(void *self, const struct kms_claim *claim, int64_t retry_ms,
			     const char *error)
{
	struct err e = agenda.claim_fail(self, claim, retry_ms, error);
	atomic_fetch_add(&put_off, 1);
	return e;
}

static struct err failures(void *self, size_t limit, struct kms_due_failure **out, size_t *count)
{
	REQUIRE(!atomic_load(&failures_unread), E_STORE);
	return agenda.failures(self, limit, out, count);
}

static struct err claim_take(void *self, const struct kms_claim *claim, int64_t now_ms)
{
	if (atomic_load(&is_gone))
		REQUIRE(!kms_key_id_equal(&claim->key_id, &gone), E_NOT_FOUND);
	return agenda.claim_take(self, claim, now_ms);
}

static void watch_agenda(struct kms_agenda_ops *ops)
{
	agenda = *ops;
	ops->due_list = due_list;
	ops->failures = failures;
	ops->claim_take = claim_take;
	ops->claim_fail = claim_fail;
}

static struct err held(enum kms_due_kind kind)
{
	struct scheduler_report now;
	scheduler_report(world.first.service->scheduler, &now);
	return now.held[kind];
}

/* Another daemon ended it in between; or it hangs on a row that somebody made. */
static void test_a_key_that_is_gone_holds_up_nobody(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	gone = life_begin(&world, PERIOD_DAYS, id);
	atomic_store(&is_gone, true);
	world_advance(1000);
	struct kms_key_id behind = life_begin(&world, PERIOD_DAYS, id);
	world_advance(PERIOD_MS);
	life_await_versions(&world, &behind, 2);
	assert_int_equal(life_versions(&world, &gone), 1);
	atomic_store(&is_gone, false);
	life_await_versions(&world, &gone, 2);
}

/* Rows of claims and lists are not sealed. One that nobody can read is told, and not more. */
static void test_what_cannot_be_read_holds_up_nothing_else(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id first = life_begin(&world, PERIOD_DAYS, id);
	world_advance(60000);
	struct kms_key_id then = life_begin(&world, PERIOD_DAYS, id);
	break_token(HSM_KEY_GENERATE, FAULT_NOT_DONE, E_HSM_ATTRIBUTES);
	atomic_store(&failures_unread, true);
	atomic_store(&expiries_unread, true);
	world_advance(PERIOD_MS - 60000); /* the first fails, and is noted */
	for (unsigned i = 0; i < 1000 && atomic_load(&put_off) == 0; i++)
		(void)usleep(10000);
	world_advance(60000);
	life_await_versions(&world, &first, 2);
	life_await_versions(&world, &then, 2);
	for (unsigned i = 0; i < 500 && !err_failed(held(KMS_DUE_EXPIRY)); i++)
		(void)usleep(1000);
	assert_err(held(KMS_DUE_EXPIRY), E_STORE);
	assert_err(held(KMS_DUE_ROTATION), E_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_key_that_is_gone_holds_up_nobody),
		cmocka_unit_test(test_what_cannot_be_read_holds_up_nothing_else),
	};
	return cmocka_run_group_tests(tests, the_world_set_up, the_world_tear_down);
}
