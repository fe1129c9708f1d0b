/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/recover.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "audit/recovery.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/timestamp.h"
#include "daemon/recover_text.h"
#include "service/discarding.h"
#include "service/rescue.h"
#include "store/sqlite/replacement.h"

#define REPORT_MAX ((size_t)4 << 20)
#define PATH_ROOM (SETTINGS_TEXT_MAX + 64)
#define USER_MAX 65
#define NAMES_MAX 100 /* of the same second */
#define PASSWD_BYTES 4096

/* One run. recover_cleanup(). */
struct recover {
	struct wiring *w;
	const struct arguments *arguments;
	int lock; /* of the audit log; -1 */
	char copy[PATH_ROOM], kept[PATH_ROOM];
	bool copied;
	struct rescue_options options;
	struct rescue_report report;
	struct kms_mark accepted;
};

static void recover_cleanup(struct recover *r)
{
	rescue_report_cleanup(&r->report);
	store_sqlite_close(&r->w->store);
	if (r->copied)
		store_replacement_remove(r->copy);
	if (r->lock >= 0)
		(void)close(r->lock);
}

/* The log has what the system said; this is for who sits in front of it. */
static struct err failed(const char *step, const char *path, struct err e)
{
	log_event(LOG_ERROR, "recover.failed", LOG_TEXT("step", step), LOG_TEXT("path", path),
		  LOG_ERR(e));
	return e;
}

/* --- as whom --- */

/* The store's or, where there is none, its folder's. */
static bool find_owner(const char *path, struct stat *out)
{
	char folder[PATH_ROOM];
	if (lstat(path, out) == 0) /* of a link, whoever made it */
		return true;
	const char *slash = strrchr(path, '/');
	const struct view part =
		view_part(view_of_text(path), 0, slash != NULL ? (size_t)(slash - path) + 1 : 0);
	return !err_failed(text_copy(folder, sizeof folder, part)) &&
	       stat(folder[0] != '\0' ? folder : ".", out) == 0;
}

/* With the groups of that user; one without a name has its group alone. */
static bool become(const struct stat *owner)
{
	char room[PASSWD_BYTES];
	struct passwd row, *found = NULL;
	bool named =
		getpwuid_r(owner->st_uid, &row, room, sizeof room, &found) == 0 && found != NULL;
	gid_t group = named ? found->pw_gid : owner->st_gid;
	int grouped = named ? initgroups(found->pw_name, group) : setgroups(0, NULL);
	return grouped == 0 && setgid(group) == 0 && setuid(owner->st_uid) == 0;
}

NODISCARD struct err recover_become_owner(struct arguments *arguments, struct settings *room)
{
	struct stat owner = {0};
	char message[SETTINGS_MESSAGE_MAX];
	arguments->operator= getuid();
	if (geteuid() != 0 || err_failed(settings_read(arguments->config, room, message)) ||
	    !find_owner(room->store.path, &owner) || owner.st_uid == 0 || become(&owner))
		return OK;
	(void)fprintf(
		stderr,
		"holdfastd: root may not act as uid %u, whose store this is (%m); run this as "
		"that user\n",
		(unsigned)owner.st_uid);
	return ERR_DETAIL(E_SYSTEM, errno);
}

/* --- nobody else is at it --- */

/* What a start would be kept from by, too. */
static struct err expect_no_service(const char *socket_path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	TRY(text_copy(address.sun_path, sizeof address.sun_path, view_of_text(socket_path)));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	bool answers = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ||
		       errno == EAGAIN;
	(void)close(fd);
	return answers ? ERR(E_ALREADY_RUNNING) : OK;
}

static struct err hold(struct recover *r)
{
	const struct settings *s = r->w->settings;
	struct err e = recovery_hold(s->audit.directory, &r->lock);
	if (err_failed(e))
		return failed("hold the audit log", s->audit.directory, e);
	e = expect_no_service(s->admin.socket);
	return err_failed(e) ? failed("see that the service is stopped", s->admin.socket, e) : OK;
}

/* --- the token --- */

static void user_name(uid_t uid, char out[USER_MAX])
{
	char room[PASSWD_BYTES];
	struct passwd row, *found = NULL;
	out[0] = '\0';
	if (getpwuid_r(uid, &row, room, sizeof room, &found) == 0 && found != NULL)
		(void)!err_failed(text_copy(out, USER_MAX, view_of_text(found->pw_name)));
}

