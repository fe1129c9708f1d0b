/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The indexes of one log's folder: a thread of the lowest priority follows the log and indexes what
 * is new, and what has no index, the newest segment first; indexes that lookups need are kept in
 * memory, up to a bound. The log itself waits for none of this.
 */
#ifndef HOLDFAST_AUDIT_INDEXES_H
#define HOLDFAST_AUDIT_INDEXES_H

#include "audit/index.h"
#include "audit/log.h"

struct audit_indexes;

struct audit_indexes_options {
	const char *directory; /* borrowed during the call */
	struct audit_log *log; /* that this process writes there: its index files are written, too,
				  and what the disk refused is forgotten. NULL: another's log,
				  nothing is written. Borrowed; outlives the indexes */
	bool others;           /* another daemon's folder: where it is missing, it is waited for */
	struct audit_index_sealer sealer; /* without `seal`: a check sum */
	uint64_t memory_max;              /* 0: 128 MiB; of indexes that are kept in memory */
	uint32_t interval_ms;             /* 0: 250; between two looks at the log */
};

/* *out owned by the caller, audit_indexes_stop(). When this returns the thread has its priority.
 * E_AUDIT (no such folder), E_NOMEM, E_SYSTEM. */
NODISCARD struct err audit_indexes_start(const struct audit_indexes_options *options,
					 struct audit_indexes **out);
void audit_indexes_stop(struct audit_indexes **indexes);

/* The folder, open as long as the indexes are. */
int audit_indexes_directory(const struct audit_indexes *indexes);
const char *audit_indexes_path(const struct audit_indexes *indexes);
bool audit_indexes_are_of_others(const struct audit_indexes *indexes);

/* Whether the folder can be looked into: E_LOOKUP_AWAY (audit_folder_look()). Thread-safe. */
NODISCARD struct err audit_indexes_look(struct audit_indexes *indexes);

/*
 * The index of a segment, to be read until it is put back: audit_indexes_put(). NULL when there is
 * none yet: the segment has to be read through. Of the segment that is being written it covers a
 * part. May read a file, and block as the sealer does. Thread-safe.
 */
struct audit_index_held;
struct audit_index_held *audit_indexes_take(struct audit_indexes *indexes, const char *segment,
					    uint64_t sequence);
const struct audit_index *audit_index_of(const struct audit_index_held *held);
void audit_indexes_put(struct audit_indexes *indexes, struct audit_index_held **held);

struct audit_indexes_figures {
	uint64_t made;   /* since the start */
	uint64_t bytes;  /* of indexes in memory */
	struct err last; /* what went wrong last; OK: nothing */
};
void audit_indexes_figures(struct audit_indexes *indexes, struct audit_indexes_figures *out);

#endif
