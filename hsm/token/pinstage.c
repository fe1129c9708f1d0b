/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/token/pinstage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "hsm/token/pin.h"

#define MARK "pin-change"

static const char *const suffixes[] = {
	[PINSTAGE_NONE] = "",
	[PINSTAGE_NEW] = ".new",
	[PINSTAGE_CHANGING] = ".changing",
	[PINSTAGE_TRIED] = ".tried",
	[PINSTAGE_REFUSED] = ".refused",
};

static struct err system_error(void)
{
	return ERR_DETAIL(E_SYSTEM, errno);
}

NODISCARD struct err pinstage_path(const char *file, enum pinstage stage, char *out, size_t cap)
{
	return text_format(out, cap, "%s%s", file, suffixes[stage]);
}

NODISCARD struct err pinstage_find(const char *file, enum pinstage *out)
{
	char path[PATH_MAX];
	struct stat st;
	for (enum pinstage stage = PINSTAGE_REFUSED; stage > PINSTAGE_NONE; stage--) {
		TRY(pinstage_path(file, stage, path, sizeof path));
		*out = stage;
		if (lstat(path, &st) == 0)
			return OK;
		if (errno != ENOENT)
			return system_error();
	}
	*out = PINSTAGE_NONE;
	return OK;
}

NODISCARD struct err pinstage_write(const char *file, const struct secret *pin)
{
	char path[PATH_MAX];
	struct stat st = {0};
	TRY(pinstage_path(file, PINSTAGE_NEW, path, sizeof path));
	if (stat(file, &st) != 0 || (unlink(path) != 0 && errno != ENOENT))
		return system_error();
	CLEANUP(file_close)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return system_error();
	if ((st.st_uid != geteuid() || st.st_gid != getegid()) &&
	    fchown(fd, st.st_uid, st.st_gid) != 0)
		return system_error();
	TRY(file_write(fd, secret_view(pin)));
	TRY(file_write(fd, VIEW_LITERAL("\n")));
	return fsync(fd) == 0 ? pin_directory_sync(path) : system_error();
}

NODISCARD struct err pinstage_move(const char *file, enum pinstage from, enum pinstage to)
{
	char old[PATH_MAX], new[PATH_MAX];
	TRY(pinstage_path(file, from, old, sizeof old));
	TRY(pinstage_path(file, to, new, sizeof new));
	return rename(old, new) == 0 ? pin_directory_sync(file) : system_error();
}

NODISCARD struct err pinstage_drop(const char *file, enum pinstage stage)
{
	char path[PATH_MAX];
	TRY(pinstage_path(file, stage, path, sizeof path));
	return unlink(path) == 0 || errno == ENOENT ? pin_directory_sync(file) : system_error();
}

/* --- The mark. --- */

static struct err mark_path(const char *state_directory, char out[PATH_MAX])
{
	return text_format(out, PATH_MAX, "%s/" MARK, state_directory);
}

NODISCARD struct err pinstage_mark(const char *state_directory, const char *file)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	TRY(mark_path(state_directory, path));
	TRY(text_format(fresh, sizeof fresh, "%s/" MARK ".new", state_directory));
	CLEANUP(file_close)
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return system_error();
	TRY(file_write(fd, view_of_text(file)));
	if (fsync(fd) != 0 || rename(fresh, path) != 0)
		return system_error();
	return pin_directory_sync(path);
}

NODISCARD struct err pinstage_unmark(const char *state_directory)
{
	char path[PATH_MAX];
	TRY(mark_path(state_directory, path));
	return unlink(path) == 0 || errno == ENOENT ? pin_directory_sync(path) : system_error();
}

/* "" without a mark. */
static struct err mark_read(const char *state_directory, char out[PATH_MAX])
{
	char path[PATH_MAX];
	out[0] = '\0';
	TRY(mark_path(state_directory, path));
	CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? OK : system_error();
	char text[PATH_MAX];
	ssize_t n = read(fd, text, sizeof text - 1);
	if (n < 0)
		return system_error();
	return text_copy(out, PATH_MAX, view_of(text, (size_t)n));
}

NODISCARD struct err pinstage_check(const char *state_directory, char message[SETTINGS_MESSAGE_MAX])
{
	char file[PATH_MAX];
	enum pinstage stage = PINSTAGE_NONE;
	TRY(mark_read(state_directory, file));
	/* Where the file cannot be looked at, whoever may must do so. */
	struct err e = file[0] != '\0' ? pinstage_find(file, &stage) : OK;
	if (!err_failed(e) && stage <= PINSTAGE_NEW)
		return OK;
	(void)!err_failed(text_format(
		message, SETTINGS_MESSAGE_MAX,
		stage == PINSTAGE_REFUSED
			? "the token refused both the PIN in %.400s and the one in %.400s.refused; "
			  "put the right PIN into the first, remove the second, start again"
			: "a change of the PIN in %.400s was interrupted (%.400s%.10s is there); "
			  "run holdfast-token --change-pin once more to finish it, then start "
			  "again",
		file, file, suffixes[stage]));
	return ERR(E_SETTINGS);
}
