/* SPDX-License-Identifier: Apache-2.0 */
#include "service/permission.h"

#include "auth/managed.h"
#include "base/text.h"
#include "service/core.h"
#include "service/input.h"
#include "service/keyring.h"
#include "service/subjects.h"

/* The one policy that counts so far. */
static bool is_administrator(const struct auth_subject *said)
{
	for (size_t i = 0; i < said->policy_count; i++)
		if (text_equal(said->policies[i].name, "aws:policy/" AUTH_MANAGED_ADMINISTRATOR))
			return true;
	return false;
}

static struct err decide(struct call_work *work, const char *action, struct view resource)
{
	CLEANUP(subject_release) struct subject *held = NULL;
	TRY(subjects_acquire(work->service->subjects, &work->principal,
			     view_of_text(work->session_policy), work->may_block, &held));
	struct auth_principal principal = work->principal;
	principal.administrator |= is_administrator(subject_of(held));
	const struct auth_subject subject = {.principal = &principal};
	const struct auth_request request = {
		.subject = &subject,
		.action = view_of_text(action),
		.resource = resource,
		.resource_account = view_of_text(work->home.account),
	};
	auth_decide(&request, &work->verdict);
	if (work->verdict.allowed)
		return OK;
	return work_refuse(work, ERR(E_ACCESS_DENIED), "%s", work->verdict.message);
}

/* KMS Developer Guide, "Controlling access to aliases": on the alias and on each key. */
static struct err check_alias(struct call_work *work, const struct operation_key *row)
{
	char arn[KMS_ALIAS_ARN_TEXT];
	const struct kms_scope *home = &work->home;
	kms_alias_arn_format(home, input_text(work, row->alias), arn);
	return decide(work, row->action, view_of_text(arn));
}

static struct err check_key(struct call_work *work, size_t which)
{
	const struct operation_key *row = &work->operation->keys[which];
	if (row->action == NULL)
		return OK;
	if (row->alias != NULL)
		TRY(check_alias(work, row));
	if (work->keys[which] == NULL)
		return decide(work, row->action, VIEW_LITERAL("*"));
	char arn[KMS_KEY_ARN_TEXT];
	work_key_arn(work, which, arn);
	return decide(work, row->action, view_of_text(arn));
}

NODISCARD struct err permission_check(struct call_work *work)
{
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		TRY(check_key(work, i));
	return OK;
}

/* How each state that is in the way is told. */
static const struct {
	uint16_t code; /* enum err_code */
	const char *text;
} states[KMS_STATE_COUNT] = {
	[KMS_STATE_CREATING] = {E_KMS_INVALID_STATE, "is creating"},
	[KMS_STATE_ENABLED] = {E_KMS_INVALID_STATE, "is enabled"},
	[KMS_STATE_DISABLED] = {E_KMS_DISABLED, "is disabled"},
	[KMS_STATE_PENDING_DELETION] = {E_KMS_INVALID_STATE, "is pending deletion"},
	[KMS_STATE_PENDING_IMPORT] = {E_KMS_INVALID_STATE, "is pending import"},
	[KMS_STATE_UNAVAILABLE] = {E_KMS_INVALID_STATE, "is unavailable"},
};

NODISCARD struct err permission_check_state(struct call_work *work, const struct kms_key *key)
{
	ENSURE(key->state > 0 && key->state < KMS_STATE_COUNT);
	if (work->operation->states & STATE_BIT(key->state))
		return OK;
	char arn[KMS_KEY_ARN_TEXT];
	kms_key_arn_format(&key->scope, &key->id, arn);
	/* CancelKeyDeletion: not Disabled is in its way, but that nothing is there to cancel. */
	if (work->operation->states == STATES_PENDING_DELETION)
		return work_refuse(work, ERR(E_KMS_INVALID_STATE), "%s is not pending deletion.",
				   arn);
	return work_refuse(work, ERR(states[key->state].code), "%s %s.", arn,
			   states[key->state].text);
}

static struct err check_usage(struct call_work *work, const struct kms_key *key)
{
	if (work->operation->usages & key->usage)
		return OK;
	char arn[KMS_KEY_ARN_TEXT];
	kms_key_arn_format(&key->scope, &key->id, arn);
	return work_refuse(work, ERR(E_KMS_KEY_USAGE),
			   "%s key usage is %s which is not valid for %s.", arn,
			   kms_usage_name(key->usage), work->operation->name);
}

/* Every key so far is SYMMETRIC_DEFAULT, which has one algorithm of the same name. */
static struct err check_algorithm(struct call_work *work, const char *member,
				  const struct kms_key *key)
{
	if (member == NULL || input_member(work, member) == NULL)
		return OK;
	struct view algorithm = input_text(work, member);
	if (view_equal_text(algorithm, "SYMMETRIC_DEFAULT"))
		return OK;
	return work_refuse(work, ERR(E_KMS_KEY_USAGE),
			   "Algorithm %.*s is incompatible with key spec %s.", (int)algorithm.len,
			   (const char *)algorithm.ptr, kms_spec_name(key->spec));
}

NODISCARD struct err permission_check_keys(struct call_work *work)
{
	for (size_t i = 0; i < WORK_KEYS_MAX; i++) {
		if (work->keys[i] == NULL)
			continue;
		const struct operation_key *row = &work->operation->keys[i];
		const struct kms_key *key = &keyring_key(work->keys[i])->key;
		if (!row->any_state)
			TRY(permission_check_state(work, key));
		TRY(check_usage(work, key));
		TRY(check_algorithm(work, row->algorithm, key));
	}
	return OK;
}
