/* SPDX-License-Identifier: Apache-2.0 */
#include "event/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/file.h"
#include "base/mem.h"

#define HEADER "Authorization: Bearer "
#define HEADER_LEN (sizeof HEADER - 1)
#define TOKEN_MAX 4096

/* As the private key of [tls]: the service's own, or root's and readable for one group. */
static const char *file_fault(int fd)
{
	struct stat st = {0};
	if (fd < 0 || fstat(fd, &st) != 0)
		return "token_file cannot be opened; make it readable for the service's user";
	if (!S_ISREG(st.st_mode))
		return "token_file is not a regular file";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "token_file belongs to another user; give it to root or the service's user";
	if ((st.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) != 0)
		return "token_file can be read by others; take that away (chmod o=,g-w)";
	return NULL;
}

/* RFC 6750 §2.1: b64token. */
static bool is_token(struct view token)
{
	size_t at = 0;
	for (; at < token.len; at++) {
		uint8_t c = token.ptr[at];
		if (!ascii_is(c, ASCII_ALPHANUMERIC) && view_find(VIEW_LITERAL("-._~+/"), c) == 6)
			break;
	}
	size_t begun = at;
	while (at < token.len && token.ptr[at] == '=')
		at++;
	return begun > 0 && at == token.len;
}

static bool read_all(int fd, struct secret *out)
{
	for (;;) {
		ssize_t n = read(fd, out->ptr + out->len, HEADER_LEN + TOKEN_MAX + 2 - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		out->len += (size_t)n;
	}
}

NODISCARD struct err token_file_read(const char *path, struct secret **out, const char **fault)
{
	CLEANUP(secret_free) struct secret *header = NULL;
	*fault = NULL;
	TRY(secret_new(HEADER_LEN + TOKEN_MAX + 3, &header));
	CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	*fault = file_fault(fd);
	if (*fault != NULL)
		return ERR(E_SETTINGS);
	mem_copy(header->ptr, header->cap, HEADER, HEADER_LEN);
	header->len = HEADER_LEN;
	bool whole = read_all(fd, header);
	struct view line = view_part(secret_view(header), HEADER_LEN, header->len);
	line = view_trim(view_cut(&line, '\n'));
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (!whole || line.len > TOKEN_MAX || !is_token(line)) {
		*fault = "the first line of token_file is no bearer token of RFC 6750";
		return ERR(E_SETTINGS);
	}
	mem_move(header->ptr + HEADER_LEN, header->cap - HEADER_LEN, line.ptr, line.len);
	header->len = HEADER_LEN + line.len;
	header->ptr[header->len] = '\0';
	*out = TAKE(header);
	return OK;
}
