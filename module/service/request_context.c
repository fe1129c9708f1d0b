/* SPDX-License-Identifier: Apache-2.0 */
#include "service/request_context.h"

#include "auth/identity.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/text.h"
#include "kms/context.h"
#include "service/input.h"
#include "service/keyring.h"

/* --- memory --- */

static void fail(struct request_context *request, struct err e)
{
	if (!err_failed(request->failure))
		request->failure = e;
}

static void *own(struct request_context *request, size_t count, size_t size)
{
	void *made = NULL;
	struct err e = request->owned_count < REQUEST_OWNED_MAX
			       ? mem_alloc_array(count, size, &made)
			       : ERR(E_BUG);
	if (err_failed(e))
		fail(request, e);
	else
		request->owned[request->owned_count++] = made;
	return made;
}

struct view *request_context_views(struct request_context *request, size_t count)
{
	if (count > REQUEST_VIEWS - request->view_count)
		return (struct view *)own(request, count, sizeof(struct view));
	struct view *taken = &request->views[request->view_count];
	request->view_count += count;
	return taken;
}

struct auth_pair *request_context_pairs(struct request_context *request, size_t count)
{
	if (count > REQUEST_PAIRS - request->pair_count)
		return (struct auth_pair *)own(request, count, sizeof(struct auth_pair));
	struct auth_pair *taken = &request->pairs[request->pair_count];
	request->pair_count += count;
	return taken;
}

void request_context_cleanup(struct request_context *request)
{
	for (size_t i = 0; i < request->owned_count; i++)
		mem_free(request->owned[i]);
	request->owned_count = 0;
}

/* --- single values; what is empty is absent --- */

void request_context_put(struct request_context *request, enum auth_condition_key key,
			 struct view text)
{
	if (text.len == 0)
		return;
	struct view *kept = request_context_views(request, 1);
	if (kept == NULL)
		return;
	*kept = text;
	auth_context_put_text(&request->context, key, kept);
}

static void put_text(struct request_context *request, enum auth_condition_key key, const char *text)
{
	request_context_put(request, key, view_of_text(text));
}

static void put_number(struct request_context *request, enum auth_condition_key key, int64_t number)
{
	auth_context_put_number(&request->context, key, number);
}

static void put_list(struct request_context *request, enum auth_condition_key key,
		     const struct view *texts, size_t count)
{
	request->context.values[key] = (struct auth_value){.texts = texts, .count = count};
}

/* --- who asks --- */

/* rds.us-east-1.amazonaws.com, as it is known without its Region: rds.amazonaws.com. */
static struct view without_region(struct request_context *request, const struct call_work *work,
				  const char *service)
{
	struct view region = view_of_text(work->home.region);
	struct view rest = view_of_text(service);
	struct view first = view_cut(&rest, '.');
	bool has_region = view_starts_with(rest, region) && rest.len > region.len &&
			  rest.ptr[region.len] == '.';
	if (!has_region)
		return view_of_text(service);
	struct view last = view_part(rest, region.len, rest.len);
	struct err e =
		text_format(request->service, sizeof request->service, "%.*s%.*s", (int)first.len,
			    (const char *)first.ptr, (int)last.len, (const char *)last.ptr);
	if (err_failed(e))
		fail(request, e);
	return view_of_text(request->service);
}

static void put_service(struct request_context *request, const struct call_work *work)
{
	const struct auth_principal *who = &work->principal;
	bool is_service = who->type == AUTH_SERVICE;
	put_number(request, AUTH_AWS_PRINCIPAL_IS_AWS_SERVICE, is_service);
	if (!is_service)
		return;
	struct view *names = request_context_views(request, 2);
	if (names == NULL)
		return;
	names[0] = view_of_text(who->name);
	names[1] = without_region(request, work, who->name);
	bool two = !view_equal(names[0], names[1]);
	put_list(request, AUTH_AWS_PRINCIPAL_SERVICE_NAME, &names[0], 1);
	put_list(request, AUTH_AWS_PRINCIPAL_SERVICE_NAMES_LIST, names, two ? 2 : 1);
	put_text(request, AUTH_AWS_SOURCE_ARN, who->source_arn);
	put_text(request, AUTH_AWS_SOURCE_ACCOUNT, who->source_account);
}

