/* SPDX-License-Identifier: Apache-2.0 */
/* From the section [log] to base/log.h, for both programs. */
#ifndef HOLDFAST_CONFIG_LOGGING_H
#define HOLDFAST_CONFIG_LOGGING_H

#include "base/log.h"
#include "config/settings.h"

/*
 * Where the log goes from now on. `file`: [log] file or [token] log_file. journal: standard error
 * goes to the journal, for `auto`. When the file cannot be opened nothing changes: errors of
 * log_file_open().
 */
NODISCARD struct err logging_start(const struct settings *settings, const char *file, bool journal);

/* The words of the settings. A log with a file of its own is never written for the journal. */
enum log_form logging_form(const struct settings *settings, bool journal);
enum log_level logging_level(const struct settings *settings);

#endif
