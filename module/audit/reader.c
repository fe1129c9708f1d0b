/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines, one after the other, through a window over the segment that is being read.
 *
 * A segment is complete when a newer one is there, which its writer makes only after it has cut the
 * zeros off. Until then the first NUL ends it, for now. So what stands at an end is believed only
 * when it was read after a newer segment had been seen.
 */
#include "audit/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/chain.h"
#include "audit/record.h"
#include "audit/segment.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define LINE_MAX ((size_t)AUDIT_RECORD_MAX + AUDIT_CHAIN_ROOM)
#define WINDOW ((size_t)4 * AUDIT_RECORD_MAX)
#define NUMBER_UNKNOWN UINT64_MAX

struct audit_reader {
	int directory;
	struct segment_file *files; /* as last looked at */
	size_t count;

	/* The segment that is being read. */
	int fd; /* -1: none */
	char name[SEGMENT_NAME_MAX];
	uint64_t sequence; /* of it, or of the last one that was; without `begun` of none */
	bool begun;
	bool newest;     /* no newer one has been seen */
	uint64_t number; /* of the last line, or NUMBER_UNKNOWN */
	bool skipping;   /* in the rest of a line that is too long */

	uint8_t *window;
	size_t begin, end; /* what of the window is still to be taken */
	uint64_t offset;   /* of `begin`, in the segment */
};

/* --- Segments. --- */

static void close_segment(struct audit_reader *reader)
{
	if (reader->fd >= 0)
		(void)close(reader->fd);
	reader->fd = -1;
}

static void forget_window(struct audit_reader *reader)
{
	reader->begin = reader->end = 0;
}

static const struct segment_file *file_behind(const struct audit_reader *reader)
{
	for (size_t i = 0; i < reader->count; i++)
		if (!reader->begun || reader->files[i].sequence > reader->sequence)
			return &reader->files[i];
	return NULL;
}

static struct err look_again(struct audit_reader *reader)
{
	struct segment_file *files = NULL;
	size_t count = 0;
	TRY(segment_list(reader->directory, &files, &count));
	mem_free(reader->files);
	reader->files = files;
	reader->count = count;
	reader->newest = file_behind(reader) == NULL;
	return OK;
}

static struct err unreadable(const struct audit_reader *reader, int cause)
{
	log_event(LOG_WARNING, "audit.segment_unreadable", LOG_TEXT("segment", reader->name),
		  LOG_NUMBER("errno", cause));
	return ERR_DETAIL(E_AUDIT, cause);
}

