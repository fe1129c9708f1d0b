/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the file to the struct: the file is checked, each line is checked, inih cuts lines into
 * sections, names and values, check.c judges a value, and the rules between settings come last.
 *
 * inih has ways that would surprise an operator: a line that begins with a blank continues the
 * value before, " ;" begins a comment within a value, text behind "]" is dropped. Such lines are
 * refused before inih sees them.
 */
#include "config/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/table.h"

#define FILE_BYTES_MAX ((size_t)256 << 10)
#define LINE_BYTES_MAX 1000
#define INIH_LINE_MAX (LINE_BYTES_MAX + 3) /* with CR, LF and NUL; by itself inih stops at 200 */
#define ROWS_MAX 128
#define PASSWD_BYTES 4096

struct parse {
	const char *name; /* of the file, for messages */
	struct view rest;
	int64_t line;                 /* of the text that inih has; it does not tell by itself */
	int64_t seen_lines[ROWS_MAX]; /* where a row was set; 0: nowhere */
	struct settings settings;
	int64_t wrong_line; /* of the first error, which is the one that is told; 0: none */
	char *message;
};

/* "<path>:<line>: <what is wrong>; <what to do>". The precisions make it fit whatever comes. */
#define WRONG(parse_, line_, format_, ...)                                                    \
	do {                                                                                  \
		struct parse *wrong_ = (parse_);                                              \
		wrong_->wrong_line = (line_);                                                 \
		(void)!err_failed(text_format(wrong_->message, SETTINGS_MESSAGE_MAX,          \
					      "%.200s:%lld: " format_, wrong_->name,          \
					      (long long)(line_)__VA_OPT__(, ) __VA_ARGS__)); \
	} while (0)

void settings_defaults(struct settings *out)
{
	char message[SETTINGS_MESSAGE_MAX];
	*out = (struct settings){0};
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct setting *row = &settings_table[i];
		/* A default that its own row refuses is a defect; the unit test would see it. */
		(void)!err_failed(setting_set(row, view_of_text(row->initial), out, message));
	}
}

/* --- Lines: what inih gets to see. --- */

/* Why the line may not go to inih, with what to do; NULL when it may. */
static const char *line_fault(struct view line)
{
	if (line.len > LINE_BYTES_MAX)
		return "the line is longer than 1000 bytes; shorten it";
	if (view_find(line, 0) != line.len)
		return "the line contains a NUL byte; write the file as plain text";
	for (size_t i = 0; i < line.len; i++)
		if ((line.ptr[i] < 0x20 && line.ptr[i] != '\t') || line.ptr[i] == 0x7f)
			return "the line contains a control character; remove it";
	if (!text_is_utf8(line))
		return "the line is not valid UTF-8; write the file as UTF-8";
	struct view text = view_trim(line);
	if (text.len == 0 || text.ptr[0] == '#' || text.ptr[0] == ';')
		return NULL;
	if (text.ptr != line.ptr)
		return "the line begins with a blank; remove it (values cannot be continued)";
	if (text.ptr[0] == '[' && text.ptr[text.len - 1] != ']')
		return "a section's line must end with ]; write it as [server]";
	for (size_t i = 1; i < text.len; i++)
		if ((text.ptr[i] == '#' || text.ptr[i] == ';') &&
		    (text.ptr[i - 1] == ' ' || text.ptr[i - 1] == '\t'))
			return "a comment stands behind a setting; give it a line of its own";
	return NULL;
}

/* An ini_reader: the next line, or NULL at the end and after the first error. */
static char *next_line(char *str, int num, void *user)
{
	struct parse *p = (struct parse *)user;
	if (p->rest.len == 0 || p->wrong_line != 0)
		return NULL;
	struct view line = view_cut(&p->rest, '\n');
	p->line++;
	if (p->line == 1 && view_starts_with(line, VIEW_LITERAL("\xef\xbb\xbf")))
		line = view_part(line, 3, line.len);
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	const char *fault = line_fault(line);
	if (fault == NULL && err_failed(text_copy(str, (size_t)num, line)))
		fault = "the line is too long for the INI library; shorten it";
	if (fault == NULL)
		return str;
	WRONG(p, p->line, "%s", fault);
	return NULL;
}

