/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/token/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/entropy.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define FD_MIN 3
#define FD_MAX 1024

/* 64 characters, so that six random bits choose one without bias. */
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";

static struct err complain(char message[SETTINGS_MESSAGE_MAX], const char *source, const char *what,
			   int detail)
{
	struct err e =
		text_format(message, SETTINGS_MESSAGE_MAX, "PIN from '%s': %s", source, what);
	(void)e; /* the code is told in any case */
	return ERR_DETAIL(E_SETTINGS, detail);
}

/* Sources. */

static bool after(const char *source, const char *prefix, const char **rest)
{
	struct view whole = view_of_text(source);
	struct view head = view_of_text(prefix);
	if (!view_starts_with(whole, head))
		return false;
	*rest = source + head.len;
	return true;
}

const char *pin_source_path(const char *source)
{
	const char *path = NULL;
	return after(source, "file:", &path) ? path : NULL;
}

static bool is_credential_name(const char *name)
{
	return name[0] != '\0' && name[0] != '.' &&
	       view_find(view_of_text(name), '/') == view_of_text(name).len;
}

NODISCARD struct err pin_source_check(const char *source, char message[SETTINGS_MESSAGE_MAX])
{
	const char *rest = NULL;
	int64_t fd = 0;
	if (source[0] == '\0')
		return OK;
	if (after(source, "file:", &rest))
		return rest[0] == '/' ? OK
				      : complain(message, source,
						 "the path must be absolute: file:/PATH", 0);
	if (after(source, "fd:", &rest))
		return !err_failed(text_parse_integer(view_of_text(rest), FD_MIN, FD_MAX, &fd))
			       ? OK
			       : complain(message, source, "write fd:N with N from 3 on", 0);
	if (after(source, "credential:", &rest))
		return is_credential_name(rest)
			       ? OK
			       : complain(message, source,
					  "write credential:NAME, as LoadCredential= has it", 0);
	return complain(message, "pin_source",
			"write file:/PATH, fd:N or credential:NAME; the PIN itself does not "
			"belong into the settings",
			0);
}

/* Reading. */

static struct err drain(int fd, const char *source, struct secret *pin,
			char message[SETTINGS_MESSAGE_MAX])
{
	ssize_t n = 0;
	do {
		n = read(fd, pin->ptr + pin->len, pin->cap - pin->len);
		pin->len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && pin->len < pin->cap);
	if (n < 0)
		return complain(message, source, "it cannot be read; check that it is open", errno);
	if (pin->len > 0 && pin->ptr[pin->len - 1] == '\n')
		pin->len--;
	if (pin->len == 0)
		return complain(message, source, "it is empty; put the user PIN into it", 0);
	if (pin->len > PIN_MAX)
		return complain(message, source, "it is longer than a PIN may be (256 bytes)", 0);
	return OK;
}

static struct err read_fd(int fd, const char *source, struct secret **out,
			  char message[SETTINGS_MESSAGE_MAX])
{
	CLEANUP(secret_free) struct secret *pin = NULL;
	TRY(secret_new(PIN_MAX + 2, &pin));
	TRY(drain(fd, source, pin, message));
	*out = TAKE(pin);
	return OK;
}

static struct err file_check(int fd, const char *path, char message[SETTINGS_MESSAGE_MAX])
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return complain(message, path, "it cannot be examined", errno);
	if (!S_ISREG(st.st_mode))
		return complain(message, path, "it is not a regular file", 0);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return complain(message, path,
				"it belongs to another user; chown it to root or to the user "
				"that runs holdfast-token",
				0);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return complain(message, path, "others may read it; run chmod 600 on it", 0);
	return OK;
}

static struct err read_file(const char *path, struct secret **out,
			    char message[SETTINGS_MESSAGE_MAX])
{
	CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return complain(message, path,
				errno == ENOENT ? "there is no such file"
						: "the file cannot be opened; check its owner",
				errno);
	TRY(file_check(fd, path, message));
	return read_fd(fd, path, out, message);
}

static struct err read_credential(const char *name, struct secret **out,
				  char message[SETTINGS_MESSAGE_MAX])
{
	/* systemd.exec(5): where LoadCredential= puts them. */
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];
	if (directory == NULL)
		return complain(message, name,
				"there is no CREDENTIALS_DIRECTORY; start it as a systemd service "
				"with LoadCredential=",
				0);
	if (err_failed(text_format(path, sizeof path, "%s/%s", directory, name)))
		return complain(message, name, "the path is too long", 0);
	return read_file(path, out, message);
}

NODISCARD struct err pin_read(const char *source, struct secret **out,
			      char message[SETTINGS_MESSAGE_MAX])
{
	*out = NULL;
	TRY(pin_source_check(source, message));
	const char *rest = NULL;
	if (after(source, "file:", &rest))
		return read_file(rest, out, message);
	if (after(source, "credential:", &rest))
		return read_credential(rest, out, message);
	if (!after(source, "fd:", &rest))
		return OK;
	int64_t number = -1;
	TRY(text_parse_integer(view_of_text(rest), FD_MIN, FD_MAX, &number));
	CLEANUP(file_close) int fd = (int)number;
	return read_fd(fd, source, out, message);
}

/* Making. */

NODISCARD struct err pin_make(size_t len, struct secret **out)
{
	*out = NULL;
	REQUIRE(len >= 1 && len <= PIN_MAX, E_BOUNDS);
	CLEANUP(secret_free) struct secret *pin = NULL;
	TRY(secret_new(len + 1, &pin));
	TRY(entropy_fill(pin->ptr, len));
	for (size_t i = 0; i < len; i++)
		pin->ptr[i] = (uint8_t)alphabet[pin->ptr[i] & 63];
	pin->len = len;
	*out = TAKE(pin);
	return OK;
}

NODISCARD struct err pin_directory_sync(const char *path)
{
	char directory[PATH_MAX];
	TRY(text_copy(directory, sizeof directory, view_of_text(path)));
	size_t len = view_of_text(directory).len;
	while (len > 1 && directory[len - 1] != '/')
		len--;
	directory[len] = '\0';
	CLEANUP(file_close) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	return OK;
}

static struct err store(const char *path, int fd, const struct secret *pin,
			char message[SETTINGS_MESSAGE_MAX])
{
	bool stored = write(fd, pin->ptr, pin->len) == (ssize_t)pin->len && fsync(fd) == 0 &&
		      !err_failed(pin_directory_sync(path));
	int saved = errno;
	if (stored)
		return OK;
	(void)unlink(path);
	return complain(message, path, "the new PIN cannot be written; make room on the disk",
			saved);
}

NODISCARD struct err pin_read_or_make(const char *path, struct secret **out, bool *made,
				      char message[SETTINGS_MESSAGE_MAX])
{
	*out = NULL;
	*made = false;
	CLEANUP(file_close)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && errno == EEXIST)
		return read_file(path, out, message);
	if (fd < 0)
		return complain(message, path, "the file cannot be made; check its directory",
				errno);
	CLEANUP(secret_free) struct secret *pin = NULL;
	TRY(pin_make(PIN_MADE_LEN, &pin));
	pin->ptr[pin->len++] = '\n';
	TRY(store(path, fd, pin, message));
	pin->len = PIN_MADE_LEN;
	*out = TAKE(pin);
	*made = true;
	return OK;
}
