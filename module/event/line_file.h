/* SPDX-License-Identifier: Apache-2.0 */
/* The folder's own: a file of lines that others read, and may move away. Not thread-safe. */
#ifndef HOLDFAST_EVENT_LINE_FILE_H
#define HOLDFAST_EVENT_LINE_FILE_H

#include "base/err.h"
#include "base/view.h"

struct line_file {
	char *path;
	int fd;
	bool torn; /* the file ends within a line: the next begins with a newline */
};

/* Made with mode 0640 when it is not there. E_SYSTEM with errno, E_SETTINGS: no regular file. */
NODISCARD struct err line_file_open(struct line_file *file, const char *path);
void line_file_close(struct line_file *file);

/* Another handle of the path; the one before is kept when this fails. Same errors. */
NODISCARD struct err line_file_reopen(struct line_file *file);

/* Appends and syncs one line, its newline included; into a new file when the path leads to the open
 * one no longer. E_SYSTEM with errno, E_SETTINGS: the line is to be given again. */
NODISCARD struct err line_file_append(struct line_file *file, struct view line);

#endif
