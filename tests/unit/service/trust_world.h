/* SPDX-License-Identifier: Apache-2.0 */
/* What trust in the clock is tested with: a store of one row, and real time and boot time, which
 * are moved apart by hand. One at a time. */
#ifndef HOLDFAST_TESTS_SERVICE_TRUST_WORLD_H
#define HOLDFAST_TESTS_SERVICE_TRUST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/clock_trust.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define BEGIN (INT64_C(1750000000) * SECOND)

struct trust_store {
	bool there;
	struct kms_clock_mark mark;
	struct err failure;
	unsigned loads, saves;
	char event_id[KMS_EVENT_ID_LEN + 1]; /* of the last record */
	struct kms_clock_mark intruder;      /* stored by somebody else just before the next save */
	bool intrudes;
	bool answers_wrong; /* the next save: it stores, and says that it has not */
};
extern struct trust_store trust_store;

extern struct clock_manual trust_clocks;

/* A machine on which nothing ever ran; *state is its struct clock_trust. */
int trust_begin(void **state);
int trust_end(void **state);
void trust_restart(void **state);

/* One more on the same store and clocks; clock_trust_close(). */
struct clock_trust *trust_start(void);

/* Time passes, looked at once a second. */
void trust_pass(struct clock_trust *trust, int64_t ms);
void trust_set_clock(int64_t by_ms);
/* As all who ask are told. */
enum clock_verdict trust_verdict(struct clock_trust *trust);

#endif
