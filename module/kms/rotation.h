/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a key's material is rotated: pure functions of the key, the rules and the clock (KMS
 * Developer Guide, "Rotate AWS KMS keys"; KMS API: EnableKeyRotation, GetKeyRotationStatus).
 *
 * Automatic rotation counts from rotation_from_ms: the day that it was switched on or its period
 * was changed, then the day that each rotation was due. One that comes more than
 * KMS_ROTATION_LATE_MS late begins a new count, so that a key which slept for years is rotated once
 * and a whole period later again.
 */
#ifndef HOLDFAST_KMS_ROTATION_H
#define HOLDFAST_KMS_ROTATION_H

#include "kms/store.h"

#define KMS_DAY_MS INT64_C(86400000)
#define KMS_ROTATION_DAYS_MIN 90
#define KMS_ROTATION_DAYS_MAX 2560
#define KMS_ROTATION_DAYS_DEFAULT 365
#define KMS_ROTATION_MANAGED_DAYS_DEFAULT 1095
#define KMS_ROTATION_ON_DEMAND_MAX_DEFAULT 25
#define KMS_ROTATION_LATE_MS KMS_DAY_MS
/* KMS API: ConflictException, "scheduled to begin within the next 20 minutes". */
#define KMS_ROTATION_NEAR_MS (INT64_C(20) * 60 * 1000)

/* Settings. */
struct kms_rotation_rules {
	uint32_t managed_days;  /* period of keys that services make (KMS_MANAGER_AWS) */
	uint32_t on_demand_max; /* rotations on demand, for the life of a key */
	uint64_t budget_force;  /* suite 3: with so many messages reserved the current version is
				   rotated */
};

/* Whether keys of this kind rotate by themselves: symmetric encryption, made by KMS. Others:
 * UnsupportedOperationException. */
bool kms_rotation_possible(const struct kms_key *key);

/* KMS API: GetKeyRotationStatus. */
struct kms_rotation_status {
	bool enabled;         /* false while PENDING_DELETION, whatever the setting */
	uint32_t period_days; /* 0 unless enabled */
	int64_t next_ms;      /* 0 unless enabled; the past while a rotation is late */
	int64_t on_demand_ms; /* a rotation on demand is under way since; else 0 */
};
void kms_rotation_status(const struct kms_key *key, const struct kms_rotation_rules *rules,
			 struct kms_rotation_status *out);

/*
 * EnableKeyRotation. Already on with that period: nothing changes, so that who repeats the call
 * does not put the rotation off for ever; *changed is false then. E_BOUNDS: a period out of range.
 */
NODISCARD struct err kms_rotation_enable(struct kms_key *key, uint32_t period_days, int64_t now_ms,
					 bool *changed);
/* DisableKeyRotation. The period is forgotten: switched on again, it is the default. */
void kms_rotation_disable(struct kms_key *key, bool *changed);

/*
 * EnableKey: the key comes back from Disabled. Material older than the period makes it due at once;
 * else the schedule resumes, and dates that were missed meanwhile are passed over.
 */
void kms_rotation_resume(struct kms_key_full *full, const struct kms_rotation_rules *rules,
			 int64_t now_ms);

/*
 * What rotation the key needs now: the first that applies of AUTOMATIC, ON_DEMAND, BUDGET; NONE.
 * Only Enabled keys need any.
 */
enum kms_rotation_type kms_rotation_due(const struct kms_key_full *full,
					const struct kms_rotation_rules *rules, int64_t now_ms);

/* When that became due: for status and order. 0: it is not. */
int64_t kms_rotation_due_since_ms(const struct kms_key_full *full,
				  const struct kms_rotation_rules *rules, int64_t now_ms);

/* The key after it was rotated so: new current version, the schedule moved on. The revision is the
 * caller's. */
void kms_rotation_done(struct kms_key *key, enum kms_rotation_type type, uint32_t number,
		       const struct kms_rotation_rules *rules, int64_t now_ms);

/* RotateKeyOnDemand: how many were done or are under way. */
uint32_t kms_rotation_on_demand_used(const struct kms_key_full *full);
/* Whether an automatic rotation is due or begins within KMS_ROTATION_NEAR_MS. */
bool kms_rotation_is_near(const struct kms_key *key, const struct kms_rotation_rules *rules,
			  int64_t now_ms);

/* The current version; NULL when there is none. */
const struct kms_version *kms_rotation_current(const struct kms_key_full *full);

#endif
