/* SPDX-License-Identifier: Apache-2.0 */
/* Settings, owners and modes of files and folders, room on disks. */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/doctor.h"

#define PATH_TEXT (SETTINGS_TEXT_MAX + 16)
#define USER_TEXT 64
#define PASSWD_MAX 4096
#define MIB_SHIFT 20
#define AS_ROOT "run this as root to see more"

/* ---- settings ---- */

static void look_at_file(struct doctor *d)
{
	const struct command_context *context = d->context;
	if (context->settings_fault != NULL)
		check_add(d->list, "file", CHECK_FAILURE,
			  "correct the line; holdfastd --check says what else is wrong", "%s",
			  context->settings_fault);
	else if (context->settings_read)
		check_add(d->list, "file", CHECK_OK, "", "%s: every line is understood",
			  context->config);
	else
		check_add(d->list, "file", errno == ENOENT ? CHECK_WARNING : CHECK_UNKNOWN,
			  access(context->config, F_OK) != 0 ? "name the file with --config"
							     : AS_ROOT,
			  "%s cannot be read; the defaults are looked at", context->config);
}

/* Names or uids, blank-separated. */
static void look_at_users(struct doctor *d, const char *setting, const char *text)
{
	struct view rest = view_of_text(text);
	char user[SETTINGS_TEXT_MAX];
	int64_t uid = 0;
	while (rest.ptr != NULL) {
		struct view word = view_cut(&rest, ' ');
		if (word.len == 0 || err_failed(text_copy(user, sizeof user, word)))
			continue;
		if (err_failed(settings_user(user, &uid)))
			check_add(d->list, "users", CHECK_FAILURE,
				  "make the user, or name another in the settings",
				  "%s names %s, and there is no such user", setting, user);
	}
}

void doctor_look_at_settings(struct doctor *d)
{
	const struct settings *s = d->context->settings;
	size_t before = d->list->count[CHECK_FAILURE];
	look_at_file(d);
	if (d->context->settings_fault != NULL)
		return;
	look_at_users(d, "allowed_users in [admin]", s->admin.allowed_users);
	look_at_users(d, "user in [token]", s->token.user);
	look_at_users(d, "daemon_users in [token]", s->token.daemon_users);
	if (d->list->count[CHECK_FAILURE] == before)
		check_add(d->list, "users", CHECK_OK, "", "all that the settings name exist");
}

/* ---- permissions ---- */

static void name_user(uid_t uid, char out[USER_TEXT])
{
	char room[PASSWD_MAX];
	struct passwd row;
	struct passwd *user = NULL;
	bool known = getpwuid_r(uid, &row, room, sizeof room, &user) == 0 && user != NULL;
	if (!known || err_failed(text_format(out, USER_TEXT, "%s", user->pw_name)))
		(void)!err_failed(text_format(out, USER_TEXT, "uid %u", (unsigned)uid));
}

struct place {
	const char *name;
	const char *path;
	const char *meant;             /* the mode that it should have: "0600" */
	mode_t forbidden;              /* bits that nobody may have */
	const struct doctor_peer *own; /* whose it must be; NULL: root's or anybody's */
	enum { MISSING_WRONG, MISSING_UNSEEN, MISSING_FINE } missing;
};

static void say_missing(struct doctor *d, const struct place *place, int number)
{
	bool hidden = number == EACCES;
	if (number == ENOENT && place->missing == MISSING_FINE)
		return;
	if (number == ENOENT && place->missing == MISSING_UNSEEN) {
		check_add(d->list, place->name, CHECK_UNKNOWN, "start the process that makes it",
			  "%s is not there", place->path);
		return;
	}
	check_add(d->list, place->name, hidden ? CHECK_UNKNOWN : CHECK_FAILURE,
		  hidden ? AS_ROOT : "check the setting, and that its disk is mounted", "%s: %s",
		  place->path, strerrordesc_np(number));
}

static bool is_others(const struct place *place, const struct stat *st)
{
	return place->own != NULL && place->own->there && st->st_uid != place->own->uid &&
	       st->st_uid != 0;
}

static void look_at_place(struct doctor *d, const struct place *place)
{
	struct stat st = {0};
	char owner[USER_TEXT], remedy[PATH_TEXT + 64];
	if (place->path[0] == '\0')
		return;
	if (stat(place->path, &st) != 0) {
		say_missing(d, place, errno);
		return;
	}
	name_user(st.st_uid, owner);
	mode_t mode = st.st_mode & 07777;
	bool open = (mode & place->forbidden) != 0;
	(void)!err_failed(
		text_format(remedy, sizeof remedy, open ? "chmod %s %s" : "chown %s %s",
			    open ? place->meant : "it to its service's user:", place->path));
	if (open)
		check_add(d->list, place->name, CHECK_FAILURE, remedy,
			  "%s is open to others: mode %04o of %s, %s at most", place->path,
			  (unsigned)mode, owner, place->meant);
	else if (is_others(place, &st))
		check_add(d->list, place->name, CHECK_FAILURE, remedy,
			  "%s belongs to %s, which is not the user that uses it", place->path,
			  owner);
	else
		check_add(d->list, place->name, CHECK_OK, "", "%s: mode %04o of %s", place->path,
			  (unsigned)mode, owner);
}

