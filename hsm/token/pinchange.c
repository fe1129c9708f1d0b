/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of a change. The new PIN is on disk before the token hears of it; the old one stays
 * until the token was seen to take the new. Whatever dies in between, one of the two is right, and
 * no run tries the PIN first that the run before it tried first: a token that counts failures sees
 * at most one between two successes.
 */
#include "hsm/token/pinchange.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/text.h"
#include "hsm/p11/local.h"
#include "hsm/token/orders.h"
#include "hsm/token/pin.h"
#include "hsm/token/pinentry.h"
#include "hsm/token/pinstage.h"
#include "hsm/token/place.h"
#include "hsm/token/process.h"

#define CKR_PIN_INCORRECT 0xA0
#define CKR_PIN_LOCKED 0xA4
#define PASSWD_BYTES 4096

struct change {
	const struct settings *settings;
	const char *new_pin;
	char file[PATH_MAX];
	char *message; /* SETTINGS_MESSAGE_MAX */
	struct hsm_local_pin_options token;
	int lock_fd;
	uid_t uid; /* whose the state directory is, and the token's files */
	gid_t gid;
	bool guest;       /* root, working for that user */
	bool guests_file; /* the file of the PIN is that user's, too */
	struct secret *old, *fresh;
};

static void change_cleanup(struct change *c)
{
	secret_free(&c->old);
	secret_free(&c->fresh);
	if (c->lock_fd >= 0)
		(void)close(c->lock_fd);
}

#define SAY(c_, ...) \
	(void)!err_failed(text_format((c_)->message, SETTINGS_MESSAGE_MAX, __VA_ARGS__))

/* --- As whom. Root's files beside the token's would lock its user out. --- */

static struct err find_owner(struct change *c)
{
	struct stat st = {0};
	char room[PASSWD_BYTES];
	struct passwd entry;
	struct passwd *found = NULL;
	if (geteuid() != 0 || stat(c->settings->token.state_directory, &st) != 0 || st.st_uid == 0)
		return OK;
	c->uid = st.st_uid;
	c->gid = st.st_gid;
	if (getpwuid_r(st.st_uid, &entry, room, sizeof room, &found) == 0 && found != NULL) {
		c->gid = entry.pw_gid;
		if (initgroups(entry.pw_name, entry.pw_gid) != 0)
			return ERR_DETAIL(E_SYSTEM, errno);
	}
	c->guest = true;
	return OK;
}

static struct err as_owner(const struct change *c)
{
	if (!c->guest || (setegid(c->gid) == 0 && seteuid(c->uid) == 0))
		return OK;
	struct err e = ERR_DETAIL(E_SYSTEM, errno);
	SAY(c, "root may not act as uid %u here (%s); run this as that user", (unsigned)c->uid,
	    strerrordesc_np((int)e.detail));
	return e;
}

static void as_self(const bool *guest)
{
	if (*guest && (seteuid(0) != 0 || setegid(0) != 0))
		_exit(EXIT_OS); /* half of each user is neither */
}

#define OWNER_SCOPE(c_)                                          \
	CLEANUP(as_self) UNUSED const bool guest_ = (c_)->guest; \
	TRY(as_owner(c_))

/* --- Steps on the file. In a folder of that user's, root touches nothing. --- */

#define FILE_SCOPE(c_)                                                 \
	CLEANUP(as_self) UNUSED const bool guest_ = (c_)->guests_file; \
	TRY((c_)->guests_file ? as_owner(c_) : OK)

static struct err find_stage(const struct change *c, enum pinstage *stage)
{
	FILE_SCOPE(c);
	return pinstage_find(c->file, stage);
}

static struct err read_stage(const struct change *c, enum pinstage stage, struct secret **pin)
{
	FILE_SCOPE(c);
	char source[PATH_MAX + sizeof "file:"];
	TRY(text_copy(source, sizeof source, VIEW_LITERAL("file:")));
	TRY(pinstage_path(c->file, stage, source + 5, PATH_MAX));
	return pin_read(source, pin, c->message);
}

static struct err write_new(const struct change *c)
{
	FILE_SCOPE(c);
	return pinstage_write(c->file, c->fresh);
}

static struct err move(const struct change *c, enum pinstage from, enum pinstage to)
{
	FILE_SCOPE(c);
	return pinstage_move(c->file, from, to);
}

static struct err drop(const struct change *c, enum pinstage stage)
{
	FILE_SCOPE(c);
	return pinstage_drop(c->file, stage);
}

/* --- Steps on the token. --- */

static struct err ask_limits(const struct change *c, struct pinentry_limits *limits)
{
	OWNER_SCOPE(c);
	return hsm_local_pin_limits(&c->token, &limits->min, &limits->max);
}

