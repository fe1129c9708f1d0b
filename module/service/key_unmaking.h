/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ends of keys and of imported material share: an object on the token is destroyed, what
 * is in memory of the key is forgotten, and the record names each version that went. The mirror of
 * key_making.h.
 */
#ifndef HOLDFAST_SERVICE_KEY_UNMAKING_H
#define HOLDFAST_SERVICE_KEY_UNMAKING_H

#include "service/service_event.h"

#define KEY_UNMAKING_ATTEMPTS 4 /* when others change the same key meanwhile */

/* The object of this version, named by its id and its label, is no more on the token: destroyed
 * now, or not there. Blocks. Errors of the token; E_HSM_REFUSED when something else has its id. */
NODISCARD struct err key_unmaking_destroy(struct service *service,
					  const struct kms_version *version);

/* After a commit: the key, its policy, grants, tags and aliases are read anew. Calls under way hold
 * what they have begun with. */
void key_unmaking_forget(struct service *service, const struct kms_key_id *key_id);

/* The record of an end, on its way: service_event.h. key_unmaking_record_cleanup(). */
struct key_unmaking_record {
	struct service_event event; /* name, time_ms, decided_by: set by the caller */
	struct service_event_record line;
	char response[KMS_KEY_ARN_TEXT + 16]; /* the members that `event` borrows */
	struct buf details;
};
void key_unmaking_record_cleanup(struct key_unmaking_record *record);

/* Writes it: responseElements has the ARN of the key, serviceEventDetails its id and the versions
 * whose objects were destroyed; those that were gone before are left out. `key` is borrowed until
 * the record is told. */
NODISCARD struct err key_unmaking_write(const struct kms_key *key,
					const struct kms_version *versions, size_t count,
					struct key_unmaking_record *record);

#endif
