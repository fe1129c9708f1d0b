/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The permission step in a whole service: who may what, in which words, and that nobody learns from
 * a refusal what is in another account.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "callers.h"

#define ARN_OF_BOB "arn:aws:iam::" WORLD_ACCOUNT ":user/bob"
#define ARN_OF_EVE "arn:aws:iam::" OTHER_ACCOUNT ":user/eve"
#define MISSING "00000000-0000-4000-8000-000000000000"
#define FOR(principal, actions) \
	"{`Effect`:`Allow`,`Principal`:{`AWS`:" principal "},`Action`:" actions ",`Resource`:`*`}"
#define FOR_ACCOUNT FOR("`arn:aws:iam::" WORLD_ACCOUNT ":root`", "`kms:*`")

static struct err load(void *self, const struct kms_scope *scope, const struct kms_key_id *id,
		       struct kms_key_full *out);

static void adjust(struct kms_store_ops *ops)
{
	ops->key_load = load;
}

static struct err load_by_id(void *self, struct view id, struct auth_identity *out);

static void adjust_identities(struct auth_identities *identities)
{
	identities->load_by_id = load_by_id;
}

static struct world world = {.adjust = adjust, .adjust_identities = adjust_identities};
static char key[KMS_KEY_ID_TEXT + 1];
static bool careless; /* callers' own policies cannot be understood */
static bool rotten;   /* stored policies cannot be understood */

static struct err load(void *self, const struct kms_scope *scope, const struct kms_key_id *id,
		       struct kms_key_full *out)
{
	TRY(store_sqlite_keys(world.first.store).ops->key_load(self, scope, id, out));
	if (!rotten)
		return OK;
	mem_free(TAKE(out->key.policy));
	return text_new(VIEW_LITERAL("{\"Statement\":[{\"Effect\":\"Allow\"}]}"), &out->key.policy);
}

static struct err load_by_id(void *self, struct view id, struct auth_identity *out)
{
	TRY(store_sqlite_identities(world.first.store).load_by_id(self, id, out));
	if (!careless)
		return OK;
	mem_free(TAKE(out->document));
	return text_new(VIEW_LITERAL("{\"Policies\":[{\"Name\":\"P\",\"Document\":\"{}\"}]}"),
			&out->document);
}

static struct caller bob = {.name = "bob", .account = WORLD_ACCOUNT};
static struct caller eve = {.name = "eve", .account = OTHER_ACCOUNT};

#define hire(who) caller_hire(&world, (who))
#define allow(who, document) caller_allow(&world, (who), (document))
#define allow_nothing(who) caller_allow_nothing(&world, (who))
#define call_as(who, ...) caller_call(&(const struct callers_call){&world, (who)}, __VA_ARGS__)

static uint16_t describe_as(const struct caller *who, const char *name)
{
	CLEANUP(reply_cleanup) struct reply r;
	call_as(who, &r, "DescribeKey", "{\"KeyId\":\"%s\"}", name);
	if (r.status != 200 && strcmp(reply_type(&r), "AccessDeniedException") != 0)
		fail_msg("%s", r.body);
	return r.status;
}

/* PutKeyPolicy by the administrator; statements in the notation of identities.h. */
static void put_policy(const char *id, const char *statements)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[4096];
	size_t len = 0;
	for (const char *at = statements; *at != '\0' && len < sizeof text - 2; at++) {
		if (*at == '`')
			text[len++] = '\\';
		text[len++] = *at == '`' ? '"' : *at;
	}
	text[len] = '\0';
	world_call(&world, &r, "PutKeyPolicy", "{\"KeyId\":\"%s\",\"Policy\":\"%s\"}", id, text);
	assert_status(&r, 200);
}

static void make_key(const char *statements, char id[KMS_KEY_ID_TEXT + 1])
{
	world_create_key(&world, "{}", id);
	put_policy(id, statements);
}

/* The last line of the audit log has this in it. */
static void assert_recorded(const char *text)
{
	CLEANUP(mem_free_at) char *log = world_audit(&world.first);
	char *last = log, *next;
	while ((next = strchr(last, '\n')) != NULL && next[1] != '\0')
		last = next + 1;
	if (strstr(last, text) == NULL)
		fail_msg("no %s in %s", text, last);
}

static int set_up(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	world_create_key(&world, "{}", key);
	must(&world, "CreateIdentity", "{'Kind':'account','Name':'" OTHER_ACCOUNT "'}");
	hire(&bob);
	hire(&eve);
	return 0;
}