/* --- Names: which row is meant, and which may have been meant. --- */

/* The row whose section (name NULL) or name within `section` is most like the one given; NULL when
 * none is. */
static const struct setting *nearest(const char *section, const char *name)
{
	struct view wanted = view_of_text(name ? name : section);
	size_t least = MIN_OF(wanted.len / 3 + 1, (size_t)4);
	const struct setting *best = NULL;
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct setting *row = &settings_table[i];
		if (name != NULL && !text_equal(row->section, section))
			continue;
		size_t far = text_distance(wanted, view_of_text(name ? row->name : row->section));
		if (far > least || (best != NULL && far == least))
			continue;
		least = far;
		best = row;
	}
	return best;
}

static const struct setting *row_named(const char *section, const char *name)
{
	for (size_t i = 0; i < settings_table_count; i++)
		if ((section == NULL || text_equal(settings_table[i].section, section)) &&
		    (name == NULL || text_equal(settings_table[i].name, name)))
			return &settings_table[i];
	return NULL;
}

static void wrong_name(struct parse *p, const char *section, const char *name)
{
	const struct setting *near = nearest(section, name);
	const struct setting *elsewhere = row_named(NULL, name);
	if (near != NULL)
		WRONG(p, p->line, "[%s] has no setting \"%s\"; did you mean \"%s\"?", section, name,
		      near->name);
	else if (elsewhere != NULL)
		WRONG(p, p->line, "[%s] has no setting \"%s\"; it belongs to [%s]", section, name,
		      elsewhere->section);
	else
		WRONG(p, p->line, "[%s] has no setting \"%s\"; see holdfast.conf for all of them",
		      section, name);
}

static void wrong_section(struct parse *p, const char *section)
{
	const struct setting *near = nearest(section, NULL);
	if (section[0] == '\0')
		WRONG(p, p->line,
		      "the setting stands before any section; put one, such as [%s], "
		      "above it",
		      settings_table[0].section);
	else if (near != NULL)
		WRONG(p, p->line, "there is no section [%s]; did you mean [%s]?", section,
		      near->section);
	else
		WRONG(p, p->line, "there is no section [%s]; see holdfast.conf for all of them",
		      section);
}

/* An ini_handler. It tells inih that all is well in any case: next_line() ends the parse. */
static int set_one(void *user, const char *section, const char *name, const char *value)
{
	struct parse *p = (struct parse *)user;
	const struct setting *row = row_named(section, name);
	if (row_named(section, NULL) == NULL) {
		wrong_section(p, section);
		return 1;
	}
	if (row == NULL) {
		wrong_name(p, section, name);
		return 1;
	}
	int64_t *seen = &p->seen_lines[row - settings_table];
	if (*seen != 0) {
		WRONG(p, p->line, "%s was set in line %lld already; keep one of the two", name,
		      (long long)*seen);
		return 1;
	}
	*seen = p->line;
	char what[SETTINGS_MESSAGE_MAX] = "";
	if (err_failed(setting_set(row, view_of_text(value), &p->settings, what)))
		WRONG(p, p->line, "%.800s", what);
	return 1;
}

/* --- Rules between settings. --- */

struct rule {
	bool (*broken)(const struct settings *settings);
	const char *section, *name; /* the setting whose line is told, if the file has it */
	const char *other_section, *other_name;
	const char *what;
};

static bool health_is_server(const struct settings *s)
{
	return text_equal(s->health.listen, s->server.listen);
}

static bool metrics_is_server(const struct settings *s)
{
	return text_equal(s->metrics.listen, s->server.listen);
}

static bool metrics_is_health(const struct settings *s)
{
	return s->metrics.listen[0] != '\0' && text_equal(s->metrics.listen, s->health.listen);
}

static bool sockets_are_one(const struct settings *s)
{
	return text_equal(s->admin.socket, s->token.socket);
}

