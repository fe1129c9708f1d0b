/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the clock may be believed by what cannot be undone. Destruction is held
 *
 * - while the clock is behind the sealed mark of the highest time that was ever trusted;
 * - when, while running, real time and boot time have gone apart by more than CLOCK_APART_MS (the
 *   clock was set); until they agree again or the operator accepts, over restarts, too;
 * - when the clock is more than CLOCK_GAP_DAYS ahead of the mark at the start; until the operator
 *   accepts. A shorter gap is a downtime: reported when it is longer than a day.
 *
 * The mark moves with the trusted clock, at most once a minute. Everything but destruction
 * (rotation, expiry of credentials, signatures) goes by the clock as it is.
 */
#ifndef HOLDFAST_SERVICE_CLOCK_TRUST_H
#define HOLDFAST_SERVICE_CLOCK_TRUST_H

#include "base/clock.h"
#include "kms/agenda.h"

#define CLOCK_APART_MS INT64_C(60000)
#define CLOCK_GAP_DAYS 400
#define CLOCK_MARK_INTERVAL_MS INT64_C(60000)

struct clock_trust;

enum clock_verdict {
	CLOCK_TRUSTED,
	CLOCK_BEHIND,  /* the mark: it was set back */
	CLOCK_APART,   /* it was set while the service ran */
	CLOCK_GAP,     /* too far ahead of the mark at the start */
	CLOCK_UNKNOWN, /* the mark cannot be read or stored */
};

struct clock_trust_options {
	struct kms_agenda agenda;
	const struct clock *clock;
};

/* Reads the mark and judges the clock by it; the first start makes the mark. *out owned by the
 * caller, clock_trust_close(). Blocks. Errors of the store other than a missing row leave UNKNOWN,
 * logged. E_NOMEM. */
NODISCARD struct err clock_trust_open(const struct clock_trust_options *options,
				      struct clock_trust **out);
void clock_trust_close(struct clock_trust **trust);

/* Looks at the clocks and moves the mark when it is time. Once a second or so. Blocks as the store
 * does. */
void clock_trust_look(struct clock_trust *trust);

/* OK, or E_CLOCK_UNTRUSTED. Looks at the clocks as they are at this moment. Blocks briefly.
 * Thread-safe. */
NODISCARD struct err clock_trust_check(struct clock_trust *trust);

struct clock_trust_report {
	enum clock_verdict verdict;
	int64_t now_ms, trusted_ms;
	int64_t apart_ms; /* real minus boot time since the start (or the last acceptance) */
};
void clock_trust_report(struct clock_trust *trust, struct clock_trust_report *out);

/* The operator says that the clock is right as it is: mark and count begin here. The record goes
 * with it. Blocks. What the store answers. */
NODISCARD struct err clock_trust_accept(struct clock_trust *trust,
					const struct kms_outbox_record *outbox);

#endif