/* Whoever serves the socket, and whoever asks there, must be who the other expects. */
static void say_unreached(const struct recover *r, struct err e)
{
	const struct settings *s = r->w->settings;
	char own[USER_MAX];
	user_name(geteuid(), own);
	(void)fprintf(stderr,
		      "holdfastd: the token cannot be reached at %s (socket of [token]): %s\n",
		      s->token.socket, err_meaning(e));
	if (err_is(e, E_HSM_PEER))
		(void)fprintf(stderr,
			      "  it is served by uid %u; `user` of [token] must name whom "
			      "holdfast-token runs as, and is %s\n",
			      (unsigned)e.detail,
			      s->token.user[0] != '\0' ? s->token.user : "not set");
	else if (err_is(e, E_HSM_AWAY))
		(void)fprintf(stderr,
			      "  is holdfast-token running, and its token there? Its log says. "
			      "`daemon_users` of [token] must name "
			      "%s (uid %u), as whom this runs\n",
			      own[0] != '\0' ? own : "the user", (unsigned)geteuid());
	else
		(void)fprintf(stderr, "  %s\n", err_action(e));
}

static struct err reach_token(struct recover *r)
{
	struct err e = wiring_open_token_soon(r->w);
	if (err_failed(e) && !err_is(e, E_CANCELLED))
		say_unreached(r, e);
	return e;
}

/* --- the copy --- */

static const char *source_of(const struct recover *r)
{
	return r->arguments->restore != NULL ? r->arguments->restore : r->w->settings->store.path;
}

static bool is_there(const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0;
}

static struct err name_files(struct recover *r)
{
	const char *path = r->w->settings->store.path;
	char now[TIMESTAMP_BASIC_TEXT];
	timestamp_basic(clock_real_ms(&clock_system), now);
	TRY(text_format(r->copy, sizeof r->copy, "%s" REPLACEMENT_SUFFIX, path));
	TRY(text_format(r->kept, sizeof r->kept, "%s" REPLACEMENT_KEPT_SUFFIX "%s", path, now));
	/* A second one within a second. */
	for (unsigned next = 2; next <= NAMES_MAX && is_there(r->kept); next++)
		TRY(text_format(r->kept, sizeof r->kept, "%s" REPLACEMENT_KEPT_SUFFIX "%s-%u", path,
				now, next));
	return OK;
}

static struct err open_copy(struct recover *r)
{
	TRY(name_files(r));
	r->copied = true; /* whatever there is of it */
	struct err e = store_replacement_copy(source_of(r), r->copy, r->w->settings->store.path);
	if (err_failed(e))
		return failed("copy the store", source_of(r), e);
	e = wiring_open_store(r->w, r->copy, false);
	return err_failed(e) ? failed("open the copy", r->copy, e) : OK;
}

/* The copy was written just now: what cannot be opened of it is the file's own fault. */
static bool is_no_store(const struct recover *r, struct err e)
{
	return r->copied && r->w->store == NULL &&
	       (err_is(e, E_STORE) || err_is(e, E_NOT_INITIALISED)) && is_there(r->copy);
}

static enum exit_status refuse_source(const struct recover *r)
{
	(void)fprintf(stderr,
		      "holdfastd: %s is no store of Holdfast, or is damaged. Nothing has been "
		      "changed.\n",
		      source_of(r));
	return EXIT_REFUSED;
}

/* --- looking --- */

/* Long ones are watched. */
static void tell_progress(UNUSED void *user, uint64_t done, uint64_t all)
{
	if (isatty(STDERR_FILENO))
		(void)fprintf(stderr, "\rholdfastd: verifying, %llu of %llu rows%s",
			      (unsigned long long)done, (unsigned long long)all,
			      done == all ? "\n" : "");
}

static void fill_options(struct recover *r)
{
	struct wiring *w = r->w;
	r->options = (struct rescue_options){
		.hsm = w->hsm,
		.store = store_sqlite_keys(w->store),
		.agenda = store_sqlite_agenda(w->store),
		.manifest = store_sqlite_manifest(w->store),
		.identities = store_sqlite_identities(w->store),
		.installations = store_sqlite_installation(w->store),
		.sealer = &w->sealer,
		.clock = &clock_system,
		.audit_directory = w->settings->audit.directory,
		.audit_log = w->settings->audit.name,
		.progress = tell_progress,
	};
}

static struct err look(struct recover *r)
{
	bool moved = false;
	fill_options(r);
	struct err e =
		service_check_pinned(&r->options.installations, r->w->settings->store.installation);
	if (!err_failed(e))
		e = rescue_open(&r->options, &moved);
	if (err_failed(e))
		return failed("verify the installation", source_of(r), e);
	e = rescue_look(&r->options, moved, &r->report);
	return err_failed(e) ? failed("verify the store", source_of(r), e) : OK;
}

