/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/softhsm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/text.h"

#define CONFIG_DEFAULT "/etc/softhsm/softhsm2.conf"
#define CONFIG_MAX (64 << 10)
#define TOKEN_OBJECT "token.object"
#define TOKEN_OBJECT_MAX (1 << 20)
#define NS_PER_S INT64_C(1000000000)
#define TICK_TRIES 8
#define BROKEN_LOOKS 10 /* before a token.object is taken for broken */
#define BROKEN_LOOK_MS 20
#define RECENT_S 60 /* longer than the kernel keeps what was written to itself */
#define COPY_TEMPORARY P11_SOFTHSM_COPY ".new"

static void close_dir(DIR **dir)
{
	if (*dir != NULL)
		(void)closedir(*dir);
}

static struct err system_error(void)
{
	return ERR_DETAIL(E_SYSTEM, errno);
}

/* The whole file, at most `max` bytes; an absent one is E_NOT_FOUND. */
static struct err read_file(int dir, const char *name, size_t max, struct buf *out)
{
	/* The configuration may be a link; what lies in a token's directory may not. */
	int follow = dir == AT_FDCWD ? 0 : O_NOFOLLOW;
	CLEANUP(file_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | follow);
	if (fd < 0)
		return errno == ENOENT ? ERR(E_NOT_FOUND) : system_error();
	buf_init(out, max);
	uint8_t chunk[4096];
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return system_error();
		if (n == 0)
			return OK;
		TRY(buf_append(out, view_of(chunk, (size_t)n)));
	}
}

/* Replaces a file at once or not at all, on disk when this returns. */
static struct err write_file(int dir, const char *name, struct view bytes)
{
	CLEANUP(file_close)
	int fd = openat(dir, COPY_TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			S_IRUSR | S_IWUSR);
	if (fd < 0)
		return system_error();
	TRY(file_write(fd, bytes));
	if (fsync(fd) != 0 || renameat(dir, COPY_TEMPORARY, dir, name) != 0 || fsync(dir) != 0)
		return system_error();
	return OK;
}

/* SoftHSM's object file: a generation, then records of type, kind and value; big-endian. */
enum { KIND_BOOL = 1, KIND_NUMBER = 2, KIND_BYTES = 3, KIND_MAP = 4, KIND_MECHANISMS = 5 };

static void skip_value(struct reader *r, uint64_t kind)
{
	switch (kind) {
	case KIND_BOOL:
		(void)reader_u8(r);
		return;
	case KIND_NUMBER:
		(void)reader_u64(r);
		return;
	case KIND_BYTES:
	case KIND_MAP:
		(void)reader_bytes(r, reader_u64(r));
		return;
	case KIND_MECHANISMS:
		for (uint64_t n = reader_u64(r); n > 0 && !r->failed; n--)
			(void)reader_u64(r);
		return;
	default:
		reader_fail(r);
	}
}

/* Whether the bytes are a token object from end to end; a torn or zeroed write is not. */
static bool is_whole(struct view bytes)
{
	struct reader r;
	reader_init(&r, bytes);
	(void)reader_u64(&r);
	size_t records = 0;
	while (!r.failed && r.rest.len > 0) {
		(void)reader_u64(&r);
		skip_value(&r, reader_u64(&r));
		records++;
	}
	return records > 0 && !err_failed(reader_end(&r));
}

/* Keeping and restoring, for one token. */
static struct err keep_one(int dir, const char *name)
{
	CLEANUP(buf_cleanup) struct buf original = {0};
	CLEANUP(buf_cleanup) struct buf copy = {0};
	struct err e = read_file(dir, TOKEN_OBJECT, TOKEN_OBJECT_MAX, &original);
	if (err_is(e, E_NOT_FOUND))
		return OK;
	TRY(e);
	if (!is_whole(buf_view(&original))) {
		log_event(LOG_WARNING, "softhsm.token_not_whole", LOG_TEXT("token", name));
		return OK;
	}
	e = read_file(dir, P11_SOFTHSM_COPY, TOKEN_OBJECT_MAX, &copy);
	if (!err_failed(e) && view_equal(buf_view(&original), buf_view(&copy)))
		return OK;
	return write_file(dir, P11_SOFTHSM_COPY, buf_view(&original));
}

static bool token_object_is_whole(int dir)
{
	CLEANUP(buf_cleanup) struct buf bytes = {0};
	return !err_failed(read_file(dir, TOKEN_OBJECT, TOKEN_OBJECT_MAX, &bytes)) &&
	       is_whole(buf_view(&bytes));
}

/*
 * Broken, and not just being written: another process that logs in to its token, or changes a PIN,
 * truncates the file and lets go of its lock before it writes. To replace the file then would undo
 * what it is about to write.
 */
