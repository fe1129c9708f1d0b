/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cursor for each log: a window over a stretch of whole lines, the matching ones of which are
 * handed out from its end. Stretches are the blocks of the index that may hold what is wanted;
 * where there is no index, whatever stands before.
 */
#include "audit/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/chain.h"
#include "audit/segment.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/writer.h"
#include "crypto/digest.h"

#define LINE_MAX ((size_t)AUDIT_RECORD_MAX + AUDIT_CHAIN_ROOM)
#define STRETCH_MAX ((size_t)AUDIT_INDEX_BLOCK + LINE_MAX + 1)
#define MATCHES_MAX 4096 /* of a stretch: more than records of ours fit into it */
#define READ_DEFAULT (UINT64_C(64) << 20)
#define SEGMENT_COST (UINT64_C(64) << 10) /* finding one counts as reading so much of it... */
#define INDEX_SHARE 8 /* ...and its index as so much of its bytes: it may be in memory */
#define CLOCK_SLACK_MS INT64_C(86400000) /* by which a file's time may be wrong */

struct match {
	size_t start, len;
	int64_t time_ms;
};

struct cursor {
	const struct audit_lookup *lookup;
	struct audit_indexes *log;
	size_t which;
	struct audit_place place;
	uint64_t term;

	int fd; /* of the segment `place` is in; -1: none is open */
	struct audit_index_held *held;

	uint8_t *window;
	uint64_t window_at; /* the window's offset in the segment */
	struct match *matches;
	size_t pending; /* matches that have not been handed out: matches[0..pending) */
	bool over;      /* nothing is left of the log */
};

/* --- Segments. --- */

static void leave_segment(struct cursor *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	audit_indexes_put(c->log, &c->held);
}

static struct err read_at(int fd, uint64_t at, uint8_t *room, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, room + done, len - done, (off_t)(at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_DETAIL(E_AUDIT, n < 0 ? errno : EIO);
		done += (size_t)n;
	}
	return OK;
}

/*
 * Where the zeros begin that stand behind the last line. By halves: a file of another daemon's
 * folder may claim any size, and reading through its zeros would hold the thread for years.
 */
static struct err find_end(struct cursor *c, uint64_t size, uint64_t *end)
{
	uint64_t low = 0, high = size; /* lines before the one, zeros from the other on */
	uint64_t look = size > 0 ? size - 1 : 0;
	while (low < high) {
		uint8_t there = 0;
		TRY(read_at(c->fd, look, &there, 1));
		if (there != 0)
			low = look + 1;
		else
			high = look;
		look = low + (high - low) / 2;
	}
	*end = low;
	return OK;
}

/* All of its events are older than what is wanted, by the time of its last change. */
static bool is_too_old(const struct cursor *c, const struct stat *st)
{
	int64_t changed_ms = (int64_t)st->st_mtim.tv_sec * 1000;
	int64_t since_ms = c->lookup->wanted.since_ms;
	return since_ms > CLOCK_SLACK_MS && changed_ms < since_ms - CLOCK_SLACK_MS;
}

/* *open false: it has gone meanwhile, or cannot hold what is wanted. */
static struct err enter_segment(struct cursor *c, const char *name, uint64_t *read, bool *open)
{
	struct stat st = {0};
	uint64_t end = 0;
	*open = false;
	/* A FIFO by that name must not hold the thread. */
	c->fd = openat(audit_indexes_directory(c->log), name,
		       O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (c->fd < 0 && errno == ENOENT)
		return OK;
	if (c->fd < 0 || fstat(c->fd, &st) != 0)
		return ERR_DETAIL(E_AUDIT, errno);
	REQUIRE(S_ISREG(st.st_mode), E_AUDIT);
	if (is_too_old(c, &st)) {
		leave_segment(c);
		return OK;
	}
	TRY(find_end(c, (uint64_t)st.st_size, &end));
	c->place.offset = MIN_OF(c->place.offset, end);
	c->held = audit_indexes_take(c->log, name, c->place.sequence);
	if (c->held != NULL)
		*read += audit_index_bytes(audit_index_of(c->held)) / INDEX_SHARE;
	*open = true;
	return OK;
}

/* The segment of the place, or the next older one; none is open behind it when it has gone, or
 * cannot hold what is wanted. */
static struct err find_segment(struct cursor *c, uint64_t *read)
{
	char name[SEGMENT_NAME_MAX];
	uint64_t sequence = 0;
	bool open = false;
	uint64_t below =
		c->place.sequence + (c->place.sequence < UINT64_MAX && c->place.offset > 0);
	struct err e = segment_find(audit_indexes_directory(c->log), below, name, &sequence);
	c->over = err_is(e, E_NOT_FOUND);
	if (c->over)
		return OK;
	TRY(e);
	*read += SEGMENT_COST;
	if (sequence != c->place.sequence)
		c->place = (struct audit_place){sequence, UINT64_MAX};
	TRY(enter_segment(c, name, read, &open));
	if (!open)
		c->place.offset = 0; /* on to the one before */
	return OK;
}

/* --- Stretches. --- */

struct stretch {
	uint64_t start, end;
	bool rough; /* its start need not be that of a line */
};

/* The blocks before the place from the end backwards; those are passed over that cannot hold what
 * is wanted. False: nothing is left of the segment. */
static bool block_before(struct cursor *c, struct stretch *out)
{
	const struct audit_index *index = audit_index_of(c->held);
	size_t low = 0, high = index->count; /* the blocks that begin before the place */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (index->blocks[middle].offset < c->place.offset)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low > 0; low--) {
		const struct audit_index_block *block = &index->blocks[low - 1];
		*out = (struct stretch){block->offset,
					MIN_OF(block->offset + block->bytes, c->place.offset),
					false};
		if (block->bytes <= STRETCH_MAX &&
		    audit_index_may_hold(index, block, &c->lookup->wanted, c->term))
			return true;
		if (block->bytes > STRETCH_MAX)
			break; /* lines that are none: looked through */
		c->place.offset = block->offset;
	}
	*out = (struct stretch){.start = 0, .end = c->place.offset, .rough = low > 0};
	return low > 0;
}

