/* SPDX-License-Identifier: Apache-2.0 */
#include "config/logging.h"

#include <stdlib.h>

#include "base/text.h"

struct word {
	const char *text;
	int value;
};

static const struct word levels[] = {
	{"error", LOG_LEVEL_ERROR},
	{"warning", LOG_LEVEL_WARNING},
	{"info", LOG_LEVEL_INFO},
	{"debug", LOG_LEVEL_DEBUG},
};

static const struct word forms[] = {
	{"text", LOG_FORM_TEXT},
	{"journal", LOG_FORM_JOURNAL},
	{"json", LOG_FORM_JSON},
};

/* The settings reader has checked the words; an unknown one here is the fallback. */
static int word_value(const struct word *words, size_t count, const char *text, int fallback)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(words[i].text, text))
			return words[i].value;
	return fallback;
}

enum log_form logging_form(const struct settings *settings)
{
	/* systemd.exec(5): JOURNAL_STREAM is set when standard error goes to the journal. */
	int automatic = getenv("JOURNAL_STREAM") != NULL ? LOG_FORM_JOURNAL : LOG_FORM_TEXT;
	return (enum log_form)word_value(forms, ARRAY_LEN(forms), settings->log.form, automatic);
}

enum log_level logging_level(const struct settings *settings)
{
	return (enum log_level)word_value(levels, ARRAY_LEN(levels), settings->log.level,
					  LOG_LEVEL_INFO);
}
