/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision costs: a usual key policy (the default statement and four with conditions) and
 * two identity policies, without grants and with many on the key. Prints figures and asserts
 * nothing but that the answers are right. `authorise [--json]`
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "auth/authorize.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/json.h"
#include "kms/context.h"
#include "service/grants.h"

#define ACCOUNT "111122223333"
#define OTHER "444455556666"
#define REGION "us-east-1"
#define KEY "arn:aws:kms:" REGION ":" ACCOUNT ":key/01000000-0000-0000-0000-000000000000"
#define ROUNDS 20000
#define BATCHES 10 /* the fastest counts: the others were disturbed */
#define NS_PER_S 1000000000

static const char key_policy_text[] =
	"{\"Version\":\"2012-10-17\",\"Id\":\"key-default-1\",\"Statement\":["
	"{\"Sid\":\"Enable IAM User Permissions\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":"
	"\"arn:aws:iam::" ACCOUNT ":root\"},\"Action\":\"kms:*\",\"Resource\":\"*\"},"
	"{\"Sid\":\"Logs\",\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"logs." REGION
	".amazonaws.com\"},\"Action\":[\"kms:Encrypt*\",\"kms:Decrypt*\",\"kms:ReEncrypt*\","
	"\"kms:GenerateDataKey*\",\"kms:Describe*\"],\"Resource\":\"*\",\"Condition\":{\"ArnLike\":"
	"{\"kms:EncryptionContext:aws:logs:arn\":\"arn:aws:logs:" REGION ":" ACCOUNT
	":log-group:app*\"}}},"
	"{\"Sid\":\"Database\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"arn:aws:iam::" ACCOUNT
	":role/Deploy\",\"arn:aws:iam::" ACCOUNT ":user/bob\"]},\"Action\":[\"kms:CreateGrant\","
	"\"kms:DescribeKey\",\"kms:Decrypt\"],\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{"
	"\"kms:ViaService\":\"rds." REGION ".amazonaws.com\",\"kms:CallerAccount\":\"" ACCOUNT
	"\"}}},"
	"{\"Sid\":\"Partner\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::" OTHER
	":root\"},\"Action\":[\"kms:Decrypt\",\"kms:DescribeKey\"],\"Resource\":\"*\","
	"\"Condition\":{"
	"\"StringLike\":{\"kms:EncryptionContext:share\":\"partner-*\"}}},"
	"{\"Sid\":\"OverTls\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"kms:*\","
	"\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"false\"}}}]}";
static const char use_text[] =
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Use\",\"Effect\":\"Allow\","
	"\"Action\":["
	"\"kms:Encrypt\",\"kms:Decrypt\",\"kms:ReEncrypt*\",\"kms:GenerateDataKey*\","
	"\"kms:DescribeKey\"],\"Resource\":\"arn:aws:kms:*:" ACCOUNT ":key/*\"},{\"Sid\":\"Keep\","
	"\"Effect\":\"Deny\",\"Action\":[\"kms:ScheduleKeyDeletion\",\"kms:DisableKey\"],"
	"\"Resource\":\"*\"}]}";
static const char office_text[] =
	"{\"Version\":\"2012-10-17\",\"Statement\":{\"Sid\":\"Office\",\"Effect\":\"Deny\","
	"\"NotAction\":\"iam:*\",\"Resource\":\"*\",\"Condition\":{\"NotIpAddress\":{\"aws:"
	"SourceIp\":"
	"[\"10.0.0.0/8\",\"203.0.113.0/24\",\"2001:db8::/32\"]}}}}";

static const struct auth_principal alice = {.type = AUTH_USER,
					    .account = ACCOUNT,
					    .arn = "arn:aws:iam::" ACCOUNT ":user/alice",
					    .id = "AIDAALICEEXAMPLE00001",
					    .name = "alice"};
static const struct auth_principal carol = {.type = AUTH_USER,
					    .account = OTHER,
					    .arn = "arn:aws:iam::" OTHER ":user/carol",
					    .id = "AIDACAROLEXAMPLE00001",
					    .name = "carol"};
static const struct auth_principal airflow = {.type = AUTH_SERVICE,
					      .account = ACCOUNT,
					      .arn = "airflow." REGION ".amazonaws.com",
					      .id = "AIDAAIRFLOWEXAMPLE001",
					      .name = "airflow." REGION ".amazonaws.com"};
static const struct auth_principal logs = {.type = AUTH_SERVICE,
					   .account = ACCOUNT,
					   .arn = "logs." REGION ".amazonaws.com",
					   .id = "AIDALOGSEXAMPLE000001",
					   .name = "logs." REGION ".amazonaws.com"};

static void must(struct err e)
{
	if (!err_failed(e))
		return;
	(void)fprintf(stderr, "authorise: %s\n", err_name(e));
	exit(EXIT_FAILURE);
}

