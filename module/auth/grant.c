/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/grant.h"

static bool pair_equal(const struct auth_pair *a, const struct auth_pair *b)
{
	return view_equal(a->name, b->name) && view_equal(a->value, b->value);
}

/* Both in ascending order of names, so that one walk will do. Out of order, less is found, never
 * more. */
static bool contains(const struct auth_pairs *all, const struct auth_pairs *some)
{
	size_t found = 0;
	for (size_t i = 0; i < all->count && found < some->count; i++)
		found += pair_equal(&all->pairs[i], &some->pairs[found]);
	return found == some->count;
}

static bool equals(const struct auth_pairs *a, const struct auth_pairs *b)
{
	return a->count == b->count && contains(a, b);
}

/* KMS API: GrantConstraints. What is no constraint that we know holds nowhere. */
static bool constraint_holds(const struct auth_grant *grant, const struct auth_pairs *context)
{
	switch (grant->constraint) {
	case AUTH_GRANT_ANY_CONTEXT:
		return true;
	case AUTH_GRANT_SUBSET:
		return contains(context, &grant->pairs);
	case AUTH_GRANT_EQUALS:
		return equals(context, &grant->pairs);
	default:
		return false;
	}
}

bool auth_grant_permits(const struct auth_grant *grant, uint32_t operation, bool takes_context,
			const struct auth_pairs *context)
{
	if (operation == 0 || (grant->operations & operation) != operation)
		return false;
	return !takes_context || constraint_holds(grant, context);
}

/* Every context that the child's constraint lets through, the parent's lets through. */
static bool constraint_narrows(const struct auth_grant *parent, const struct auth_grant *child)
{
	switch (parent->constraint) {
	case AUTH_GRANT_ANY_CONTEXT:
		return true;
	case AUTH_GRANT_SUBSET:
		return child->constraint != AUTH_GRANT_ANY_CONTEXT &&
		       contains(&child->pairs, &parent->pairs);
	case AUTH_GRANT_EQUALS:
		return child->constraint == AUTH_GRANT_EQUALS &&
		       equals(&child->pairs, &parent->pairs);
	default:
		return false;
	}
}

bool auth_grant_narrows(const struct auth_grant *parent, const struct auth_grant *child)
{
	return (child->operations & ~parent->operations) == 0 && constraint_narrows(parent, child);
}
