/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From rows to compiled policies. IAM User Guide, "Policies and permissions": a user has its own
 * policies and those of its groups; inline ones belong to one identity, managed ones are attached
 * by ARN; a permissions boundary is a managed policy. Whatever is named and not there, or cannot be
 * read, might have been a Deny: then the whole snapshot allows nothing.
 */
#include "service/subject_snapshot.h"

#include "auth/managed.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/writer.h"

#define POLICY_NAME_MAX 320 /* "group/", a group, "/", a policy: the longest is about 270 */
#define SESSION_POLICY_NAME "policy" /* behind "session", as verdicts call it */

_Static_assert(POLICY_NAME_MAX > sizeof("aws:policy/") + 2 * AUTH_NAME_MAX,
	       "the longest name fits");

/* One snapshot in the making. */
struct loading {
	const struct subjects_options *options;
	const struct auth_principal *principal;
	struct subject_snapshot *snapshot;
	struct auth_identity identity; /* the principal's */
};

static void loading_cleanup(struct loading *loading)
{
	auth_identity_cleanup(&loading->identity);
	subject_snapshot_free(&loading->snapshot);
}

static void named_policy_cleanup(struct auth_named_policy *named)
{
	struct auth_policy *policy = (struct auth_policy *)(uintptr_t)named->policy;
	mem_free((void *)(uintptr_t)named->name); /* ours, both: compile() */
	auth_policy_free(&policy);
	*named = (struct auth_named_policy){0};
}

static void tags_free(struct subject_snapshot *snapshot)
{
	struct auth_details details = {.tags = snapshot->tags, .tag_count = snapshot->tag_count};
	auth_details_cleanup(&details);
	mem_free(snapshot->pairs);
}

void subject_snapshot_free(struct subject_snapshot **snapshot)
{
	if (*snapshot == NULL)
		return;
	for (size_t i = 0; i < (*snapshot)->policy_count; i++)
		named_policy_cleanup(&(*snapshot)->policies[i]);
	mem_free((*snapshot)->policies);
	named_policy_cleanup(&(*snapshot)->boundary);
	named_policy_cleanup(&(*snapshot)->session);
	tags_free(*snapshot);
	mem_free((*snapshot)->name);
	mem_free(TAKE(*snapshot));
}

/* --- policies --- */

/* What the operator must put right before this identity may do anything. */
static struct err refuse(const struct loading *loading, const char *policy, const char *reason)
{
	struct err e = ERR(E_KMS_MALFORMED_POLICY);
	log_event(LOG_ERROR, "subject.policy_refused", LOG_TEXT("identity", loading->identity.arn),
		  LOG_TEXT("policy", policy), LOG_TEXT("reason", reason),
		  LOG_TEXT("meaning", "nothing is allowed to this identity"), LOG_ERR(e));
	return e;
}

/* *out named_policy_cleanup(). */
static struct err compile(const struct loading *loading, const char *name, const char *document,
			  struct auth_named_policy *out)
{
	char message[AUTH_POLICY_MESSAGE_MAX] = "";
	char *copy = NULL;
	struct auth_policy *policy = NULL;
	if (document == NULL)
		return refuse(loading, name, "it has no document");
	struct err e =
		auth_policy_compile(AUTH_POLICY_IDENTITY, view_of_text(document), &policy, message);
	if (err_is(e, E_KMS_MALFORMED_POLICY))
		return refuse(loading, name, message);
	TRY(e);
	e = text_new(view_of_text(name), &copy);
	if (err_failed(e))
		auth_policy_free(&policy);
	TRY(e);
	*out = (struct auth_named_policy){.name = copy, .policy = policy};
	return OK;
}

static struct err make_room(struct subject_snapshot *snapshot, size_t more)
{
	size_t room = snapshot->policy_count + more;
	struct auth_named_policy *grown = NULL;
	if (room <= snapshot->policy_room)
		return OK;
	TRY(MEM_NEW_ARRAY(room, &grown));
	if (snapshot->policy_count > 0)
		mem_copy(grown, room * sizeof *grown, snapshot->policies,
			 snapshot->policy_count * sizeof *grown);
	mem_free(snapshot->policies);
	snapshot->policies = grown;
	snapshot->policy_room = room;
	return OK;
}

/* There is room. */
static struct err add(struct loading *loading, const char *name, const char *document)
{
	struct subject_snapshot *snapshot = loading->snapshot;
	ENSURE(snapshot->policy_count < snapshot->policy_room);
	TRY(compile(loading, name, document, &snapshot->policies[snapshot->policy_count]));
	snapshot->policy_count++;
	return OK;
}

