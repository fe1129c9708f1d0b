/* SPDX-License-Identifier: Apache-2.0 */
#include "key_life.h"
#include "tests/support/assert_err.h"

#define DAY_0_MS INT64_C(1700000000000)
#define ENDLESS 8 /* rotations at one moment: what is due has no end */

int64_t day_ms(double day)
{
	return DAY_0_MS + (int64_t)(day * (double)KMS_DAY_MS);
}

static struct kms_version *add_version(struct key_life *life, int64_t now_ms)
{
	assert_true(life->full.version_count < ARRAY_LEN(life->versions));
	struct kms_version *version = &life->versions[life->full.version_count++];
	*version = (struct kms_version){.number = (uint32_t)life->full.version_count,
					.suite = HSM_SUITE_ECB_DATA,
					.created_ms = now_ms};
	return version;
}

void life_begin(struct key_life *life)
{
	life->rules = (struct kms_rotation_rules){
		.managed_days = KMS_ROTATION_MANAGED_DAYS_DEFAULT,
		.on_demand_max = KMS_ROTATION_ON_DEMAND_MAX_DEFAULT,
		.budget_force = 1000,
	};
	life->full = (struct kms_key_full){
		.key = {.state = KMS_STATE_ENABLED,
			.usage = KMS_USAGE_ENCRYPT_DECRYPT,
			.spec = KMS_SPEC_SYMMETRIC_DEFAULT,
			.origin = KMS_ORIGIN_AWS_KMS,
			.manager = KMS_MANAGER_CUSTOMER,
			.created_ms = day_ms(0),
			.current_version = 1},
		.versions = life->versions,
	};
	add_version(life, day_ms(0));
}

void life_rotate_every(struct key_life *life, double day, uint32_t period_days)
{
	bool changed = false;
	assert_ok(kms_rotation_enable(&life->full.key, period_days, day_ms(day), &changed));
	assert_true(changed);
}

void life_disable(struct key_life *life)
{
	assert_ok(kms_key_move(&life->full.key, KMS_STATE_DISABLED));
}

void life_enable(struct key_life *life, double day)
{
	assert_ok(kms_key_move(&life->full.key, KMS_STATE_ENABLED));
	kms_rotation_resume(&life->full, &life->rules, day_ms(day));
}

void life_schedule_deletion(struct key_life *life)
{
	assert_ok(kms_key_move(&life->full.key, KMS_STATE_PENDING_DELETION));
}

void life_cancel_deletion(struct key_life *life)
{
	assert_ok(kms_key_move(&life->full.key, KMS_STATE_DISABLED));
}

void life_demand(struct key_life *life, double day)
{
	life->full.key.on_demand_ms = day_ms(day);
}

unsigned life_look(struct key_life *life, int64_t now_ms, enum kms_rotation_type type)
{
	unsigned count = 0, all = 0;
	for (;; all++) {
		enum kms_rotation_type due = kms_rotation_due(&life->full, &life->rules, now_ms);
		if (due == KMS_ROTATION_NONE)
			return count;
		assert_true(all < ENDLESS);
		struct kms_version *made = add_version(life, now_ms);
		made->rotation = due;
		kms_rotation_done(&life->full.key, due, made->number, &life->rules, now_ms);
		count += due == type;
	}
}

unsigned life_rotations(struct key_life *life, double day)
{
	size_t before = life->full.version_count;
	life_look(life, day_ms(day), KMS_ROTATION_NONE);
	return (unsigned)(life->full.version_count - before);
}

int64_t life_next_ms(const struct key_life *life)
{
	struct kms_rotation_status status;
	kms_rotation_status(&life->full.key, &life->rules, &status);
	return status.next_ms;
}
