/* SPDX-License-Identifier: Apache-2.0 */
#include "event/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define MODE 0640

static bool ends_within_a_line(int fd)
{
	struct stat st = {0};
	char last = '\n';
	return fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
	       last != '\n';
}

NODISCARD struct err line_file_reopen(struct line_file *file)
{
	int fd = -1;
	TRY(file_open_appended(file->path, O_RDWR, MODE, &fd));
	file_close(&file->fd);
	file->fd = fd;
	file->torn = ends_within_a_line(fd);
	return OK;
}

NODISCARD struct err line_file_open(struct line_file *file, const char *path)
{
	*file = (struct line_file){.fd = -1};
	TRY(text_new(view_of_text(path), &file->path));
	struct err e = line_file_reopen(file);
	if (err_failed(e))
		line_file_close(file);
	return e;
}

void line_file_close(struct line_file *file)
{
	file_close(&file->fd);
	mem_free(file->path);
	*file = (struct line_file){.fd = -1};
}

static bool is_current(const struct line_file *file)
{
	struct stat there = {0}, ours = {0};
	return lstat(file->path, &there) == 0 && fstat(file->fd, &ours) == 0 &&
	       there.st_ino == ours.st_ino && there.st_dev == ours.st_dev;
}

static struct err write_line(const struct line_file *file, struct view line)
{
	if (file->torn)
		TRY(file_write(file->fd, VIEW_LITERAL("\n")));
	TRY(file_write(file->fd, line));
	return fdatasync(file->fd) == 0 ? OK : ERR_DETAIL(E_SYSTEM, errno);
}

NODISCARD struct err line_file_append(struct line_file *file, struct view line)
{
	struct stat before = {0};
	if (!is_current(file))
		TRY(line_file_reopen(file));
	if (fstat(file->fd, &before) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	struct err e = write_line(file, line);
	if (!err_failed(e))
		file->torn = false;
	else if (ftruncate(file->fd, before.st_size) != 0)
		file->torn = ends_within_a_line(file->fd);
	return e;
}