/* The folder that a path is in. */
static void parent_of(const char *path, char out[PATH_TEXT])
{
	struct view all = view_of_text(path);
	while (all.len > 1 && all.ptr[all.len - 1] != '/')
		all.len--;
	if (all.len > 1)
		all.len--; /* the slash */
	(void)!err_failed(text_copy(out, PATH_TEXT, all));
}

/* file:/path; others are descriptors and systemd's credentials, which no mode speaks for. */
static const char *pin_path(const struct settings *s)
{
	struct view source = view_of_text(s->token.pin_source);
	bool is_file = view_starts_with(source, VIEW_LITERAL("file:"));
	return is_file ? s->token.pin_source + sizeof "file:" - 1 : "";
}

static void look_at_separation(struct doctor *d)
{
	char user[USER_TEXT];
	if (!d->daemon.there || !d->token.there) {
		check_add(d->list, "users apart", CHECK_UNKNOWN, "start what is not running",
			  "the users of holdfastd and holdfast-token are known while both run");
		return;
	}
	name_user(d->daemon.uid, user);
	if (d->daemon.uid == d->token.uid)
		check_add(d->list, "users apart", CHECK_OK, "",
			  "both processes run as %s: right for a trial; the packaged units give "
			  "each a user of its own, so that the daemon cannot read the PIN",
			  user);
	else
		check_add(d->list, "users apart", CHECK_OK, "",
			  "the daemon's user %s is not that of holdfast-token", user);
}

void doctor_look_at_permissions(struct doctor *d)
{
	const struct settings *s = d->context->settings;
	char folder[PATH_TEXT] = "", wal[PATH_TEXT] = "", shm[PATH_TEXT] = "";
	parent_of(s->store.path, folder);
	(void)!err_failed(text_format(wal, sizeof wal, "%s-wal", s->store.path));
	(void)!err_failed(text_format(shm, sizeof shm, "%s-shm", s->store.path));
	const struct place places[] = {
		{"settings file", d->context->config, "0644", 0022, NULL, MISSING_FINE},
		{"store folder", folder, "0700", 0022, NULL, MISSING_WRONG},
		{"store", s->store.path, "0600", 0077, &d->daemon, MISSING_WRONG},
		{"store's log", wal, "0600", 0077, &d->daemon, MISSING_FINE},
		{"store's index", shm, "0600", 0077, &d->daemon, MISSING_FINE},
		{"audit folder", s->audit.directory, "0750", 0027, &d->daemon, MISSING_WRONG},
		{"admin socket", s->admin.socket, "0777", 0, NULL, MISSING_UNSEEN},
		{"token socket", s->token.socket, "0777", 0, NULL, MISSING_UNSEEN},
		{"token's state", s->token.state_directory, "0700", 0077, &d->token,
		 MISSING_UNSEEN},
		{"PIN", pin_path(s), "0600", 0077, NULL, MISSING_WRONG},
		{"TLS private key", s->tls.private_key, "0600", 0027, NULL, MISSING_WRONG},
		{"TLS certificate", s->tls.certificate, "0644", 0022, NULL, MISSING_WRONG},
		{"events token", s->events.token_file, "0600", 0077, NULL, MISSING_WRONG},
		{"events spool", s->events.spool, "0600", 0077, &d->daemon, MISSING_FINE},
	};
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		look_at_place(d, &places[i]);
	look_at_separation(d);
}

/* ---- disks ---- */

static void look_at_disk(struct doctor *d, const char *name, const char *path)
{
	struct statvfs disk = {0};
	const struct settings *s = d->context->settings;
	if (statvfs(path, &disk) != 0) {
		check_add(d->list, name, CHECK_UNKNOWN, AS_ROOT, "%s: %s", path,
			  strerrordesc_np(errno));
		return;
	}
	unsigned long long free_mib =
		((unsigned long long)disk.f_bavail * disk.f_frsize) >> MIB_SHIFT;
	bool low = (int64_t)free_mib < s->audit.warn_free_mib;
	check_add(d->list, name, low ? CHECK_WARNING : CHECK_OK,
		  "make room: a full disk stops the service (warn_free_mib, keep_days and keep_mib "
		  "in [audit])",
		  "%llu MiB free at %s", free_mib, path);
}

/* The service tells of its own; without it, they are looked at from here. */
void doctor_look_at_disks(struct doctor *d)
{
	static const char *const names[] = {"store disk", "audit disk", NULL};
	const struct settings *s = d->context->settings;
	char store[PATH_TEXT] = "", spool[PATH_TEXT] = "";
	parent_of(s->store.path, store);
	parent_of(s->events.spool, spool);
	if (d->status != NULL)
		doctor_copy_rows(d, names);
	if (d->status == NULL)
		look_at_disk(d, "store disk", store);
	if (d->status == NULL)
		look_at_disk(d, "audit disk", s->audit.directory);
	if (s->events.url[0] != '\0')
		look_at_disk(d, "spool disk", spool);
}
