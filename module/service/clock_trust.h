/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the clock may be believed by what cannot be undone. Destruction is held
 *
 * - BEHIND: the clock shows less than the sealed mark, the highest time that was ever trusted, by
 *   more than CLOCK_APART_MS; until it has caught up with the mark.
 * - APART: while running, real time and boot time went apart by more than CLOCK_APART_MS: the clock
 *   was set. Until they agree again, or the operator accepts.
 * - GAP: at the start the clock is more than CLOCK_GAP_DAYS ahead of the mark. Until it shows less
 *   again, or the operator accepts. A shorter gap is a downtime: reported when it is longer than a
 *   day.
 * - UNKNOWN: the mark can be neither read nor stored.
 * - RECOVERED: a recovery accepted this store, which may not know which deletions were cancelled
 *   since: held since CLOCK_HELD_BY_RECOVERY_MS. Until the operator accepts.
 *
 * The count. What boot time is measured by (real minus boot) is fixed by the first look that trusts
 * the clock, and by each acceptance. It follows the clock by at most CLOCK_SLEW_PPM of the time
 * that passes, so that no drift, no leap second and no small correction adds up to a hold; sets by
 * more than CLOCK_APART_MS, at once or bit by bit, do. Boot time goes on while the machine sleeps.
 * A virtual machine that is paused and then given the right time was set as much as any: accept.
 *
 * A hold because of APART is stored, so that it outlasts the process, which takes the count with
 * it. Nobody can know then how long nobody counted. So after a restart it ends by itself only where
 * the clock shows a time from the mark to what the count showed when the hold began, give or take
 * CLOCK_APART_MS: true time cannot be less than that, so nothing is early, and counting goes on
 * from there. Otherwise the operator accepts.
 *
 * Of several daemons at one store, a stored hold holds all; it is ended by a daemon that has seen
 * for itself that its clock was set and is right again, or by an acceptance, which holds for those
 * that see the same time. Their clocks must agree within CLOCK_APART_MS.
 *
 * The mark moves with the trusted clock, at most once a minute, and rests while it is not trusted.
 * Everything but destruction (rotation, expiry of credentials, signatures) goes by the clock as it
 * is.
 */
#ifndef HOLDFAST_SERVICE_CLOCK_TRUST_H
#define HOLDFAST_SERVICE_CLOCK_TRUST_H

#include "base/clock.h"
#include "kms/agenda.h"

#define CLOCK_APART_MS INT64_C(60000)
#define CLOCK_SLEW_PPM 500 /* as much as adjtime(3) and NTP's frequency do */
#define CLOCK_GAP_DAYS 400
#define CLOCK_HELD_BY_RECOVERY_MS 1 /* no clock has shown that */
#define CLOCK_MARK_INTERVAL_MS INT64_C(60000)

struct clock_trust;

enum clock_verdict {
	CLOCK_TRUSTED,
	CLOCK_BEHIND,    /* the mark: it was set back */
	CLOCK_APART,     /* it was set while the service ran */
	CLOCK_GAP,       /* too far ahead of the mark at the start */
	CLOCK_UNKNOWN,   /* the mark cannot be read or stored */
	CLOCK_RECOVERED, /* an older store was accepted, and nobody has looked since */
	CLOCK_VERDICT_COUNT
};

/* For people, of static storage. */
const char *clock_verdict_name(enum clock_verdict verdict);    /* "apart" */
const char *clock_verdict_meaning(enum clock_verdict verdict); /* a clause */
const char *clock_verdict_remedy(enum clock_verdict verdict);  /* what to do; "" when trusted */

struct clock_trust_options {
	struct kms_agenda agenda; /* ops NULL: UNKNOWN */
	const struct clock *clock;
};

/* Reads the mark and judges the clock by it; the first start makes the mark. *out owned by the
 * caller, clock_trust_close(). Blocks. Errors of the store other than a missing row leave UNKNOWN,
 * logged. E_NOMEM. */
NODISCARD struct err clock_trust_open(const struct clock_trust_options *options,
				      struct clock_trust **out);
void clock_trust_close(struct clock_trust **trust);

/* Looks at the clocks and moves the mark when it is time. Once a second or so. Blocks as the store
 * does. Thread-safe, as are all below. */
void clock_trust_look(struct clock_trust *trust);

/* OK, or E_CLOCK_UNTRUSTED with the verdict as detail. Looks at the clocks as they are at this
 * moment; *now_ms is the time that was judged. What cannot be undone goes by that reading and by no
 * other: a clock that is set there and back again between two readings is right at the second.
 * Blocks as the store does. */
NODISCARD struct err clock_trust_check(struct clock_trust *trust, int64_t *now_ms);

/* The latest that it may be now: what the clock shows, or the mark and the count where those are
 * later. Dates of destruction are set from here, so that one that was set while the clock was
 * behind does not come early. Blocks briefly. */
int64_t clock_trust_latest_ms(struct clock_trust *trust);

struct clock_trust_report {
	enum clock_verdict verdict;
	int64_t now_ms, trusted_ms;
	int64_t apart_ms; /* real minus boot time since the start (or the last acceptance); 0 while
			     there is no count */
	int64_t held_ms;  /* when the stored hold began, by the count; 0: there is none */
	struct err store; /* why UNKNOWN; OK */
};
/* As the clocks are at this moment; stores nothing. */
void clock_trust_report(struct clock_trust *trust, struct clock_trust_report *out);

/* The operator says that the clock is right as it is: mark and count begin here. The record goes
 * with it; it may be NULL. Blocks. What the store answers; E_STORE_CONFLICT: repeat. */
NODISCARD struct err clock_trust_accept(struct clock_trust *trust,
					const struct kms_outbox_record *outbox);

#endif
