/* SPDX-License-Identifier: Apache-2.0 */
#include "service/identity_edit.h"

#include "base/mem.h"
#include "base/text.h"

NODISCARD struct err identity_edit_text(char **text, struct view now)
{
	CLEANUP(mem_free_at) char *copy = NULL;
	TRY(text_new(now, &copy));
	mem_free(*text);
	*text = TAKE(copy);
	return OK;
}

/* Where the name is, or where it belongs. */
static size_t place_of_pair(const struct auth_named_text *pairs, size_t count, struct view name)
{
	size_t at = 0;
	while (at < count && view_compare(view_of_text(pairs[at].name), name) < 0)
		at++;
	return at;
}

bool identity_edit_find(const struct auth_named_text *pairs, size_t count, struct view name,
			size_t *at)
{
	*at = place_of_pair(pairs, count, name);
	return *at < count && view_equal_text(name, pairs[*at].name);
}

static void pair_cleanup(struct auth_named_text *pair)
{
	mem_free(TAKE(pair->name));
	mem_free(TAKE(pair->text));
}

static struct err insert_pair(struct auth_named_text **pairs, size_t *count, size_t at,
			      struct auth_named_text *pair)
{
	CLEANUP(mem_free_at) struct auth_named_text *grown = NULL;
	TRY(MEM_NEW_ARRAY(*count + 1, &grown));
	for (size_t i = 0; i < *count; i++)
		grown[i < at ? i : i + 1] = (*pairs)[i];
	grown[at] = *pair;
	*pair = (struct auth_named_text){0};
	mem_free(*pairs);
	*pairs = TAKE(grown);
	(*count)++;
	return OK;
}

NODISCARD struct err identity_edit_put(struct auth_named_text **pairs, size_t *count,
				       struct view name, struct view text)
{
	size_t at;
	if (identity_edit_find(*pairs, *count, name, &at))
		return identity_edit_text(&(*pairs)[at].text, text);
	CLEANUP(pair_cleanup) struct auth_named_text pair = {0};
	TRY(text_new(name, &pair.name));
	TRY(text_new(text, &pair.text));
	return insert_pair(pairs, count, at, &pair);
}

void identity_edit_remove(struct auth_named_text *pairs, size_t *count, size_t at)
{
	pair_cleanup(&pairs[at]);
	for (size_t i = at + 1; i < *count; i++)
		pairs[i - 1] = pairs[i];
	(*count)--;
	pairs[*count] = (struct auth_named_text){0};
}

static bool find_name(char *const *names, size_t count, struct view name, size_t *at)
{
	*at = 0;
	while (*at < count && view_compare(view_of_text(names[*at]), name) < 0)
		(*at)++;
	return *at < count && view_equal_text(name, names[*at]);
}

NODISCARD struct err identity_edit_add_name(char ***names, size_t *count, struct view name,
					    bool *added)
{
	size_t at;
	*added = !find_name(*names, *count, name, &at);
	if (!*added)
		return OK;
	CLEANUP(mem_free_at) char *copy = NULL;
	CLEANUP(mem_free_at) char **grown = NULL;
	TRY(text_new(name, &copy));
	TRY(MEM_NEW_ARRAY(*count + 1, &grown));
	for (size_t i = 0; i < *count; i++)
		grown[i < at ? i : i + 1] = (*names)[i];
	grown[at] = TAKE(copy);
	mem_free(*names);
	*names = TAKE(grown);
	(*count)++;
	return OK;
}

bool identity_edit_remove_name(char **names, size_t *count, struct view name)
{
	size_t at;
	if (!find_name(names, *count, name, &at))
		return false;
	mem_free(names[at]);
	for (size_t i = at + 1; i < *count; i++)
		names[i - 1] = names[i];
	names[--*count] = NULL;
	return true;
}
