/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/evidence.h"

#include <stddef.h>

#include "base/macros.h"

static const char *const names[] = {
	[HSM_ATTRIBUTE_TOKEN] = "CKA_TOKEN",
	[HSM_ATTRIBUTE_PRIVATE] = "CKA_PRIVATE",
	[HSM_ATTRIBUTE_SENSITIVE] = "CKA_SENSITIVE",
	[HSM_ATTRIBUTE_ALWAYS_SENSITIVE] = "CKA_ALWAYS_SENSITIVE",
	[HSM_ATTRIBUTE_EXTRACTABLE] = "CKA_EXTRACTABLE",
	[HSM_ATTRIBUTE_NEVER_EXTRACTABLE] = "CKA_NEVER_EXTRACTABLE",
	[HSM_ATTRIBUTE_MODIFIABLE] = "CKA_MODIFIABLE",
	[HSM_ATTRIBUTE_LOCAL] = "CKA_LOCAL",
	[HSM_ATTRIBUTE_ENCRYPT] = "CKA_ENCRYPT",
	[HSM_ATTRIBUTE_DECRYPT] = "CKA_DECRYPT",
	[HSM_ATTRIBUTE_SIGN] = "CKA_SIGN",
	[HSM_ATTRIBUTE_VERIFY] = "CKA_VERIFY",
	[HSM_ATTRIBUTE_WRAP] = "CKA_WRAP",
	[HSM_ATTRIBUTE_UNWRAP] = "CKA_UNWRAP",
	[HSM_ATTRIBUTE_DERIVE] = "CKA_DERIVE",
};

_Static_assert(ARRAY_LEN(names) == HSM_ATTRIBUTE_COUNT, "every attribute has its name");

const char *hsm_attribute_name(enum hsm_attribute attribute)
{
	return (unsigned)attribute < HSM_ATTRIBUTE_COUNT ? names[attribute] : NULL;
}
