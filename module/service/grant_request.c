/* SPDX-License-Identifier: Apache-2.0 */
#include "service/grant_request.h"

#include "base/mem.h"
#include "base/text.h"
#include "kms/context.h"
#include "service/input.h"

#define OPERATIONS_MAX 64 /* in the request; each may stand there twice */

void grant_request_free(struct grant_request **request)
{
	if (*request == NULL)
		return;
	buf_cleanup(&(*request)->context);
	mem_free(TAKE(*request));
}

NODISCARD struct err grant_request_principal(struct call_work *work,
					     const struct grant_principal_members *members,
					     struct view *out)
{
	bool principal = input_member(work, members->principal) != NULL;
	bool service = input_member(work, members->service) != NULL;
	if ((principal && service) || (!principal && !service && !members->optional))
		return work_refuse(work, ERR(E_VALIDATION),
				   "You must specify either %s or %s, but not both.",
				   members->principal, members->service);
	*out = input_text(work, principal ? members->principal : members->service);
	return OK;
}

static struct err read_principals(struct call_work *work, struct kms_grant *grant)
{
	static const struct grant_principal_members grantee = {"GranteePrincipal",
							       "GranteeServicePrincipal", false};
	static const struct grant_principal_members retiring = {"RetiringPrincipal",
								"RetiringServicePrincipal", true};
	struct view text = VIEW_NONE;
	TRY(grant_request_principal(work, &grantee, &text));
	TRY(text_copy(grant->grantee, sizeof grant->grantee, text));
	TRY(grant_request_principal(work, &retiring, &text));
	return text_copy(grant->retiring, sizeof grant->retiring, text);
}

static struct err refuse_operation(struct call_work *work, struct view name)
{
	return work_refuse(work, ERR(E_VALIDATION), "Operation %.*s is not valid in a grant.",
			   (int)name.len, (const char *)name.ptr);
}

static struct err read_operations(struct call_work *work, struct kms_grant *grant)
{
	const struct json *list = input_member(work, "Operations");
	size_t count = json_count(list);
	if (count == 0 || count > OPERATIONS_MAX)
		return work_refuse(work, ERR(E_VALIDATION),
				   "Operations must name between 1 and %d operations.",
				   OPERATIONS_MAX);
	for (size_t i = 0; i < count; i++) {
		enum kms_grant_operation operation = KMS_GRANT_NONE;
		struct view name = json_string_of(json_element(list, i));
		if (err_failed(kms_grant_operation_parse(name, &operation)))
			return refuse_operation(work, name);
		grant->operations |= operation;
	}
	return OK;
}

/* --- the constraint --- */

static struct err refuse_pairs(struct call_work *work)
{
	return work_refuse(
		work, ERR(E_VALIDATION),
		"An encryption context constraint can have up to %d pairs, with up to %d "
		"characters in each key and value.",
		KMS_GRANT_PAIRS_MAX, KMS_GRANT_PAIR_CHARACTERS_MAX);
}

static struct err read_context(struct call_work *work, const struct json *map, struct buf *out)
{
	struct kms_context_pair pairs[KMS_GRANT_PAIRS_MAX];
	const struct json *value;
	struct view name;
	size_t count = 0;
	if (json_count(map) > KMS_GRANT_PAIRS_MAX)
		return refuse_pairs(work);
	for (size_t at = 0; json_next_member(map, &at, &name, &value); count++) {
		pairs[count] = (struct kms_context_pair){name, json_string_of(value)};
		if (text_length(name) > KMS_GRANT_PAIR_CHARACTERS_MAX ||
		    text_length(pairs[count].value) > KMS_GRANT_PAIR_CHARACTERS_MAX)
			return refuse_pairs(work);
	}
	return kms_context_encode(pairs, count, out);
}

static const struct json *constraint_at(const struct json *constraints, const char *name)
{
	const struct json *map = json_member(constraints, name);
	return json_type_of(map) == JSON_TYPE_NULL ? NULL : map;
}