/* A user and its groups may have the same policy attached: once is enough. */
static bool has(const struct subject_snapshot *snapshot, const char *name)
{
	for (size_t i = 0; i < snapshot->policy_count; i++)
		if (text_equal(snapshot->policies[i].name, name))
			return true;
	return false;
}

/* --- managed policies --- */

struct managed {
	char name[POLICY_NAME_MAX]; /* for reasons */
	struct auth_details details;
	const char *document; /* borrowed from `details`, or built in */
};

static void managed_cleanup(struct managed *managed)
{
	auth_details_cleanup(&managed->details);
}

static struct err read_details(const struct loading *loading, const struct auth_identity *identity,
			       struct auth_details *out)
{
	struct err e = auth_details_parse(view_of_text(identity->document), out);
	if (err_category(e) == ERR_CALLER)
		return refuse(loading, identity->arn, "what is stored of it cannot be read");
	return e;
}

/* An identity that this one names: a group, a policy. In the same account, by whatever name. */
static struct err load_named(const struct loading *loading, enum auth_identity_kind kind,
			     const char *name, struct auth_identity *out)
{
	const struct auth_identities *identities = &loading->options->identities;
	return identities->load(identities->self, kind, view_of_text(loading->identity.account),
				view_of_text(name), out);
}

static struct err find_built_in(const struct loading *loading, const char *arn, const char *name,
				struct managed *out)
{
	char expected[AUTH_ARN_MAX + 1];
	TRY(auth_managed_arn_format(loading->options->partition, name, expected));
	out->document = auth_managed_document(view_of_text(name));
	if (out->document == NULL || !text_equal(arn, expected))
		return refuse(loading, arn, "there is no such built-in policy");
	return text_format(out->name, sizeof out->name, "aws:policy/%s", name);
}

static struct err find_own(const struct loading *loading, const char *arn, const char *name,
			   struct managed *out)
{
	CLEANUP(auth_identity_cleanup) struct auth_identity policy = {0};
	struct err e = load_named(loading, AUTH_KIND_POLICY, name, &policy);
	/* Another account's or partition's: nobody may attach it. */
	if (err_is(e, E_NOT_FOUND) || (!err_failed(e) && !text_equal(policy.arn, arn)))
		return refuse(loading, arn, "there is no such policy in the account");
	TRY(e);
	TRY(read_details(loading, &policy, &out->details));
	out->document = out->details.document;
	return text_format(out->name, sizeof out->name, "policy/%s", name);
}

/* *out managed_cleanup(), however it ends. */
static struct err find_managed(const struct loading *loading, const char *arn, struct managed *out)
{
	struct auth_name name;
	if (err_failed(auth_policy_arn_parse(view_of_text(arn), &name)))
		return refuse(loading, arn, "this is not the ARN of a policy");
	return name.account[0] == '\0' ? find_built_in(loading, arn, name.name, out)
				       : find_own(loading, arn, name.name, out);
}

static struct err add_managed(struct loading *loading, const char *arn)
{
	CLEANUP(managed_cleanup) struct managed managed = {.name = ""};
	TRY(find_managed(loading, arn, &managed));
	return has(loading->snapshot, managed.name) ? OK
						    : add(loading, managed.name, managed.document);
}

static struct err load_boundary(struct loading *loading, const char *arn)
{
	CLEANUP(managed_cleanup) struct managed managed = {.name = ""};
	TRY(find_managed(loading, arn, &managed));
	return compile(loading, managed.name, managed.document, &loading->snapshot->boundary);
}

/* --- identities --- */

/* Inline and attached ones, of the identity or of one of its groups. */
static struct err add_policies(struct loading *loading, const struct auth_identity *holder,
			       const struct auth_details *details)
{
	char name[POLICY_NAME_MAX];
	TRY(make_room(loading->snapshot, details->policy_count + details->attached_count));
	for (size_t i = 0; i < details->policy_count; i++) {
		const struct auth_named_text *policy = &details->policies[i];
		TRY(text_format(name, sizeof name, "%s/%s/%s", auth_kind_name(holder->kind),
				holder->name, policy->name));
		TRY(add(loading, name, policy->text));
	}
	for (size_t i = 0; i < details->attached_count; i++)
		TRY(add_managed(loading, details->attached[i]));
	return OK;
}

static struct err add_group(struct loading *loading, const char *name)
{
	CLEANUP(auth_identity_cleanup) struct auth_identity group = {0};
	CLEANUP(auth_details_cleanup) struct auth_details details = {0};
	struct err e = load_named(loading, AUTH_KIND_GROUP, name, &group);
	if (err_is(e, E_NOT_FOUND))
		return refuse(loading, name, "there is no such group in the account");
	TRY(e);
	TRY(read_details(loading, &group, &details));
	return add_policies(loading, &group, &details);
}

