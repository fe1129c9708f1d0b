/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one key by days, as the service leads it: what callers do to it, and what is done
 * when somebody looks whether a rotation is due. */
#ifndef HOLDFAST_TESTS_KMS_KEY_LIFE_H
#define HOLDFAST_TESTS_KMS_KEY_LIFE_H

#include "kms/rotation.h"

#define HOUR_MS (KMS_DAY_MS / 24)

struct key_life {
	struct kms_key_full full; /* versions: the array below */
	struct kms_rotation_rules rules;
	struct kms_version versions[KMS_VERSIONS_MAX];
};

/* A symmetric key of a customer that was made on day 0, Enabled, rotation off. */
void life_begin(struct key_life *life);

/* Unix time of a day of this life. */
int64_t day_ms(double day);

void life_rotate_every(struct key_life *life, double day, uint32_t period_days);
void life_disable(struct key_life *life);
void life_enable(struct key_life *life, double day); /* with kms_rotation_resume() */
void life_schedule_deletion(struct key_life *life);
void life_cancel_deletion(struct key_life *life);
void life_demand(struct key_life *life, double day);

/* Does what is due, as the scheduler does, until nothing is; how many rotations were of that kind.
 */
unsigned life_look(struct key_life *life, int64_t now_ms, enum kms_rotation_type type);
/* The same by day, and of any kind. */
unsigned life_rotations(struct key_life *life, double day);

/* The next automatic rotation; 0: none. */
int64_t life_next_ms(const struct key_life *life);

#endif