/* A service acts for the principal (IAM User Guide: "Forward access sessions"). */
static void put_via(struct request_context *request, const struct call_work *work)
{
	const char *via = work->principal.via_service;
	put_number(request, AUTH_AWS_VIA_AWS_SERVICE, via[0] != '\0');
	if (via[0] == '\0')
		return;
	struct view called = without_region(request, work, via);
	put_text(request, AUTH_KMS_VIA_SERVICE, via);
	request_context_put(request, AUTH_AWS_CALLED_VIA, called);
	request_context_put(request, AUTH_AWS_CALLED_VIA_FIRST, called);
	request_context_put(request, AUTH_AWS_CALLED_VIA_LAST, called);
}

/* IAM User Guide: "Principal key values". What is NULL is absent for that type. */
static const char *const principal_types[] = {
	[AUTH_ROOT] = "Account", [AUTH_USER] = "User",   [AUTH_ROLE_SESSION] = "AssumedRole",
	[AUTH_SERVICE] = NULL,   [AUTH_OPERATOR] = NULL,
};

/* A session's requests carry the role's ARN; a service has none. */
static const char *principal_arn(const struct auth_principal *who)
{
	switch (who->type) {
	case AUTH_ROLE_SESSION:
		return who->role_arn;
	case AUTH_SERVICE:
	case AUTH_OPERATOR:
		return "";
	case AUTH_ROOT:
	case AUTH_USER:
		break;
	}
	return who->arn;
}

static const char *user_id(struct request_context *request, const struct auth_principal *who)
{
	if (who->type != AUTH_ROLE_SESSION)
		return who->id; /* of most calls, and without any formatting */
	identity_user_id(who, request->user_id);
	return request->user_id;
}

static void put_principal(struct request_context *request, const struct call_work *work)
{
	const struct auth_principal *who = &work->principal;
	/* A service stands in some account's list, and is none of its principals. */
	if (who->type != AUTH_SERVICE) {
		put_text(request, AUTH_KMS_CALLER_ACCOUNT, who->account);
		put_text(request, AUTH_AWS_PRINCIPAL_ACCOUNT, who->account);
	}
	put_text(request, AUTH_AWS_PRINCIPAL_ARN, principal_arn(who));
	if (who->type < ARRAY_LEN(principal_types))
		put_text(request, AUTH_AWS_PRINCIPAL_TYPE, principal_types[who->type]);
	put_text(request, AUTH_AWS_USER_ID, user_id(request, who));
	if (who->type == AUTH_USER)
		put_text(request, AUTH_AWS_USER_NAME, who->name);
	if (who->issued_ms == 0)
		return;
	put_number(request, AUTH_AWS_TOKEN_ISSUE_TIME, who->issued_ms);
	put_number(request, AUTH_AWS_MULTI_FACTOR_AUTH_PRESENT, false);
}

/* --- how it came --- */

static struct view header(const struct call *call, struct view name)
{
	for (size_t i = 0; i < call->http.header_count; i++)
		if (view_equal_ignore_case(call->http.headers[i].name, name))
			return call->http.headers[i].value;
	return VIEW_NONE;
}

static void put_connection(struct request_context *request, const struct call_work *work)
{
	const struct call *call = work->call;
	put_number(request, AUTH_AWS_CURRENT_TIME, work->time_ms);
	put_number(request, AUTH_AWS_EPOCH_TIME, work->time_ms);
	put_text(request, AUTH_AWS_REQUESTED_REGION, work->home.region);
	put_number(request, AUTH_AWS_SECURE_TRANSPORT, call->secure);
	request_context_put(request, AUTH_AWS_USER_AGENT, call->user_agent);
	request_context_put(request, AUTH_AWS_REFERER, header(call, VIEW_LITERAL("Referer")));
	if (call->door == CALL_DOOR_PUBLIC)
		request_context_put(request, AUTH_AWS_SOURCE_IP, call->source_address);
}