static int tear_down(UNUSED void **state)
{
	secret_free(&bob.secret);
	secret_free(&eve.secret);
	world_stop(&world.first);
	world_remove(&world);
	return 0;
}

/* --- one account --- */

static void test_what_nothing_allows_is_refused_and_recorded_with_its_reason(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[512];
	call_as(&bob, &r, "DescribeKey", "{\"KeyId\":\"%s\"}", key);
	(void)snprintf(text, sizeof text,
		       "User: " ARN_OF_BOB " is not authorized to perform: kms:DescribeKey on "
		       "resource: %s because no identity-based policy allows the kms:DescribeKey "
		       "action",
		       world_arn(key));
	assert_refused(&r, "AccessDeniedException", text);
	assert_recorded("\"errorCode\":\"AccessDeniedException\"");
	assert_recorded("default-deny");
	assert_recorded(world_arn(key));
}

static void test_policies_count_from_the_next_call(UNUSED void **state)
{
	assert_int_equal(describe_as(&bob, key), 400);
	for (unsigned i = 0; i < 3; i++) {
		allow(&bob, STATEMENTS(ALLOW("`kms:DescribeKey`")));
		assert_int_equal(describe_as(&bob, key), 200);
		assert_recorded("user/bob/p");
		allow_nothing(&bob);
		assert_int_equal(describe_as(&bob, key), 400);
	}
}

static void test_a_key_policy_that_names_the_user_is_enough(UNUSED void **state)
{
	char own[KMS_KEY_ID_TEXT + 1];
	make_key(STATEMENTS(FOR_ACCOUNT "," FOR("`" ARN_OF_BOB "`", "`kms:DescribeKey`")), own);
	assert_int_equal(describe_as(&bob, own), 200);
	assert_int_equal(describe_as(&bob, key), 400);
	put_policy(own, STATEMENTS(FOR_ACCOUNT));
	assert_int_equal(describe_as(&bob, own), 400);
}

static void test_an_alias_needs_permission_as_its_key_does(UNUSED void **state)
{
	static const struct {
		const char *document;
		uint16_t status;
	} rows[] = {
		{"{`Statement`:{`Effect`:`Allow`,`Action`:`kms:CreateAlias`,`Resource`:"
		 "`arn:aws:kms:*:*:key/*`}}",
		 400},
		{"{`Statement`:{`Effect`:`Allow`,`Action`:`kms:CreateAlias`,`Resource`:"
		 "`arn:aws:kms:*:*:alias/bob/*`}}",
		 400},
		{"{`Statement`:{`Effect`:`Allow`,`Action`:`kms:CreateAlias`,`Resource`:"
		 "[`arn:aws:kms:*:*:key/*`,`arn:aws:kms:*:*:alias/bob/*`]}}",
		 200},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		allow(&bob, rows[i].document);
		call_as(&bob, &r, "CreateAlias",
			"{\"AliasName\":\"alias/bob/1\",\"TargetKeyId\":\"%s\"}", key);
		assert_status(&r, rows[i].status);
	}
	allow_nothing(&bob);
}

static void test_a_key_made_with_tags_needs_permission_to_tag(UNUSED void **state)
{
	static const char tagged[] = "{\"Tags\":[{\"TagKey\":\"team\",\"TagValue\":\"red\"}]}";
	CLEANUP(reply_cleanup) struct reply plain;
	CLEANUP(reply_cleanup) struct reply refused;
	CLEANUP(reply_cleanup) struct reply made;
	allow(&bob, STATEMENTS(ALLOW("`kms:CreateKey`")));
	call_as(&bob, &plain, "CreateKey", "{\"Tags\":[]}");
	assert_status(&plain, 200);
	call_as(&bob, &refused, "CreateKey", "%s", tagged);
	assert_string_equal(reply_type(&refused), "AccessDeniedException");
	assert_non_null(strstr(reply_message(&refused), "kms:TagResource"));
	allow(&bob, STATEMENTS(ALLOW("[`kms:CreateKey`,`kms:TagResource`]")));
	call_as(&bob, &made, "CreateKey", "%s", tagged);
	assert_status(&made, 200);
	allow_nothing(&bob);
}

static void tag_key(const char *operation, const char *more)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, operation, "{\"KeyId\":\"%s\",%s}", key, more);
	assert_status(&r, 200);
}