static bool stays_broken(int dir)
{
	struct timespec pause = {0, BROKEN_LOOK_MS * 1000000L};
	for (int look = 0; look < BROKEN_LOOKS; look++) {
		if (token_object_is_whole(dir))
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return !token_object_is_whole(dir);
}

static struct err restore_one(int dir, const char *name)
{
	CLEANUP(buf_cleanup) struct buf copy = {0};
	if (token_object_is_whole(dir))
		return OK;
	struct err e = read_file(dir, P11_SOFTHSM_COPY, TOKEN_OBJECT_MAX, &copy);
	if (err_failed(e) || !is_whole(buf_view(&copy)))
		return OK; /* nothing to restore from: SoftHSM will say what it makes of it */
	if (!stays_broken(dir))
		return OK;
	log_event(LOG_WARNING, "softhsm.token_restored", LOG_TEXT("token", name),
		  LOG_TEXT("action", "a PIN changed since the last start of holdfast-token is the "
				     "one of before again: change it once more"));
	return write_file(dir, TOKEN_OBJECT, buf_view(&copy));
}

static const struct timespec ever = {0}; /* older than any file */

static bool older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* One for each object, and empty: the directory is all there is of them. */
static bool is_lock(const char *name)
{
	const struct view ending = VIEW_LITERAL(".lock");
	struct view all = view_of_text(name);
	return all.len > ending.len &&
	       view_equal(view_part(all, all.len - ending.len, ending.len), ending);
}

static struct err sync_file(int dir, const char *name, const struct timespec *mark)
{
	struct stat st;
	if (is_lock(name) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode) || st.st_size == 0 || older(&st.st_mtim, mark))
		return OK;
	CLEANUP(file_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? OK : system_error();
	return fsync(fd) == 0 ? OK : system_error();
}

static struct err sync_one(int dir, const struct timespec *mark)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (again < 0)
		return system_error();
	CLEANUP(close_dir) DIR *list = fdopendir(again); /* owns the descriptor from here on */
	if (list == NULL) {
		(void)close(again);
		return ERR(E_NOMEM);
	}
	for (const struct dirent *d = readdir(list); d != NULL; d = readdir(list))
		TRY(sync_file(dir, d->d_name, mark));
	return fsync(dir) == 0 ? OK : system_error();
}

/* What is to be done in each token's directory. */
enum task { TASK_RESTORE, TASK_KEEP, TASK_SYNC };

static struct err visit(int dir, const char *name, enum task task, const struct timespec *mark)
{
	switch (task) {
	case TASK_RESTORE:
		return restore_one(dir, name);
	case TASK_KEEP:
		return keep_one(dir, name);
	case TASK_SYNC:
		return sync_one(dir, mark);
	}
	return ERR(E_BUG);
}

static struct err visit_all(const struct p11_softhsm *softhsm, enum task task,
			    const struct timespec *mark)
{
	if (!softhsm->active)
		return OK;
	CLEANUP(close_dir) DIR *tokens = opendir(softhsm->token_dir);
	if (tokens == NULL)
		return errno == ENOENT ? ERR_DETAIL(E_HSM_AWAY, ENOENT) : system_error();
	for (const struct dirent *d = readdir(tokens); d != NULL; d = readdir(tokens)) {
		if (d->d_name[0] == '.')
			continue;
		CLEANUP(file_close)
		int dir = openat(dirfd(tokens), d->d_name,
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (dir >= 0)
			TRY(visit(dir, d->d_name, task, mark));
	}
	return OK;
}

NODISCARD struct err p11_softhsm_restore(const struct p11_softhsm *softhsm)
{
	return visit_all(softhsm, TASK_RESTORE, NULL);
}

NODISCARD struct err p11_softhsm_keep(const struct p11_softhsm *softhsm)
{
	return visit_all(softhsm, TASK_KEEP, NULL);
}

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * NS_PER_S + t->tv_nsec;
}

/* Both coarse clocks move in the same tick: read within one, their difference is exact. Where they
 * are not coarse it differs from mark to mark, and everything is synced. */
static struct p11_softhsm_mark mark_now(void)
{
	struct timespec before = {.tv_sec = -1};
	struct timespec real = {0};
	struct timespec after = {0};
	for (int i = 0; i < TICK_TRIES && ns_of(&before) != ns_of(&after); i++) {
		(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &before);
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &real);
		(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &after);
	}
	return (struct p11_softhsm_mark){real, ns_of(&real) - ns_of(&before)};
}

void p11_softhsm_follow(struct p11_softhsm *softhsm)
{
	if (!softhsm->active)
		return;
	struct err e = p11_softhsm_watch_begin(&softhsm->watch, softhsm->token_dir);
	softhsm->follows = !err_failed(e);
	if (err_failed(e))
		log_event(LOG_WARNING, "softhsm.not_watched",
			  LOG_TEXT("directory", softhsm->token_dir), LOG_ERR(e),
			  LOG_TEXT("action", "every new key costs a reading of the whole directory "
					     "until fs.inotify.max_user_instances allows more"));
}

