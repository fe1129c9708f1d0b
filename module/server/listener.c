/* SPDX-License-Identifier: Apache-2.0 */
#include "server/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define HOST_TEXT 256
#define PORT_TEXT 6

static void free_addresses(struct addrinfo **list)
{
	if (*list != NULL)
		freeaddrinfo(*list);
}

/* Cuts at the last colon; an IPv6 address stands in brackets, so that the colon is not its own. */
static struct err split(const char *text, char host[HOST_TEXT], char port[PORT_TEXT])
{
	struct view all = view_of_text(text);
	size_t colon = all.len;
	while (colon > 0 && all.ptr[colon - 1] != ':')
		colon--;
	REQUIRE(colon > 1, E_SETTINGS);
	struct view name = view_part(all, 0, colon - 1);
	struct view number = view_part(all, colon, all.len);
	if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
		name = view_part(name, 1, name.len - 2);
	else
		REQUIRE(view_find(name, ':') == name.len, E_SETTINGS);
	int64_t checked = 0;
	REQUIRE(!err_failed(text_parse_integer(number, 0, UINT16_MAX, &checked)), E_SETTINGS);
	REQUIRE(!err_failed(text_copy(host, HOST_TEXT, name)), E_SETTINGS);
	REQUIRE(!err_failed(text_copy(port, PORT_TEXT, number)), E_SETTINGS);
	return OK;
}

static struct err bind_address(const struct addrinfo *address, int *out)
{
	CLEANUP(file_close)
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	const int on = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	if (address->ai_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 ||
	    listen(fd, LISTENER_BACKLOG) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	*out = fd;
	fd = -1;
	return OK;
}

static uint16_t bound_port(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof address;
	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		return 0;
	/* The analyser does not see that getsockname() wrote it. */
	/* NOLINTBEGIN(clang-analyzer-core*) */
	if (address.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((const struct sockaddr_in *)&address)->sin_port);
	/* NOLINTEND(clang-analyzer-core*) */
}

bool listener_is_loopback(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof address;
	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		return false;
	/* NOLINTBEGIN(clang-analyzer-core*) */
	if (address.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&address)->sin6_addr);
	uint32_t v4 = ntohl(((const struct sockaddr_in *)&address)->sin_addr.s_addr);
	/* NOLINTEND(clang-analyzer-core*) */
	return address.ss_family == AF_INET && v4 >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
}

NODISCARD struct err listener_open_tcp(const char *text, int *fd, uint16_t *port)
{
	char host[HOST_TEXT], service[PORT_TEXT];
	TRY(split(text, host, service));
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	CLEANUP(free_addresses) struct addrinfo *list = NULL;
	REQUIRE(getaddrinfo(host, service, &hints, &list) == 0, E_SETTINGS);
	struct err last = ERR(E_SETTINGS);
	for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
		last = bind_address(at, fd);
		if (!err_failed(last))
			break;
	}
	TRY(last);
	*port = bound_port(*fd);
	return OK;
}

/* Whether the socket file was left behind: nobody answers on it. */
static struct err remove_stale(const struct sockaddr_un *address)
{
	struct stat st;
	if (lstat(address->sun_path, &st) != 0)
		return errno == ENOENT ? OK : ERR_DETAIL(E_SYSTEM, errno);
	REQUIRE(S_ISSOCK(st.st_mode), E_SETTINGS);
	CLEANUP(file_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN)
		return ERR(E_ALREADY_RUNNING);
	if (errno != ECONNREFUSED || unlink(address->sun_path) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	return OK;
}

NODISCARD struct err listener_open_unix(const char *path, int *out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	REQUIRE(!err_failed(
			text_copy(address.sun_path, sizeof address.sun_path, view_of_text(path))),
		E_SETTINGS);
	TRY(remove_stale(&address));
	CLEANUP(file_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	if (chmod(path, 0666) != 0 || listen(fd, LISTENER_BACKLOG) != 0) {
		struct err failure = ERR_DETAIL(E_SYSTEM, errno);
		(void)unlink(path);
		return failure;
	}
	*out = fd;
	fd = -1;
	return OK;
}
