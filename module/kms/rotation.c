/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a key's material is rotated. No clock, no store, no token: only values. What the columns
 * hold is never trusted to be sensible: sums stop at the ends of their type, and a period counts
 * for at least a day, so that no row makes a key rotate without end.
 */
#include "kms/rotation.h"

static int64_t sum(int64_t a, int64_t b)
{
	int64_t out = 0;
	if (!__builtin_add_overflow(a, b, &out))
		return out;
	return b < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t difference(int64_t a, int64_t b)
{
	int64_t out = 0;
	if (!__builtin_sub_overflow(a, b, &out))
		return out;
	return b < 0 ? INT64_MAX : INT64_MIN;
}

bool kms_rotation_possible(const struct kms_key *key)
{
	return key->spec == KMS_SPEC_SYMMETRIC_DEFAULT && key->origin == KMS_ORIGIN_AWS_KMS;
}

/* --- the schedule --- */

/* Keys that services make always rotate, at the operator's pace: KMS Developer Guide, "AWS managed
 * keys". */
static bool is_managed(const struct kms_key *key)
{
	return key->manager == KMS_MANAGER_AWS;
}

static bool is_automatic(const struct kms_key *key)
{
	return kms_rotation_possible(key) && (is_managed(key) || key->rotation_enabled);
}

static uint32_t period_days(const struct kms_key *key, const struct kms_rotation_rules *rules)
{
	uint32_t days = is_managed(key) ? rules->managed_days : key->rotation_period_days;
	return MAX_OF(days, 1U);
}

static int64_t period_ms(const struct kms_key *key, const struct kms_rotation_rules *rules)
{
	return (int64_t)period_days(key, rules) * KMS_DAY_MS;
}

/* Nobody switched a managed key on: it counts from its first day. */
static int64_t counted_from(const struct kms_key *key)
{
	bool never_set = is_managed(key) && key->rotation_from_ms == 0;
	return never_set ? key->created_ms : key->rotation_from_ms;
}

static int64_t next_date(const struct kms_key *key, const struct kms_rotation_rules *rules)
{
	return sum(counted_from(key), period_ms(key, rules));
}

void kms_rotation_status(const struct kms_key *key, const struct kms_rotation_rules *rules,
			 struct kms_rotation_status *out)
{
	*out = (struct kms_rotation_status){.on_demand_ms = key->on_demand_ms};
	out->enabled = is_automatic(key) && key->state != KMS_STATE_PENDING_DELETION;
	if (!out->enabled)
		return;
	out->period_days = period_days(key, rules);
	out->next_ms = next_date(key, rules);
}

NODISCARD struct err kms_rotation_enable(struct kms_key *key, uint32_t days, int64_t now_ms,
					 bool *changed)
{
	REQUIRE(days >= KMS_ROTATION_DAYS_MIN && days <= KMS_ROTATION_DAYS_MAX, E_BOUNDS);
	*changed = !key->rotation_enabled || key->rotation_period_days != days;
	if (!*changed)
		return OK;
	key->rotation_enabled = true;
	key->rotation_period_days = days;
	key->rotation_from_ms = now_ms;
	return OK;
}

void kms_rotation_disable(struct kms_key *key, bool *changed)
{
	*changed = key->rotation_enabled;
	if (!*changed)
		return;
	key->rotation_enabled = false;
	key->rotation_period_days = 0;
	key->rotation_from_ms = 0;
}

/* --- a key that comes back from Disabled --- */

/* Dates that went by while the key was disabled, with material that is young enough: the first that
 * is still to come is the next. */
static void pass_over_missed(struct kms_key *key, const struct kms_rotation_rules *rules,
			     int64_t now_ms)
{
	int64_t missed_ms = difference(now_ms, next_date(key, rules));
	if (missed_ms < 0)
		return;
	int64_t period = period_ms(key, rules);
	int64_t whole_ms = missed_ms - missed_ms % period;
	key->rotation_from_ms = sum(sum(counted_from(key), whole_ms), period);
}

void kms_rotation_resume(struct kms_key_full *full, const struct kms_rotation_rules *rules,
			 int64_t now_ms)
{
	struct kms_key *key = &full->key;
	const struct kms_version *current = kms_rotation_current(full);
	if (!is_automatic(key) || current == NULL)
		return;
	/* KMS Developer Guide: the age of the material decides, not the date that was missed. */
	if (difference(now_ms, current->created_ms) >= period_ms(key, rules))
		key->rotation_from_ms = difference(now_ms, period_ms(key, rules));
	else
		pass_over_missed(key, rules, now_ms);
}

/* --- what is due --- */

static bool automatic_is_due(const struct kms_key_full *full,
			     const struct kms_rotation_rules *rules, int64_t now_ms)
{
	int64_t next_ms = next_date(&full->key, rules);
	/* The end of the type stands for "never": nothing can come after it. */
	return is_automatic(&full->key) && next_ms <= now_ms && next_ms != INT64_MAX;
}

static bool budget_is_due(const struct kms_key_full *full, const struct kms_rotation_rules *rules)
{
	const struct kms_version *current = kms_rotation_current(full);
	return current != NULL && current->suite == HSM_SUITE_DIRECT && rules->budget_force != 0 &&
	       current->messages_reserved >= rules->budget_force;
}

/* A key with one version more than the store will load would be lost with all that it encrypted:
 * it stays as it is. */
static bool has_room(const struct kms_key_full *full)
{
	return full->version_count < KMS_VERSIONS_MAX;
}

enum kms_rotation_type kms_rotation_due(const struct kms_key_full *full,
					const struct kms_rotation_rules *rules, int64_t now_ms)
{
	const struct kms_key *key = &full->key;
	if (key->state != KMS_STATE_ENABLED || !kms_rotation_possible(key) || !has_room(full))
		return KMS_ROTATION_NONE;
	if (automatic_is_due(full, rules, now_ms))
		return KMS_ROTATION_AUTOMATIC;
	if (key->on_demand_ms != 0)
		return KMS_ROTATION_ON_DEMAND;
	return budget_is_due(full, rules) ? KMS_ROTATION_BUDGET : KMS_ROTATION_NONE;
}

int64_t kms_rotation_due_since_ms(const struct kms_key_full *full,
				  const struct kms_rotation_rules *rules, int64_t now_ms)
{
	enum kms_rotation_type type = kms_rotation_due(full, rules, now_ms);
	int64_t since_ms = now_ms; /* of a budget nobody wrote down when */
	if (type == KMS_ROTATION_NONE)
		return 0;
	if (type == KMS_ROTATION_AUTOMATIC)
		since_ms = next_date(&full->key, rules);
	if (type == KMS_ROTATION_ON_DEMAND) /* the clock may have been set back since */
		since_ms = MIN_OF(full->key.on_demand_ms, now_ms);
	return MAX_OF(since_ms, 1);
}

void kms_rotation_done(struct kms_key *key, enum kms_rotation_type type, uint32_t number,
		       const struct kms_rotation_rules *rules, int64_t now_ms)
{
	key->current_version = number;
	if (type == KMS_ROTATION_ON_DEMAND)
		key->on_demand_ms = 0;
	if (type != KMS_ROTATION_AUTOMATIC)
		return;
	int64_t due_ms = next_date(key, rules);
	bool late = difference(now_ms, due_ms) > KMS_ROTATION_LATE_MS;
	/* 0 would mean that nothing was ever counted. */
	key->rotation_from_ms = MAX_OF(late ? now_ms : due_ms, 1);
}

/* --- on demand --- */

uint32_t kms_rotation_on_demand_used(const struct kms_key_full *full)
{
	uint32_t used = full->key.on_demand_ms != 0;
	for (size_t i = 0; i < full->version_count; i++)
		used += full->versions[i].rotation == KMS_ROTATION_ON_DEMAND;
	return used;
}

bool kms_rotation_is_near(const struct kms_key *key, const struct kms_rotation_rules *rules,
			  int64_t now_ms)
{
	if (!is_automatic(key) || key->state == KMS_STATE_PENDING_DELETION)
		return false;
	return difference(next_date(key, rules), now_ms) <= KMS_ROTATION_NEAR_MS;
}

const struct kms_version *kms_rotation_current(const struct kms_key_full *full)
{
	return kms_key_full_version(full, full->key.current_version);
}
