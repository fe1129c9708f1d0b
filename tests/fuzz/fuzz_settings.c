/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a settings file: refused with a message, or taken within every range. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/settings.h"
#include "config/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ranges(const struct settings *settings)
{
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct setting *row = &settings_table[i];
		int64_t value = row->type == SETTING_INTEGER
					? *setting_integer(row, settings)
					: (int64_t)strlen(setting_text(row, settings));
		if (value < row->min || value > row->max)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings settings;
	char message[SETTINGS_MESSAGE_MAX];
	struct err e = settings_parse("fuzz", (const char *)data, size, &settings, message);
	check_ranges(&settings);
	if (err_failed(e) != (message[0] != '\0'))
		abort();
	return 0;
}
