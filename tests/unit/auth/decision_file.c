/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the folder, and finds what a case says. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "decision_case.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define PATH_TEXT_MAX 1024
#define SUFFIX ".json"

static bool read_file(const char *folder, const char *name, struct json **out)
{
	static uint8_t text[FILE_BYTES_MAX];
	char path[PATH_TEXT_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;
	size_t n = fread(text, 1, sizeof text, f);
	(void)fclose(f);
	struct err e = json_parse(view_of(text, n), out);
	if (err_failed(e))
		(void)fprintf(stderr, "%s: %s at byte %u\n", path, err_meaning(e), e.detail);
	return !err_failed(e);
}

static int is_table(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	return len > sizeof SUFFIX && strcmp(entry->d_name + len + 1 - sizeof SUFFIX, SUFFIX) == 0;
}

static bool take_file(struct decisions *d, const char *folder, const char *name)
{
	if (strcmp(name, "cast.json") == 0)
		return read_file(folder, name, &d->cast);
	if (d->count == DECISION_FILES_MAX)
		return false;
	struct decision_file *file = &d->files[d->count];
	if (err_failed(text_copy(file->name, sizeof file->name, view_of_text(name))) ||
	    !read_file(folder, name, &file->json))
		return false;
	d->count++;
	return true;
}

bool decisions_open(const char *folder, struct decisions *out)
{
	struct dirent **entries = NULL;
	bool good = true;
	*out = (struct decisions){.count = 0};
	int n = scandir(folder, &entries, is_table, alphasort);
	for (int i = 0; i < n; i++) {
		good = take_file(out, folder, entries[i]->d_name) && good;
		free(entries[i]);
	}
	free(entries);
	return good && out->cast != NULL && out->count > 0;
}

void decisions_close(struct decisions *decisions)
{
	json_free(&decisions->cast);
	for (size_t i = 0; i < decisions->count; i++)
		json_free(&decisions->files[i].json);
}

const struct json *decision_member(const struct decision *decision, const char *name)
{
	const struct json *own = json_member(decision->json, name);
	return own != NULL ? own : json_member(json_member(decision->file, "defaults"), name);
}

struct view decision_text(const struct decision *decision, const char *name)
{
	return json_string_of(decision_member(decision, name));
}

const char *decision_condition(const struct decision *decision, const struct json **out)
{
	static const char *const names[] = {"allow_if", "deny_if"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		*out = json_member(decision->json, names[i]);
		if (*out != NULL)
			return names[i];
	}
	return NULL;
}
