/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own header: the segment files below the log. Seen by log.c, search.c and the unit
 * tests, which put failing system calls in.
 *
 * A segment is a file of lines, audit-<time>-<sequence>.jsonl, mode 0640; the highest sequence is
 * the newest, and only that one is written. While it is, zeros stand behind its last line: room
 * that was written ahead, because fdatasync(2) costs half as much when it need not store a new
 * file size. A reader that follows the log therefore takes lines up to the first NUL and looks
 * there again later; a segment that is complete, or whose writer has ended, has no NUL.
 *
 * Not thread-safe: one writer.
 */
#ifndef HOLDFAST_AUDIT_SEGMENT_H
#define HOLDFAST_AUDIT_SEGMENT_H

#include <sys/types.h>
#include <sys/uio.h>

#include "audit/log.h"

#define SEGMENT_NAME_MAX 64
#define SEGMENT_BYTES_DEFAULT (UINT64_C(256) << 20)
#define SEGMENT_ZEROS_DEFAULT (UINT32_C(1) << 20)
#define SEGMENT_ZEROS_MAX (UINT32_C(16) << 20)

/* The system calls that tests make fail. */
struct segment_io {
	ssize_t (*write)(int fd, const struct iovec *parts, int count, off_t at); /* pwritev(2) */
	int (*sync)(int fd);                                                      /* fdatasync(2) */
	int (*truncate)(int fd, off_t size);                                      /* ftruncate(2) */
	int (*create)(int directory, const char *name, int flags, mode_t mode);   /* openat(2) */
	int (*sync_directory)(int fd);                                            /* fsync(2) */
};

extern const struct segment_io segment_io_system;

struct segments_options {
	uint64_t segment_bytes;
	uint32_t segment_days; /* 0: a segment may go on for ever */
	uint32_t zeros_bytes;  /* written ahead at a time; 0: none */
	uint32_t ending_bytes; /* that an entry's ending may take, for segments_fit() */
	const struct clock *clock;
	const struct segment_io *io;
};

enum segments_state {
	SEGMENTS_READY,   /* behind the last durable line stand zeros or nothing */
	SEGMENTS_DIRTY,   /* a write failed: refused lines may stand there, to be cut off */
	SEGMENTS_SUSPECT, /* a sync failed: as DIRTY, and the file is not to be written again */
};

struct segments {
	struct segments_options options;
	int directory, lock, fd; /* -1: none */
	char name[SEGMENT_NAME_MAX];
	uint64_t sequence; /* of the newest segment */
	uint64_t durable;  /* bytes of lines in it, all on disk */
	uint64_t written;  /* size of the file: lines, then zeros */
	unsigned state;    /* enum segments_state */
};

/*
 * Locks the directory and opens its newest segment, cut to its last whole line; what is cut and is
 * not zeros goes to <segment>.torn. E_ALREADY_RUNNING, E_AUDIT. segments_close() in any case.
 */
NODISCARD struct err segments_open(struct segments *s, const char *directory,
				   const struct segments_options *options);
void segments_close(struct segments *s);

/*
 * Writes `count` lines and makes them durable with one sync. E_AUDIT: none of them counts, and none
 * will be in the log, provided that segments_restore() has said OK before the next is written.
 */
NODISCARD struct err segments_append(struct segments *s, const struct audit_entry *first,
				     size_t count);

/* Of the lines as they stand in the file. */
size_t segments_bytes(const struct audit_entry *entry, size_t count);

/* How many of the entries from `first` on fit into the segment together; at least one. */
size_t segments_fit(const struct segments *s, const struct audit_entry *first, size_t count);

/* After a failure: cuts off what was refused and proves by a durable write of zeros that the disk
 * takes data again. E_AUDIT: try again later. */
NODISCARD struct err segments_restore(struct segments *s);

/* The name of the segment with the highest sequence below `below`. E_NOT_FOUND, E_AUDIT. */
NODISCARD struct err segment_find(int directory, uint64_t below, char name[SEGMENT_NAME_MAX],
				  uint64_t *sequence);

/* When a segment was begun, by its name, in Unix time. E_FORMAT. */
NODISCARD struct err segment_begun(const char *name, int64_t *ms);

/* A segment as the folder has it. */
struct segment_file {
	char name[SEGMENT_NAME_MAX];
	uint64_t sequence;
	uint64_t bytes;
	int64_t changed_ms; /* Unix time of the last change of its content */
};

/* All of them, the oldest first; *out: mem_free(). E_AUDIT, E_NOMEM. */
NODISCARD struct err segment_list(int directory, struct segment_file **out, size_t *count);

/* The log over other system calls, with other zeros and another interval of the probe. */
struct audit_log_tuning {
	const struct segment_io *io;
	uint32_t zeros_bytes;
	uint32_t probe_ms;
};
NODISCARD struct err audit_log_open_tuned(const struct audit_log_options *options,
					  const struct audit_log_tuning *tuning,
					  struct audit_log **out);

#endif
