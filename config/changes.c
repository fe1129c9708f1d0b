/* SPDX-License-Identifier: Apache-2.0 */
#include "config/changes.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/table.h"

/* [token] is written for both programs: the daemon's part of it, which the other may share. */
static const struct shared {
	const char *name;
	bool both;
} daemons_own[] = {
	{"socket", true},        {"user", false},
	{"timeout_ms", false},   {"direct_messages_max", false},
	{"direct_block", false},
};

static const struct shared *shared_find(const struct setting *row)
{
	for (size_t i = 0; i < ARRAY_LEN(daemons_own); i++)
		if (text_equal(row->name, daemons_own[i].name))
			return &daemons_own[i];
	return NULL;
}

static bool concerns(const struct setting *row, enum changes_reader reader)
{
	bool token = reader == CHANGES_HOLDFAST_TOKEN;
	/* [log] and [sandbox] are both's; but for the file, which holdfast-token names in [token].
	 */
	if (text_equal(row->section, "log") || text_equal(row->section, "sandbox"))
		return !token || !text_equal(row->name, "file");
	if (!text_equal(row->section, "token"))
		return !token;
	const struct shared *shared = shared_find(row);
	return shared == NULL ? token : shared->both || !token;
}

static bool differs(const struct setting *row, const struct settings *a, const struct settings *b)
{
	if (row->type == SETTING_INTEGER)
		return *setting_integer(row, a) != *setting_integer(row, b);
	return !text_equal(setting_text(row, a), setting_text(row, b));
}

size_t changes_find(const struct settings *in_force, const struct settings *fresh,
		    enum changes_reader reader, struct changes_setting *out, size_t max)
{
	size_t found = 0;
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct setting *row = &settings_table[i];
		if (!concerns(row, reader) || !differs(row, in_force, fresh))
			continue;
		if (found < max)
			out[found] = (struct changes_setting){row->section, row->name, row->reload};
		found++;
	}
	return found;
}

void changes_apply(struct settings *in_force, const struct settings *fresh)
{
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct setting *row = &settings_table[i];
		size_t size = row->type == SETTING_INTEGER ? sizeof(int64_t) : SETTINGS_TEXT_MAX;
		if (row->reload)
			mem_copy((char *)in_force + row->offset, sizeof *in_force - row->offset,
				 (const char *)fresh + row->offset, size);
	}
}