static struct err set_on_token(const struct change *c)
{
	OWNER_SCOPE(c);
	return hsm_local_pin_set(&c->token, c->old, c->fresh);
}

static struct err try_on_token(const struct change *c, const struct secret *pin)
{
	OWNER_SCOPE(c);
	return hsm_local_pin_try(&c->token, pin);
}

static struct err set_mark(const struct change *c, bool on)
{
	OWNER_SCOPE(c);
	const char *directory = c->settings->token.state_directory;
	return on ? pinstage_mark(directory, c->file) : pinstage_unmark(directory);
}

/* --- Ends. --- */

static struct err adopt(struct change *c, enum pinstage stage)
{
	TRY(move(c, stage, PINSTAGE_NONE));
	return set_mark(c, false);
}

#define LOCKED_TEXT                                                                           \
	"the token is locked, or one more failure would lock it: no PIN is tried on it. See " \
	"its own manual for how failures are forgiven, then run this again"

/* The token was asked and said no, or must not be asked: it has the old PIN, if that was it. */
static struct err give_up(struct change *c, struct err why)
{
	if (why.detail == CKR_PIN_LOCKED)
		SAY(c, LOCKED_TEXT "; nothing was changed");
	else if (why.detail == CKR_PIN_INCORRECT)
		SAY(c,
		    "the token refuses the PIN in %.400s; nothing was changed. Put the right PIN "
		    "into it before the next try: the token counts failures",
		    c->file);
	else
		SAY(c,
		    "the token refuses the new PIN (CKR 0x%x); nothing was changed. Choose one of "
		    "another length or of other characters",
		    why.detail);
	TRY(drop(c, PINSTAGE_CHANGING));
	TRY(set_mark(c, false));
	return why;
}

static struct err leave(struct change *c, struct err why)
{
	SAY(c,
	    "the token failed while its PIN was changed: %s (%s, detail 0x%x). Nothing is lost: "
	    "run holdfast-token --change-pin again to finish",
	    err_meaning(why), err_name(why), why.detail);
	return why;
}

/* From CHANGING on, with the token known to have the old PIN. */
static struct err carry_out(struct change *c)
{
	struct err e = set_on_token(c);
	if (err_is(e, E_HSM_PIN))
		return give_up(c, e);
	if (err_failed(e))
		return leave(c, e);
	e = try_on_token(c, c->fresh);
	if (err_failed(e))
		return leave(c, e);
	return adopt(c, PINSTAGE_CHANGING);
}

/* --- From the beginning. --- */

static struct err begin(struct change *c)
{
	struct pinentry_limits limits = {0};
	struct err e = ask_limits(c, &limits);
	if (err_failed(e)) {
		SAY(c, "the token cannot be used: %s (%s); %s", err_meaning(e), err_name(e),
		    err_action(e));
		return e;
	}
	TRY(pinentry_read(c->new_pin, &limits, &c->fresh, c->message));
	if (secret_equal(c->old, c->fresh)) {
		SAY(c, "the new PIN is the one of before; nothing was changed");
		return ERR(E_SETTINGS);
	}
	e = write_new(c);
	if (err_failed(e)) {
		SAY(c, "%.400s.new cannot be written (%s); nothing was changed", c->file,
		    strerrordesc_np((int)e.detail));
		return e;
	}
	TRY(set_mark(c, true));
	TRY(move(c, PINSTAGE_NEW, PINSTAGE_CHANGING));
	return carry_out(c);
}

/* --- From where it was interrupted. --- */

/* No verdict on the PIN: both files stay, and so does the stage. */
static struct err no_answer(struct change *c, struct err why)
{
	if (why.detail == CKR_PIN_LOCKED)
		SAY(c, LOCKED_TEXT);
	else
		SAY(c,
		    "the token takes no PIN at all (CKR 0x%x); see its own manual, then run this "
		    "again",
		    why.detail);
	return why;
}

static struct err refused_both(struct change *c, enum pinstage stage)
{
	TRY(move(c, stage, PINSTAGE_REFUSED));
	SAY(c,
	    "the token refuses both the PIN in %.400s and the one in %.400s.refused, and is not "
	    "asked again. Put the right PIN into the first and remove the second",
	    c->file, c->file);
	return ERR(E_HSM_PIN);
}

/* The stage that makes the next run begin with the other PIN. */
static enum pinstage other(enum pinstage stage)
{
	return stage == PINSTAGE_CHANGING ? PINSTAGE_TRIED : PINSTAGE_CHANGING;
}

static struct err found(struct change *c, enum pinstage stage, const struct secret *right)
{
	if (right == c->fresh)
		return adopt(c, stage);
	if (stage != PINSTAGE_CHANGING)
		TRY(move(c, stage, PINSTAGE_CHANGING));
	return carry_out(c);
}

