/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of an audit log's folder, in order, for those who read it: verification, search, show.
 * Reads beside a daemon that writes: takes lines up to the first NUL, and finds more later. Bounded
 * memory. One thread at a time.
 */
#ifndef HOLDFAST_AUDIT_READER_H
#define HOLDFAST_AUDIT_READER_H

#include "base/err.h"
#include "base/view.h"

struct audit_reader;

/* *out owned by the caller, audit_reader_close(). Changes nothing. E_AUDIT, E_NOMEM. */
NODISCARD struct err audit_reader_open(const char *directory, struct audit_reader **out);
/* As above, of a folder that is open already; borrowed during the call. */
NODISCARD struct err audit_reader_open_at(int directory, struct audit_reader **out);
void audit_reader_close(struct audit_reader **reader);

struct audit_line {
	struct view text;    /* without its newline; until the next call */
	const char *segment; /* file name; likewise */
	uint64_t segment_sequence;
	uint64_t offset; /* bytes in the segment */
	uint64_t number; /* in its segment, 1..; 0 after audit_reader_seek() */
	bool torn;       /* no newline ends it, in a segment that is complete */
	bool too_long;   /* longer than a record may be: `text` is its beginning */
};

/* *got false: there is no more for now; ask again later, new segments included. E_AUDIT: a segment
 * cannot be read, or has gone (the log says which). */
NODISCARD struct err audit_reader_next(struct audit_reader *reader, struct audit_line *out,
				       bool *got);

/* The next line is the one at this offset, where a line must begin. E_NOT_FOUND: no such segment.
 */
NODISCARD struct err audit_reader_seek(struct audit_reader *reader, uint64_t segment_sequence,
				       uint64_t offset);

/* How far it is: bytes read, and bytes of all segments as they were last looked at. */
struct audit_reader_progress {
	uint64_t done, all;
	uint64_t segments, segments_done;
};
void audit_reader_progress(const struct audit_reader *reader, struct audit_reader_progress *out);

#endif