/* NULL: where every run looks. */
static const char *settings_named(const struct arguments *arguments)
{
	return text_equal(arguments->config, SETTINGS_PATH_DEFAULT) ? NULL : arguments->config;
}

static struct err tell(const struct recover *r)
{
	const struct recover_told told = {.report = &r->report,
					  .installation = &r->options.installation,
					  .store = r->w->settings->store.path,
					  .restored = r->arguments->restore,
					  .audit_directory = r->options.audit_directory,
					  .audit_log = r->options.audit_log,
					  .settings = settings_named(r->arguments),
					  .accepting = r->arguments->accept != NULL};
	CLEANUP(buf_cleanup) struct buf text;
	struct writer w;
	buf_init(&text, REPORT_MAX);
	writer_init_buf(&w, &text);
	if (r->arguments->json)
		recover_text_write_json(&w, &told);
	else
		recover_text_write(&w, &told);
	TRY(writer_end(&w));
	bool printed = fwrite(text.ptr, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
	return printed ? OK : ERR_DETAIL(E_SYSTEM, errno);
}

/* --- accepting --- */

static struct err accept_copy(struct recover *r)
{
	char user[USER_MAX];
	user_name(r->arguments->operator, user);
	const struct rescue_consent consent = {.uid = r->arguments->operator,
					       .user = user,
					       .restored = r->arguments->restore,
					       .accept_token = r->arguments->accept_token,
					       .discard_refused = r->arguments->discard_refused};
	return rescue_accept(&r->options, &r->report, &consent, &r->accepted);
}

static struct err put_in_place(struct recover *r)
{
	const char *path = r->w->settings->store.path;
	store_sqlite_close(&r->w->store);
	struct err e = store_replacement_swap(path, r->copy, r->kept);
	if (err_failed(e))
		return failed("put the store in its place", path, e);
	e = rescue_anchor(&r->options, &r->accepted);
	if (err_failed(e))
		log_event(LOG_WARNING, "recover.not_anchored",
			  LOG_TEXT("effect", "the next start does it"), LOG_ERR(e));
	return OK;
}

static void say_accepted(const struct recover *r)
{
	(void)fprintf(
		stderr,
		"holdfastd: accepted.\n"
		"  store          %s\n"
		"  as it was      %s\n"
		"Now start holdfastd: its audit log gets the record of this (RecoverStore), and "
		"versions that only the token\n"
		"knows are adopted. Nothing is destroyed before `holdfast clock accept`.\n",
		r->w->settings->store.path, r->kept);
	if (discarding_needed_by(&r->report.survey) && !r->arguments->discard_refused)
		(void)fputs("But it does not start with rows of the report that are refused: "
			    "--discard-refused removes them.\n",
			    stderr);
}

static enum exit_status accept_report(struct recover *r)
{
	if (!text_equal(r->arguments->accept, r->report.code)) {
		(void)fprintf(stderr,
			      "holdfastd: %s is not the code of this report (%s): something is "
			      "another by now. Nothing has been changed.\n",
			      r->arguments->accept, r->report.code);
		return EXIT_REFUSED;
	}
	if (r->report.token.moved && !r->arguments->accept_token) {
		(void)fputs("holdfastd: another token is accepted with --accept-token alone. "
			    "Nothing has been changed.\n",
			    stderr);
		return EXIT_REFUSED;
	}
	struct err e = accept_copy(r);
	if (err_failed(e))
		e = failed("accept", r->copy, e);
	else
		e = put_in_place(r);
	if (!err_failed(e))
		say_accepted(r);
	return exit_of(e);
}

enum exit_status recover_run(struct wiring *w, const struct arguments *arguments)
{
	CLEANUP(recover_cleanup)
	struct recover r = {.w = w, .arguments = arguments, .lock = -1};
	if (access(source_of(&r), R_OK) != 0) {
		(void)fprintf(stderr, "holdfastd: %s: %m\n", source_of(&r));
		return EXIT_IO;
	}
	struct err e = hold(&r);
	if (!err_failed(e))
		e = reach_token(&r);
	if (!err_failed(e))
		e = open_copy(&r);
	if (is_no_store(&r, e))
		return refuse_source(&r);
	if (!err_failed(e))
		e = look(&r);
	if (!err_failed(e))
		e = tell(&r);
	if (err_failed(e))
		return exit_of(e);
	struct err verdict = rescue_verdict(&r.report);
	bool needless = !err_failed(verdict) && arguments->restore == NULL;
	if (arguments->accept == NULL || needless)
		return recover_text_exit(&r.report);
	return accept_report(&r);
}