/* --- the resource --- */

static void put_key(struct request_context *request, const struct request_context_query *query)
{
	const struct kms_key *key = query->key;
	put_text(request, AUTH_KMS_KEY_SPEC, kms_spec_name(key->spec));
	put_text(request, AUTH_KMS_CUSTOMER_MASTER_KEY_SPEC, kms_spec_name(key->spec));
	put_text(request, AUTH_KMS_KEY_USAGE, kms_usage_name(key->usage));
	put_text(request, AUTH_KMS_CUSTOMER_MASTER_KEY_USAGE, kms_usage_name(key->usage));
	put_text(request, AUTH_KMS_KEY_ORIGIN, kms_origin_name(key->origin));
	put_number(request, AUTH_KMS_MULTI_REGION, key->multi_region);
	put_list(request, AUTH_KMS_RESOURCE_ALIASES, query->resource_aliases,
		 query->resource_alias_count);
	request->context.families[AUTH_FAMILY_AWS_RESOURCE_TAG] = query->resource_tags;
}

static void put_resource(struct request_context *request, const struct call_work *work,
			 const struct request_context_query *query)
{
	const struct kms_key *key = query->key;
	struct view account = view_of_text(work->home.account);
	if (key != NULL)
		account = view_of_text(key->scope.account);
	else if (query->account.len > 0)
		account = query->account;
	request_context_put(request, AUTH_AWS_RESOURCE_ACCOUNT, account);
	if (key != NULL)
		put_key(request, query);
}

/* --- the encryption context --- */

static void put_context(struct request_context *request, const struct auth_pair *pairs,
			size_t count)
{
	struct view *names = count > 0 ? request_context_views(request, count) : NULL;
	if (names == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		names[i] = pairs[i].name;
	put_list(request, AUTH_KMS_ENCRYPTION_CONTEXT_KEYS, names, count);
	request->context.families[AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT] =
		(struct auth_pairs){pairs, count};
}

static void put_canonical(struct request_context *request, struct view canonical)
{
	if (canonical.len == 0)
		return;
	struct reader r;
	reader_init(&r, canonical);
	size_t count = reader_u16(&r);
	struct auth_pair *pairs = request_context_pairs(request, count);
	if (pairs == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		pairs[i].name = reader_block16(&r, UINT16_MAX);
		pairs[i].value = reader_block16(&r, UINT16_MAX);
	}
	if (err_failed(reader_end(&r)))
		fail(request, ERR(E_BUG)); /* it was made by kms_context_encode() */
	put_context(request, pairs, count);
}

/* KMS API: GrantConstraints. AWS documents the keys for CreateGrant, too. */
static void put_constraints(struct request_context *request, const struct json *constraints)
{
	static const char *const kinds[] = {"EncryptionContextEquals", "EncryptionContextSubset"};
	const struct json *map = NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds) && json_count(map) == 0; i++)
		map = json_member(constraints, kinds[i]);
	size_t count = json_count(map);
	struct auth_pair *pairs = count > 0 ? request_context_pairs(request, count) : NULL;
	if (pairs == NULL)
		return;
	const struct json *value;
	size_t at = 0;
	for (size_t i = 0; i < count && json_next_member(map, &at, &pairs[i].name, &value); i++)
		pairs[i].value = json_string_of(value);
	put_context(request, pairs, count);
}

/* --- members that the operation's row names --- */

/* kms:GrantConstraintType: null is no constraint, and a subset of nothing is one of all. */
static bool constrains(struct view name, const struct json *value)
{
	bool subset = view_equal_text(name, "EncryptionContextSubset");
	return json_type_of(value) != JSON_TYPE_NULL && (!subset || json_count(value) > 0);
}

