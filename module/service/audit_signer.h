/* SPDX-License-Identifier: Apache-2.0 */
/* The port audit/signer.h over HSM_SIGN, with the installation's audit-signing key. */
#ifndef HOLDFAST_SERVICE_AUDIT_SIGNER_H
#define HOLDFAST_SERVICE_AUDIT_SIGNER_H

#include "audit/signer.h"
#include "hsm/hsm.h"

struct service_audit_signer {
	struct hsm *hsm; /* borrowed; outlives what is on its way */
	struct hsm_key_id key;
	uint32_t timeout_ms; /* 0: 5,000 */
	const struct clock *clock;

	/* By service_audit_signer_open(): */
	struct audit_signer port;
	uint8_t public_key[AUDIT_POINT_LEN];
};

/* Asks the token for the public key and makes the port, whose `self` is *signer. Blocks. E_HSM_...
 */
NODISCARD struct err service_audit_signer_open(struct service_audit_signer *signer);

#endif
