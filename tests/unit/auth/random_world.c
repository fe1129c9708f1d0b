/* SPDX-License-Identifier: Apache-2.0 */
#include "random_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define ACCOUNT "111122223333"
#define OTHER "444455556666"
#define KEY "arn:aws:kms:us-east-1:" ACCOUNT ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
#define KEY_TOO "arn:aws:kms:us-east-1:" ACCOUNT ":key/0987dcba-09fe-87dc-65ba-ab0987654321"
#define LOGS "logs.us-east-1.amazonaws.com"
#define RDS "rds.us-east-1.amazonaws.com"
#define DOCUMENT_MAX (WORLD_STATEMENTS_MAX * (WORLD_STATEMENT_TEXT + 1) + 64)

/* Marsaglia, "Xorshift RNGs"; the multiplication is of xorshift64*. */
uint32_t random_below(uint64_t *seed, uint32_t bound)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * UINT64_C(2685821657736338717)) >> 33) % bound;
}

bool random_chance(uint64_t *seed, uint32_t percent)
{
	return random_below(seed, 100) < percent;
}

#define PICK(seed, array) ((array)[random_below((seed), ARRAY_LEN(array))])

const struct auth_principal world_carol = {.type = AUTH_USER,
					   .account = OTHER,
					   .arn = "arn:aws:iam::" OTHER ":user/carol",
					   .id = "AIDACAROLEXAMPLE00001"};
static const struct auth_principal people[] = {
	{.type = AUTH_USER,
	 .account = ACCOUNT,
	 .arn = "arn:aws:iam::" ACCOUNT ":user/alice",
	 .id = "AIDAALICEEXAMPLE00001"},
	{.type = AUTH_USER,
	 .account = ACCOUNT,
	 .arn = "arn:aws:iam::" ACCOUNT ":user/bob",
	 .id = "AIDABOBEXAMPLE0000001"},
	{.type = AUTH_ROLE_SESSION,
	 .account = ACCOUNT,
	 .arn = "arn:aws:sts::" ACCOUNT ":assumed-role/Deploy/ci",
	 .id = "AROADEPLOYEXAMPLE0001",
	 .role_arn = "arn:aws:iam::" ACCOUNT ":role/Deploy"},
	{.type = AUTH_ROOT,
	 .account = ACCOUNT,
	 .arn = "arn:aws:iam::" ACCOUNT ":root",
	 .id = ACCOUNT},
	{.type = AUTH_SERVICE, .account = ACCOUNT, .arn = LOGS, .id = "AIDALOGSEXAMPLE000001"},
};

static const char *const principals[] = {
	"\"*\"",
	"{\"AWS\":\"arn:aws:iam::" ACCOUNT ":root\"}",
	"{\"AWS\":\"arn:aws:iam::" ACCOUNT ":root\"}",
	"{\"AWS\":[\"" ACCOUNT "\",\"" OTHER "\"]}",
	"{\"AWS\":\"arn:aws:iam::" ACCOUNT ":user/alice\"}",
	"{\"AWS\":[\"arn:aws:iam::" ACCOUNT ":user/bob\",\"arn:aws:iam::" OTHER ":user/carol\"]}",
	"{\"AWS\":\"arn:aws:iam::" ACCOUNT ":role/Deploy\"}",
	"{\"AWS\":\"arn:aws:sts::" ACCOUNT ":assumed-role/Deploy/ci\"}",
	"{\"Service\":[\"" LOGS "\",\"" RDS "\"]}",
};
static const char *const actions[] = {"\"*\"",
				      "\"kms:*\"",
				      "\"kms:Encrypt\"",
				      "\"kms:De*\"",
				      "[\"kms:CreateGrant\",\"kms:Encrypt\"]",
				      "\"kms:DescribeKey\""};
static const char *const resources[] = {"\"*\"", "\"" KEY "\"", "\"" KEY_TOO "\"",
					"\"arn:aws:kms:*:" ACCOUNT ":key/*\""};
static const char *const conditions[] = {
	"{\"Bool\":{\"aws:SecureTransport\":\"true\"}}",
	"{\"BoolIfExists\":{\"aws:SecureTransport\":\"false\"}}",
	"{\"StringEquals\":{\"kms:ViaService\":\"" RDS "\"}}",
	"{\"StringNotEquals\":{\"kms:ViaService\":\"" RDS "\"}}",
	"{\"StringLike\":{\"kms:ViaService\":\"*.us-east-1.*\"}}",
	"{\"Null\":{\"kms:ViaService\":\"true\"}}",
	"{\"StringEquals\":{\"kms:EncryptionContext:db\":\"1\"}}",
	"{\"StringNotEquals\":{\"kms:EncryptionContext:db\":\"1\"}}",
	"{\"StringEquals\":{\"kms:EncryptionContext:db\":\"1\",\"kms:ViaService\":\"" RDS "\"}}",
};

