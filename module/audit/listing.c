/* SPDX-License-Identifier: Apache-2.0 */
/* The segments of a folder, as a list: for those who look at them all. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/recovery.h"
#include "audit/segment.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#define LIST_BYTES_MAX ((size_t)64 << 20)

static void close_directory(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}

static int by_sequence(const void *a, const void *b)
{
	const struct segment_file *x = a, *y = b;
	return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

/* What is gone meanwhile is left out. */
static struct err add(int directory, const char *name, struct buf *list)
{
	struct stat st = {0};
	struct segment_file file = {0};
	if (!recovery_parse_name(name, &file.sequence) ||
	    fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return OK;
	TRY(text_copy(file.name, sizeof file.name, view_of_text(name)));
	file.bytes = (uint64_t)st.st_size;
	file.changed_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	return buf_append(list, view_of(&file, sizeof file));
}

NODISCARD struct err segment_list(int directory, struct segment_file **out, size_t *count)
{
	CLEANUP(buf_cleanup) struct buf list;
	buf_init(&list, LIST_BYTES_MAX);
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(close_directory) DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		struct err e = ERR_DETAIL(E_AUDIT, errno);
		if (fd >= 0)
			(void)close(fd);
		return e;
	}
	errno = 0;
	for (const struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
		TRY(add(directory, entry->d_name, &list));
		errno = 0;
	}
	if (errno != 0)
		return ERR_DETAIL(E_AUDIT, errno);
	*count = list.len / sizeof **out;
	TRY(MEM_NEW_ARRAY(MAX_OF(*count, (size_t)1), out));
	mem_copy(*out, list.len, list.ptr, list.len);
	qsort(*out, *count, sizeof **out, by_sequence);
	return OK;
}
