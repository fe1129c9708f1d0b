/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a decision is told: the reason and the deciding statement for the record, and AWS's words
 * for the client who was denied (IAM User Guide, "Troubleshoot access denied error messages").
 *
 * Everything is cut to its room, and both texts end with a NUL: a name of absurd length costs
 * words, never the verdict.
 */
#include "auth/authorize_local.h"

#include "base/writer.h"

#define RESOURCE_SHOWN_MAX 384 /* bytes; the longest is the ARN of an alias */
#define NAME_SHOWN_MAX 264     /* of a policy: "user/", two names and a stroke */
#define SID_SHOWN_MAX 48
#define NUMBER_DIGITS_MAX 20

static const char *const reasons[] = {
	[AUTH_BY_NOTHING] = "nothing",
	[AUTH_BY_OPERATOR] = "operator",
	[AUTH_BY_ROOT] = "root",
	[AUTH_BY_KEY_POLICY] = "key-policy",
	[AUTH_BY_IDENTITY_POLICY] = "identity-policy",
	[AUTH_BY_GRANT] = "grant",
	[AUTH_BY_BOUNDARY] = "boundary",
	[AUTH_BY_SESSION_POLICY] = "session-policy",
};

const char *auth_reason_name(enum auth_reason reason)
{
	return (size_t)reason < ARRAY_LEN(reasons) ? reasons[reason] : "";
}

/* At most `max` bytes, not cut within a character of UTF-8. */
static struct view cut(struct view text, size_t max)
{
	if (text.len <= max)
		return text;
	size_t len = max;
	while (len > 0 && (text.ptr[len] & 0xC0) == 0x80)
		len--;
	return view_part(text, 0, len);
}

/* Decisions are made for every request, and printf would be most of their cost. */
static void put_number(struct writer *w, size_t number)
{
	char digits[NUMBER_DIGITS_MAX];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	writer_bytes(w, view_of(&digits[at], sizeof digits - at));
}

static void put_statement(struct writer *w, const struct auth_statement *statement)
{
	if (statement->number == 0)
		return;
	writer_text(w, ":");
	put_number(w, statement->number);
	if (statement->sid.len == 0)
		return;
	writer_text(w, " (");
	writer_bytes(w, cut(statement->sid, SID_SHOWN_MAX));
	writer_text(w, ")");
}

static void put_voice(struct writer *w, const struct auth_voice *voice)
{
	writer_bytes(w, cut(view_of_text(voice->policy), NAME_SHOWN_MAX));
	put_statement(w, &voice->statement);
}

/* The last byte of a zeroed text is left alone: it ends with a NUL. */
static void begin(struct writer *w, struct auth_verdict *out)
{
	writer_init(w, out->decided_by, sizeof out->decided_by - 1);
}

static void put_resource_side(struct writer *w, const struct auth_evaluation *e)
{
	if (e->way.grant != NULL) {
		writer_text(w, "grant:");
		writer_bytes(w, cut(e->way.grant->id, NAME_SHOWN_MAX));
		return;
	}
	put_voice(w, &(struct auth_voice){true, auth_policy_name(e->request),
					  e->key.allow[e->way.naming]});
}

static enum auth_reason reason_of(const struct auth_evaluation *e)
{
	if (e->way.grant != NULL)
		return AUTH_BY_GRANT;
	if (e->way.naming > AUTH_NAMED_ACCOUNT)
		return AUTH_BY_KEY_POLICY;
	return e->is_root ? AUTH_BY_ROOT : AUTH_BY_IDENTITY_POLICY;
}

void auth_verdict_allow_operator(struct auth_verdict *out)
{
	struct writer w;
	begin(&w, out);
	out->reason = AUTH_BY_OPERATOR;
	writer_text(&w, "operator");
}

void auth_verdict_allow(const struct auth_evaluation *e, struct auth_verdict *out)
{
	bool by_resource = e->request->key_policy != NULL;
	struct writer w;
	begin(&w, out);
	out->reason = reason_of(e);
	if (by_resource)
		put_resource_side(&w, e);
	if (by_resource && e->way.needs_identity)
		writer_text(&w, " + ");
	if (e->way.needs_identity)
		put_voice(&w, &e->identity);
}

/* One line per kind of denial: the words for the client, and whether they name the action again. */
enum words {
	NO_RESOURCE,
	NO_IDENTITY,
	NO_BOUNDARY,
	NO_SESSION,
	DENIED_BY_RESOURCE,
	DENIED_BY_IDENTITY,
	DENIED_BY_BOUNDARY,
	DENIED_BY_SESSION,
	UNSEEN
};
static const struct {
	const char *text;
	bool names_action;
} wordings[] = {
	[NO_RESOURCE] = {"because no resource-based policy allows the ", true},
	[NO_IDENTITY] = {"because no identity-based policy allows the ", true},
	[NO_BOUNDARY] = {"because no permissions boundary allows the ", true},
	[NO_SESSION] = {"because no session policy allows the ", true},
	[DENIED_BY_RESOURCE] = {"with an explicit deny in a resource-based policy", false},
	[DENIED_BY_IDENTITY] = {"with an explicit deny in an identity-based policy", false},
	[DENIED_BY_BOUNDARY] = {"with an explicit deny in a permissions boundary", false},
	[DENIED_BY_SESSION] = {"with an explicit deny in a session policy", false},
	[UNSEEN] = {"because the resource does not exist in this Region, no resource-based "
		    "policies allow access, or a resource-based policy explicitly denies access",
		    false},
};