static bool address_above_all(const struct settings *s)
{
	return s->server.connections_per_address_max > s->server.connections_max;
}

static bool block_above_budget(const struct settings *s)
{
	return s->token.direct_block > s->token.direct_messages_max;
}

static bool given(const char *text)
{
	return text[0] != '\0';
}

static bool certificate_without_key(const struct settings *s)
{
	return given(s->tls.certificate) != given(s->tls.private_key);
}

static bool clients_without_tls(const struct settings *s)
{
	return !given(s->tls.certificate) && !text_equal(s->tls.client_certificates, "off");
}

static bool clients_without_ca(const struct settings *s)
{
	return !given(s->tls.client_ca) && !text_equal(s->tls.client_certificates, "off");
}

static bool ca_without_clients(const struct settings *s)
{
	return given(s->tls.client_ca) && text_equal(s->tls.client_certificates, "off");
}

static bool authorities_without_url(const struct settings *s)
{
	return given(s->events.ca_file) && !given(s->events.url);
}

static bool token_without_url(const struct settings *s)
{
	return given(s->events.token_file) && !given(s->events.url);
}

static bool spool_is_file(const struct settings *s)
{
	return text_equal(s->events.spool, s->events.file);
}

static const struct rule rules[] = {
	{certificate_without_key, "tls", "certificate", "tls", "private_key",
	 "certificate and private_key of [tls] belong together; set both, or neither for plain "
	 "HTTP"},
	{clients_without_tls, "tls", "client_certificates", "tls", "certificate",
	 "client certificates need TLS; set certificate and private_key in [tls], or "
	 "client_certificates to off"},
	{clients_without_ca, "tls", "client_certificates", "tls", "client_ca",
	 "client certificates need an authority to be checked against; name its file in client_ca"},
	{ca_without_clients, "tls", "client_ca", "tls", "client_certificates",
	 "client_ca is set and client_certificates is off, so that nobody is asked; set it to "
	 "optional or required, or remove client_ca"},
	{health_is_server, "health", "listen", "server", "listen",
	 "[health] listen is the same as [server] listen; leave it empty to share the listener"},
	{metrics_is_server, "metrics", "listen", "server", "listen",
	 "[metrics] listen is the same as [server] listen; metrics ask nobody who he is: give them "
	 "an address of their own"},
	{metrics_is_health, "metrics", "listen", "health", "listen",
	 "[metrics] listen is the same as [health] listen; leave it empty to share the listener"},
	{sockets_are_one, "admin", "socket", "token", "socket",
	 "[admin] socket and [token] socket are the same path; give each its own"},
	{address_above_all, "server", "connections_per_address_max", "server", "connections_max",
	 "connections_per_address_max is above connections_max; lower it, or set it to 0"},
	{authorities_without_url, "events", "ca_file", "events", "url",
	 "ca_file is set and url is not, so that nothing is sent; set url, or remove ca_file"},
	{token_without_url, "events", "token_file", "events", "url",
	 "token_file is set and url is not, so that nothing is sent; set url, or remove "
	 "token_file"},
	{spool_is_file, "events", "spool", "events", "file",
	 "[events] spool and [events] file are the same path; give each its own"},
	{block_above_budget, "token", "direct_block", "token", "direct_messages_max",
	 "direct_block is above direct_messages_max; lower it"},
};

static int64_t line_of(const struct parse *p, const char *section, const char *name)
{
	return p->seen_lines[row_named(section, name) - settings_table];
}

static void check_rules(struct parse *p)
{
	for (size_t i = 0; i < ARRAY_LEN(rules) && p->wrong_line == 0; i++) {
		if (!rules[i].broken(&p->settings))
			continue;
		int64_t line = line_of(p, rules[i].section, rules[i].name);
		int64_t other = line_of(p, rules[i].other_section, rules[i].other_name);
		/* Defaults fit each other, so that one of the two stands in the file. */
		WRONG(p, line ? line : other, "%s", rules[i].what);
	}
}

