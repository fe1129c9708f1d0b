/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/writer.h"

#define ROOM 1024

struct credentials_file {
	int fd;
	int folder;
	char *name; /* within the folder */
	bool kept;
};

static void cut_path(const char *path, struct view *folder, struct view *name)
{
	struct view all = view_of_text(path);
	size_t slash = all.len;
	while (slash > 0 && all.ptr[slash - 1] != '/')
		slash--;
	*folder = slash > 0 ? view_part(all, 0, slash) : VIEW_LITERAL("./");
	*name = view_part(all, slash, all.len);
}

static struct err open_both(struct credentials_file *file, const char *folder)
{
	file->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file->folder < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	file->fd = openat(file->folder, file->name,
			  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file->fd < 0)
		return errno == EEXIST ? ERR(E_EXISTS) : ERR_DETAIL(E_SYSTEM, errno);
	int full = posix_fallocate(file->fd, 0, ROOM);
	return full == 0 ? OK : ERR_DETAIL(E_SYSTEM, full);
}

NODISCARD struct err credentials_file_open(const char *path, struct credentials_file **out)
{
	struct view folder_view, name_view;
	cut_path(path, &folder_view, &name_view);
	REQUIRE(name_view.len > 0, E_USAGE);
	CLEANUP(mem_free_at) char *folder = NULL;
	TRY(text_new(folder_view, &folder));
	CLEANUP(credentials_file_close) struct credentials_file *file = NULL;
	TRY(MEM_NEW(&file));
	file->fd = file->folder = -1;
	TRY(text_new(name_view, &file->name));
	TRY(open_both(file, folder));
	*out = TAKE(file);
	return OK;
}

NODISCARD struct err credentials_file_write(struct credentials_file *file,
					    const char *access_key_id,
					    const struct secret *secret_key)
{
	CLEANUP(secret_free) struct secret *text = NULL;
	TRY(secret_new(ROOM, &text));
	struct writer w;
	writer_init_secret(&w, text);
	writer_text(&w, "[default]\naws_access_key_id = ");
	writer_text(&w, access_key_id);
	writer_text(&w, "\naws_secret_access_key = ");
	writer_bytes(&w, secret_view(secret_key));
	writer_text(&w, "\n");
	TRY(writer_end_secret(&w, text));
	TRY(file_write(file->fd, secret_view(text)));
	if (ftruncate(file->fd, (off_t)text->len) != 0 || fsync(file->fd) != 0 ||
	    fsync(file->folder) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	return OK;
}

void credentials_file_keep(struct credentials_file *file)
{
	file->kept = true;
}

void credentials_file_close(struct credentials_file **at)
{
	struct credentials_file *file = *at;
	if (file == NULL)
		return;
	if (file->fd >= 0 && !file->kept)
		(void)unlinkat(file->folder, file->name, 0);
	if (file->fd >= 0)
		(void)close(file->fd);
	if (file->folder >= 0)
		(void)close(file->folder);
	mem_free(file->name);
	mem_free(TAKE(*at));
}
