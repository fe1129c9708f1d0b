/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told of a key as evidence: the row as it stands in the store, its seal verified now, and
 * what the token itself answers about each version's object at this moment. Written as JSON for
 * ListKeyEvidence and DescribeInstallation; times are ISO 8601 in UTC with milliseconds. Nothing
 * here judges: that is for whoever reads it.
 */
#ifndef HOLDFAST_SERVICE_KEY_EVIDENCE_H
#define HOLDFAST_SERVICE_KEY_EVIDENCE_H

#include "codec/json.h"
#include "kms/grant.h"
#include "kms/store.h"
#include "service/service.h"

/* A time as a text; nothing for 0. */
void key_evidence_time(struct json_out *out, const char *name, int64_t unix_ms);

/* {"Key": {...}}: metadata, policy, aliases, tags, settings of rotation, last use; no versions.
 * Blocks. What the store answers. */
NODISCARD struct err key_evidence_write_key(struct service *service,
					    const struct kms_key_full *full, struct json_out *out);

/* {"Version": {...}}, with "Token" as key_evidence_write_token(). Blocks; slept in between, so that
 * the token's time goes to callers (service_options.due_share_percent). */
NODISCARD struct err key_evidence_write_version(struct service *service,
						const struct kms_key_full *full,
						const struct kms_version *version,
						struct json_out *out);

/* {"Grant": {...}}. */
void key_evidence_write_grant(const struct kms_grant *grant, struct json_out *out);

/*
 * "Token": {"ReadAt":..., "Label":..., "AnsweredBy":..., "KeyType":..., "Bits":..., "Attributes":
 * {"CKA_...": bool}}, of attributes that the token reports; or with "Error" and "Reason" when it
 * does not answer or has no such object. E_CANCELLED alone ends the whole. Blocks, likewise.
 */
NODISCARD struct err key_evidence_write_token(struct service *service,
					      const struct hsm_key_id *token_id,
					      struct json_out *out);

#endif