/* What policies ask of the key is read when they ask, and again when it changes. */
static void test_tags_and_aliases_of_the_key_decide(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply named;
	CLEANUP(reply_cleanup) struct reply gone;
	allow(&bob, "{`Statement`:[{`Effect`:`Allow`,`Action`:`kms:DescribeKey`,`Resource`:`*`,"
		    "`Condition`:{`StringEquals`:{`aws:ResourceTag/team`:`red`}}},"
		    "{`Effect`:`Allow`,`Action`:`kms:DescribeKey`,`Resource`:`*`,`Condition`:{"
		    "`ForAnyValue:StringEquals`:{`kms:ResourceAliases`:`alias/bobs`}}}]}");
	assert_int_equal(describe_as(&bob, key), 400);
	tag_key("TagResource", "\"Tags\":[{\"TagKey\":\"team\",\"TagValue\":\"red\"}]");
	assert_int_equal(describe_as(&bob, key), 200);
	tag_key("TagResource", "\"Tags\":[{\"TagKey\":\"team\",\"TagValue\":\"blue\"}]");
	assert_int_equal(describe_as(&bob, key), 400);
	tag_key("UntagResource", "\"TagKeys\":[\"team\"]");
	assert_int_equal(describe_as(&bob, key), 400);
	world_call(&world, &named, "CreateAlias",
		   "{\"AliasName\":\"alias/bobs\",\"TargetKeyId\":\"%s\"}", key);
	assert_status(&named, 200);
	assert_int_equal(describe_as(&bob, key), 200);
	world_call(&world, &gone, "DeleteAlias", "{\"AliasName\":\"alias/bobs\"}");
	assert_status(&gone, 200);
	assert_int_equal(describe_as(&bob, key), 400);
	allow_nothing(&bob);
}

static void encrypt(const char *id, char blob[512])
{
	CLEANUP(reply_cleanup) struct reply r;
	world_encrypt(&world, id, "aGk=", "{}", &r);
	assert_status(&r, 200);
	assert_ok(text_copy(blob, 512, view_of_text(reply_text(&r, "CiphertextBlob"))));
}

/* Whether a ciphertext belongs to a key is for those to know who may use the key. */
static void test_that_a_ciphertext_is_another_keys_is_told_with_permission_alone(
	UNUSED void **state)
{
	static const char form[] = "{\"CiphertextBlob\":\"%s\",\"KeyId\":\"%s\"}";
	char other[KMS_KEY_ID_TEXT + 1], blob[512];
	world_create_key(&world, "{}", other);
	encrypt(other, blob);
	const struct {
		const char *blob, *type;
	} rows[] = {{blob, "IncorrectKeyException"}, {"AAAA", "InvalidCiphertextException"}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(reply_cleanup) struct reply told;
		CLEANUP(reply_cleanup) struct reply denied;
		world_call(&world, &told, "Decrypt", form, rows[i].blob, key);
		assert_string_equal(reply_type(&told), rows[i].type);
		call_as(&bob, &denied, "Decrypt", form, rows[i].blob, key);
		assert_string_equal(reply_type(&denied), "AccessDeniedException");
	}
}

/* --- a stored policy that cannot be understood --- */

static void test_a_rotten_policy_lets_nobody_in_until_it_is_reset(UNUSED void **state)
{
	char own[KMS_KEY_ID_TEXT + 1];
	CLEANUP(reply_cleanup) struct reply status = {0};
	const struct twist admin = {.admin = true};
	world_create_key(&world, "{}", own);
	log_configure(LOG_FORM_TEXT, LOG_ERROR, -1);
	rotten = true;
	must(&world, "ResetKeyPolicy", "{'KeyId':'%s'}", own); /* drops what memory has */
	CLEANUP(reply_cleanup) struct reply denied;
	world_call(&world, &denied, "DescribeKey", "{\"KeyId\":\"%s\"}", own);
	assert_string_equal(reply_type(&denied), "AccessDeniedException");
	assert_recorded("StoredPolicyIsMalformed");
	world_call_twisted(&world, &admin, "Status", "", &status);
	assert_non_null(strstr(status.body, "1 of the keys in memory have one that cannot"));
	rotten = false;
	must(&world, "ResetKeyPolicy", "{'KeyId':'%s'}", own);
	log_configure(LOG_FORM_TEXT, LOG_ERROR, 2);
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "DescribeKey", "{\"KeyId\":\"%s\"}", own);
	assert_status(&r, 200);
}

/* --- another account --- */

static void allow_eve_everything(void)
{
	allow(&eve, STATEMENTS(ALLOW("`kms:*`")));
}