static struct auth_policy *compile(enum auth_policy_kind kind, const char *document)
{
	char message[AUTH_POLICY_MESSAGE_MAX];
	struct auth_policy *policy = NULL;
	must(auth_policy_compile(kind, view_of_text(document), &policy, message));
	return policy;
}

/* ------------------------------------------------------------------ the figures */

static bool as_json;
static bool first = true;

static void report(const char *what, double ns)
{
	if (as_json)
		(void)printf("%s\"%s\": %.0f", first ? "{" : ", ", what, ns);
	else
		(void)printf("%-64s %8.0f ns\n", what, ns);
	first = false;
}

/* Of this thread's processor time: others on the machine disturb it less. */
static int64_t spent_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Nanoseconds for one call of `once`, of the fastest batch. */
static double measure(void (*once)(void *user), void *user)
{
	double best = 0;
	for (int batch = 0; batch < BATCHES; batch++) {
		int64_t began = spent_ns();
		for (int i = 0; i < ROUNDS; i++)
			once(user);
		double ns = (double)(spent_ns() - began) / ROUNDS;
		if (batch == 0 || ns < best)
			best = ns;
	}
	return best;
}

/* ------------------------------------------------------------------ policies */

static const struct view source_ip = VIEW_LITERAL("203.0.113.7");
static const struct view caller_account = VIEW_LITERAL(ACCOUNT);
static const struct view user_agent = VIEW_LITERAL("Boto3/1.40.1 Python/3.13");
static const struct view user_name = VIEW_LITERAL("alice");
static const struct auth_pair pairs[] = {
	{VIEW_LITERAL("aws:logs:arn"),
	 VIEW_LITERAL("arn:aws:logs:" REGION ":" ACCOUNT ":log-group:app-1")},
	{VIEW_LITERAL("share"), VIEW_LITERAL("partner-7")}};

static void put_context(struct auth_context *out)
{
	auth_context_put_text(out, AUTH_AWS_SOURCE_IP, &source_ip);
	auth_context_put_text(out, AUTH_KMS_CALLER_ACCOUNT, &caller_account);
	auth_context_put_text(out, AUTH_AWS_PRINCIPAL_ACCOUNT, &caller_account);
	auth_context_put_text(out, AUTH_AWS_USER_AGENT, &user_agent);
	auth_context_put_text(out, AUTH_AWS_USER_NAME, &user_name);
	auth_context_put_number(out, AUTH_AWS_SECURE_TRANSPORT, 1);
	auth_context_put_number(out, AUTH_AWS_VIA_AWS_SERVICE, 0);
	out->families[AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT] =
		(struct auth_pairs){pairs, ARRAY_LEN(pairs)};
}

struct bench {
	struct auth_subject subject;
	struct auth_request request;
	struct auth_context context;
	struct auth_verdict verdict;
	struct grants *grants; /* of the key; NULL: none are looked for */
	struct grants_query query;
};

static void decide(void *user)
{
	struct bench *bench = (struct bench *)user;
	auth_decide(&bench->request, &bench->verdict);
}

/* As the service does it. */
static void decide_with_grants(void *user)
{
	CLEANUP(grants_found_cleanup) struct grants_found found = {.count = 0};
	struct bench *bench = (struct bench *)user;
	bench->request.grants_known = false;
	auth_decide(&bench->request, &bench->verdict);
	if (bench->verdict.outcome != AUTH_ASK_GRANTS)
		return;
	must(grants_find(bench->grants, &bench->query, &found));
	bench->request.grants_known = true;
	bench->request.grants = found.grants;
	bench->request.grant_count = found.count;
	auth_decide(&bench->request, &bench->verdict);
}

struct row {
	const char *what;
	const struct auth_principal *principal;
	const char *action;
	bool allowed;
};

static void run_row(struct bench *bench, const struct row *row, void (*once)(void *user))
{
	bench->subject.principal = row->principal;
	bench->query.principal = row->principal;
	bench->request.action = view_of_text(row->action);
	double ns = measure(once, bench);
	if (bench->verdict.allowed != row->allowed) {
		(void)fprintf(stderr, "authorise: %s: %s\n", row->what, bench->verdict.decided_by);
		exit(EXIT_FAILURE);
	}
	report(row->what, ns);
}

static const struct row policy_rows[] = {
	{"delegated to an identity policy", &alice, "kms:Decrypt", true},
	{"a service, by the second statement", &logs, "kms:Encrypt", true},
	{"another account, both sides", &carol, "kms:Decrypt", true},
	{"denied implicitly, with its words", &alice, "kms:PutKeyPolicy", false},
	{"denied explicitly, with its words", &alice, "kms:DisableKey", false},
	{"nothing lets a service in", &airflow, "kms:Decrypt", false},
};

/* ------------------------------------------------------------------ grants */

static const struct kms_scope scope = {"aws", REGION, ACCOUNT};
static const struct kms_key_id key_id = {.bytes = {1}};

struct shelf {
	size_t count;
	bool to_one;      /* all to the service, each in a context of its own; or to anybody */
	struct buf *room; /* canonical contexts */
};

