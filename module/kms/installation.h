/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One installation: the keys that serve Holdfast itself and the token they live in. One row,
 * written by `holdfastd --init`, read at every start. Port: implemented by the store.
 */
#ifndef HOLDFAST_KMS_INSTALLATION_H
#define HOLDFAST_KMS_INSTALLATION_H

#include "kms/key.h"
#include "kms/sealer.h"

struct kms_installation {
	char id[KMS_INSTALLATION_LEN + 1];
	bool ready;             /* false: --init was interrupted; run it again */
	struct kms_scope scope; /* partition, region and the one account */
	char token_serial[17];
	struct hsm_key_id row_seal;
	struct hsm_key_id audit_sign;
	struct hsm_key_id secret_wrap;
	enum hsm_suite secret_wrap_suite;
	int64_t created_ms;
};

/* Labels of the three: holdfast:<installation>:row-seal, :audit-sign, :secret-wrap. E_KMS... never;
 * E_BUG for another role. */
NODISCARD struct err kms_installation_label(const char *installation, enum hsm_role role,
					    char out[HSM_LABEL_MAX + 1]);

/*
 * load     the row as it stands, NOT verified: it names the key that verifies it. E_NOT_FOUND
 *          before --init; E_INSTALLATION, logged: it has gone, or is not ready, and there are
 *          rows that come after it; E_STORE_SEAL: there is not one row that can be read.
 * verify   whether the row carries its seal under the sealer, whose key is by now set.
 *          E_STORE_SEAL.
 * save     writes the row, sealed when `ready`, unsealed before (the sealing key may not exist
 *          yet).
 */
struct kms_installation_store {
	NODISCARD struct err (*load)(void *self, struct kms_installation *out);
	NODISCARD struct err (*verify)(void *self);
	NODISCARD struct err (*save)(void *self, const struct kms_installation *installation);
	void *self;
};

#endif
