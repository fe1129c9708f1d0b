/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/file.h"
#include "base/text.h"
#include "base/writer.h"

#define NAME_MAX_LEN 64
#define READ_AT_ONCE 4096

/* The two files. A section of the config file has a prefix, but for the default profile. */
static const struct place {
	const char *variable;
	const char *file; /* in ~/.aws */
	const char *prefix;
} places[] = {
	{"AWS_SHARED_CREDENTIALS_FILE", "credentials", ""},
	{"AWS_CONFIG_FILE", "config", "profile "},
};
enum { CREDENTIALS, CONFIG };

static struct err fail(const char *path, const char *why)
{
	(void)fprintf(stderr, "holdfast: %s: %s.\n", path, why);
	return ERR_DETAIL(E_SYSTEM, errno);
}

static struct err find_path(const struct place *place, char out[PROFILE_PATH_MAX])
{
	const char *named = getenv(place->variable), *home = getenv("HOME");
	if (named != NULL && named[0] != '\0')
		return text_copy(out, PROFILE_PATH_MAX, view_of_text(named));
	if (home == NULL || home[0] == '\0')
		return fail(place->file, "HOME is not set");
	return text_format(out, PROFILE_PATH_MAX, "%s/.aws/%s", home, place->file);
}

/* A file that is not there is empty. */
static struct err read_file(const char *path, struct buf *out)
{
	CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? OK : fail(path, strerrordesc_np(errno));
	uint8_t piece[READ_AT_ONCE];
	ssize_t n;
	while ((n = read(fd, piece, sizeof piece)) > 0)
		if (err_failed(buf_append(out, view_of(piece, (size_t)n))))
			return fail(path, "the file is too large");
	return n < 0 ? fail(path, strerrordesc_np(errno)) : OK;
}

static bool is_default(struct view name)
{
	return view_equal_text(name, "default");
}

static struct err write_heading(const struct place *place, struct view name,
				char out[NAME_MAX_LEN + 16])
{
	return text_format(out, NAME_MAX_LEN + 16, "[%s%.*s]",
			   is_default(name) ? "" : place->prefix, (int)name.len,
			   (const char *)name.ptr);
}

static bool has_section(struct view content, const char *heading)
{
	while (content.ptr != NULL)
		if (view_equal_text(view_trim(view_cut(&content, '\n')), heading))
			return true;
	return false;
}

/* What a section's name may be without any quoting. */
static bool is_name(struct view name)
{
	return name.len <= NAME_MAX_LEN &&
	       ascii_consists_of(name, ASCII_ALPHANUMERIC, VIEW_LITERAL("-_."));
}

/* The folder of a file, made when only it is missing. */
static struct err ensure_folder(const char *path)
{
	char folder[PROFILE_PATH_MAX];
	struct view all = view_of_text(path);
	while (all.len > 0 && all.ptr[all.len - 1] != '/')
		all.len--;
	if (all.len <= 1)
		return OK;
	TRY(text_copy(folder, sizeof folder, view_part(all, 0, all.len - 1)));
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return fail(folder, strerrordesc_np(errno));
	return access(folder, W_OK) == 0 ? OK : fail(folder, strerrordesc_np(errno));
}

static struct err check_place(const struct place *place, struct view name)
{
	char path[PROFILE_PATH_MAX], heading[NAME_MAX_LEN + 16];
	CLEANUP(buf_cleanup) struct buf content;
	buf_init(&content, PROFILE_FILE_MAX);
	TRY(find_path(place, path));
	TRY(ensure_folder(path));
	TRY(read_file(path, &content));
	TRY(write_heading(place, name, heading));
	if (!has_section(buf_view(&content), heading))
		return OK;
	(void)fprintf(stderr,
		      "holdfast: %s has a section %s already: take it out, or choose "
		      "another name.\n",
		      path, heading);
	return ERR(E_USAGE);
}

NODISCARD struct err profile_check(struct view name)
{
	if (!is_name(name)) {
		(void)fputs(
			"holdfast: the name of a profile has letters, digits and . _ - alone.\n",
			stderr);
		return ERR(E_USAGE);
	}
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		TRY(check_place(&places[i], name));
	return OK;
}

static void put_line(struct writer *w, const char *name, struct view value)
{
	if (value.len == 0)
		return;
	writer_text(w, name);
	writer_text(w, " = ");
	writer_bytes(w, value);
	writer_text(w, "\n");
}

static struct err write_section(size_t which, const struct profile *profile, struct buf *out)
{
	char heading[NAME_MAX_LEN + 16];
	struct writer w;
	TRY(write_heading(&places[which], profile->name, heading));
	writer_init_buf(&w, out);
	if (out->len > 0)
		writer_text(&w, out->ptr[out->len - 1] == '\n' ? "\n" : "\n\n");
	writer_text(&w, heading);
	writer_text(&w, "\n");
	if (which == CONFIG) {
		put_line(&w, "region", profile->region);
		put_line(&w, "endpoint_url", profile->endpoint);
		return writer_end(&w);
	}
	put_line(&w, "aws_access_key_id", profile->access_key_id);
	put_line(&w, "aws_secret_access_key", profile->secret_key);
	put_line(&w, "aws_session_token", profile->session_token);
	return writer_end(&w);
}

/* Beside the file, synced, then in its place. */
static struct err replace_file(const char *path, struct view content)
{
	char beside[PROFILE_PATH_MAX + 8];
	TRY(text_format(beside, sizeof beside, "%s.XXXXXX", path));
	CLEANUP(file_close) int fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return fail(beside, strerrordesc_np(errno));
	struct err e = file_write(fd, content);
	bool done = !err_failed(e) && fsync(fd) == 0 && rename(beside, path) == 0;
	if (done)
		return OK;
	e = fail(path, strerrordesc_np(errno));
	(void)unlink(beside);
	return e;
}

static struct err write_place(size_t which, const struct profile *profile,
			      char path[PROFILE_PATH_MAX])
{
	CLEANUP(buf_cleanup) struct buf content;
	buf_init(&content, PROFILE_FILE_MAX);
	TRY(find_path(&places[which], path));
	TRY(read_file(path, &content));
	TRY(write_section(which, profile, &content));
	return replace_file(path, buf_view(&content));
}

NODISCARD struct err profile_write(const struct profile *profile, char path[PROFILE_PATH_MAX])
{
	char config[PROFILE_PATH_MAX];
	TRY(write_place(CONFIG, profile, config));
	return write_place(CREDENTIALS, profile, path);
}
