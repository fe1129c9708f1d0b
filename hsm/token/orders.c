/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/token/orders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/logging.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct word {
	const char *text;
	int value;
};

static const struct word suites[] = {
	{"auto", HSM_SUITE_NONE},
	{"1", HSM_SUITE_SP800_108},
	{"2", HSM_SUITE_ECB_DATA},
	{"3", HSM_SUITE_DIRECT},
};

/* The settings reader has checked the words; an unknown one here is the fallback. */
static int word_value(const struct word *words, size_t count, const char *text, int fallback)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(words[i].text, text))
			return words[i].value;
	return fallback;
}

static struct err complain(char message[SETTINGS_MESSAGE_MAX], const char *what, const char *value)
{
	struct err e =
		text_format(message, SETTINGS_MESSAGE_MAX,
			    value[0] == '\0' ? "[token] %s" : "[token] %s: '%s'", what, value);
	(void)e;
	return ERR(E_SETTINGS);
}

static struct err users_from(const char *text, struct orders *out,
			     char message[SETTINGS_MESSAGE_MAX])
{
	struct view rest = view_of_text(text);
	while (rest.ptr != NULL) {
		struct view word = view_trim(view_cut(&rest, ' '));
		if (word.len == 0)
			continue;
		char name[SETTINGS_TEXT_MAX];
		TRY(text_copy(name, sizeof name, word));
		if (out->user_count == ORDERS_USERS_MAX)
			return complain(message, "daemon_users: too many users", name);
		if (err_failed(settings_user(name, &out->users[out->user_count])))
			return complain(message, "daemon_users: there is no such user", name);
		out->user_count++;
	}
	return OK;
}

static struct err module_check(const char *module, char message[SETTINGS_MESSAGE_MAX])
{
	if (module[0] == '\0')
		return complain(message,
				"module: missing; name the PKCS#11 module of the token, for "
				"example /usr/lib/softhsm/libsofthsm2.so",
				module);
	if (module[0] != '/')
		return complain(message, "module: the path must be absolute", module);
	if (access(module, R_OK) != 0)
		return complain(message,
				"module: the file cannot be read; correct the path or "
				"install the module",
				module);
	return OK;
}

NODISCARD struct err orders_from_settings(const struct settings *settings, struct orders *out,
					  char message[SETTINGS_MESSAGE_MAX])
{
	*out = (struct orders){.magic = ORDERS_MAGIC, .supervisor = getpid(), .latched = HSM_UP};
	out->latched_error = OK;
	TRY(module_check(settings->token.module, message));
	TRY(users_from(settings->token.daemon_users, out, message));
	TRY(confine_extra_check(settings->token.extra_syscalls, message, SETTINGS_MESSAGE_MAX));
	TRY(text_copy(out->extra_syscalls, sizeof out->extra_syscalls,
		      view_of_text(settings->token.extra_syscalls)));
	out->seccomp = confine_mode_of(settings->sandbox.seccomp);
	TRY(text_copy(out->module, sizeof out->module, view_of_text(settings->token.module)));
	TRY(text_copy(out->uri, sizeof out->uri, view_of_text(settings->token.uri)));
	TRY(text_copy(out->module_parameters, sizeof out->module_parameters,
		      view_of_text(settings->token.module_parameters)));
	out->suite = (enum hsm_suite)word_value(suites, ARRAY_LEN(suites), settings->token.suite,
						HSM_SUITE_NONE);
	out->lanes = (uint32_t)settings->token.lanes;
	out->message_key_messages = (uint64_t)settings->token.message_key_messages;
	out->message_key_age_ms = (uint64_t)settings->token.message_key_age_s * 1000;
	out->message_key_cache = (uint32_t)settings->token.message_key_cache;
	out->queue_max = (uint32_t)settings->token.queue_max;
	out->connections_max = (uint32_t)settings->token.connections_max;
	TRY(text_copy(out->log_file, sizeof out->log_file, view_of_text(settings->token.log_file)));
	out->log_file_bytes = (uint64_t)settings->log.file_mib << 20;
	out->log_files_kept = (uint32_t)settings->log.files_kept;
	/* systemd.exec(5): JOURNAL_STREAM is set when standard error goes to the journal. */
	bool journal = getenv("JOURNAL_STREAM") != NULL && out->log_file[0] == '\0';
	out->log_form = logging_form(settings, journal);
	out->log_level = logging_level(settings);
	return OK;
}

static struct err memfd_new(const char *name, size_t size, int *fd)
{
	*fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	if (ftruncate(*fd, (off_t)size) == 0)
		return OK;
	int saved = errno;
	(void)close(*fd);
	*fd = -1;
	return ERR_DETAIL(E_SYSTEM, saved);
}

NODISCARD struct err orders_write(const struct orders *orders, int *fd)
{
	int made = -1;
	TRY(memfd_new("holdfast-orders", sizeof *orders, &made));
	if (pwrite(made, orders, sizeof *orders, 0) != (ssize_t)sizeof *orders ||
	    fcntl(made, F_ADD_SEALS, SEALS) != 0) {
		int saved = errno;
		(void)close(made);
		return ERR_DETAIL(E_SYSTEM, saved);
	}
	*fd = made;
	return OK;
}

NODISCARD struct err orders_read(int fd, struct orders *out)
{
	struct orders orders = {0};
	REQUIRE(fcntl(fd, F_GET_SEALS) == SEALS, E_FORMAT);
	REQUIRE(pread(fd, &orders, sizeof orders, 0) == (ssize_t)sizeof orders, E_FORMAT);
	REQUIRE(orders.magic == ORDERS_MAGIC && orders.user_count <= ORDERS_USERS_MAX, E_FORMAT);
	orders.latched_error.file = "";
	*out = orders;
	return OK;
}

NODISCARD struct err orders_page_map(int fd, struct orders_page **out)
{
	void *page = mmap(NULL, sizeof **out, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return ERR_DETAIL(E_SYSTEM, errno);
	*out = (struct orders_page *)page;
	return OK;
}

NODISCARD struct err orders_page_new(int *fd, struct orders_page **out)
{
	int made = -1;
	TRY(memfd_new("holdfast-page", sizeof **out, &made));
	/* Or a worker gone wrong could cut it, and its supervisor would die of looking. */
	struct err e = fcntl(made, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) == 0
			       ? orders_page_map(made, out)
			       : ERR_DETAIL(E_SYSTEM, errno);
	if (err_failed(e))
		(void)close(made);
	else
		*fd = made;
	return e;
}
