/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own header: the table with one row per setting, and the check of one value against
 * its row. Seen by settings.c and by the unit tests, by nobody else.
 */
#ifndef HOLDFAST_CONFIG_TABLE_H
#define HOLDFAST_CONFIG_TABLE_H

#include "base/view.h"
#include "config/settings.h"

enum setting_type {
	SETTING_INTEGER,    /* min..max: its range */
	SETTING_TEXT,       /* for all that follow, min..max: its length in bytes */
	SETTING_WORD,       /* printable ASCII without blanks */
	SETTING_ID,         /* 32 lower-case hex digits */
	SETTING_PATH,       /* absolute */
	SETTING_PATHS,      /* absolute, blank-separated */
	SETTING_LISTEN,     /* 127.0.0.1:4599 or [::1]:4599 */
	SETTING_CHOICE,     /* one of `choices` */
	SETTING_USERS,      /* names or uids, blank-separated */
	SETTING_URI,        /* RFC 7512 */
	SETTING_HTTP_URL,   /* http:// or https://, without user and password */
	SETTING_PIN_SOURCE, /* file:<absolute path>, fd:<number>, credential:<name> */
};

struct setting {
	const char *section;
	const char *name;
	enum setting_type type;
	size_t offset; /* in struct settings: an int64_t or a settings_text */
	int64_t min, max;
	const char *initial; /* the default, as it would be written */
	const char *choices; /* blank-separated; NULL but for SETTING_CHOICE */
	const char *meaning;
	bool reload; /* SIGHUP applies it to a running process; else it needs a restart */
};

extern const struct setting settings_table[];
extern const size_t settings_table_count;

/*
 * Checks `value` against the row and puts it into *out. E_SETTINGS with, in `message`, what is
 * wrong and what to do about it; *out is then unchanged.
 */
NODISCARD struct err setting_set(const struct setting *row, struct view value, struct settings *out,
				 char message[SETTINGS_MESSAGE_MAX]);

/* Where a row's value lives; the row's type says which of the two. */
const int64_t *setting_integer(const struct setting *row, const struct settings *settings);
const char *setting_text(const struct setting *row, const struct settings *settings);

#endif
