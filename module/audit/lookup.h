/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of an account, the newest first, out of the logs of several daemons: each log from its end
 * backwards, together in the order of their times. One call does a bounded amount of work, and goes
 * on where the last one ended, whatever was appended meanwhile.
 */
#ifndef HOLDFAST_AUDIT_LOOKUP_H
#define HOLDFAST_AUDIT_LOOKUP_H

#include "audit/indexes.h"

#define AUDIT_LOGS_MAX 16

/* Where a log has been looked through from: everything at and behind the offset is done. */
struct audit_place {
	uint64_t sequence; /* of the segment */
	uint64_t offset;
};
#define AUDIT_PLACE_NEWEST ((struct audit_place){UINT64_MAX, UINT64_MAX})

struct audit_found {
	struct view line;
	const struct audit_event *event;
	const struct audit_copy *copy;
	size_t log; /* which */
};

struct audit_lookup {
	struct audit_indexes *const *logs; /* borrowed; 1..AUDIT_LOGS_MAX */
	size_t count;
	struct audit_wanted wanted;
	size_t events_max;
	size_t text_max;   /* bytes of lines found, after which no more are */
	uint64_t read_max; /* 0: 64 MiB; bytes of the logs that are read */
	/* Each event, the newest first. */
	NODISCARD struct err (*found)(void *user, const struct audit_found *event);
	void *user;
};

/* What stands for a question about so many logs, whatever its size: no other has it. E_CRYPTO. */
#define AUDIT_WANTED_DIGEST_LEN 32
NODISCARD struct err audit_wanted_digest(const struct audit_wanted *wanted, size_t logs,
					 uint8_t out[AUDIT_WANTED_DIGEST_LEN]);

/*
 * Goes on from places[0..count) and leaves there where it ended. *more: there may be further
 * events, if none was found, too. Blocks. E_AUDIT: a segment cannot be read; E_LOOKUP_AWAY: one of
 * another daemon's log, or all of it; E_NOMEM; what `found` answers.
 */
NODISCARD struct err audit_lookup(const struct audit_lookup *lookup, struct audit_place *places,
				  bool *more);

#endif
