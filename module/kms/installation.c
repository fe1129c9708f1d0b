/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of the token objects that serve Holdfast itself. */
#include "kms/installation.h"

#include "base/text.h"

static const struct {
	enum hsm_role role;
	const char *word;
} roles[] = {
	{HSM_ROLE_ROW_SEAL, "row-seal"},
	{HSM_ROLE_AUDIT_SIGN, "audit-sign"},
	{HSM_ROLE_SECRET_WRAP, "secret-wrap"},
};

NODISCARD struct err kms_installation_label(const char *installation, enum hsm_role role,
					    char out[HSM_LABEL_MAX + 1])
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (roles[i].role == role)
			return text_format(out, HSM_LABEL_MAX + 1, "holdfast:%s:%s", installation,
					   roles[i].word);
	return ERR(E_BUG);
}