/* What is asked for, with the bit that a grant has for it. */
static const struct {
	const char *action;
	uint32_t operation;
	bool takes_context;
} asked[] = {{"kms:Encrypt", 1, true},
	     {"kms:Decrypt", 2, true},
	     {"kms:CreateGrant", 4, false},
	     {"kms:DescribeKey", 8, false},
	     {"kms:PutKeyPolicy", 0, false}};
#define OPERATIONS 4

static void write_statement(uint64_t *seed, enum world_policy kind, struct world_statement *out)
{
	bool turned = random_chance(seed, 8);
	const char *action = PICK(seed, actions);
	const char *resource = PICK(seed, resources);
	char who[WORLD_STATEMENT_TEXT / 2] = "";
	char when[WORLD_STATEMENT_TEXT / 4] = "";
	if (kind == WORLD_KEY)
		(void)snprintf(who, sizeof who, "\"%sPrincipal\":%s,",
			       out->deny && random_chance(seed, 20) ? "Not" : "",
			       PICK(seed, principals));
	if (random_chance(seed, 35))
		(void)snprintf(when, sizeof when, ",\"Condition\":%s", PICK(seed, conditions));
	(void)snprintf(out->text, sizeof out->text,
		       "{\"Effect\":\"%s\",%s\"%sAction\":%s,\"Resource\":%s%s}",
		       out->deny ? "Deny" : "Allow", who, turned ? "Not" : "", action, resource,
		       when);
}

struct world_statement world_statement_make(uint64_t *seed, enum world_policy kind, bool deny)
{
	struct world_statement statement = {.deny = deny};
	write_statement(seed, kind, &statement);
	return statement;
}

struct world_statement world_statement_inert(enum world_policy kind)
{
	struct world_statement statement = {.deny = false};
	(void)snprintf(statement.text, sizeof statement.text,
		       "{\"Effect\":\"Allow\",%s\"Action\":\"none:None\",\"Resource\":\"*\"}",
		       kind == WORLD_KEY ? "\"Principal\":\"*\"," : "");
	return statement;
}

static void draft_make(uint64_t *seed, enum world_policy kind, struct world_draft *out)
{
	static const uint32_t presence[WORLD_POLICIES] = {[WORLD_KEY] = 95,
							  [WORLD_IDENTITY] = 80,
							  [WORLD_IDENTITY_TOO] = 40,
							  [WORLD_BOUNDARY] = 25,
							  [WORLD_SESSION] = 25};
	out->present = random_chance(seed, presence[kind]);
	out->count = 1 + random_below(seed, 4);
	for (size_t i = 0; i < out->count; i++)
		out->statements[i] = world_statement_make(seed, kind, random_chance(seed, 15));
}

/* In ascending order of names. */
void world_pairs_make(uint64_t *seed, struct world_pairs *out)
{
	static const struct view names[] = {VIEW_LITERAL("app"), VIEW_LITERAL("db"),
					    VIEW_LITERAL("zone")};
	static const struct view values[] = {VIEW_LITERAL("1"), VIEW_LITERAL("2")};
	out->count = 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (random_chance(seed, 50))
			out->pairs[out->count++] = (struct auth_pair){names[i], PICK(seed, values)};
	}
}

struct auth_grant world_grant_make(uint64_t *seed, struct world_pairs *constraint)
{
	struct auth_grant grant = {
		.id = VIEW_LITERAL("grant"),
		.operations = random_below(seed, 1 << OPERATIONS),
		.constraint = (enum auth_grant_constraint)random_below(seed, 3),
		.to_account = random_chance(seed, 20),
	};
	grant.to_role = !grant.to_account && random_chance(seed, 20);
	world_pairs_make(seed, constraint);
	return grant;
}

void world_make(uint64_t *seed, struct world *out)
{
	static const char *const keys[] = {KEY, KEY_TOO};
	static const char *const services[] = {RDS, LOGS, NULL};
	size_t what = random_below(seed, ARRAY_LEN(asked));
	*out = (struct world){
		.principal = random_chance(seed, 20) ? &world_carol : &PICK(seed, people),
		.action = asked[what].action,
		.resource = PICK(seed, keys),
		.via = PICK(seed, services),
		.tls = random_chance(seed, 50),
		.operation = asked[what].operation,
		.takes_context = asked[what].takes_context,
		.grant_count = random_below(seed, WORLD_GRANTS_MAX),
	};
	world_pairs_make(seed, &out->context);
	for (int kind = 0; kind < WORLD_POLICIES; kind++)
		draft_make(seed, (enum world_policy)kind, &out->policies[kind]);
	for (size_t i = 0; i < out->grant_count; i++)
		out->grants[i] = world_grant_make(seed, &out->constraints[i]);
}

