/* SPDX-License-Identifier: Apache-2.0 */
/* The folder's own header: the last line of a log's files, for who continues the chain there. */
#ifndef HOLDFAST_AUDIT_POINT_H
#define HOLDFAST_AUDIT_POINT_H

#include "audit/chain.h"

struct point_end {
	bool there;   /* there is a line */
	bool chained; /* and it has a place: `point` */
	struct audit_point point;
	int64_t time_ms;  /* that the line tells: of its event or signature; 0: none */
	uint64_t attests; /* it attests the line with this sequence; 0: it is no attestation */
};

#define POINT_WINDOW ((size_t)AUDIT_LINE_MAX + 1) /* holds every line of ours */

/* A segment to be read at any place. *fd: file_close(). E_AUDIT. */
NODISCARD struct err point_open(int directory, const char *name, int *fd, uint64_t *size);
/* As much of `cap` bytes as there is at `at`. E_AUDIT. */
NODISCARD struct err point_read(int fd, uint64_t at, uint8_t *room, size_t cap, struct view *out);
/* Where the line begins that the byte before `at` belongs to, or ends: behind the last newline in
 * front of `at`, or at 0. */
NODISCARD size_t point_line_start(struct view text, size_t at);

/* The last whole line of a segment that is complete or was just cut. E_AUDIT, E_NOMEM. */
NODISCARD struct err point_end_of(int directory, const char *segment, struct point_end *out);

/* Of the newest segment that has one. */
NODISCARD struct err point_end_of_all(int directory, struct point_end *out);

#endif
