/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log_file.h"
#include "base/mem.h"
#include "base/writer.h"

#define LINE_MAX_BYTES 4096
#define TEXT_FIELD_MAX 512 /* longer text is cut, and marked with "..." */

static struct {
	_Atomic enum log_form form;
	_Atomic enum log_level least;
	atomic_int fd;
} config = {LOG_FORM_TEXT, LOG_LEVEL_INFO, STDERR_FILENO};

static _Thread_local enum log_form form_now; /* of the line that this thread is making */
static _Thread_local struct log_request request;

struct log_request log_request_enter(const char *id)
{
	struct log_request before = request;
	request = (struct log_request){""};
	for (size_t i = 0; i < LOG_REQUEST_LEN && id[i] != '\0'; i++)
		request.id[i] = id[i];
	return before;
}

void log_request_leave(struct log_request *before)
{
	request = *before;
}

void log_request_copy(char out[LOG_REQUEST_LEN + 1])
{
	mem_copy(out, sizeof request.id, request.id, sizeof request.id);
}

void log_configure(enum log_form form, enum log_level least, int fd)
{
	config.form = form;
	config.least = least;
	config.fd = fd;
}

enum log_form log_configured_form(void)
{
	return config.form;
}

int log_configured_fd(void)
{
	int fd = log_file_fd();
	return fd >= 0 ? fd : config.fd;
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "error";
}

static void put_escaped(struct writer *w, struct view text)
{
	bool cut = text.len > TEXT_FIELD_MAX;
	struct view shown = view_part(text, 0, TEXT_FIELD_MAX);
	writer_u8(w, '"');
	for (size_t i = 0; i < shown.len; i++) {
		uint8_t c = shown.ptr[i];
		if (c == '"' || c == '\\')
			writer_format(w, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			writer_format(w, "\\u%04x", c);
		else
			writer_u8(w, c);
	}
	writer_text(w, cut ? "...\"" : "\"");
}

static void put_name(struct writer *w, const char *name)
{
	if (form_now == LOG_FORM_JSON)
		writer_format(w, ",\"%s\":", name);
	else
		writer_format(w, " %s=", name);
}

/* Where the layer below is the system, its number is told as the system names it. */
static void put_detail(struct writer *w, struct err e)
{
	put_name(w, "detail");
	writer_format(w, form_now == LOG_FORM_JSON ? "%u" : "0x%x", e.detail);
	bool from_system = e.code == E_SYSTEM || e.code == E_AUDIT || e.code == E_SANDBOX ||
			   e.code == E_LOOKUP_AWAY;
	const char *name = from_system ? strerrorname_np((int)e.detail) : NULL;
	if (name == NULL)
		return;
	char text[128] = "";
	struct writer both;
	writer_init(&both, text, sizeof text - 1);
	writer_format(&both, "%s: %s", name, strerrordesc_np((int)e.detail));
	put_name(w, "errno");
	put_escaped(w, view_of(text, both.len));
}

static void put_err(struct writer *w, struct err e)
{
	put_escaped(w, view_of_text(err_name(e)));
	put_name(w, "meaning");
	put_escaped(w, view_of_text(err_meaning(e)));
	if (e.detail != 0)
		put_detail(w, e);
	char place[64] = "";
	struct writer at;
	writer_init(&at, place, sizeof place - 1);
	writer_format(&at, "%s:%u", e.file ? e.file : "", e.line);
	put_name(w, "at");
	put_escaped(w, view_of(place, at.len));
	put_name(w, "action");
	put_escaped(w, view_of_text(err_action(e)));
}

static void put_field(struct writer *w, const struct log_field *field)
{
	put_name(w, field->name);
	switch (field->kind) {
	case LOG_FIELD_TEXT:
		put_escaped(w, field->text);
		break;
	case LOG_FIELD_NUMBER:
		writer_format(w, "%lld", (long long)field->number);
		break;
	case LOG_FIELD_HEX32:
		writer_format(w, form_now == LOG_FORM_JSON ? "\"0x%llx\"" : "0x%llx",
			      (unsigned long long)field->number);
		break;
	case LOG_FIELD_ERR:
		put_err(w, field->err);
		break;
	}
}

static void put_head(struct writer *w, enum log_level level, const char *event)
{
	struct timespec now = {0};
	struct tm utc = {0};
	char stamp[32] = "";
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &utc);
	(void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	if (form_now == LOG_FORM_JSON)
		writer_format(w, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"event\":\"%s\"", stamp,
			      now.tv_nsec / 1000000, level_name(level), event);
	else if (form_now == LOG_FORM_JOURNAL)
		writer_format(w, "<%d>%s", (int)level, event);
	else
		writer_format(w, "%s.%03ldZ %-7s %s", stamp, now.tv_nsec / 1000000,
			      level_name(level), event);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
	       size_t count)
{
	if (level > config.least)
		return;
	char line[LINE_MAX_BYTES];
	struct writer w;
	int saved = errno;
	form_now = config.form;
	writer_init(&w, line, sizeof line - 2);
	put_head(&w, level, event);
	if (request.id[0] != '\0')
		put_field(&w, &LOG_TEXT("request", request.id));
	for (size_t i = 0; i < count; i++) {
		struct writer before = w;
		put_field(&w, &fields[i]);
		if (err_failed(writer_end(&w)))
			w = before;
	}
	size_t len = w.len;
	if (form_now == LOG_FORM_JSON)
		line[len++] = '}';
	line[len++] = '\n';
	/* A log that cannot be written has nobody to tell, nor may it change what its caller is
	 * about to look at. */
	if (!log_file_write(view_of(line, len))) {
		ssize_t written = write(config.fd, line, len);
		(void)written;
	}
	errno = saved;
}