struct p11_softhsm_mark p11_softhsm_mark(struct p11_softhsm *softhsm)
{
	if (!softhsm->active)
		return (struct p11_softhsm_mark){0};
	if (softhsm->follows && !softhsm->watch.whole)
		p11_softhsm_follow(softhsm);
	/* File times come from the kernel's coarse clock: compared with any other, a file just
	 * written may look older than the mark. */
	return mark_now();
}

/* What was written in one token's directory, if anything. */
static struct err sync_told(const struct p11_softhsm *softhsm, size_t index,
			    const struct p11_softhsm_written *written)
{
	char path[PATH_MAX];
	CLEANUP(file_close) int dir = -1;
	TRY(text_format(path, sizeof(path), "%s/%s", softhsm->token_dir,
			softhsm->watch.dirs[index].name));
	for (size_t i = 0; i < written->count; i++) {
		if (written->files[i].dir != index)
			continue;
		if (dir < 0)
			dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (dir < 0)
			return system_error();
		TRY(sync_file(dir, written->files[i].name, &ever));
	}
	return dir < 0 || fsync(dir) == 0 ? OK : system_error();
}

static struct err sync_all_told(const struct p11_softhsm *softhsm,
				const struct p11_softhsm_written *written)
{
	for (size_t i = 0; i < softhsm->watch.dir_count; i++)
		TRY(sync_told(softhsm, i, written));
	return OK;
}

NODISCARD struct err p11_softhsm_sync(struct p11_softhsm *softhsm, struct p11_softhsm_mark mark)
{
	UNINITIALISED struct p11_softhsm_written written;
	if (!softhsm->active)
		return OK;
	if (!err_failed(p11_softhsm_watch_read(&softhsm->watch, &written)))
		return sync_all_told(softhsm, &written);
	/* A clock that was set back makes what was just written look older than the mark. */
	bool set = mark_now().offset_ns != mark.offset_ns;
	return visit_all(softhsm, TASK_SYNC, set ? &ever : &mark.since);
}

NODISCARD struct err p11_softhsm_sync_recent(const struct p11_softhsm *softhsm)
{
	if (!softhsm->active)
		return OK;
	struct timespec since = mark_now().since;
	since.tv_sec -= RECENT_S;
	return visit_all(softhsm, TASK_SYNC, &since);
}

NODISCARD struct err p11_softhsm_sync_new_token(const struct p11_softhsm *softhsm)
{
	if (!softhsm->active)
		return OK;
	TRY(visit_all(softhsm, TASK_SYNC, &ever));
	CLEANUP(file_close) int fd = open(softhsm->token_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return system_error();
	return OK;
}

/* The configuration, as SoftHSM finds and reads it. */
static struct err config_path(char out[PATH_MAX])
{
	const char *named = getenv("SOFTHSM2_CONF");
	if (named != NULL)
		return text_format(out, PATH_MAX, "%s", named);
	const char *home = getenv("HOME");
	if (home != NULL &&
	    !err_failed(text_format(out, PATH_MAX, "%s/.config/softhsm2/softhsm2.conf", home)) &&
	    access(out, R_OK) == 0)
		return OK;
	return text_format(out, PATH_MAX, "%s", CONFIG_DEFAULT);
}

static struct view token_dir_of(struct view config)
{
	struct view found = VIEW_NONE;
	while (config.ptr != NULL && config.len > 0) {
		struct view line = view_cut(&config, '\n');
		line = view_cut(&line, '#');
		struct view value = line;
		struct view name = view_trim(view_cut(&value, '='));
		if (value.ptr != NULL && view_equal_text(name, "directories.tokendir"))
			found = view_trim(value);
	}
	return found;
}

static bool is_softhsm(const char *module_path)
{
	struct view name = view_of_text(module_path);
	while (name.ptr != NULL && view_find(name, '/') < name.len)
		(void)view_cut(&name, '/');
	return view_starts_with(name, VIEW_LITERAL("libsofthsm2"));
}

void p11_softhsm_cleanup(struct p11_softhsm *softhsm)
{
	p11_softhsm_watch_end(&softhsm->watch);
}

NODISCARD struct err p11_softhsm_init(struct p11_softhsm *softhsm, const char *module_path)
{
	softhsm->active = is_softhsm(module_path);
	if (!softhsm->active)
		return OK;
	char path[PATH_MAX];
	TRY(config_path(path));
	CLEANUP(buf_cleanup) struct buf config = {0};
	struct err e = read_file(AT_FDCWD, path, CONFIG_MAX, &config);
	if (!err_failed(e))
		e = text_copy(softhsm->token_dir, sizeof(softhsm->token_dir),
			      token_dir_of(buf_view(&config)));
	if (err_failed(e) || softhsm->token_dir[0] != '/') {
		log_event(LOG_ERROR, "softhsm.no_token_directory", LOG_TEXT("config", path));
		return ERR(E_SETTINGS);
	}
	return OK;
}
