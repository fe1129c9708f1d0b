/* SPDX-License-Identifier: Apache-2.0 */
/* Places of the chain in the files: the last one, and whether there is a certain one. */
#include "audit/point.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/attestation.h"
#include "audit/event.h"
#include "audit/segment.h"
#include "base/file.h"
#include "base/mem.h"

#define WINDOW POINT_WINDOW

NODISCARD struct err point_open(int directory, const char *name, int *fd, uint64_t *size)
{
	struct stat st = {0};
	CLEANUP(file_close)
	int segment = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (segment < 0 || fstat(segment, &st) != 0)
		return ERR_DETAIL(E_AUDIT, errno);
	REQUIRE(S_ISREG(st.st_mode), E_AUDIT);
	*size = (uint64_t)st.st_size;
	*fd = segment;
	segment = -1;
	return OK;
}

NODISCARD struct err point_read(int fd, uint64_t at, uint8_t *room, size_t cap, struct view *out)
{
	size_t len = 0;
	while (len < cap) {
		ssize_t n = pread(fd, room + len, cap - len, (off_t)(at + len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_DETAIL(E_AUDIT, errno);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*out = view_of(room, len);
	return OK;
}

/* --- The last line. --- */

static int64_t time_of_event(struct view line)
{
	CLEANUP(audit_event_cleanup) struct audit_event event;
	return err_failed(audit_event_read(line, &event)) ? 0 : event.time_ms;
}

static struct err judge(struct view line, struct point_end *out)
{
	struct audit_link link;
	struct attestation attestation;
	out->there = true;
	if (line.len > AUDIT_LINE_MAX || !audit_link_parse(line, &link))
		return OK;
	TRY(audit_point_of(line, &out->point));
	out->chained = true;
	out->time_ms = time_of_event(line);
	if (!audit_line_attests(line) || err_failed(attestation_parse(link.record, &attestation)))
		return OK;
	out->attests = attestation.sequence;
	if (err_failed(timestamp_parse_iso(view_of_text(attestation.time), &out->time_ms)))
		out->time_ms = 0;
	return OK;
}

NODISCARD size_t point_line_start(struct view text, size_t at)
{
	while (at > 0 && text.ptr[at - 1] != '\n')
		at--;
	return at;
}

NODISCARD struct err point_end_of(int directory, const char *segment, struct point_end *out)
{
	struct view text;
	uint64_t size = 0;
	*out = (struct point_end){0};
	CLEANUP(mem_free_at) uint8_t *room = NULL;
	CLEANUP(file_close) int fd = -1;
	TRY(point_open(directory, segment, &fd, &size));
	if (size == 0)
		return OK;
	TRY(MEM_NEW_ARRAY(WINDOW + 1, &room));
	size_t want = MIN_OF(size, (uint64_t)WINDOW + 1);
	TRY(point_read(fd, size - want, room, want, &text));
	size_t end = point_line_start(text, text.len);
	if (end == 0) /* no newline: a part of a line too long to be ours, or none */
		return OK;
	size_t start = point_line_start(text, end - 1);
	return judge(view_part(text, start, end - 1 - start), out);
}

NODISCARD struct err point_end_of_all(int directory, struct point_end *out)
{
	char name[SEGMENT_NAME_MAX];
	uint64_t below = UINT64_MAX;
	*out = (struct point_end){0};
	while (!out->there) {
		struct err e = segment_find(directory, below, name, &below);
		if (err_is(e, E_NOT_FOUND))
			return OK;
		TRY(e);
		TRY(point_end_of(directory, name, out));
	}
	return OK;
}

/* --- A certain one. --- */

/* Where it may be in a segment: from the line that begins at `low` to before `high`. */
struct hunt {
	const struct audit_point *wanted;
	int fd;
	uint8_t *room;
	uint64_t low, high;
	bool older; /* it must be in a segment before this one */
	bool found;
};

enum side { SIDE_BEFORE, SIDE_HERE, SIDE_BEHIND };

/* Where the wanted line is, seen from this one. Lines without a place are older than the chain. */
static enum side side_of(const struct hunt *hunt, struct view line)
{
	struct audit_link link;
	if (!audit_link_parse(line, &link))
		return SIDE_BEHIND;
	if (link.sequence == hunt->wanted->sequence)
		return SIDE_HERE;
	return link.sequence > hunt->wanted->sequence ? SIDE_BEFORE : SIDE_BEHIND;
}

/* The first line that begins at or behind `at`; *line empty: there is none. */
static struct err line_behind(const struct hunt *hunt, uint64_t at, uint64_t *start,
			      struct view *line)
{
	struct view text;
	*line = VIEW_NONE;
	uint64_t from = at > 0 ? at - 1 : 0; /* a newline there: the line begins at `at` itself */
	TRY(point_read(hunt->fd, from, hunt->room, 2 * WINDOW, &text));
	text = view_part(text, 0, view_find(text, 0));
	size_t skip = at > 0 ? view_find(text, '\n') + 1 : 0;
	struct view rest = view_part(text, skip, text.len);
	size_t len = view_find(rest, '\n');
	if (skip > text.len || len == rest.len)
		return OK;
	*start = from + skip;
	*line = view_part(rest, 0, len);
	return OK;
}

/* Halves what is left. */
static struct err hunt_once(struct hunt *hunt)
{
	uint64_t start = 0;
	struct view line;
	struct audit_point here;
	uint64_t middle = hunt->low + (hunt->high - hunt->low) / 2;
	TRY(line_behind(hunt, middle, &start, &line));
	/* What begins behind the middle begins behind the end: look from the start of the half. */
	if (line.len == 0 || start >= hunt->high) {
		hunt->high = middle;
		return OK;
	}
	enum side side = side_of(hunt, line);
	if (side == SIDE_HERE) {
		hunt->found = !err_failed(audit_point_of(line, &here)) &&
			      audit_point_equal(&here, hunt->wanted);
		hunt->low = hunt->high;
	} else if (side == SIDE_BEHIND) {
		hunt->low = start + line.len + 1;
	} else {
		hunt->high = middle;
	}
	return OK;
}

static struct err hunt_segment(struct hunt *hunt, int directory, const char *name)
{
	uint64_t start = 0, size = 0;
	struct view line;
	CLEANUP(file_close) int fd = -1;
	TRY(point_open(directory, name, &fd, &size));
	hunt->fd = fd;
	TRY(line_behind(hunt, 0, &start, &line));
	hunt->older = line.len == 0 || side_of(hunt, line) == SIDE_BEFORE;
	hunt->low = 0;
	hunt->high = hunt->older ? 0 : size;
	while (!hunt->found && hunt->low < hunt->high)
		TRY(hunt_once(hunt));
	return OK;
}

NODISCARD struct err audit_log_has_point(const char *directory, const struct audit_point *point,
					 bool *found)
{
	char name[SEGMENT_NAME_MAX];
	uint64_t below = UINT64_MAX;
	*found = point->sequence == 0; /* the place before the first line */
	if (*found)
		return OK;
	CLEANUP(mem_free_at) uint8_t *room = NULL;
	TRY(MEM_NEW_ARRAY(2 * WINDOW, &room));
	struct hunt hunt = {.wanted = point, .room = room, .older = true};
	CLEANUP(file_close) int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return ERR_DETAIL(E_AUDIT, errno);
	while (hunt.older) {
		struct err e = segment_find(dir, below, name, &below);
		if (err_is(e, E_NOT_FOUND))
			return OK;
		TRY(e);
		TRY(hunt_segment(&hunt, dir, name));
	}
	*found = hunt.found;
	return OK;
}
