/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's log: one line per event, an event name and typed fields. There is no field kind
 * for a secret, and none for raw bytes. Text fields are escaped, so that nothing a client sends can
 * start a line of its own.
 *
 *   log_event(LOG_WARNING, "token.session_lost",
 *             LOG_TEXT("slot", name), LOG_NUMBER("lane", 1), LOG_ERR(e));
 */
#ifndef HOLDFAST_BASE_LOG_H
#define HOLDFAST_BASE_LOG_H

#include "base/err.h"
#include "base/view.h"

/* Values of syslog(3), so that the journal takes them as they are. */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* Where lines go. JOURNAL prefixes <level> as sd-daemon(3) has it and leaves the time to the
 * journal. */
enum log_form { LOG_FORM_TEXT, LOG_FORM_JOURNAL, LOG_FORM_JSON };

struct log_field {
	const char *name;
	enum { LOG_FIELD_TEXT, LOG_FIELD_NUMBER, LOG_FIELD_HEX32, LOG_FIELD_ERR } kind;
	struct view text;
	int64_t number;
	struct err err;
};

#define LOG_TEXT(name_, text_) \
	((struct log_field){.name = (name_), .kind = LOG_FIELD_TEXT, .text = view_of_text(text_)})
#define LOG_VIEW(name_, view_) \
	((struct log_field){.name = (name_), .kind = LOG_FIELD_TEXT, .text = (view_)})
#define LOG_NUMBER(name_, number_) \
	((struct log_field){       \
		.name = (name_), .kind = LOG_FIELD_NUMBER, .number = (int64_t)(number_)})
#define LOG_HEX(name_, number_) \
	((struct log_field){.name = (name_), .kind = LOG_FIELD_HEX32, .number = (int64_t)(number_)})
/* Code, meaning, detail, place and action of an error. */
#define LOG_ERR(err_) ((struct log_field){.name = "error", .kind = LOG_FIELD_ERR, .err = (err_)})

/* Set by the program, at any time; default TEXT, INFO, file descriptor 2, which is also where lines
 * go that a file (log_file.h) does not take. */
void log_configure(enum log_form form, enum log_level least, int fd);

/* Where lines go now, for a signal handler that writes one by itself; async-signal-safe. */
enum log_form log_configured_form(void);
int log_configured_fd(void);

/* Writes one line with one write(2); never fails, never blocks longer than the descriptor does. */
void log_write(enum log_level level, const char *event, const struct log_field *fields,
	       size_t count);

/*
 * The request that this thread is at work for: until the scope ends, every line that the thread
 * writes has it as its first field, `request`. A copy is kept; scopes may nest.
 *
 *   LOG_REQUEST_SCOPE(call->request_id);
 */
#define LOG_REQUEST_LEN 36
struct log_request {
	char id[LOG_REQUEST_LEN + 1]; /* "": none */
};
/* Of `id` no more than LOG_REQUEST_LEN bytes are looked at: it may lie where another process writes
 * and need not end there. */
struct log_request log_request_enter(const char *id);
void log_request_leave(struct log_request *before);

/* The request of this thread, "" without one. */
void log_request_copy(char out[LOG_REQUEST_LEN + 1]);

#define LOG_REQUEST_SCOPE(id) \
	CLEANUP(log_request_leave) UNUSED struct log_request log_scope_ = log_request_enter(id)

#define log_event(level, event, ...)                                         \
	log_write((level), (event), (const struct log_field[]){__VA_ARGS__}, \
		  sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

#define LOG_ERROR LOG_LEVEL_ERROR
#define LOG_WARNING LOG_LEVEL_WARNING
#define LOG_INFO LOG_LEVEL_INFO
#define LOG_DEBUG LOG_LEVEL_DEBUG

#endif
