/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/remote_connect.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static struct err peer_check(int64_t expected_uid, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	bool expected = expected_uid >= 0 ? peer.uid == (uid_t)expected_uid
					  : peer.uid == 0 || peer.uid == geteuid();
	return expected ? OK : ERR_DETAIL(E_HSM_PEER, peer.uid);
}

static struct err greet(struct channel *channel)
{
	struct channel_room room;
	TRY(channel_room(channel, wire_hello_size(), &room));
	wire_hello_write(&room.wire);
	return channel_commit(channel, &room);
}

NODISCARD struct err remote_connect(const struct sockaddr_un *address, int64_t expected_uid,
				    struct channel *out)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	TRY(channel_open(out, fd));
	if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
		return ERR_DETAIL(E_HSM_AWAY, errno);
	TRY(peer_check(expected_uid, fd));
	return greet(out);
}