static void put_names(struct request_context *request, enum auth_condition_key key,
		      const struct json *object)
{
	size_t count = 0;
	struct view *names =
		json_count(object) > 0 ? request_context_views(request, json_count(object)) : NULL;
	const struct json *value;
	struct view name;
	for (size_t at = 0; names != NULL && json_next_member(object, &at, &name, &value);)
		if (constrains(name, value))
			names[count++] = name;
	if (count > 0)
		put_list(request, key, names, count);
}

/* A list of texts; of tags, their keys, and the tags themselves are aws:RequestTag. */
static void put_elements(struct request_context *request, enum auth_condition_key key,
			 const struct json *list)
{
	size_t count = json_count(list);
	bool tags = json_type_of(json_element(list, 0)) == JSON_TYPE_OBJECT;
	struct view *texts = count > 0 ? request_context_views(request, count) : NULL;
	struct auth_pair *pairs = tags ? request_context_pairs(request, count) : NULL;
	if (texts == NULL || (tags && pairs == NULL))
		return;
	for (size_t i = 0; i < count; i++) {
		const struct json *element = json_element(list, i);
		texts[i] = json_string_of(tags ? json_member(element, "TagKey") : element);
		if (tags)
			pairs[i] = (struct auth_pair){
				texts[i], json_string_of(json_member(element, "TagValue"))};
	}
	put_list(request, key, texts, count);
	if (tags)
		request->context.families[AUTH_FAMILY_AWS_REQUEST_TAG] =
			(struct auth_pairs){pairs, count};
}

/* The API's times are seconds. */
static int64_t number_of(enum auth_condition_key key, const struct json *value)
{
	switch (auth_condition_type_of(key)) {
	case AUTH_TYPE_BOOL:
		return json_bool_of(value);
	case AUTH_TYPE_TIME:
		return (int64_t)(json_number_of(value) * 1000);
	case AUTH_TYPE_NUMBER:
	case AUTH_TYPE_TEXT:
	case AUTH_TYPE_ARN:
	case AUTH_TYPE_IP:
		break;
	}
	return json_integer_of(value);
}

static void put_member(struct request_context *request, enum auth_condition_key key,
		       const struct json *value)
{
	switch (json_type_of(value)) {
	case JSON_TYPE_STRING:
		request_context_put(request, key, json_string_of(value));
		break;
	case JSON_TYPE_ARRAY:
		put_elements(request, key, value);
		break;
	case JSON_TYPE_OBJECT:
		put_names(request, key, value);
		break;
	case JSON_TYPE_BOOL:
	case JSON_TYPE_INTEGER:
	case JSON_TYPE_REAL:
		put_number(request, key, number_of(key, value));
		break;
	case JSON_TYPE_NULL:
		break;
	}
}

/* The value that the operation takes when the member is not there. */
static void put_otherwise(struct request_context *request, enum auth_condition_key key,
			  const char *otherwise)
{
	struct view text = view_of_text(otherwise);
	int64_t number = 0;
	enum auth_condition_type type = auth_condition_type_of(key);
	if (type == AUTH_TYPE_BOOL)
		put_number(request, key, view_equal_text(text, "true"));
	else if (type == AUTH_TYPE_NUMBER &&
		 !err_failed(text_parse_integer(text, 0, INT64_MAX, &number)))
		put_number(request, key, number);
	else
		request_context_put(request, key, text);
}

/* An account may be named by its number; to policies it is the ARN of its root, as whoever wrote
 * them expects. */
static void put_account(struct request_context *request, const struct call_work *work,
			enum auth_condition_key key, const char *account)
{
	char *arn = (char *)own(request, AUTH_ARN_MAX + 1, 1);
	if (arn == NULL)
		return;
	struct err e = text_format(arn, AUTH_ARN_MAX + 1, "arn:%s:iam::%s:root",
				   work->home.partition, account);
	if (err_failed(e))
		fail(request, e);
	else
		put_text(request, key, arn);
}

static bool put_if_account(struct request_context *request, const struct call_work *work,
			   enum auth_condition_key key, struct view text)
{
	struct auth_name name;
	if (key != AUTH_KMS_GRANTEE_PRINCIPAL && key != AUTH_KMS_RETIRING_PRINCIPAL)
		return false;
	if (text.len != AUTH_ACCOUNT_LEN || err_failed(auth_name_parse(text, &name)))
		return false;
	put_account(request, work, key, name.account);
	return true;
}