static void make_grant(const struct shelf *shelf, size_t at, struct kms_grant *out)
{
	char value[16];
	struct kms_context_pair pair = {VIEW_LITERAL("aws:rds:db-id"), VIEW_NONE};
	bool wanted = shelf->to_one || at == shelf->count / 2;
	*out = (struct kms_grant){.scope = scope, .key_id = key_id, .created_ms = 1};
	must(text_format(out->id, sizeof out->id, "%064zx", at));
	must(text_format(out->issuer, sizeof out->issuer, "arn:aws:iam::" ACCOUNT ":root"));
	out->operations = KMS_GRANT_DECRYPT | KMS_GRANT_ENCRYPT | KMS_GRANT_DESCRIBE_KEY;
	if (wanted)
		must(text_copy(out->grantee, sizeof out->grantee, view_of_text(airflow.arn)));
	else
		must(text_format(out->grantee, sizeof out->grantee,
				 "arn:aws:iam::" ACCOUNT ":user/user-%zu", at));
	if (!wanted)
		must(text_format(out->grantee_id, sizeof out->grantee_id, "AIDA%017zu", at));
	must(text_format(value, sizeof value, "db-%zu", at));
	pair.value = view_of_text(value);
	buf_clear(shelf->room);
	must(kms_context_encode(&pair, 1, shelf->room));
	out->constraint = KMS_GRANT_CONTEXT_SUBSET;
	out->context = buf_view(shelf->room);
}

static struct err each(void *self, UNUSED const struct kms_scope *of,
		       UNUSED const struct kms_key_id *id,
		       struct err (*tell)(void *user, const struct kms_grant *grant), void *user)
{
	const struct shelf *shelf = (const struct shelf *)self;
	for (size_t i = 0; i < shelf->count; i++) {
		struct kms_grant grant;
		make_grant(shelf, i, &grant);
		TRY(tell(user, &grant));
	}
	return OK;
}

static void run_grants(struct bench *bench, size_t count, bool to_one)
{
	static const struct kms_grants_ops ops = {.each = each};
	CLEANUP(buf_cleanup) struct buf room;
	struct shelf shelf = {.count = count, .to_one = to_one, .room = &room};
	const struct grants_options options = {.store = {.ops = &ops, .self = &shelf}};
	char value[16];
	char what[80];
	buf_init(&room, KMS_CONTEXT_CHARACTERS_MAX);
	must(grants_new(&options, &bench->grants));
	must(text_format(value, sizeof value, "db-%zu", count / 2));
	must(text_format(what, sizeof what, "%zu grants on the key, %s", count,
			 to_one ? "all to the service" : "one to the service"));
	const struct auth_pair pair = {VIEW_LITERAL("aws:rds:db-id"), view_of_text(value)};
	const struct auth_pairs context = {&pair, 1};
	bench->context.families[AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT] = context;
	bench->query.context = &context;
	const struct row row = {what, &airflow, "kms:Decrypt", true};
	run_row(bench, &row, decide_with_grants);
	grants_free(&bench->grants);
}

static void run_all(struct bench *bench)
{
	for (size_t i = 0; i < ARRAY_LEN(policy_rows); i++)
		run_row(bench, &policy_rows[i], decide);
	bench->request.grants_known = false;
	bench->request.grant_operation = KMS_GRANT_DECRYPT;
	bench->request.takes_context = true;
	run_grants(bench, 1, true);
	run_grants(bench, 1000, false);
	run_grants(bench, 1000, true);
	run_grants(bench, KMS_GRANTS_MAX, true);
}

int main(int argc, char **argv)
{
	as_json = argc > 1 && text_equal(argv[1], "--json");
	must(json_start());
	struct auth_policy *key_policy = compile(AUTH_POLICY_KEY, key_policy_text);
	struct auth_policy *use = compile(AUTH_POLICY_IDENTITY, use_text);
	struct auth_policy *office = compile(AUTH_POLICY_IDENTITY, office_text);
	const struct auth_named_policy policies[] = {{"user/alice/Use", use},
						     {"policy/Office", office}};
	struct bench bench = {
		.subject = {.policies = policies, .policy_count = ARRAY_LEN(policies)},
		.request = {.resource = VIEW_LITERAL(KEY),
			    .resource_account = VIEW_LITERAL(ACCOUNT),
			    .key_policy = key_policy,
			    .grants_known = true},
		.query = {.scope = &scope,
			  .key_id = &key_id,
			  .operation = KMS_GRANT_DECRYPT,
			  .takes_context = true,
			  .may_block = true},
	};
	bench.request.subject = &bench.subject;
	bench.request.context = &bench.context;
	put_context(&bench.context);
	run_all(&bench);
	if (as_json)
		(void)printf("}\n");
	auth_policy_free(&office);
	auth_policy_free(&use);
	auth_policy_free(&key_policy);
	return EXIT_SUCCESS;
}
