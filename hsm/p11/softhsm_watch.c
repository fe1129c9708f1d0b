/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/softhsm_watch.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

/* SoftHSM writes with write(2) and truncates: no mapping goes by unseen. */
#define WRITTEN (IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define LOST (IN_Q_OVERFLOW | IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF)
#define EVENTS_BYTES 8192

static void close_dir(DIR **dir)
{
	if (*dir != NULL)
		(void)closedir(*dir);
}

static struct err system_error(void)
{
	return ERR_DETAIL(E_SYSTEM, errno);
}

static struct err watch_one(struct p11_softhsm_watch *watch, const char *token_dir,
			    const char *name)
{
	char path[PATH_MAX];
	TRY(text_format(path, sizeof path, "%s/%s", token_dir, name));
	int mark = inotify_add_watch(watch->fd, path,
				     WRITTEN | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR |
					     IN_DONT_FOLLOW);
	if (mark < 0)
		return errno == ENOTDIR ? OK : system_error(); /* a file beside the tokens */
	REQUIRE(watch->dir_count < P11_SOFTHSM_WATCH_DIRS, E_BOUNDS);
	watch->dirs[watch->dir_count].mark = mark;
	TRY(text_copy(watch->dirs[watch->dir_count].name, sizeof watch->dirs[0].name,
		      view_of_text(name)));
	watch->dir_count++;
	return OK;
}

static struct err watch_all(struct p11_softhsm_watch *watch, const char *token_dir)
{
	CLEANUP(close_dir) DIR *tokens = opendir(token_dir);
	if (tokens == NULL)
		return system_error();
	for (const struct dirent *d = readdir(tokens); d != NULL; d = readdir(tokens))
		if (d->d_name[0] != '.')
			TRY(watch_one(watch, token_dir, d->d_name));
	return OK;
}

NODISCARD struct err p11_softhsm_watch_begin(struct p11_softhsm_watch *watch, const char *token_dir)
{
	p11_softhsm_watch_end(watch);
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->fd < 0)
		return system_error();
	watch->whole = true;
	struct err e = watch_all(watch, token_dir);
	if (err_failed(e))
		p11_softhsm_watch_end(watch);
	return e;
}

void p11_softhsm_watch_end(struct p11_softhsm_watch *watch)
{
	if (watch->whole)
		(void)close(watch->fd);
	watch->whole = false;
	watch->dir_count = 0;
}

static struct err find_dir(const struct p11_softhsm_watch *watch, int mark, size_t *out)
{
	for (size_t i = 0; i < watch->dir_count; i++)
		if (watch->dirs[i].mark == mark) {
			*out = i;
			return OK;
		}
	return ERR(E_NOT_FOUND);
}

static struct err add(struct p11_softhsm_written *out, size_t dir, const char *name)
{
	for (size_t i = 0; i < out->count; i++)
		if (out->files[i].dir == dir && text_equal(out->files[i].name, name))
			return OK;
	REQUIRE(out->count < P11_SOFTHSM_WATCH_FILES, E_BOUNDS);
	out->files[out->count].dir = dir;
	TRY(text_copy(out->files[out->count].name, sizeof out->files[0].name, view_of_text(name)));
	out->count++;
	return OK;
}

/* One event off the front of `events`: a header, and a name that ends in zeros. */
static struct err take(const struct p11_softhsm_watch *watch, struct view *events,
		       struct p11_softhsm_written *out)
{
	struct inotify_event head;
	size_t dir = 0;
	char name[NAME_MAX + 1];
	REQUIRE(events->len >= sizeof head, E_FORMAT);
	mem_copy(&head, sizeof head, events->ptr, sizeof head);
	REQUIRE(events->len - sizeof head >= head.len, E_FORMAT);
	struct view padded = view_part(*events, sizeof head, head.len);
	*events = view_part(*events, sizeof head + head.len, events->len);
	REQUIRE((head.mask & LOST) == 0, E_NOT_FOUND);
	TRY(find_dir(watch, head.wd, &dir));
	TRY(text_copy(name, sizeof name, view_part(padded, 0, view_find(padded, '\0'))));
	return add(out, dir, name);
}

static struct err read_all(const struct p11_softhsm_watch *watch, struct p11_softhsm_written *out)
{
	uint8_t bytes[EVENTS_BYTES];
	for (;;) {
		ssize_t n = read(watch->fd, bytes, sizeof bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return OK;
		REQUIRE(n > 0, E_NOT_FOUND);
		struct view events = view_of(bytes, (size_t)n);
		while (events.len > 0)
			TRY(take(watch, &events, out));
	}
}

NODISCARD struct err p11_softhsm_watch_read(struct p11_softhsm_watch *watch,
					    struct p11_softhsm_written *out)
{
	out->count = 0;
	REQUIRE(watch->whole, E_NOT_FOUND);
	if (err_failed(read_all(watch, out)))
		p11_softhsm_watch_end(watch);
	REQUIRE(watch->whole && out->count > 0, E_NOT_FOUND);
	return OK;
}
