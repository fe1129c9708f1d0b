/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_rotatable.h"

#include "kms/rotation.h"

NODISCARD struct err key_rotatable_check(const struct kms_key *key)
{
	REQUIRE(key->manager == KMS_MANAGER_CUSTOMER, E_UNSUPPORTED_OPERATION);
	REQUIRE(kms_rotation_possible(key), E_UNSUPPORTED_OPERATION);
	return OK;
}