static struct err load_user_or_role(struct loading *loading, const struct auth_details *details)
{
	TRY(add_policies(loading, &loading->identity, details));
	for (size_t i = 0; i < details->group_count; i++)
		TRY(add_group(loading, details->groups[i]));
	return details->boundary != NULL ? load_boundary(loading, details->boundary) : OK;
}

static struct err take_tags(struct subject_snapshot *snapshot, struct auth_details *details)
{
	if (details->tag_count == 0)
		return OK;
	TRY(MEM_NEW_ARRAY(details->tag_count, &snapshot->pairs));
	snapshot->tag_count = details->tag_count;
	snapshot->tags = TAKE(details->tags);
	details->tag_count = 0;
	for (size_t i = 0; i < snapshot->tag_count; i++)
		snapshot->pairs[i] =
			(struct auth_pair){.name = view_of_text(snapshot->tags[i].name),
					   .value = view_of_text(snapshot->tags[i].text)};
	return OK;
}

static struct err load_session(struct loading *loading, struct view session_policy)
{
	CLEANUP(mem_free_at) char *document = NULL;
	if (session_policy.len == 0)
		return OK;
	TRY(text_new(session_policy, &document));
	return compile(loading, SESSION_POLICY_NAME, document, &loading->snapshot->session);
}

static struct err load_policies(struct loading *loading, struct view session_policy)
{
	CLEANUP(auth_details_cleanup) struct auth_details details = {0};
	enum auth_identity_kind kind = loading->identity.kind;
	TRY(read_details(loading, &loading->identity, &details));
	/* Root and services have none, whatever their row says. */
	if (kind == AUTH_KIND_USER || kind == AUTH_KIND_ROLE)
		TRY(load_user_or_role(loading, &details));
	TRY(take_tags(loading->snapshot, &details));
	return load_session(loading, session_policy);
}

/* The identity that the principal is, and not one that merely has its id. */
static struct err load_identity(struct loading *loading)
{
	static const enum auth_identity_kind kinds[] = {
		[AUTH_ROOT] = AUTH_KIND_ACCOUNT,
		[AUTH_USER] = AUTH_KIND_USER,
		[AUTH_ROLE_SESSION] = AUTH_KIND_ROLE,
		[AUTH_SERVICE] = AUTH_KIND_SERVICE,
	};
	const struct auth_principal *principal = loading->principal;
	const struct auth_identities *identities = &loading->options->identities;
	const struct auth_identity *found = &loading->identity;
	ENSURE(principal->type > 0 && principal->type < ARRAY_LEN(kinds));
	struct err e = identities->load_by_id(identities->self, view_of_text(principal->id),
					      &loading->identity);
	REQUIRE(!err_is(e, E_NOT_FOUND), E_AUTH_UNKNOWN_KEY);
	TRY(e);
	REQUIRE(found->kind == kinds[principal->type] &&
			text_equal(found->account, principal->account) &&
			text_equal(found->id, principal->id),
		E_AUTH_UNKNOWN_KEY);
	return OK;
}

NODISCARD struct err subject_snapshot_name(const struct auth_principal *principal,
					   struct view session_policy,
					   uint8_t out[SUBJECT_NAME_MAX], size_t *len)
{
	struct writer w;
	writer_init(&w, out, SUBJECT_NAME_MAX);
	writer_text(&w, principal->id);
	writer_u8(&w, 0);
	writer_bytes(&w, session_policy);
	TRY(writer_end(&w));
	*len = w.len;
	return OK;
}

static struct err take_name(struct loading *loading, struct view session_policy)
{
	uint8_t name[SUBJECT_NAME_MAX];
	size_t len = 0;
	TRY(subject_snapshot_name(loading->principal, session_policy, name, &len));
	TRY(MEM_NEW_ARRAY(len, &loading->snapshot->name));
	mem_copy(loading->snapshot->name, len, name, len);
	loading->snapshot->name_len = len;
	return OK;
}

NODISCARD struct err subject_snapshot_load(const struct subjects_options *options,
					   const struct auth_principal *principal,
					   struct view session_policy,
					   struct subject_snapshot **out)
{
	CLEANUP(loading_cleanup)
	struct loading loading = {.options = options, .principal = principal};
	TRY(MEM_NEW(&loading.snapshot));
	loading.snapshot->failure = OK;
	TRY(take_name(&loading, session_policy));
	TRY(load_identity(&loading));
	struct err e = load_policies(&loading, session_policy);
	if (err_is(e, E_KMS_MALFORMED_POLICY))
		loading.snapshot->failure = e;
	else
		TRY(e);
	*out = TAKE(loading.snapshot);
	return OK;
}
