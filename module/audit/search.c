/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an event is in the log, for the outbox at start. Segments from the newest backwards, each
 * read forwards a window at a time; SEARCH_BYTES_MAX of the log are looked at, which is far more
 * than a crash can leave undecided.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "audit/record.h"
#include "audit/segment.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/json.h"

#define SEARCH_BYTES_MAX (UINT64_C(512) << 20)
#define WINDOW ((size_t)4 * AUDIT_RECORD_MAX)

struct search {
	const char *event_id;
	char needle[AUDIT_EVENT_ID_LEN + 16]; /* "eventID":"..." */
	uint8_t *window;
	uint64_t seen; /* bytes */
	bool found;
};

/* A context of the caller's may hold the same text deeper in the record. */
static bool is_event(struct view line, const char *event_id)
{
	CLEANUP(json_free) struct json *record = NULL;
	if (err_failed(json_parse(line, &record)))
		return false;
	return view_equal_text(json_string_of(json_member(record, "eventID")), event_id);
}

/* Looks through whole lines. */
static void search_lines(struct search *search, struct view lines)
{
	struct view needle = view_of_text(search->needle);
	while (lines.len > 0 && !search->found) {
		const uint8_t *hit = memmem(lines.ptr, lines.len, needle.ptr, needle.len);
		if (hit == NULL)
			return;
		size_t at = (size_t)(hit - lines.ptr);
		size_t start = at;
		while (start > 0 && lines.ptr[start - 1] != '\n')
			start--;
		size_t end = at + view_find(view_part(lines, at, lines.len), '\n');
		search->found = is_event(view_part(lines, start, end - start), search->event_id);
		lines = view_part(lines, end, lines.len);
	}
}

/* Bytes of the window that end with a newline. */
static size_t whole_lines(const uint8_t *window, size_t len)
{
	while (len > 0 && window[len - 1] != '\n')
		len--;
	return len;
}

static struct err search_segment(struct search *search, int fd)
{
	size_t len = 0;
	while (!search->found) {
		ssize_t n = read(fd, search->window + len, WINDOW - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_DETAIL(E_AUDIT, errno);
		struct view fresh = view_of(search->window + len, (size_t)n);
		size_t text = view_find(fresh, 0); /* zeros behind the last line */
		len += text;
		search->seen += text;
		size_t whole = whole_lines(search->window, len);
		search_lines(search, view_of(search->window, whole));
		if (n == 0 || text < fresh.len)
			return OK;
		if (len - whole == WINDOW)
			return ERR(E_AUDIT); /* no line of ours is that long */
		mem_move(search->window, WINDOW, search->window + whole, len - whole);
		len -= whole;
	}
	return OK;
}

NODISCARD struct err audit_log_contains(const char *directory, const char *event_id, bool *found)
{
	*found = false;
	struct search search = {.event_id = event_id};
	REQUIRE(view_of_text(event_id).len == AUDIT_EVENT_ID_LEN, E_FORMAT);
	TRY(text_format(search.needle, sizeof search.needle, "\"eventID\":\"%s\"", event_id));
	CLEANUP(mem_free_at) uint8_t *window = NULL;
	TRY(MEM_NEW_ARRAY(WINDOW, &window));
	search.window = window;
	CLEANUP(file_close) int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return ERR_DETAIL(E_AUDIT, errno);
	char name[SEGMENT_NAME_MAX];
	uint64_t below = UINT64_MAX;
	while (!search.found && search.seen < SEARCH_BYTES_MAX) {
		struct err e = segment_find(dir, below, name, &below);
		if (err_is(e, E_NOT_FOUND))
			return OK;
		TRY(e);
		CLEANUP(file_close)
		int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			return ERR_DETAIL(E_AUDIT, errno);
		TRY(search_segment(&search, fd));
		*found = search.found;
	}
	return OK;
}
