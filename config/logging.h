/* SPDX-License-Identifier: Apache-2.0 */
/* From the section [log] to base/log.h, for both programs. */
#ifndef HOLDFAST_CONFIG_LOGGING_H
#define HOLDFAST_CONFIG_LOGGING_H

#include "base/log.h"
#include "config/settings.h"

/* The words of the settings; `auto` asks whether standard error goes to the journal. */
enum log_form logging_form(const struct settings *settings);
enum log_level logging_level(const struct settings *settings);

#endif