#define CROSSING 5 /* of these, the first ones */
static const struct {
	const char *operation, *more;
} named[] = {
	{"Encrypt", ",\"Plaintext\":\"aGk=\""},
	{"Decrypt", ",\"CiphertextBlob\":\"AAAA\""},
	{"GenerateDataKey", ",\"KeySpec\":\"AES_256\""},
	{"DescribeKey", ""},
	{"GetKeyRotationStatus", ""},
	{"EnableKey", ""},
	{"DisableKey", ""},
	{"GetKeyPolicy", ""},
	{"GetKeyLastUsage", ""},
	{"PutKeyPolicy", ",\"Policy\":\"{}\""},
	{"ListKeyPolicies", ""},
	{"ListAliases", ""},
	{"ListResourceTags", ""},
	{"TagResource", ",\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"b\"}]"},
	{"UntagResource", ",\"TagKeys\":[\"a\"]"},
	{"UpdateKeyDescription", ",\"Description\":\"d\""},
	{"ScheduleKeyDeletion", ""},
	{"CancelKeyDeletion", ""},
	{"EnableKeyRotation", ""},
	{"DisableKeyRotation", ""},
	{"RotateKeyOnDemand", ""},
	{"ListKeyRotations", ""},
};

static void assert_unseen(size_t row, const char *arn)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[1024];
	call_as(&eve, &r, named[row].operation, "{\"KeyId\":\"%s\"%s}", arn, named[row].more);
	(void)snprintf(text, sizeof text,
		       "User: " ARN_OF_EVE " is not authorized to perform: kms:%s on resource: %s "
		       "because the resource does not exist in this Region, no resource-based "
		       "policies allow access, or a resource-based policy explicitly denies access",
		       named[row].operation, arn);
	assert_refused(&r, "AccessDeniedException", text);
}

/* M6: the same words for what is there and what is not. */
static void test_another_accounts_keys_cannot_be_told_from_none(UNUSED void **state)
{
	char there[KMS_KEY_ARN_TEXT];
	allow_eve_everything();
	assert_ok(text_copy(there, sizeof there, view_of_text(world_arn(key))));
	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		assert_unseen(i, there);
		assert_unseen(i, world_arn(MISSING));
	}
}

static void test_nor_by_a_caller_whose_own_policy_is_malformed(UNUSED void **state)
{
	char there[KMS_KEY_ARN_TEXT];
	allow_eve_everything();
	assert_ok(text_copy(there, sizeof there, view_of_text(world_arn(key))));
	log_configure(LOG_FORM_TEXT, LOG_ERROR, -1);
	careless = true;
	allow_nothing(&eve); /* drops what memory has */
	assert_unseen(3, there);
	assert_recorded("a policy of the caller cannot be understood");
	assert_unseen(3, world_arn(MISSING));
	careless = false;
	log_configure(LOG_FORM_TEXT, LOG_ERROR, 2);
	allow_eve_everything();
}

static void test_nor_by_alias_or_ciphertext(UNUSED void **state)
{
	char blob[512];
	CLEANUP(reply_cleanup) struct reply made;
	CLEANUP(reply_cleanup) struct reply sealed;
	allow_eve_everything();
	world_call(&world, &made, "CreateAlias",
		   "{\"AliasName\":\"alias/there\",\"TargetKeyId\":\"%s\"}", key);
	assert_status(&made, 200);
	assert_unseen(3, "arn:aws:kms:us-east-1:" WORLD_ACCOUNT ":alias/there");
	assert_unseen(3, "arn:aws:kms:us-east-1:" WORLD_ACCOUNT ":alias/none");
	encrypt(key, blob);
	call_as(&eve, &sealed, "Decrypt", "{\"CiphertextBlob\":\"%s\"}", blob);
	assert_string_equal(
		sealed.body,
		"{\"__type\":\"AccessDeniedException\",\"message\":\"The ciphertext refers to a "
		"customer master key that does not exist, does not exist in this region, or "
		"you are not allowed to access.\"}");
	assert_recorded("default-deny");
}

static void test_a_bare_id_is_one_of_the_callers_account(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[256];
	allow_eve_everything();
	call_as(&eve, &r, "DescribeKey", "{\"KeyId\":\"%s\"}", key);
	(void)snprintf(text, sizeof text,
		       "Key 'arn:aws:kms:us-east-1:" OTHER_ACCOUNT ":key/%s' does not exist", key);
	assert_refused(&r, "NotFoundException", text);
}

