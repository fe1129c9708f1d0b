/* SPDX-License-Identifier: Apache-2.0 */
/* Keys over time: what the store, the token and the audit log have of them. */
#ifndef HOLDFAST_TESTS_UNIT_SERVICE_LIVES_H
#define HOLDFAST_TESTS_UNIT_SERVICE_LIVES_H

#include "fixture.h"

/* A new key that rotates every `days` days from now. */
struct kms_key_id life_begin(struct world *w, uint32_t days, char id[KMS_KEY_ID_TEXT + 1]);

/* The keys that were begun rotate no more. */
void life_end_all(struct world *w);

/* The key as the store has it; kms_key_full_cleanup(). */
void life_load(struct world *w, const struct kms_key_id *id, struct kms_key_full *out);

/* Changes the stored row. */
void life_change(struct world *w, const struct kms_key_id *id, void (*apply)(struct kms_key *key));
void life_ask_for_rotation(struct kms_key *key); /* as RotateKeyOnDemand does */

size_t life_versions(struct world *w, const struct kms_key_id *id);
/* Waits until it has so many versions: ten seconds at the most. */
void life_await_versions(struct world *w, const struct kms_key_id *id, size_t versions);
size_t life_intents(struct world *w);
size_t life_objects(struct world *w); /* on the token, of all roles */
size_t life_records(struct world *w, const char *event, const char *id); /* in the audit log */

/* One current version, the newest; as many usable objects as versions. */
void life_assert_whole(struct world *w, const struct kms_key_id *id, size_t versions);

/* The process is gone and another one starts, `ms` later. */
void life_restart(struct world *w, int64_t ms);

#endif
