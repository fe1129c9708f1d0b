/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outside.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "codec/json.h"

#define DETAIL_MAX 1024
#define MIB_SHIFT 20

/* One row, as the admin operation has it. level: "ok", "warning", "failure". */
static void put_row(struct json_out *out, const char *name, const char *level, const char *detail,
		    const char *remedy)
{
	json_out_begin_object(out, NULL);
	json_out_text(out, "Name", view_of_text(name));
	json_out_text(out, "Level", view_of_text(level));
	json_out_text(out, "Detail", view_of_text(detail));
	if (remedy != NULL)
		json_out_text(out, "Remedy", view_of_text(remedy));
	json_out_end_object(out);
}

/* 0: somebody listens; else errno of connect(2). */
static int knock(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (err_failed(text_copy(address.sun_path, sizeof address.sun_path, view_of_text(path))))
		return ENAMETOOLONG;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	int failed =
		connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ? errno : 0;
	(void)close(fd);
	return failed == EAGAIN ? 0 : failed;
}

/* What an errno of a Unix socket says about the one behind it. */
static const struct meaning {
	int number;
	const char *detail;
} meanings[] = {
	{0, "somebody listens at"},
	{ENOENT, "there is no socket at"},
	{ECONNREFUSED, "nobody listens at the socket that was left at"},
	{EACCES, "this user may not reach"},
	{EPERM, "this user may not reach"},
};

static void say_socket(int number, const char *path, char out[DETAIL_MAX])
{
	const char *what = strerrordesc_np(number);
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
		if (meanings[i].number == number)
			what = meanings[i].detail;
	(void)!err_failed(text_format(out, DETAIL_MAX, "%s %s", what ? what : "?", path));
}

static void look_at_daemon(const struct command_context *context, struct err why,
			   struct json_out *out)
{
	char detail[DETAIL_MAX] = "";
	int number = knock(context->socket);
	say_socket(number, context->socket, detail);
	bool denied = err_is(why, E_ACCESS_DENIED) || number == EACCES || number == EPERM;
	const char *remedy =
		"start holdfastd (systemctl start holdfastd; its last words: journalctl -u "
		"holdfastd), or name its socket with --socket";
	if (denied)
		remedy = "run this as root or as the service's user, or have allowed_users in "
			 "[admin] name you";
	else if (number == 0)
		remedy = "it does not answer in time: restart holdfastd if this lasts, and see its "
			 "log";
	put_row(out, "service", "failure", detail, remedy);
}

static void look_at_missing_settings(const char *path, struct json_out *out)
{
	char detail[DETAIL_MAX] = "";
	int number = access(path, R_OK) == 0 ? 0 : errno;
	(void)!err_failed(text_format(detail, sizeof detail, "%s: %s; the defaults are looked at",
				      path, strerrordesc_np(number)));
	put_row(out, "settings", "warning", detail,
		number == ENOENT ? "name the file with --config" : "run this as root to see more");
}

static void look_at_settings(const struct command_context *context, struct json_out *out)
{
	if (context->settings_fault != NULL)
		put_row(out, "settings", "failure", context->settings_fault,
			"correct the line; holdfastd --check says what else is wrong");
	else if (context->settings_read)
		put_row(out, "settings", "ok", context->config, NULL);
	else
		look_at_missing_settings(context->config, out);
}

static void look_at_token(const struct command_context *context, struct json_out *out)
{
	char detail[DETAIL_MAX] = "";
	int number = knock(context->settings->token.socket);
	say_socket(number, context->settings->token.socket, detail);
	if (number == 0)
		put_row(out, "token", "ok", detail, NULL);
	else if (number == EACCES || number == EPERM)
		put_row(out, "token", "warning", detail, "run this as root to see more");
	else
		put_row(out, "token", "failure", detail,
			"start holdfast-token (systemctl start holdfast-token; its last words: "
			"journalctl -u holdfast-token)");
}

static void look_at_store(const struct command_context *context, struct json_out *out)
{
	struct stat st = {0};
	char detail[DETAIL_MAX] = "";
	const char *path = context->settings->store.path;
	int number = stat(path, &st) == 0 ? 0 : errno;
	(void)!err_failed(text_format(detail, sizeof detail, "%s%s%s", path, number ? ": " : "",
				      number ? strerrordesc_np(number) : ""));
	if (number == 0)
		put_row(out, "store", "ok", detail, NULL);
	else if (number == ENOENT)
		put_row(out, "store", "failure", detail,
			"run holdfastd --init, or restore it from a backup");
	else
		put_row(out, "store", "warning", detail, "run this as root to see more");
}

static void look_at_disk(const struct command_context *context, struct json_out *out)
{
	struct statvfs disk = {0};
	char detail[DETAIL_MAX] = "";
	const char *path = context->settings->audit.directory;
	int number = statvfs(path, &disk) == 0 ? 0 : errno;
	if (number != 0) {
		(void)!err_failed(text_format(detail, sizeof detail, "%s: %s", path,
					      strerrordesc_np(number)));
		put_row(out, "audit disk", "warning", detail,
			number == ENOENT ? "check directory in [audit], and that its disk "
					   "is mounted; holdfastd makes the folder"
					 : "run this as root to see more");
		return;
	}
	long long free_mib = (long long)(((uint64_t)disk.f_bavail * disk.f_frsize) >> MIB_SHIFT);
	bool low = free_mib < context->settings->audit.warn_free_mib;
	(void)!err_failed(
		text_format(detail, sizeof detail, "%lld MiB free at %s", free_mib, path));
	put_row(out, "audit disk", low ? "warning" : "ok", detail,
		low ? "make room: a full disk stops the service" : NULL);
}

void outside_look(const struct command_context *context, struct err why, struct writer *w)
{
	struct json_out out;
	json_out_init(&out, w);
	json_out_begin_object(&out, NULL);
	json_out_text(&out, "Status", VIEW_LITERAL("failure"));
	json_out_text(&out, "Error", view_of_text(err_name(why)));
	json_out_begin_array(&out, "Checks");
	look_at_daemon(context, why, &out);
	look_at_settings(context, &out);
	if (context->settings_fault == NULL) {
		look_at_token(context, &out);
		look_at_store(context, &out);
		look_at_disk(context, &out);
	}
	json_out_end_array(&out);
	json_out_end_object(&out);
}