NODISCARD struct err settings_parse(const char *name, const char *text, size_t len,
				    struct settings *out, char message[SETTINGS_MESSAGE_MAX])
{
	settings_defaults(out);
	message[0] = '\0';
	ENSURE(settings_table_count <= ROWS_MAX);
	struct parse p = {.name = name, .rest = view_of(text, len), .message = message};
	p.settings = *out;
	ini_max_line = INIH_LINE_MAX;
	int line = ini_parse_stream(next_line, &p, set_one, &p);
	if (line < 0)
		return ERR(E_NOMEM);
	/* inih goes on after a line that it cannot cut, so its line is the earlier one, if any. */
	if (line > 0 && (p.wrong_line == 0 || line < p.wrong_line))
		WRONG(&p, line,
		      "neither a [section] nor name = value; correct the line, or begin "
		      "it with # to make it a comment");
	if (p.wrong_line == 0)
		check_rules(&p);
	REQUIRE(p.wrong_line == 0, E_SETTINGS);
	*out = p.settings;
	return OK;
}

/* --- The file. --- */

/* Who can write this file decides where keys live. */
static const char *file_fault(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is not a regular file; name the settings file";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to another user; give it to root (chown root)";
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "can be written by others; take that away (chmod go-w)";
	if (st->st_size > (off_t)FILE_BYTES_MAX)
		return "is larger than 256 KiB; shorten it";
	return NULL;
}

static struct err read_all(int fd, struct buf *out)
{
	char part[4096];
	for (;;) {
		ssize_t n = read(fd, part, sizeof part);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_DETAIL(E_SETTINGS, errno);
		if (n == 0)
			return OK;
		TRY(buf_append(out, view_of(part, (size_t)n)));
	}
}

/* As WRONG, for what is wrong with the file as a whole. */
#define WRONG_FILE(message_, path_, format_, ...)                                           \
	(void)!err_failed(text_format((message_), SETTINGS_MESSAGE_MAX, "%.200s: " format_, \
				      (path_)__VA_OPT__(, ) __VA_ARGS__))

NODISCARD struct err settings_read(const char *path, struct settings *out,
				   char message[SETTINGS_MESSAGE_MAX])
{
	settings_defaults(out);
	message[0] = '\0';
	/* O_NONBLOCK: a FIFO in the file's place must not hold the start up. */
	CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st = {0};
	if (fd < 0 || fstat(fd, &st) != 0) {
		int saved = errno;
		WRONG_FILE(message, path, "cannot be opened (%s); %s", strerrordesc_np(saved),
			   saved == ENOENT ? "make it from config/holdfast.conf, or name another "
					     "with --config"
					   : "make it readable for this user");
		return ERR_DETAIL(E_SETTINGS, saved);
	}
	const char *fault = file_fault(&st);
	if (fault != NULL) {
		WRONG_FILE(message, path, "%s", fault);
		return ERR(E_SETTINGS);
	}
	CLEANUP(buf_cleanup) struct buf text;
	buf_init(&text, FILE_BYTES_MAX);
	struct err e = read_all(fd, &text);
	if (err_failed(e)) {
		WRONG_FILE(message, path, "cannot be read (%s); check the file and its disk",
			   e.detail ? strerrordesc_np((int)e.detail) : err_meaning(e));
		return ERR_DETAIL(E_SETTINGS, e.detail);
	}
	return settings_parse(path, (const char *)text.ptr, text.len, out, message);
}

NODISCARD struct err settings_user(const char *text, int64_t *uid)
{
	*uid = -1;
	if (!err_failed(text_parse_integer(view_of_text(text), 0, UINT32_MAX - 1, uid)))
		return OK;
	*uid = -1;
	char room[PASSWD_BYTES];
	struct passwd entry;
	struct passwd *found = NULL;
	int rc = getpwnam_r(text, &entry, room, sizeof room, &found);
	if (found == NULL)
		return ERR_DETAIL(E_SETTINGS, rc);
	*uid = entry.pw_uid;
	return OK;
}