static struct err open_segment(struct audit_reader *reader, const struct segment_file *file,
			       uint64_t offset)
{
	close_segment(reader);
	forget_window(reader);
	TRY(text_copy(reader->name, sizeof reader->name, view_of_text(file->name)));
	struct stat st = {0};
	int fd = openat(reader->directory, file->name,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return unreadable(reader, errno);
	reader->fd = fd;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return unreadable(reader, 0);
	reader->sequence = file->sequence;
	reader->begun = true;
	reader->newest = file_behind(reader) == NULL;
	reader->offset = offset;
	reader->number = offset == 0 ? 0 : NUMBER_UNKNOWN;
	reader->skipping = false;
	return OK;
}

/* --- The window. --- */

static struct view waiting(const struct audit_reader *reader)
{
	return view_of(reader->window + reader->begin, reader->end - reader->begin);
}

static void take(struct audit_reader *reader, size_t bytes)
{
	reader->begin += bytes;
	reader->offset += bytes;
}

/* What was read and then cut off, because the disk refused it, can leave the next line to begin
 * before `offset`. */
static struct err check_beginning(const struct audit_reader *reader)
{
	uint8_t before = 0;
	if (reader->offset == 0 || reader->skipping || waiting(reader).len > 0)
		return OK;
	ssize_t n = -1;
	do
		n = pread(reader->fd, &before, 1, (off_t)reader->offset - 1);
	while (n < 0 && errno == EINTR);
	return n == 1 && before == '\n' ? OK : unreadable(reader, n < 0 ? errno : 0);
}

static struct err fill(struct audit_reader *reader, size_t *more)
{
	TRY(check_beginning(reader));
	struct view rest = waiting(reader);
	mem_move(reader->window, WINDOW, rest.ptr, rest.len);
	reader->begin = 0;
	reader->end = rest.len;
	ssize_t n = -1;
	do
		n = pread(reader->fd, reader->window + rest.len, WINDOW - rest.len,
			  (off_t)(reader->offset + rest.len));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return unreadable(reader, errno);
	*more = (size_t)n;
	/* Behind the last line of a segment that is being written stand zeros. */
	if (reader->newest)
		*more = view_find(view_of(reader->window + rest.len, (size_t)n), 0);
	reader->end += *more;
	return OK;
}

/* --- Lines. --- */

static void fill_in(struct audit_reader *reader, struct view text, struct audit_line *out)
{
	if (reader->number != NUMBER_UNKNOWN)
		reader->number++;
	*out = (struct audit_line){
		.text = text,
		.segment = reader->name,
		.segment_sequence = reader->sequence,
		.offset = reader->offset,
		.number = reader->number != NUMBER_UNKNOWN ? reader->number : 0,
	};
}

/* Drops the rest of a line that is too long; true when it is all gone. */
static bool skip(struct audit_reader *reader)
{
	struct view text = waiting(reader);
	size_t at = view_find(text, '\n');
	reader->skipping = at == text.len;
	take(reader, MIN_OF(at + 1, text.len));
	return !reader->skipping;
}

/* The line at the front of the window, if it is whole or known to be too long. */
static bool take_line(struct audit_reader *reader, struct audit_line *out)
{
	if (reader->skipping && !skip(reader))
		return false;
	struct view text = waiting(reader);
	size_t len = view_find(text, '\n');
	bool whole = len < text.len;
	if (!whole && len <= LINE_MAX)
		return false;
	fill_in(reader, view_part(text, 0, MIN_OF(len, LINE_MAX)), out);
	out->too_long = len > LINE_MAX;
	take(reader, whole ? len + 1 : len);
	reader->skipping = !whole;
	return true;
}

static void take_torn(struct audit_reader *reader, struct audit_line *out)
{
	struct view text = waiting(reader);
	fill_in(reader, text, out);
	out->torn = true;
	close_segment(reader); /* the text stays in the window until the next one is opened */
}

/* --- One after the other. --- */

enum step { STEP_AGAIN, STEP_LINE, STEP_WAIT };

/* Nothing more is in the segment for now. */
static struct err at_end(struct audit_reader *reader, struct audit_line *out, enum step *step)
{
	*step = STEP_AGAIN;
	if (!reader->newest && waiting(reader).len > 0) {
		take_torn(reader, out);
		*step = STEP_LINE;
		return OK;
	}
	if (!reader->newest) {
		close_segment(reader);
		return OK;
	}
	forget_window(reader);
	TRY(look_again(reader));
	if (reader->newest)
		*step = STEP_WAIT;
	return OK;
}

static struct err next_segment(struct audit_reader *reader, enum step *step)
{
	const struct segment_file *file = file_behind(reader);
	if (file == NULL) {
		TRY(look_again(reader));
		file = file_behind(reader);
	}
	*step = file == NULL ? STEP_WAIT : STEP_AGAIN;
	return file == NULL ? OK : open_segment(reader, file, 0);
}

static struct err one_step(struct audit_reader *reader, struct audit_line *out, enum step *step)
{
	if (reader->fd < 0)
		return next_segment(reader, step);
	*step = STEP_LINE;
	if (take_line(reader, out))
		return OK;
	size_t more = 0;
	TRY(fill(reader, &more));
	*step = STEP_AGAIN;
	return more > 0 ? OK : at_end(reader, out, step);
}

NODISCARD struct err audit_reader_next(struct audit_reader *reader, struct audit_line *out,
				       bool *got)
{
	*got = false;
	enum step step = STEP_AGAIN;
	while (step == STEP_AGAIN)
		TRY(one_step(reader, out, &step));
	*got = step == STEP_LINE;
	return OK;
}

NODISCARD struct err audit_reader_seek(struct audit_reader *reader, uint64_t segment_sequence,
				       uint64_t offset)
{
	TRY(look_again(reader));
	for (size_t i = 0; i < reader->count; i++)
		if (reader->files[i].sequence == segment_sequence)
			return open_segment(reader, &reader->files[i], offset);
	return ERR(E_NOT_FOUND);
}

/* Of the segment that is being written only the lines count, as far as they are known. */
void audit_reader_progress(const struct audit_reader *reader, struct audit_reader_progress *out)
{
	*out = (struct audit_reader_progress){.segments = reader->count};
	for (size_t i = 0; i < reader->count; i++) {
		const struct segment_file *file = &reader->files[i];
		bool here = reader->begun && file->sequence == reader->sequence;
		bool over = reader->begun && file->sequence < reader->sequence;
		over = over || (here && reader->fd < 0);
		out->all += here && !over ? MAX_OF(file->bytes, reader->offset) : file->bytes;
		out->done += over ? file->bytes : here ? reader->offset : 0;
		out->segments_done += over;
	}
}

NODISCARD struct err audit_reader_open_at(int directory, struct audit_reader **out)
{
	*out = NULL;
	CLEANUP(audit_reader_close) struct audit_reader *reader = NULL;
	TRY(MEM_NEW(&reader));
	reader->fd = reader->directory = -1;
	TRY(MEM_NEW_ARRAY(WINDOW, &reader->window));
	reader->directory = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (reader->directory < 0)
		return ERR_DETAIL(E_AUDIT, errno);
	TRY(look_again(reader));
	*out = TAKE(reader);
	return OK;
}

NODISCARD struct err audit_reader_open(const char *directory, struct audit_reader **out)
{
	*out = NULL;
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_DETAIL(E_AUDIT, errno);
	struct err e = audit_reader_open_at(fd, out);
	(void)close(fd);
	return e;
}

void audit_reader_close(struct audit_reader **at)
{
	struct audit_reader *reader = TAKE(*at);
	if (reader == NULL)
		return;
	close_segment(reader);
	if (reader->directory >= 0)
		(void)close(reader->directory);
	mem_free(reader->files);
	mem_free(reader->window);
	mem_free(reader);
}