static bool stretch_before(struct cursor *c, struct stretch *out)
{
	uint64_t covered = c->held != NULL ? audit_index_of(c->held)->covered : 0;
	if (c->place.offset == 0)
		return false;
	if (c->place.offset <= covered) {
		bool found = block_before(c, out);
		if (!found)
			c->place.offset = 0;
		if (!found || !out->rough)
			return found;
		covered = 0;
	}
	out->end = c->place.offset;
	out->rough = out->end - covered > AUDIT_INDEX_BLOCK;
	out->start = out->rough ? out->end - AUDIT_INDEX_BLOCK : covered;
	return true;
}

/* The lines of a stretch; what a rough one begins with belongs to the one before. */
static struct err read_stretch(struct cursor *c, const struct stretch *stretch, struct view *lines)
{
	size_t len = (size_t)(stretch->end - stretch->start);
	TRY(read_at(c->fd, stretch->start, c->window, len));
	*lines = view_of(c->window, len);
	c->window_at = stretch->start;
	if (!stretch->rough)
		return OK;
	/* Behind the last newline before its end; without one, no record of ours is in it. */
	size_t cut = view_find(*lines, '\n') + 1;
	if (cut >= len)
		cut = 0;
	*lines = view_part(*lines, cut, len);
	return OK;
}

static struct err match_line(struct cursor *c, struct view line, struct match *match, bool *matches)
{
	const struct audit_wanted *wanted = &c->lookup->wanted;
	CLEANUP(audit_event_cleanup) struct audit_event event;
	struct audit_copy copy;
	*matches = false;
	struct err e = audit_event_read(line, &event);
	if (err_is(e, E_FORMAT))
		return OK;
	TRY(e);
	match->time_ms = event.time_ms;
	if (event.time_ms < wanted->since_ms || event.time_ms > wanted->until_ms)
		return OK;
	TRY(audit_copy_of(&event, wanted->account, &copy, matches));
	*matches = *matches && audit_copy_matches(&event, &copy, wanted->attribute, wanted->value);
	return OK;
}

static struct err match_lines(struct cursor *c, struct view lines)
{
	struct view rest = lines;
	while (rest.len > 0) {
		struct view line = view_cut(&rest, '\n');
		size_t start = (size_t)(line.ptr - c->window);
		if (rest.ptr == NULL)
			break; /* without its newline: not whole yet, or torn */
		struct match *match = &c->matches[c->pending];
		*match = (struct match){.start = start, .len = line.len};
		bool matches = false;
		TRY(match_line(c, line, match, &matches));
		c->pending += matches;
		if (c->pending == MATCHES_MAX)
			return ERR(E_BOUNDS);
	}
	return OK;
}

/* Looks through the next stretch. */
static struct err step(struct cursor *c, uint64_t *read)
{
	struct stretch stretch;
	struct view lines;
	if (c->fd < 0)
		TRY(find_segment(c, read));
	if (c->over || c->fd < 0)
		return OK;
	if (!stretch_before(c, &stretch)) {
		c->place.offset = 0;
		leave_segment(c);
		return OK;
	}
	*read += stretch.end - stretch.start;
	TRY(read_stretch(c, &stretch, &lines));
	TRY(match_lines(c, lines));
	c->place.offset = c->window_at + (size_t)(lines.ptr - c->window);
	return OK;
}

/* --- Together. --- */

/* A step, by which log failed. */
static struct err try_step(struct cursor *c, uint64_t *read)
{
	struct err e = step(c, read);
	if (!err_is(e, E_AUDIT) || !audit_indexes_are_of_others(c->log))
		return e;
	log_event(LOG_ERROR, "audit.log_unreadable", LOG_TEXT("folder", audit_indexes_path(c->log)),
		  LOG_NUMBER("segment", c->place.sequence), LOG_ERR(e),
		  LOG_TEXT("effect", "LookupEvents is refused"));
	return ERR_DETAIL(E_LOOKUP_AWAY, e.detail);
}

