/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May the caller, and may these keys? Both from the operation's row. The verdict, with what decided
 * it, stays in work->verdict for the audit record.
 */
#ifndef HOLDFAST_SERVICE_PERMISSION_H
#define HOLDFAST_SERVICE_PERMISSION_H

#include "service/operation.h"

/*
 * Every action of the row on its alias and its key, or on "*" without a key: E_ACCESS_DENIED (of
 * another account's key in words that do not tell whether it is there). E_AUTH_UNKNOWN_KEY when the
 * caller's identity is gone; E_WOULD_BLOCK; what the stores answer. Then work->in.mismatch.
 */
NODISCARD struct err permission_check(struct call_work *work);

/* Those of one key of the row. */
NODISCARD struct err permission_check_key(struct call_work *work, size_t which);

/* For operations that are not asked as their rows say (operation.authorise): one action on
 * work->keys[0], with other policies and grants. Errors as above, but for a denial. */
struct permission_question {
	const char *action;
	const struct auth_policy *policy; /* in place of the key's; NULL: identity policies alone */
	const struct auth_grant *grants;  /* these alone */
	size_t grant_count;
	uint32_t grant_operation; /* that they must permit */
};
NODISCARD struct err permission_decide(struct call_work *work,
				       const struct permission_question *question,
				       struct auth_verdict *out);

/* Denied, as work->verdict says of a key of the call. E_ACCESS_DENIED. */
NODISCARD struct err permission_refuse(struct call_work *work, size_t which);

/* Whether the caller could call PutKeyPolicy on the key if it had this policy, as the request
 * stands. Errors as above, but for a denial. */
struct permission_case {
	const struct kms_key *key;
	const struct auth_policy *policy;
};
NODISCARD struct err permission_foresee(struct call_work *work,
					const struct permission_case *wanted, bool *allowed);

/*
 * For the `authorise` of a row: its first action on a resource that is no key and has a policy of
 * its own, by the rules of key policies. The verdict is left in work->verdict, whatever it is.
 * Errors as above, but for a denial.
 */
struct permission_resource {
	struct view arn;
	struct view account;
	const struct auth_policy *policy;
	const char *policy_name; /* for the record; static */
};
NODISCARD struct err permission_ask(struct call_work *work,
				    const struct permission_resource *resource);

/* State, then usage, then algorithm, of every key of the call. E_KMS_DISABLED, E_KMS_INVALID_STATE,
 * E_KMS_KEY_USAGE. */
NODISCARD struct err permission_check_keys(struct call_work *work);

/* The state alone, for an operation that has loaded a newer copy. */
NODISCARD struct err permission_check_state(struct call_work *work, const struct kms_key *key);

#endif
