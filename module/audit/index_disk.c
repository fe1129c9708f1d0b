/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/index_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/segment.h"
#include "base/file.h"
#include "base/text.h"

#define FILE_MODE 0640
#define PATH_ROOM (SEGMENT_NAME_MAX + 16)

static struct err read_file(int directory, const char *name, struct buf *out)
{
	struct stat st = {0};
	CLEANUP(file_close)
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? ERR(E_NOT_FOUND) : ERR_DETAIL(E_AUDIT, errno);
	if (fstat(fd, &st) != 0)
		return ERR_DETAIL(E_AUDIT, errno);
	REQUIRE(S_ISREG(st.st_mode) && st.st_size > 0 &&
			(uint64_t)st.st_size <= AUDIT_INDEX_BYTES_MAX,
		E_FORMAT);
	TRY(buf_reserve(out, (size_t)st.st_size));
	struct writer w;
	writer_init_buf(&w, out);
	uint8_t *room = writer_room(&w, (size_t)st.st_size);
	TRY(writer_end(&w));
	for (size_t at = 0; at < out->len;) {
		ssize_t n = pread(fd, room + at, out->len - at, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		REQUIRE(n > 0, E_FORMAT);
		at += (size_t)n;
	}
	return OK;
}

/* Whatever its age: only of the segment as long as it is now. */
NODISCARD struct err audit_index_load(int directory, const char *segment,
				      const struct audit_index_sealer *sealer,
				      struct audit_index *out)
{
	char name[PATH_ROOM];
	struct stat st = {0};
	CLEANUP(buf_cleanup) struct buf file;
	buf_init(&file, AUDIT_INDEX_BYTES_MAX);
	TRY(text_format(name, sizeof name, "%s" AUDIT_INDEX_SUFFIX, segment));
	if (fstatat(directory, segment, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return ERR(E_NOT_FOUND);
	TRY(read_file(directory, name, &file));
	TRY(audit_index_decode(buf_view(&file), segment, sealer, out));
	if (out->covered == (uint64_t)st.st_size)
		return OK;
	audit_index_cleanup(out);
	return ERR(E_FORMAT);
}

/* Not synced: what a power cut leaves of it does not carry the seal, and is made anew. */
NODISCARD struct err audit_index_save(int directory, const char *segment,
				      const struct audit_index_sealer *sealer,
				      const struct audit_index *index)
{
	char name[PATH_ROOM], making[PATH_ROOM];
	CLEANUP(buf_cleanup) struct buf file;
	buf_init(&file, AUDIT_INDEX_BYTES_MAX);
	TRY(text_format(name, sizeof name, "%s" AUDIT_INDEX_SUFFIX, segment));
	TRY(text_format(making, sizeof making, "%s.new", name));
	TRY(audit_index_encode(index, segment, sealer, &file));
	(void)unlinkat(directory, making, 0); /* of a run that was killed, or no file at all */
	CLEANUP(file_close)
	int fd = openat(directory, making, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			FILE_MODE);
	if (fd < 0)
		return ERR_DETAIL(E_AUDIT, errno);
	struct err e = file_write(fd, buf_view(&file));
	if (!err_failed(e) && renameat(directory, making, directory, name) != 0)
		e = ERR_DETAIL(E_AUDIT, errno);
	if (err_failed(e))
		(void)unlinkat(directory, making, 0);
	return e;
}
