/* SPDX-License-Identifier: Apache-2.0 */
/* The table of condition keys, and how a name finds its row. */
#include "auth/context.h"

struct key_row {
	struct view name;
	enum auth_condition_type type;
};

static const struct key_row keys[AUTH_CONDITION_KEY_COUNT] = {
#define CONDITION_KEY(id, name_, type_) [AUTH_##id] = {VIEW_LITERAL(name_), AUTH_TYPE_##type_},
#define CONDITION_FAMILY(id, prefix)
#include "auth/condition_key.def"
#undef CONDITION_KEY
#undef CONDITION_FAMILY
};

static const struct view prefixes[AUTH_CONDITION_FAMILY_COUNT] = {
#define CONDITION_KEY(id, name, type)
#define CONDITION_FAMILY(id, prefix) [AUTH_FAMILY_##id] = VIEW_LITERAL(prefix),
#include "auth/condition_key.def"
#undef CONDITION_KEY
#undef CONDITION_FAMILY
};

enum auth_condition_type auth_condition_type_of(enum auth_condition_key key)
{
	return key < AUTH_CONDITION_KEY_COUNT ? keys[key].type : AUTH_TYPE_TEXT;
}

const char *auth_condition_name_of(enum auth_condition_key key)
{
	return key < AUTH_CONDITION_KEY_COUNT ? (const char *)keys[key].name.ptr : "";
}

bool auth_condition_find(struct view name, enum auth_condition_key *out)
{
	for (size_t i = 0; i < AUTH_CONDITION_KEY_COUNT; i++) {
		if (!view_equal_ignore_case(keys[i].name, name))
			continue;
		*out = (enum auth_condition_key)i;
		return true;
	}
	return false;
}

bool auth_condition_find_family(struct view name, enum auth_condition_family *family,
				struct view *member)
{
	for (size_t i = 0; i < AUTH_CONDITION_FAMILY_COUNT; i++) {
		struct view start = view_part(name, 0, prefixes[i].len);
		if (name.len == prefixes[i].len || !view_equal_ignore_case(start, prefixes[i]))
			continue;
		*family = (enum auth_condition_family)i;
		*member = view_part(name, prefixes[i].len, name.len);
		return true;
	}
	return false;
}