/* *stage: where it stands; it is moved before each try. */
static struct err try_noted(struct change *c, enum pinstage *stage, const struct secret *pin)
{
	TRY(move(c, *stage, other(*stage)));
	*stage = other(*stage);
	struct err e = try_on_token(c, pin);
	if (err_failed(e) && !err_is(e, E_HSM_PIN))
		return leave(c, e);
	return e;
}

static struct err finish(struct change *c, enum pinstage stage)
{
	TRY(read_stage(c, stage, &c->fresh));
	(void)printf("Finishing a change that was interrupted.\n");
	const struct secret *first = stage == PINSTAGE_CHANGING ? c->fresh : c->old;
	const struct secret *second = first == c->old ? c->fresh : c->old;
	struct err e = try_noted(c, &stage, first);
	if (!err_failed(e))
		return found(c, stage, first);
	if (!err_is(e, E_HSM_PIN))
		return e;
	if (e.detail != CKR_PIN_INCORRECT)
		return no_answer(c, e);
	e = try_on_token(c, second);
	if (!err_failed(e))
		return found(c, stage, second);
	if (!err_is(e, E_HSM_PIN))
		return leave(c, e);
	return e.detail == CKR_PIN_INCORRECT ? refused_both(c, stage) : no_answer(c, e);
}

/* --- All of it. --- */

static struct err find_file(struct change *c, const struct pinchange_options *options)
{
	const char *source = c->settings->token.pin_source;
	const char *file = options->pin_path ? options->pin_path : pin_source_path(source);
	if (file != NULL && file[0] == '/')
		return text_copy(c->file, sizeof c->file, view_of_text(file));
	if (file != NULL)
		SAY(c, "--pin-file takes an absolute path, not %.400s", file);
	else if (source[0] == '\0')
		SAY(c, "pin_source is empty: this token is used without a PIN");
	else
		SAY(c,
		    "pin_source is %.400s, which cannot be written: name the file that it is read "
		    "from with --pin-file (for a credential, the path behind LoadCredential=); an "
		    "encrypted one must be made anew from that file afterwards, with systemd-creds",
		    source);
	return ERR(E_SETTINGS);
}

static void find_files_owner(struct change *c)
{
	struct stat st = {0};
	c->guests_file = c->guest && lstat(c->file, &st) == 0 && st.st_uid == c->uid;
}

static struct err lock(struct change *c)
{
	OWNER_SCOPE(c);
	struct err e = place_lock(c->settings->token.state_directory, &c->lock_fd, c->message);
	if (err_is(e, E_ALREADY_RUNNING))
		SAY(c, "holdfast-token is running and has the token; stop it (systemctl stop "
		       "holdfast-token), change the PIN, start it again");
	return e;
}

static struct err go_on(struct change *c)
{
	enum pinstage stage = PINSTAGE_NONE;
	TRY(find_stage(c, &stage));
	if (stage == PINSTAGE_REFUSED) {
		SAY(c,
		    "the token refused both the PIN in %.400s and the one in %.400s.refused; put "
		    "the right PIN into the first, remove the second",
		    c->file, c->file);
		return ERR(E_HSM_PIN);
	}
	TRY(read_stage(c, PINSTAGE_NONE, &c->old));
	return stage <= PINSTAGE_NEW ? begin(c) : finish(c, stage);
}

static struct err run(struct change *c, const struct pinchange_options *options)
{
	static struct orders orders; /* large; made for its checks */
	TRY(find_owner(c));
	TRY(c->guest ? process_harden_root() : process_harden());
	TRY(orders_from_settings(c->settings, &orders, c->message));
	TRY(find_file(c, options));
	find_files_owner(c);
	TRY(lock(c));
	return go_on(c);
}

int pinchange_main(const struct settings *settings, const struct pinchange_options *options)
{
	char message[SETTINGS_MESSAGE_MAX] = "";
	const char *parameters = settings->token.module_parameters;
	CLEANUP(change_cleanup)
	struct change c = {
		.settings = settings,
		.new_pin = options->new_pin ? options->new_pin : "ask",
		.message = message,
		.token = {settings->token.module, settings->token.uri,
			  parameters[0] != '\0' ? parameters : NULL},
		.lock_fd = -1,
	};
	struct err e = run(&c, options);
	if (err_failed(e)) {
		process_complain(message, e);
		return err_is(e, E_CANCELLED) ? EXIT_USAGE : (int)exit_of(e);
	}
	(void)printf("The token has the new PIN, and so has %s; a login with it was tried.\n"
		     "Start holdfast-token again.\n",
		     c.file);
	return EXIT_DONE;
}
