/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/init.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "daemon/credentials.h"

static struct err failed(const char *step, const char *path, struct err result)
{
	log_event(LOG_ERROR, "init.failed", LOG_TEXT("step", step), LOG_TEXT("path", path),
		  LOG_ERR(result));
	return result;
}

/* The folder of the store, when only it is missing. */
static struct err make_store_folder(const char *path)
{
	CLEANUP(mem_free_at) char *folder = NULL;
	struct view all = view_of_text(path);
	while (all.len > 0 && all.ptr[all.len - 1] != '/')
		all.len--;
	if (all.len == 0)
		return OK;
	TRY(text_new(all, &folder));
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return ERR_DETAIL(E_SYSTEM, errno);
	return OK;
}

static struct err open_parts(struct wiring *w)
{
	struct err result = wiring_open_token(w);
	if (err_failed(result))
		return failed("reach the token", w->settings->token.socket, result);
	result = make_store_folder(w->settings->store.path);
	if (!err_failed(result))
		result = wiring_open_store(w, w->settings->store.path, true);
	if (err_failed(result))
		return failed("make the store", w->settings->store.path, result);
	return OK;
}

static void say_done(const struct wiring *w, const struct arguments *a, const char *access_key_id)
{
	struct hsm_status status;
	hsm_status(w->hsm, &status);
	(void)fprintf(stderr,
		      "holdfastd: initialised.\n"
		      "  installation   %s\n"
		      "  token          %s (serial %s)\n"
		      "  store          %s\n"
		      "  Region         %s, account %s\n"
		      "  administrator  %s, access key %s\n"
		      "  credentials    %s - the only copy of the secret: keep it\n"
		      "To have no other store taken for this one: installation = %s in [store].\n"
		      "Now start holdfastd.\n",
		      w->installation.id, status.token_label, status.serial,
		      w->settings->store.path, a->region, a->account, a->administrator,
		      access_key_id, a->credentials, w->installation.id);
}

struct keeping {
	struct credentials_file *file;
	char access_key_id[AUTH_ACCESS_KEY_ID_LEN + 1];
};

static struct err keep(void *user, const char *access_key_id, const struct secret *secret_key)
{
	struct keeping *keeping = user;
	TRY(text_copy(keeping->access_key_id, sizeof keeping->access_key_id,
		      view_of_text(access_key_id)));
	return credentials_file_write(keeping->file, access_key_id, secret_key);
}

NODISCARD struct err init_run(struct wiring *w, const struct arguments *a)
{
	/* The file comes first: no key is made whose secret has nowhere to go. */
	CLEANUP(credentials_file_close) struct credentials_file *file = NULL;
	struct err result = credentials_file_open(a->credentials, &file);
	if (err_failed(result))
		return failed("make the credentials file", a->credentials, result);
	TRY(open_parts(w));
	struct keeping keeping = {.file = file};
	const struct service_init_options options = {
		.hsm = w->hsm,
		.installation = store_sqlite_installation(w->store),
		.identities = store_sqlite_identities(w->store),
		.manifest = store_sqlite_manifest(w->store),
		.sealer = &w->sealer,
		.clock = &clock_system,
		.partition = a->partition,
		.region = a->region,
		.account = a->account,
		.administrator = a->administrator,
		.keep = keep,
		.user = &keeping,
	};
	result = service_init(&options, &w->installation);
	if (err_failed(result))
		return failed("make the installation", w->settings->store.path, result);
	credentials_file_keep(file);
	say_done(w, a, keeping.access_key_id);
	return OK;
}
