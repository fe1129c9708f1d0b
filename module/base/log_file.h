/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's own file, for machines without a journal. It is rotated by size here, or by logrotate:
 * before each line it is asked whether the path still leads to the open file, so that a file that
 * was moved away is followed by a new one at once. Several processes may share one file.
 */
#ifndef HOLDFAST_BASE_LOG_FILE_H
#define HOLDFAST_BASE_LOG_FILE_H

#include "base/err.h"
#include "base/view.h"

#define LOG_FILES_KEPT_MAX 1000

struct log_file_options {
	const char *path;    /* absolute; NULL or "": no file */
	uint64_t file_bytes; /* a larger file becomes <path>.1, .1 becomes .2; 0: never */
	uint32_t files_kept; /* besides the current one; what would be older is removed */
};

/*
 * Opens the file (0640, appended to; a regular file and no link) in place of the one before, which
 * is kept when this fails: E_SYSTEM with errno, E_SETTINGS (no regular file), E_BOUNDS (path too
 * long). Thread-safe.
 */
NODISCARD struct err log_file_open(const struct log_file_options *options);

/* Other sizes for the file that is open; what lies there is not touched until the next line. */
void log_file_set_limits(uint64_t file_bytes, uint32_t files_kept);

/* Whether log_file_open() would work; makes the file, and changes nothing else. Same errors. */
NODISCARD struct err log_file_check(const struct log_file_options *options);

/* Appends the line, which ends with its newline. false: there is no file, it does not take it, or
 * it was moved away and none can be made in its place; the line is then for standard error.
 * Thread-safe. */
bool log_file_write(struct view line);

/* The open file, -1 when there is none. Async-signal-safe. */
int log_file_fd(void);

/* The errno of the last line that the file did not take; 0 when it took it. */
int log_file_failure(void);

#endif