/* Both sides: the key's policy, and the caller's account. */
static void test_a_shared_key_serves_whom_both_accounts_let(UNUSED void **state)
{
	char shared[KMS_KEY_ID_TEXT + 1], blob[512];
	make_key(
		STATEMENTS(FOR_ACCOUNT "," FOR("`arn:aws:iam::" OTHER_ACCOUNT ":root`", "`kms:*`")),
		shared);
	allow_eve_everything();
	assert_int_equal(describe_as(&eve, world_arn(shared)), 200);
	assert_recorded("\"recipientAccountId\":\"" OTHER_ACCOUNT "\"");
	assert_recorded("\"accountId\":\"" WORLD_ACCOUNT "\"");
	encrypt(shared, blob);
	CLEANUP(reply_cleanup) struct reply opened;
	call_as(&eve, &opened, "Decrypt", "{\"CiphertextBlob\":\"%s\"}", blob);
	assert_status(&opened, 200);
	allow_nothing(&eve);
	assert_int_equal(describe_as(&eve, world_arn(shared)), 400);
	allow_eve_everything();
	put_policy(shared, STATEMENTS(FOR_ACCOUNT));
	assert_int_equal(describe_as(&eve, world_arn(shared)), 400);
}

/* KMS API: "Cross-account use: No", whatever the key's policy says. */
static void test_what_stays_in_the_account(UNUSED void **state)
{
	char shared[KMS_KEY_ID_TEXT + 1], arn[KMS_KEY_ARN_TEXT];
	make_key(
		STATEMENTS(FOR_ACCOUNT "," FOR("`arn:aws:iam::" OTHER_ACCOUNT ":root`", "`kms:*`")),
		shared);
	allow_eve_everything();
	assert_ok(text_copy(arn, sizeof arn, view_of_text(world_arn(shared))));
	for (size_t i = CROSSING; i < ARRAY_LEN(named); i++)
		assert_unseen(i, arn);
}

static void test_each_account_has_its_own_aliases(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply made;
	CLEANUP(reply_cleanup) struct reply named_here;
	CLEANUP(reply_cleanup) struct reply named_there;
	CLEANUP(reply_cleanup) struct reply r;
	allow_eve_everything();
	call_as(&eve, &made, "CreateKey", "{}");
	assert_status(&made, 200);
	const char *id = reply_metadata(&made, "KeyId");
	assert_string_equal(reply_metadata(&made, "AWSAccountId"), OTHER_ACCOUNT);
	world_call(&world, &named_here, "CreateAlias",
		   "{\"AliasName\":\"alias/same\",\"TargetKeyId\":\"%s\"}", key);
	assert_status(&named_here, 200);
	call_as(&eve, &named_there, "CreateAlias",
		"{\"AliasName\":\"alias/same\",\"TargetKeyId\":\"%s\"}", id);
	assert_status(&named_there, 200);
	for (unsigned i = 0; i < 2; i++) {
		CLEANUP(reply_cleanup) struct reply ours;
		CLEANUP(reply_cleanup) struct reply theirs;
		world_call(&world, &ours, "DescribeKey", "{\"KeyId\":\"alias/same\"}");
		assert_string_equal(reply_metadata(&ours, "KeyId"), key);
		call_as(&eve, &theirs, "DescribeKey", "{\"KeyId\":\"alias/same\"}");
		assert_string_equal(reply_metadata(&theirs, "KeyId"), id);
	}
	call_as(&eve, &r, "ListKeys", "{}");
	assert_null(strstr(r.body, key));
	assert_non_null(strstr(r.body, id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_nothing_allows_is_refused_and_recorded_with_its_reason),
		cmocka_unit_test(test_policies_count_from_the_next_call),
		cmocka_unit_test(test_a_key_policy_that_names_the_user_is_enough),
		cmocka_unit_test(test_an_alias_needs_permission_as_its_key_does),
		cmocka_unit_test(test_a_key_made_with_tags_needs_permission_to_tag),
		cmocka_unit_test(test_tags_and_aliases_of_the_key_decide),
		cmocka_unit_test(
			test_that_a_ciphertext_is_another_keys_is_told_with_permission_alone),
		cmocka_unit_test(test_a_rotten_policy_lets_nobody_in_until_it_is_reset),
		cmocka_unit_test(test_another_accounts_keys_cannot_be_told_from_none),
		cmocka_unit_test(test_nor_by_a_caller_whose_own_policy_is_malformed),
		cmocka_unit_test(test_nor_by_alias_or_ciphertext),
		cmocka_unit_test(test_a_bare_id_is_one_of_the_callers_account),
		cmocka_unit_test(test_a_shared_key_serves_whom_both_accounts_let),
		cmocka_unit_test(test_what_stays_in_the_account),
		cmocka_unit_test(test_each_account_has_its_own_aliases),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