/* ------------------------------------------------------------------ deciding */

struct compiled {
	struct auth_policy *policies[WORLD_POLICIES];
};

static void compiled_cleanup(struct compiled *compiled)
{
	for (size_t i = 0; i < WORLD_POLICIES; i++)
		auth_policy_free(&compiled->policies[i]);
}

static void compile(const struct world_draft *draft, enum world_policy kind,
		    struct auth_policy **out)
{
	char document[DOCUMENT_MAX];
	char message[AUTH_POLICY_MESSAGE_MAX];
	size_t len = (size_t)snprintf(document, sizeof document,
				      "{\"Version\":\"2012-10-17\","
				      "\"Statement\":[");
	for (size_t i = 0; i < draft->count; i++)
		len += (size_t)snprintf(document + len, sizeof document - len, "%s%s",
					i > 0 ? "," : "", draft->statements[i].text);
	len += (size_t)snprintf(document + len, sizeof document - len, "]}");
	if (err_failed(
		    auth_policy_compile(kind == WORLD_KEY ? AUTH_POLICY_KEY : AUTH_POLICY_IDENTITY,
					view_of(document, len), out, message)))
		fail_msg("%s: %s", message, document);
}

static void put_context(const struct world *world, const struct view *via, struct auth_context *out)
{
	auth_context_put_number(out, AUTH_AWS_SECURE_TRANSPORT, world->tls);
	if (world->via != NULL)
		auth_context_put_text(out, AUTH_KMS_VIA_SERVICE, via);
	out->families[AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT] =
		(struct auth_pairs){world->context.pairs, world->context.count};
}

static size_t put_policies(const struct compiled *compiled, struct auth_named_policy out[2])
{
	size_t count = 0;
	for (int kind = WORLD_IDENTITY; kind <= WORLD_IDENTITY_TOO; kind++) {
		if (compiled->policies[kind] != NULL)
			out[count++] =
				(struct auth_named_policy){"identity", compiled->policies[kind]};
	}
	return count;
}

static void put_grants(const struct world *world, struct auth_grant *out)
{
	for (size_t i = 0; i < world->grant_count; i++) {
		out[i] = world->grants[i];
		out[i].pairs = (struct auth_pairs){world->constraints[i].pairs,
						   world->constraints[i].count};
	}
}

static struct auth_verdict ask(struct auth_request *request)
{
	struct auth_verdict verdict;
	auth_decide(request, &verdict);
	if (verdict.outcome == AUTH_ASK_GRANTS) {
		request->grants_known = true;
		auth_decide(request, &verdict);
	}
	assert_int_not_equal(verdict.outcome, AUTH_ASK_GRANTS);
	assert_int_equal(verdict.allowed, verdict.outcome == AUTH_ALLOWED);
	return verdict;
}

struct auth_verdict world_decide(const struct world *world)
{
	CLEANUP(compiled_cleanup) struct compiled compiled = {.policies = {NULL}};
	struct auth_named_policy policies[2];
	struct auth_grant grants[WORLD_GRANTS_MAX];
	struct auth_context context = {.values = {{.count = 0}}};
	const struct view via = view_of_text(world->via);
	for (int kind = 0; kind < WORLD_POLICIES; kind++) {
		if (world->policies[kind].present)
			compile(&world->policies[kind], (enum world_policy)kind,
				&compiled.policies[kind]);
	}
	put_context(world, &via, &context);
	put_grants(world, grants);
	const struct auth_subject subject = {
		.principal = world->principal,
		.policies = policies,
		.policy_count = put_policies(&compiled, policies),
		.boundary = {"boundary", compiled.policies[WORLD_BOUNDARY]},
		.session = {"session", compiled.policies[WORLD_SESSION]},
	};
	struct auth_request request = {
		.subject = &subject,
		.action = view_of_text(world->action),
		.resource = view_of_text(world->resource),
		.resource_account = VIEW_LITERAL(ACCOUNT),
		.key_policy = compiled.policies[WORLD_KEY],
		.context = &context,
		.grants = grants,
		.grant_count = world->grant_count,
		.grant_operation = world->operation,
		.takes_context = world->takes_context,
	};
	return ask(&request);
}