/* The first row of a key that has a value counts. */
static void put_members(struct request_context *request, const struct call_work *work)
{
	const struct operation_condition *row = work->operation->conditions;
	for (; row != NULL && row->member != NULL; row++) {
		const struct json *value = input_member(work, row->member);
		if (request->context.values[row->key].count > 0 ||
		    put_if_account(request, work, row->key, json_string_of(value)))
			continue;
		if (value != NULL)
			put_member(request, row->key, value);
		else if (row->otherwise != NULL)
			put_otherwise(request, row->key, row->otherwise);
	}
}

/* An alias in the request, by its name even where its ARN was given. */
static void put_alias(struct request_context *request, const struct call_work *work,
		      const struct operation_key *row)
{
	struct kms_name name;
	if (row->member == NULL || !(work->operation->flags & OPERATION_ALIASES))
		return;
	if (!err_failed(kms_name_parse(input_text(work, row->member), &work->home, &name)))
		request_context_put(request, AUTH_KMS_REQUEST_ALIAS, name.alias);
}

/* Every data key is sealed under its key's one algorithm, whether the request can name it or not.
 */
static void put_algorithm(struct request_context *request, const struct call_work *work,
			  const struct operation_key *row)
{
	if (row->context == NULL)
		return;
	struct view given = row->algorithm != NULL ? input_text(work, row->algorithm) : VIEW_NONE;
	request_context_put(request, AUTH_KMS_ENCRYPTION_ALGORITHM,
			    given.len > 0 ? given : VIEW_LITERAL("SYMMETRIC_DEFAULT"));
}

static void put_same_key(struct request_context *request, const struct call_work *work,
			 const struct operation_key *row)
{
	struct keyring_entry *const *keys = work->keys;
	if (row->grant != KMS_GRANT_RE_ENCRYPT_FROM && row->grant != KMS_GRANT_RE_ENCRYPT_TO)
		return;
	bool both = keys[0] != NULL && keys[1] != NULL;
	put_number(request, AUTH_KMS_RE_ENCRYPT_ON_SAME_KEY,
		   both && kms_key_id_equal(&keyring_key(keys[0])->key.id,
					    &keyring_key(keys[1])->key.id));
}

/* KMS Developer Guide, kms:GrantIsForAWSResource: of these three, whether a service asks for its
 * user. */
static void put_for_resource(struct request_context *request, const struct call_work *work,
			     const struct operation_key *row)
{
	static const char *const actions[] = {"kms:CreateGrant", "kms:ListGrants",
					      "kms:RevokeGrant"};
	for (size_t i = 0; row->action != NULL && i < ARRAY_LEN(actions); i++)
		if (text_equal(row->action, actions[i]))
			put_number(request, AUTH_KMS_GRANT_IS_FOR_AWS_RESOURCE,
				   work->principal.via_service[0] != '\0');
}

NODISCARD struct err request_context_init(struct request_context *request,
					  const struct call_work *work,
					  const struct request_context_query *query)
{
	request->context = (struct auth_context){0};
	request->failure = OK;
	request->owned_count = request->view_count = request->pair_count = 0;
	request->context.families[AUTH_FAMILY_AWS_PRINCIPAL_TAG] = query->principal_tags;
	put_connection(request, work);
	put_principal(request, work);
	put_service(request, work);
	put_via(request, work);
	put_resource(request, work, query);
	put_canonical(request, query->canonical);
	if (query->row->constraints != NULL)
		put_constraints(request, input_member(work, query->row->constraints));
	put_members(request, work);
	put_alias(request, work, query->row);
	put_algorithm(request, work, query->row);
	put_same_key(request, work, query->row);
	put_for_resource(request, work, query->row);
	if (work->in.assumed != NULL)
		TRY(request_context_assume(request, work->in.assumed));
	return request->failure;
}
