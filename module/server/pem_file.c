/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pem_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define PIECE 4096

static struct err complain(struct pem_file_fault *fault, const char *what, int code)
{
	*fault = (struct pem_file_fault){what, code};
	return ERR_DETAIL(E_TLS, code);
}

static struct err check(int fd, bool key, struct pem_file_fault *fault)
{
	struct stat st = {0};
	if (fstat(fd, &st) != 0)
		return complain(fault, "the file cannot be examined", errno);
	if (!S_ISREG(st.st_mode))
		return complain(fault, "this is not a regular file; name a PEM file", 0);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return complain(fault, "the file belongs to another user; give it to root", 0);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return complain(fault, "others can write the file; run chmod go-w on it", 0);
	if (!key)
		return OK;
	if ((st.st_mode & S_IRWXO) != 0 || (st.st_uid != 0 && (st.st_mode & S_IRWXG) != 0))
		return complain(fault,
				"others can read the private key; run chmod 600 on it, or give it "
				"to root and one group and run chmod 640",
				0);
	return OK;
}

/* O_NONBLOCK: a FIFO in the file's place must not hold the start up. */
static struct err open_checked(const char *path, bool key, int *out, struct pem_file_fault *fault)
{
	CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return complain(fault,
				errno == ENOENT ? "there is no such file; correct its name in [tls]"
						: "the file cannot be opened; make it readable for "
						  "the service's user",
				errno);
	TRY(check(fd, key, fault));
	*out = fd;
	fd = -1;
	return OK;
}

static ssize_t read_some(int fd, void *room, size_t n)
{
	ssize_t got = 0;
	do {
		got = read(fd, room, n);
	} while (got < 0 && errno == EINTR);
	return got;
}

NODISCARD struct err pem_file_read(const char *path, struct buf *out, struct pem_file_fault *fault)
{
	CLEANUP(file_close) int fd = -1;
	TRY(open_checked(path, false, &fd, fault));
	uint8_t piece[PIECE];
	for (;;) {
		ssize_t n = read_some(fd, piece, sizeof piece);
		if (n < 0)
			return complain(fault, "the file cannot be read", errno);
		if (n == 0)
			return OK;
		if (err_failed(buf_append(out, view_of(piece, (size_t)n))))
			return complain(fault, "the file is too large for PEM certificates", 0);
	}
}

NODISCARD struct err pem_file_read_key(const char *path, struct secret **out,
				       struct pem_file_fault *fault)
{
	CLEANUP(file_close) int fd = -1;
	TRY(open_checked(path, true, &fd, fault));
	CLEANUP(secret_free) struct secret *key = NULL;
	TRY(secret_new(SECRET_MAX, &key));
	ssize_t n = 0;
	do {
		n = read_some(fd, key->ptr + key->len, SECRET_MAX - key->len);
		key->len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && key->len < SECRET_MAX);
	if (n < 0)
		return complain(fault, "the file cannot be read", errno);
	if (key->len == SECRET_MAX)
		return complain(fault, "the file is too large for a PEM private key", 0);
	*out = TAKE(key);
	return OK;
}
