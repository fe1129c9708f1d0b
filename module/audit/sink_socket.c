/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams to a socket of this machine, and sealed files in their place. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "audit/sink_local.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

NODISCARD struct err sink_connect(const char *path, int send_bytes, int *fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	TRY(text_copy(address.sun_path, sizeof address.sun_path, view_of_text(path)));
	int fresh = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CLEANUP(file_close) int owned = fresh;
	if (owned < 0 || connect(owned, (const struct sockaddr *)&address, sizeof address) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	if (send_bytes > 0)
		(void)setsockopt(owned, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
	*fd = owned;
	owned = -1;
	return OK;
}

static struct err send_it(int fd, const struct msghdr *message)
{
	if (sendmsg(fd, message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return OK;
	if (errno == EAGAIN || errno == EINTR)
		return ERR_DETAIL(E_WOULD_BLOCK, errno);
	return ERR_DETAIL(errno == EMSGSIZE ? E_BOUNDS : E_SYSTEM, errno);
}

NODISCARD struct err sink_send(int fd, struct view message)
{
	struct iovec iov = {(void *)(uintptr_t)message.ptr, message.len};
	return send_it(fd, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1});
}

/* systemd, "Native Journal Protocol": the descriptor alone, of a memfd with every seal. */
NODISCARD struct err sink_send_file(int fd, struct view message)
{
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control = {.room = {0}};
	struct msghdr header = {.msg_control = &control, .msg_controllen = sizeof control.room};
	CLEANUP(file_close)
	int file = memfd_create("holdfast-audit", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	TRY(file_write(file, message));
	if (fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	struct cmsghdr *item = CMSG_FIRSTHDR(&header);
	item->cmsg_level = SOL_SOCKET;
	item->cmsg_type = SCM_RIGHTS;
	item->cmsg_len = CMSG_LEN(sizeof file);
	mem_copy(CMSG_DATA(item), sizeof file, &file, sizeof file);
	return send_it(fd, &header);
}
