/* SPDX-License-Identifier: Apache-2.0 */
#include "config/logging.h"

#include <unistd.h>

#include "base/log_file.h"
#include "base/text.h"

#define MIB (UINT64_C(1) << 20)

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

enum log_form logging_form(const struct settings *settings, bool journal)
{
	int automatic = journal ? LOG_FORM_JOURNAL : LOG_FORM_TEXT;
	return (enum log_form)word_value(forms, ARRAY_LEN(forms), settings->log.form, automatic);
}

enum log_level logging_level(const struct settings *settings)
{
	return (enum log_level)word_value(levels, ARRAY_LEN(levels), settings->log.level,
					  LOG_LEVEL_INFO);
}

NODISCARD struct err logging_start(const struct settings *settings, const char *file, bool journal)
{
	const struct log_file_options options = {
		.path = file,
		.file_bytes = (uint64_t)settings->log.file_mib * MIB,
		.files_kept = (uint32_t)settings->log.files_kept,
	};
	TRY(log_file_open(&options));
	log_configure(logging_form(settings, journal && file[0] == '\0'), logging_level(settings),
		      STDERR_FILENO);
	return OK;
}