static struct err read_constraint(struct call_work *work, struct grant_request *request)
{
	const struct json *constraints = input_member(work, "Constraints");
	const struct json *subset = constraint_at(constraints, "EncryptionContextSubset");
	const struct json *equals = constraint_at(constraints, "EncryptionContextEquals");
	if (constraint_at(constraints, "SourceArn") != NULL)
		return work_refuse(work, ERR(E_UNSUPPORTED_OPERATION),
				   "The grant constraint SourceArn is not supported.");
	if (subset != NULL && equals != NULL)
		return work_refuse(work, ERR(E_VALIDATION),
				   "You can specify either EncryptionContextSubset or "
				   "EncryptionContextEquals, but not both.");
	if (subset == NULL && equals == NULL)
		return OK;
	request->grant.constraint =
		subset != NULL ? KMS_GRANT_CONTEXT_SUBSET : KMS_GRANT_CONTEXT_EQUALS;
	TRY(read_context(work, subset != NULL ? subset : equals, &request->context));
	request->grant.context = buf_view(&request->context);
	return OK;
}

static struct err describe_child(struct grant_request *request)
{
	static const enum auth_grant_constraint constraints[] = {
		[KMS_GRANT_UNCONSTRAINED] = AUTH_GRANT_ANY_CONTEXT,
		[KMS_GRANT_CONTEXT_SUBSET] = AUTH_GRANT_SUBSET,
		[KMS_GRANT_CONTEXT_EQUALS] = AUTH_GRANT_EQUALS,
	};
	struct kms_context_pair pairs[KMS_GRANT_PAIRS_MAX];
	size_t count = 0;
	TRY(kms_context_decode(request->grant.context, pairs, KMS_GRANT_PAIRS_MAX, &count));
	for (size_t i = 0; i < count; i++)
		request->pairs[i] = (struct auth_pair){pairs[i].key, pairs[i].value};
	request->child = (struct auth_grant){.operations = request->grant.operations,
					     .constraint = constraints[request->grant.constraint],
					     .pairs = {request->pairs, count}};
	return OK;
}

NODISCARD struct err grant_request_decode(struct call_work *work)
{
	grant_request_free(&work->in.grant);
	CLEANUP(grant_request_free) struct grant_request *request = NULL;
	TRY(MEM_NEW(&request));
	buf_init(&request->context, KMS_GRANT_CONTEXT_MAX);
	TRY(read_principals(work, &request->grant));
	TRY(read_operations(work, &request->grant));
	TRY(text_copy(request->grant.name, sizeof request->grant.name, input_text(work, "Name")));
	TRY(read_constraint(work, request));
	TRY(describe_child(request));
	work->in.grant = TAKE(request);
	return OK;
}

const struct auth_grant *grant_request_child(const struct grant_request *request)
{
	return request != NULL ? &request->child : NULL;
}

/* KMS API, CreateGrant: "the operation must be supported on the KMS key"; "You cannot use an
 * encryption context grant constraint for ... asymmetric KMS keys or HMAC KMS keys". */
NODISCARD struct err grant_request_check_key(struct call_work *work, const struct kms_key *key)
{
	const struct kms_grant *grant = &work->in.grant->grant;
	uint32_t wrong = grant->operations & ~kms_grant_operations_of(key->spec, key->usage);
	enum kms_grant_operation operation;
	for (size_t i = 0; (operation = kms_grant_operation_at(i)) != KMS_GRANT_NONE; i++)
		if (wrong & operation)
			return work_refuse(work, ERR(E_VALIDATION),
					   "Operation %s is not supported on a KMS key with key "
					   "spec %s and key usage %s.",
					   kms_grant_operation_name(operation),
					   kms_spec_name(key->spec), kms_usage_name(key->usage));
	if (grant->constraint != KMS_GRANT_UNCONSTRAINED && key->spec != KMS_SPEC_SYMMETRIC_DEFAULT)
		return work_refuse(work, ERR(E_VALIDATION),
				   "Encryption context constraints are supported on symmetric "
				   "encryption KMS keys alone.");
	return OK;
}
