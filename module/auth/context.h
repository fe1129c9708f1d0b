/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request context: what the condition keys of condition_key.def are, in one request. A value:
 * whoever fills it keeps what it borrows. What is not filled in is absent, and what a policy says
 * of a key that nobody knows is about an absent one.
 */
#ifndef HOLDFAST_AUTH_CONTEXT_H
#define HOLDFAST_AUTH_CONTEXT_H

#include "base/view.h"

enum auth_condition_key {
#define CONDITION_KEY(id, name, type) AUTH_##id,
#define CONDITION_FAMILY(id, prefix)
#include "auth/condition_key.def"
#undef CONDITION_KEY
#undef CONDITION_FAMILY
	AUTH_CONDITION_KEY_COUNT
};

enum auth_condition_family {
#define CONDITION_KEY(id, name, type)
#define CONDITION_FAMILY(id, prefix) AUTH_FAMILY_##id,
#include "auth/condition_key.def"
#undef CONDITION_KEY
#undef CONDITION_FAMILY
	AUTH_CONDITION_FAMILY_COUNT
};

enum auth_condition_type {
	AUTH_TYPE_TEXT = 1,
	AUTH_TYPE_ARN,
	AUTH_TYPE_IP, /* IPv4 or IPv6, as text */
	AUTH_TYPE_NUMBER,
	AUTH_TYPE_BOOL, /* 0 or 1 */
	AUTH_TYPE_TIME  /* Unix time in ms */
};

/* One key's values. `texts` for TEXT, ARN and IP, `number` for the others. */
struct auth_value {
	const struct view *texts; /* borrowed */
	size_t count;             /* 0: the key is absent. 1 for NUMBER, BOOL and TIME */
	int64_t number;
};

struct auth_pair {
	struct view name;
	struct view value;
};

/* A family's members: pairs of an encryption context, tags. */
struct auth_pairs {
	const struct auth_pair *pairs; /* borrowed */
	size_t count;
};

struct auth_context {
	struct auth_value values[AUTH_CONDITION_KEY_COUNT];
	struct auth_pairs families[AUTH_CONDITION_FAMILY_COUNT];
	uint64_t *steps_left; /* of comparing, which nothing fits once it is 0; NULL: no bound */
};

/* false: there are not so many left, and none from here on. */
static inline bool auth_context_spend(const struct auth_context *context, uint64_t steps)
{
	if (context->steps_left == NULL)
		return true;
	bool enough = *context->steps_left > steps;
	*context->steps_left = enough ? *context->steps_left - steps : 0;
	return enough;
}

static inline void auth_context_put_text(struct auth_context *context, enum auth_condition_key key,
					 const struct view *text)
{
	context->values[key] = (struct auth_value){.texts = text, .count = 1};
}

static inline void auth_context_put_number(struct auth_context *context,
					   enum auth_condition_key key, int64_t number)
{
	context->values[key] = (struct auth_value){.count = 1, .number = number};
}

enum auth_condition_type auth_condition_type_of(enum auth_condition_key key);
const char *auth_condition_name_of(enum auth_condition_key key); /* "kms:ViaService" */

/* The key of that name, in any case. false: a family's member, or a name that nobody knows. */
bool auth_condition_find(struct view name, enum auth_condition_key *out);

/* kms:EncryptionContext:aws:logs:arn → the family and "aws:logs:arn". */
bool auth_condition_find_family(struct view name, enum auth_condition_family *family,
				struct view *member);

#endif