/* Until the cursor has something to hand out, or nothing is left; false: no more may be read. */
static struct err advance(struct cursor *c, uint64_t *read, bool *known)
{
	const struct audit_lookup *lookup = c->lookup;
	uint64_t max = lookup->read_max > 0 ? lookup->read_max : READ_DEFAULT;
	while (c->pending == 0 && !c->over && *read < max)
		TRY(try_step(c, read));
	*known = c->pending > 0 || c->over;
	return OK;
}

static const struct match *last_of(const struct cursor *c)
{
	return c->pending > 0 ? &c->matches[c->pending - 1] : NULL;
}

/* The cursor with the newest event; NULL: all are over. *known false: that cannot be told yet. */
static struct err newest(struct cursor *cursors, size_t count, uint64_t *read, bool *known,
			 struct cursor **out)
{
	*out = NULL;
	*known = true;
	for (size_t i = 0; i < count && *known; i++) {
		struct cursor *c = &cursors[i];
		TRY(advance(c, read, known));
		if (*known && c->pending > 0 &&
		    (*out == NULL || last_of(c)->time_ms > last_of(*out)->time_ms))
			*out = c;
	}
	return OK;
}

static struct err hand_out(struct cursor *c, size_t *bytes)
{
	const struct match *match = last_of(c);
	CLEANUP(audit_event_cleanup) struct audit_event event;
	struct audit_copy copy;
	bool found = false;
	struct view line = view_of(c->window + match->start, match->len);
	TRY(audit_event_read(line, &event));
	TRY(audit_copy_of(&event, c->lookup->wanted.account, &copy, &found));
	ENSURE(found);
	const struct audit_found it = {
		.line = line, .event = &event, .copy = &copy, .log = c->which};
	TRY(c->lookup->found(c->lookup->user, &it));
	*bytes += line.len;
	c->pending--;
	return OK;
}

static struct err merge(struct cursor *cursors, const struct audit_lookup *lookup, bool *more)
{
	uint64_t read = 0;
	size_t bytes = 0;
	bool known = true;
	*more = true;
	for (size_t events = 0; events < lookup->events_max && known; events++) {
		struct cursor *c = NULL;
		TRY(newest(cursors, lookup->count, &read, &known, &c));
		if (!known)
			return OK;
		*more = c != NULL;
		if (c == NULL)
			return OK;
		if (events > 0 && bytes + last_of(c)->len > lookup->text_max)
			return OK;
		TRY(hand_out(c, &bytes));
	}
	/* The page is full: is there anything behind it? Not knowing is as good as yes. */
	struct cursor *c = NULL;
	TRY(newest(cursors, lookup->count, &read, &known, &c));
	*more = !known || c != NULL;
	return OK;
}

static struct err cursor_init(struct cursor *c, const struct audit_lookup *lookup, size_t which,
			      const struct audit_place *place)
{
	*c = (struct cursor){.lookup = lookup,
			     .log = lookup->logs[which],
			     .which = which,
			     .place = *place,
			     .term = audit_wanted_term(&lookup->wanted),
			     .fd = -1};
	TRY(audit_indexes_look(c->log));
	TRY(MEM_NEW_ARRAY(STRETCH_MAX, &c->window));
	return MEM_NEW_ARRAY(MATCHES_MAX, &c->matches);
}

static void cursor_cleanup(struct cursor *c)
{
	leave_segment(c);
	mem_free(c->window);
	mem_free(c->matches);
}

/* Where the next call goes on: before what was handed out last. */
static struct audit_place place_of(const struct cursor *c)
{
	struct audit_place place = c->place;
	const struct match *match = last_of(c);
	if (match != NULL)
		place.offset = c->window_at + match->start + match->len + 1;
	return place;
}

NODISCARD struct err audit_lookup(const struct audit_lookup *lookup, struct audit_place *places,
				  bool *more)
{
	struct cursor cursors[AUDIT_LOGS_MAX] = {0};
	struct err e = OK;
	size_t begun = 0;
	*more = false;
	ENSURE(lookup->count > 0 && lookup->count <= AUDIT_LOGS_MAX);
	for (; begun < lookup->count && !err_failed(e); begun++)
		e = cursor_init(&cursors[begun], lookup, begun, &places[begun]);
	if (!err_failed(e))
		e = merge(cursors, lookup, more);
	for (size_t i = 0; i < begun; i++) {
		if (!err_failed(e))
			places[i] = place_of(&cursors[i]);
		cursor_cleanup(&cursors[i]);
	}
	return e;
}

NODISCARD struct err audit_wanted_digest(const struct audit_wanted *wanted, size_t logs,
					 uint8_t out[AUDIT_WANTED_DIGEST_LEN])
{
	uint8_t numbers[8 + 8 + 1 + 1];
	struct writer w;
	writer_init(&w, numbers, sizeof numbers);
	writer_u64(&w, (uint64_t)wanted->since_ms);
	writer_u64(&w, (uint64_t)wanted->until_ms);
	writer_u8(&w, (uint8_t)wanted->attribute);
	writer_u8(&w, (uint8_t)logs);
	TRY(writer_end(&w));
	const struct view parts[] = {VIEW_ARRAY(numbers), wanted->value};
	return digest_sha256(parts, ARRAY_LEN(parts), out);
}
