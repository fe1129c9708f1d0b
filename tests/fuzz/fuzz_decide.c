/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request and its policies, line by line: three digits that choose who asks for what, the key
 * policy, an identity policy, a boundary, a condition, and "name=value" for the context. Whatever
 * they say, the decision stands, can be told, and a Deny or a limit more never widens it.
 */
#include "auth/authorize.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/writer.h"
#include "codec/json.h"
#include "target.h"

#define CONTEXT_LINES_MAX 16
#define DOCUMENT_MAX ((size_t)8 << 10)
#define ACCOUNT "111122223333"
#define OTHER "444455556666"
#define KEY "arn:aws:kms:us-east-1:" ACCOUNT ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
#define OTHER_KEY "arn:aws:kms:us-east-1:" OTHER ":key/1234abcd-12ab-34cd-56ef-1234567890ab"

static const struct auth_principal principals[] = {
	{.type = AUTH_USER,
	 .account = ACCOUNT,
	 .arn = "arn:aws:iam::" ACCOUNT ":user/alice",
	 .id = "AIDAABCDEFGHIJKLMNOPQ"},
	{.type = AUTH_ROLE_SESSION,
	 .account = ACCOUNT,
	 .arn = "arn:aws:sts::" ACCOUNT ":assumed-role/Writer/job",
	 .id = "AROAABCDEFGHIJKLMNOPQ",
	 .role_arn = "arn:aws:iam::" ACCOUNT ":role/Writer"},
	{.type = AUTH_SERVICE, .account = ACCOUNT, .arn = "logs.us-east-1.amazonaws.com"},
	{.type = AUTH_ROOT, .account = ACCOUNT, .arn = "arn:aws:iam::" ACCOUNT ":root"},
	{.type = AUTH_USER, .account = ACCOUNT, .arn = "arn:aws:iam::" ACCOUNT ":user/admin"},
};
static const struct {
	struct view action;
	uint32_t operation;
} actions[] = {{VIEW_LITERAL("kms:Encrypt"), 1},
	       {VIEW_LITERAL("kms:PutKeyPolicy"), 0},
	       {VIEW_LITERAL("sts:AssumeRole"), 0}};
static const struct view resources[] = {VIEW_LITERAL(KEY), VIEW_LITERAL("*"),
					VIEW_LITERAL(OTHER_KEY)};
static const struct view accounts[] = {VIEW_LITERAL(ACCOUNT), VIEW_LITERAL(ACCOUNT),
				       VIEW_LITERAL(OTHER)};

struct scene {
	struct auth_policy *key, *identity, *boundary;
	struct auth_policy *deny, *limit; /* of everything, on the condition */
	struct view texts[CONTEXT_LINES_MAX];
	size_t text_count;
	struct auth_pair pairs[CONTEXT_LINES_MAX];
	struct auth_context context;
	struct auth_named_policy policies[2];
	struct auth_grant grant;
	struct auth_subject subject;
	struct auth_request request;
};

static void scene_cleanup(struct scene *scene)
{
	auth_policy_free(&scene->key);
	auth_policy_free(&scene->identity);
	auth_policy_free(&scene->boundary);
	auth_policy_free(&scene->deny);
	auth_policy_free(&scene->limit);
}

static struct auth_policy *compile(enum auth_policy_kind kind, struct view document)
{
	char message[AUTH_POLICY_MESSAGE_MAX];
	struct auth_policy *policy = NULL;
	if (document.len == 0 || err_failed(auth_policy_compile(kind, document, &policy, message)))
		return NULL;
	return policy;
}

