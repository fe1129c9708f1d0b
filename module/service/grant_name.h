/* SPDX-License-Identifier: Apache-2.0 */
/* What the maps of grant_index.c are searched by. A holder - one who has grants - is named by
 * grantee and id once, and by its number everywhere else. */
#ifndef HOLDFAST_SERVICE_GRANT_NAME_H
#define HOLDFAST_SERVICE_GRANT_NAME_H

#include "auth/grant.h"
#include "kms/grant.h"

#define GRANT_HOLDER_NAME_MAX (KMS_GRANT_PRINCIPAL_MAX + 1 + KMS_GRANT_PRINCIPAL_ID_MAX)
#define GRANT_NAME_HEAD (sizeof(uint64_t) + 1) /* bytes before the context in a class's name */
#define GRANT_NAME_MAX (GRANT_NAME_HEAD + KMS_GRANT_CONTEXT_MAX)

struct grant_name {
	size_t len;
	uint8_t bytes[GRANT_NAME_MAX];
};

static inline struct view grant_name_view(const struct grant_name *name)
{
	return view_of(name->bytes, name->len);
}

/* Empty when no holder can be called this. */
struct view grant_name_holder(struct view grantee, struct view id,
			      uint8_t out[GRANT_HOLDER_NAME_MAX]);

/* false: longer than any that is stored. */
bool grant_name_class(uint64_t holder, enum auth_grant_constraint constraint, struct view canonical,
		      struct grant_name *out);
bool grant_name_context(uint64_t holder, const struct auth_pairs *context, /* of EQUALS */
			struct grant_name *out);
bool grant_name_pair(uint64_t holder, const struct auth_pair *pair, struct grant_name *out);

#endif
