/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys that an audit log is verified with: of PEM files, each with one key or several. */
#ifndef HOLDFAST_CLI_AUDIT_KEYS_H
#define HOLDFAST_CLI_AUDIT_KEYS_H

#include "audit/verify.h"
#include "base/exit.h"
#include "cli/arguments.h"

struct audit_keys {
	uint8_t points[AUDIT_VERIFY_KEYS_MAX * AUDIT_POINT_LEN]; /* one behind the other */
	size_t count;
};

const uint8_t *audit_keys_at(const struct audit_keys *keys, size_t index);

/* A key that is there already is not added again. E_BOUNDS: there are too many. */
NODISCARD struct err audit_keys_add(struct audit_keys *keys, const uint8_t *point);

/* All keys of a text. E_FORMAT: it has none, or what is no public key of P-256. E_BOUNDS. */
NODISCARD struct err audit_keys_add_pem(struct audit_keys *keys, struct view pem);

/* All files that were given with this option; what is wrong is said on standard error. */
NODISCARD enum exit_status audit_keys_read(const struct arguments *arguments, const char *option,
					   struct audit_keys *keys);

#endif