static struct auth_policy *compile_effect(const char *effect, struct view condition)
{
	static uint8_t text[DOCUMENT_MAX];
	struct writer w;
	writer_init(&w, text, sizeof text);
	writer_text(&w, "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"");
	writer_text(&w, effect);
	writer_text(&w, "\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":");
	writer_bytes(&w, condition);
	writer_text(&w, "}}");
	return err_failed(writer_end(&w)) ? NULL
					  : compile(AUTH_POLICY_IDENTITY, view_of(text, w.len));
}

static void put_value(struct scene *scene, enum auth_condition_key key, struct view value)
{
	enum auth_condition_type type = auth_condition_type_of(key);
	int64_t number = 0;
	bool text = type == AUTH_TYPE_TEXT || type == AUTH_TYPE_ARN || type == AUTH_TYPE_IP;
	if (text) {
		scene->texts[scene->text_count] = value;
		auth_context_put_text(&scene->context, key, &scene->texts[scene->text_count++]);
		return;
	}
	if (err_failed(
		    text_parse_integer(value, 0, type == AUTH_TYPE_BOOL ? 1 : INT64_MAX, &number)))
		return;
	auth_context_put_number(&scene->context, key, number);
}

/* Pairs of the encryption context come in the order that the service hands them over in. */
static void put_pair(struct scene *scene, struct view name, struct view value)
{
	struct auth_pairs *pairs = &scene->context.families[AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT];
	if (pairs->count > 0 && view_compare(scene->pairs[pairs->count - 1].name, name) >= 0)
		return;
	scene->pairs[pairs->count++] = (struct auth_pair){name, value};
	pairs->pairs = scene->pairs;
}

static void put_context(struct scene *scene, struct view rest)
{
	for (size_t i = 0; i < CONTEXT_LINES_MAX && rest.ptr != NULL; i++) {
		enum auth_condition_key key;
		enum auth_condition_family family;
		struct view member;
		struct view value = view_cut(&rest, '\n');
		struct view name = view_cut(&value, '=');
		if (auth_condition_find(name, &key))
			put_value(scene, key, value);
		else if (auth_condition_find_family(name, &family, &member) &&
			 family == AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT)
			put_pair(scene, member, value);
	}
}

static size_t choose(struct view chosen, size_t at, size_t count)
{
	return at < chosen.len ? chosen.ptr[at] % count : 0;
}

static void take_scene(struct view input, struct scene *scene)
{
	struct view chosen = view_cut(&input, '\n');
	size_t action = choose(chosen, 1, ARRAY_LEN(actions));
	size_t resource = choose(chosen, 2, ARRAY_LEN(resources));
	scene->key = compile(AUTH_POLICY_KEY, view_cut(&input, '\n'));
	scene->identity = compile(AUTH_POLICY_IDENTITY, view_cut(&input, '\n'));
	scene->boundary = compile(AUTH_POLICY_IDENTITY, view_cut(&input, '\n'));
	struct view condition = view_cut(&input, '\n');
	scene->deny = compile_effect("Deny", condition);
	scene->limit = compile_effect("Allow", condition);
	put_context(scene, input);
	scene->subject = (struct auth_subject){
		.principal = &principals[choose(chosen, 0, ARRAY_LEN(principals))],
		.policies = scene->policies,
		.boundary = {"boundary", scene->boundary},
	};
	scene->policies[0] = (struct auth_named_policy){"identity", scene->identity};
	scene->subject.policy_count = scene->identity != NULL;
	scene->request = (struct auth_request){
		.subject = &scene->subject,
		.action = actions[action].action,
		.resource = resources[resource],
		.resource_account = accounts[resource],
		.key_policy = resource == 1 ? NULL : scene->key,
		.context = &scene->context,
		.grants = &scene->grant,
		.grant_operation = actions[action].operation,
	};
}

static struct auth_verdict decide(struct scene *scene)
{
	struct auth_verdict verdict;
	auth_decide(&scene->request, &verdict);
	must(verdict.allowed == (verdict.outcome == AUTH_ALLOWED));
	must(verdict.allowed == (verdict.message[0] == '\0'));
	must(!verdict.allowed || !verdict.explicit_deny);
	must(verdict.outcome != AUTH_ASK_GRANTS || !scene->request.grants_known);
	must(text_is_utf8(view_of_text(verdict.message)));
	must(text_is_utf8(view_of_text(verdict.decided_by)) && verdict.decided_by[0] != '\0');
	return verdict;
}

/* Grants are asked for where one could matter, and nowhere else. */
static void check_grants(struct scene *scene, const struct auth_verdict *unasked)
{
	scene->request.grants_known = true;
	must(!decide(scene).allowed || unasked->allowed);
	scene->grant = (struct auth_grant){.id = VIEW_LITERAL("g"), .operations = 1};
	scene->request.grant_count = 1;
	struct auth_verdict granted = decide(scene);
	must(granted.allowed == unasked->allowed || unasked->outcome == AUTH_ASK_GRANTS);
	must(granted.allowed || unasked->outcome != AUTH_ASK_GRANTS);
	scene->request.grants_known = false;
}

static void check_deny(struct scene *scene, const struct auth_verdict *before)
{
	struct auth_answer answer;
	const struct auth_question question = {.principal = scene->subject.principal,
					       .action = scene->request.action,
					       .resource = scene->request.resource,
					       .context = &scene->context};
	if (scene->deny == NULL)
		return;
	auth_policy_ask(scene->deny, &question, &answer);
	scene->policies[scene->subject.policy_count++] =
		(struct auth_named_policy){"deny", scene->deny};
	struct auth_verdict after = decide(scene);
	must(!after.allowed || before->allowed);
	must(!answer.denied || after.explicit_deny ||
	     scene->subject.principal->type == AUTH_SERVICE);
	scene->subject.policy_count--;
}

static void check_limit(struct scene *scene, const struct auth_verdict *before)
{
	if (scene->limit == NULL)
		return;
	scene->subject.session = (struct auth_named_policy){"session", scene->limit};
	must(!decide(scene).allowed || before->allowed);
	scene->subject.session = (struct auth_named_policy){.policy = NULL};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(scene_cleanup) struct scene scene = {.key = NULL};
	take_scene(view_of(data, size), &scene);
	struct auth_verdict before = decide(&scene);
	check_deny(&scene, &before);
	check_limit(&scene, &before);
	check_grants(&scene, &before);
	return 0;
}
