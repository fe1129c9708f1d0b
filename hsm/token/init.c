/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/token/init.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/text.h"
#include "hsm/p11/local.h"
#include "hsm/token/orders.h"
#include "hsm/token/pin.h"
#include "hsm/token/process.h"

/* A PIN and the file that it is kept in. */
struct keeper {
	char path[PATH_MAX];
	struct secret *pin;
	bool made;
};

static void keeper_cleanup(struct keeper *k)
{
	secret_free(&k->pin);
}

static int complain(const char *message, struct err e)
{
	process_complain(message, e);
	return (int)exit_of(e);
}

static struct err say(char message[SETTINGS_MESSAGE_MAX], const char *what)
{
	TRY(text_copy(message, SETTINGS_MESSAGE_MAX, view_of_text(what)));
	return ERR(E_USAGE);
}

static struct err paths_find(const struct settings *settings, const struct init_options *options,
			     struct keeper *user, struct keeper *officer,
			     char message[SETTINGS_MESSAGE_MAX])
{
	const char *pin =
		options->pin_path ? options->pin_path : pin_source_path(settings->token.pin_source);
	size_t label_len = view_of_text(options->label).len;
	if (label_len < 1 || label_len > INIT_LABEL_MAX)
		return say(message, "--init-token needs --label with 1 to 32 bytes");
	if (pin == NULL)
		return say(message, "--init-token needs --pin-file, as pin_source names no file");
	TRY(text_copy(user->path, sizeof user->path, view_of_text(pin)));
	if (options->so_pin_path != NULL)
		return text_copy(officer->path, sizeof officer->path,
				 view_of_text(options->so_pin_path));
	return text_format(officer->path, sizeof officer->path, "%s-so", pin);
}

/* A PIN that belongs to no token must not lie about as if it did. */
static void forget(const struct keeper *k)
{
	if (k->made)
		(void)unlink(k->path);
}

static int failed(const struct settings *settings, struct err e)
{
	(void)fprintf(stderr,
		      "holdfast-token: no token was made with %s: %s (%s, detail 0x%x); %s\n",
		      settings->token.module, err_meaning(e), err_name(e), e.detail, err_action(e));
	return (int)exit_of(e);
}

static int make(const struct settings *settings, const char *label, const struct keeper *user,
		const struct keeper *officer)
{
	struct err e = hsm_local_init_token(settings->token.module, label, officer->pin, user->pin);
	if (err_is(e, E_ALREADY_INITIALISED)) {
		forget(user);
		forget(officer);
		(void)printf("The token '%s' is there already; nothing was changed.\n", label);
		return 0;
	}
	if (err_failed(e))
		return failed(settings, e);
	(void)printf("Made the token '%s'.\n"
		     "  user PIN:             %s (holdfast-token needs it at every start)\n"
		     "  security officer PIN: %s (move it to a safe place; no program needs it)\n",
		     label, user->path, officer->path);
	return 0;
}

int init_token(const struct settings *settings, const struct init_options *options)
{
	static struct orders orders;
	char message[SETTINGS_MESSAGE_MAX] = "";
	CLEANUP(keeper_cleanup) struct keeper user = {0};
	CLEANUP(keeper_cleanup) struct keeper officer = {0};
	struct err e = process_harden();
	if (err_failed(e))
		return failed(settings, e);
	e = orders_from_settings(settings, &orders, message);
	if (!err_failed(e))
		e = paths_find(settings, options, &user, &officer, message);
	if (err_failed(e))
		return complain(message, e);
	e = pin_read_or_make(officer.path, &officer.pin, &officer.made, message);
	if (!err_failed(e))
		e = pin_read_or_make(user.path, &user.pin, &user.made, message);
	if (err_failed(e)) {
		forget(&officer);
		return complain(message, e);
	}
	return make(settings, options->label, &user, &officer);
}
