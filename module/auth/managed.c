/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/managed.h"

#include "base/text.h"

static const struct managed_row {
	const char *name;
	const char *document;
} policies[] = {
	/* AWS Managed Policy Reference: AdministratorAccess */
	{AUTH_MANAGED_ADMINISTRATOR,
	 "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\","
	 "\"Resource\":\"*\"}]}"},
};

const char *auth_managed_document(struct view name)
{
	for (size_t i = 0; i < ARRAY_LEN(policies); i++)
		if (view_equal_text(name, policies[i].name))
			return policies[i].document;
	return NULL;
}

NODISCARD struct err auth_managed_arn_format(const char *partition, const char *name,
					     char out[AUTH_ARN_MAX + 1])
{
	return text_format(out, AUTH_ARN_MAX + 1, "arn:%s:iam::aws:policy/%s", partition, name);
}