struct denial {
	const struct auth_principal *principal;
	struct view action;
	struct view resource;
	enum words words;
};

/* CloudTrail, recorded: LookupEvents is on no resource. KMS names "*" then. */
static bool names_resource(const struct denial *denial)
{
	return !view_starts_with(denial->action, VIEW_LITERAL("cloudtrail:"));
}

static void put_message(const struct denial *denial, struct auth_verdict *out)
{
	struct writer w;
	writer_init(&w, out->message, sizeof out->message - 1);
	writer_text(&w, "User: ");
	writer_text(&w, denial->principal->arn);
	writer_text(&w, " is not authorized to perform: ");
	writer_bytes(&w, denial->action);
	if (names_resource(denial)) {
		writer_text(&w, " on resource: ");
		writer_bytes(&w, cut(denial->resource, RESOURCE_SHOWN_MAX));
	}
	writer_text(&w, " ");
	writer_text(&w, wordings[denial->words].text);
	if (wordings[denial->words].names_action) {
		writer_bytes(&w, denial->action);
		writer_text(&w, " action");
	}
	if (!err_failed(writer_end(&w)))
		return;
	/* An action of absurd length: the denial stands, with fewer words. */
	writer_init(&w, out->message, sizeof out->message - 1);
	writer_text(&w, "User is not authorized to perform this action");
	writer_u8(&w, 0);
}

/* By kind of policy (enum auth_reason). */
static const struct {
	const char *label; /* before the policy's name in decided_by */
	uint8_t words;     /* enum words */
} deniers[] = {
	[AUTH_BY_KEY_POLICY] = {"deny ", DENIED_BY_RESOURCE},
	[AUTH_BY_IDENTITY_POLICY] = {"deny ", DENIED_BY_IDENTITY},
	[AUTH_BY_BOUNDARY] = {"deny boundary ", DENIED_BY_BOUNDARY},
	[AUTH_BY_SESSION_POLICY] = {"deny session ", DENIED_BY_SESSION},
};

static enum words deny_explicitly(const struct auth_evaluation *e, struct auth_verdict *out)
{
	struct writer w;
	begin(&w, out);
	out->explicit_deny = true;
	out->reason = e->deny_of;
	writer_text(&w, deniers[e->deny_of].label);
	put_voice(&w, &e->deny);
	return (enum words)deniers[e->deny_of].words;
}

/* By what the nearest way in lacked (enum auth_lack). */
static const struct {
	const char *cause;
	uint8_t reason; /* enum auth_reason */
	uint8_t words;  /* enum words */
} absences[] = {
	[AUTH_LACKS_RESOURCE] = {"neither key policy nor grant lets the caller in", AUTH_BY_NOTHING,
				 NO_RESOURCE},
	[AUTH_LACKS_IDENTITY] = {"no identity policy allows it", AUTH_BY_NOTHING, NO_IDENTITY},
	[AUTH_LACKS_BOUNDARY] = {"not allowed by boundary ", AUTH_BY_BOUNDARY, NO_BOUNDARY},
	[AUTH_LACKS_SESSION] = {"not allowed by session ", AUTH_BY_SESSION_POLICY, NO_SESSION},
};

/* Whatever the answers so far say: the others might have been a Deny. */
static enum words deny_costly(struct auth_verdict *out)
{
	struct writer w;
	begin(&w, out);
	out->reason = AUTH_BY_NOTHING;
	writer_text(&w, "default-deny: to evaluate the policies costs more than a decision may");
	return NO_RESOURCE;
}

static enum words deny_implicitly(const struct auth_evaluation *e, struct auth_verdict *out)
{
	const struct auth_subject *subject = e->request->subject;
	enum auth_lack lack = e->way.lack;
	const char *limit = "";
	struct writer w;
	if (lack == AUTH_LACKS_BOUNDARY)
		limit = subject->boundary.name;
	else if (lack == AUTH_LACKS_SESSION)
		limit = subject->session.name;
	begin(&w, out);
	out->reason = (enum auth_reason)absences[lack].reason;
	writer_text(&w, "default-deny: ");
	writer_text(&w, absences[lack].cause);
	writer_bytes(&w, cut(view_of_text(limit), NAME_SHOWN_MAX));
	return (enum words)absences[lack].words;
}

void auth_verdict_deny(const struct auth_evaluation *e, struct auth_verdict *out)
{
	struct denial denial = {.principal = e->principal,
				.action = e->request->action,
				.resource = e->request->resource};
	if (e->too_costly)
		denial.words = deny_costly(out);
	else
		denial.words = e->deny.speaks ? deny_explicitly(e, out) : deny_implicitly(e, out);
	/* Whom the resource's side does not let in learns nothing of it, whatever else denies. */
	out->unseen = !e->own_account &&
		      (e->way.lack == AUTH_LACKS_RESOURCE || e->key.denied || e->too_costly);
	if (out->unseen)
		denial.words = UNSEEN;
	put_message(&denial, out);
}

void auth_deny_unseen(const struct auth_principal *principal, struct view action,
		      struct view resource, struct auth_verdict *out)
{
	const struct denial denial = {principal, action, resource, UNSEEN};
	struct writer w;
	*out = (struct auth_verdict){.outcome = AUTH_DENIED, .unseen = true};
	begin(&w, out);
	writer_text(&w, "default-deny: not there, or another account's");
	put_message(&denial, out);
}
