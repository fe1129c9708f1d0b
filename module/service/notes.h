/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes that many threads take and one writes down: of each name the newest value, in memory under
 * a lock of one of several shards, and in the store every so often. Advisory: a crash loses what
 * was not written yet, and what finds no room is lost.
 */
#ifndef HOLDFAST_SERVICE_NOTES_H
#define HOLDFAST_SERVICE_NOTES_H

#include "base/err.h"
#include "base/view.h"

#define NOTES_NAME_MAX 32 /* bytes of a name */

struct notes;

struct notes_options {
	size_t value_size;
	uint32_t notes_max;   /* that wait to be written */
	uint32_t interval_ms; /* between two writes */
	/* Writes `count` values, one behind the other. Blocks. What it does not write is given to
	 * it again. */
	struct err (*save)(void *user, const void *values, size_t count);
	void *user;
	const char *event; /* of the log line when that fails: "last_use.not_written" */
};

/* *out owned by the caller, notes_stop(), which writes what is left. E_SYSTEM. */
NODISCARD struct err notes_start(const struct notes_options *options, struct notes **out);
void notes_stop(struct notes **notes);

/* Notes a value, which is copied, unless a later one of the name is noted. Never blocks for long;
 * thread-safe. */
void notes_put(struct notes *notes, struct view name, int64_t time_ms, const void *value);

/* What is noted of the name and may not be in the store yet; false: nothing. A note leaves memory
 * after the store has it: look here first. */
bool notes_find(struct notes *notes, struct view name, void *value);

/* How many wait to be written. */
size_t notes_pending(struct notes *notes);

#endif
