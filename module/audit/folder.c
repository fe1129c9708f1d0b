/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/segment.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/text.h"

/* Where no name of a segment leads anywhere. */
#define NOWHERE "/"

NODISCARD struct err audit_folder_open(struct audit_folder *folder, const char *path, bool others)
{
	*folder = (struct audit_folder){.fd = -1, .others = others, .state = OK};
	(void)pthread_mutex_init(&folder->lock, NULL);
	TRY(text_copy(folder->path, sizeof folder->path, view_of_text(path)));
	if (others) {
		folder->fd = open(NOWHERE, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return folder->fd >= 0 ? OK : ERR_DETAIL(E_SYSTEM, errno);
	}
	folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder->fd >= 0 ? OK : ERR_DETAIL(E_AUDIT, errno);
}

void audit_folder_close(struct audit_folder *folder)
{
	file_close(&folder->fd);
	folder->fd = -1;
	(void)pthread_mutex_destroy(&folder->lock);
}

static bool is_same(int one, int other)
{
	struct stat a = {0}, b = {0};
	return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* A log has a segment from its first start on: without one, the folder is a mount point whose disk
 * is not there, or a wrong one. */
static struct err see(struct audit_folder *folder)
{
	char name[SEGMENT_NAME_MAX];
	uint64_t sequence = 0;
	CLEANUP(file_close) int fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_DETAIL(E_LOOKUP_AWAY, errno);
	struct err e = segment_find(fd, UINT64_MAX, name, &sequence);
	if (err_failed(e))
		return ERR_DETAIL(E_LOOKUP_AWAY, err_is(e, E_NOT_FOUND) ? 0 : e.detail);
	if (faccessat(fd, name, R_OK, AT_EACCESS) != 0)
		return ERR_DETAIL(E_LOOKUP_AWAY, errno);
	if (is_same(fd, folder->fd))
		return OK;
	/* The number stays, so that whoever is reading finds one folder or the other. */
	if (dup3(fd, folder->fd, O_CLOEXEC) < 0)
		return ERR_DETAIL(E_LOOKUP_AWAY, errno);
	folder->renewals++;
	return OK;
}

const char *audit_folder_why(struct err away)
{
	return away.detail != 0 ? strerrordesc_np((int)away.detail) : "no audit log is in it";
}

static void tell(const struct audit_folder *folder)
{
	if (!err_failed(folder->state))
		log_event(LOG_INFO, "audit.log_found", LOG_TEXT("folder", folder->path));
	else
		log_event(LOG_ERROR, "audit.log_away", LOG_TEXT("folder", folder->path),
			  LOG_TEXT("why", audit_folder_why(folder->state)), LOG_ERR(folder->state),
			  LOG_TEXT("effect", "LookupEvents is refused until it can be read"));
}

NODISCARD struct err audit_folder_look(struct audit_folder *folder, uint64_t *renewals)
{
	LOCK_SCOPE(&folder->lock);
	if (folder->others) {
		struct err before = folder->state;
		folder->state = see(folder);
		if (!folder->told || before.code != folder->state.code ||
		    before.detail != folder->state.detail)
			tell(folder);
		folder->told = true;
	}
	*renewals = folder->renewals;
	return folder->state;
}
