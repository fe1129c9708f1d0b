/* SPDX-License-Identifier: Apache-2.0 */
/* evidence.json: what the running service answers, page by page, with each object judged. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/evidence.h"
#include "cli/evidence_facts.h"
#include "cli/request.h"
#include "codec/timestamp.h"

#define ANSWER_MAX ((size_t)4 << 20)
#define BODY_MAX 2048
#define NAME_MAX_LEN 63
#define LONG_TIMEOUT_MS 600000 /* verifying a store of a million rows */
#define PAGE_TIMEOUT_MS 120000 /* a page asks the token for each version, at leisure */
#define PAGE_ENTRIES 200

struct gather {
	const struct command_context *context;
	const struct audit_keys *older; /* that the audit log was signed with before */
	struct writer w;
	struct json_out out;
	bool on_terminal;
	uint64_t keys, versions, grants, identities;
	/* of the key that is being written */
	enum { OUTSIDE, IN_VERSIONS, IN_GRANTS } place;
	bool imported;
};

/* ---- asking ---- */

struct answer {
	struct buf text;
	struct json *json;
};

static void answer_cleanup(struct answer *answer)
{
	buf_cleanup(&answer->text);
	json_free(&answer->json);
}

static enum exit_status ask(const struct gather *g, const struct request *request,
			    struct answer *answer)
{
	struct request_failure why;
	buf_init(&answer->text, ANSWER_MAX);
	enum exit_status status =
		request_try(g->context, request, &answer->text, &answer->json, &why);
	if (status == EXIT_DONE && answer->json != NULL)
		return EXIT_DONE;
	(void)fprintf(stderr, "%sholdfast: %s: %s%s%s\n", g->on_terminal ? "\n" : "",
		      request->operation, err_failed(why.error) ? err_meaning(why.error) : why.type,
		      why.message[0] != '\0' ? ": " : "", why.message);
	if (err_is(why.error, E_SERVICE_AWAY))
		(void)fputs("  -> evidence is what the running service tells: start it; see: "
			    "holdfast doctor\n",
			    stderr);
	return status == EXIT_DONE ? EXIT_DEFECT : status;
}

static void tell_progress(const struct gather *g)
{
	if (g->on_terminal)
		(void)fprintf(stderr,
			      "\r%llu keys, %llu versions read from the token, %llu grants, %llu "
			      "identities ",
			      (unsigned long long)g->keys, (unsigned long long)g->versions,
			      (unsigned long long)g->grants, (unsigned long long)g->identities);
}

/* ---- copying ---- */

static void copy_member(struct json_out *out, struct view name, const struct json *value)
{
	char text[NAME_MAX_LEN + 1];
	if (err_failed(text_copy(text, sizeof text, name)))
		writer_fail(out->w, ERR(E_FORMAT)); /* no member of ours is so long */
	json_out_value(out, text, value);
}

/* All members but one. */
static void copy_members(struct json_out *out, const struct json *object, const char *without)
{
	struct view name;
	const struct json *value;
	for (size_t at = 0; json_next_member(object, &at, &name, &value);)
		if (without == NULL || !view_equal_text(name, without))
			copy_member(out, name, value);
}

static void put_judgement(struct json_out *out, const struct judge_subject *subject,
			  const struct json *token)
{
	enum judge_verdict verdict = judge_object(subject, token);
	const char *name;
	json_out_text(out, "AsRequired", view_of_text(judge_verdict_name(verdict)));
	if (verdict == JUDGE_YES)
		return;
	json_out_begin_array(out, "NotAsRequired");
	if (judge_key_type(subject, token) != JUDGE_YES)
		json_out_text(out, NULL, VIEW_LITERAL("CKA_KEY_TYPE"));
	for (size_t i = 0; (name = judge_attribute_at(i)) != NULL; i++)
		if (judge_attribute(subject, token, i) != JUDGE_YES)
			json_out_text(out, NULL, view_of_text(name));
	json_out_end_array(out);
}

/* ---- keys ---- */

static void end_key(struct gather *g)
{
	if (g->place == OUTSIDE)
		return;
	if (g->place == IN_VERSIONS) {
		json_out_end_array(&g->out);
		json_out_begin_array(&g->out, "Grants");
	}
	json_out_end_array(&g->out);
	json_out_end_object(&g->out);
	g->place = OUTSIDE;
}

static void add_key(struct gather *g, const struct json *key)
{
	end_key(g);
	g->keys++;
	g->imported = view_equal_text(json_string_of(json_member(key, "Origin")), "EXTERNAL");
	json_out_begin_object(&g->out, NULL);
	copy_members(&g->out, key, NULL);
	json_out_begin_array(&g->out, "Versions");
	g->place = IN_VERSIONS;
}

static void add_version(struct gather *g, const struct json *version)
{
	const struct judge_subject subject = {
		.role = JUDGE_VERSION,
		.suite = json_integer_of(json_member(version, "Suite")),
		.imported = g->imported,
	};
	const struct json *token = json_member(version, "Token");
	g->versions++;
	json_out_begin_object(&g->out, NULL);
	copy_members(&g->out, version, "KeyId");
	if (token != NULL)
		put_judgement(&g->out, &subject, token);
	json_out_end_object(&g->out);
}

static void add_grant(struct gather *g, const struct json *grant)
{
	if (g->place == IN_VERSIONS) {
		json_out_end_array(&g->out);
		json_out_begin_array(&g->out, "Grants");
		g->place = IN_GRANTS;
	}
	g->grants++;
	json_out_begin_object(&g->out, NULL);
	copy_members(&g->out, grant, "KeyId");
	json_out_end_object(&g->out);
}

/* Entries come in order: a key, its versions, its grants, the next key. */
static void add_entry(struct gather *g, const struct json *entry)
{
	if (json_member(entry, "Key") != NULL)
		add_key(g, json_member(entry, "Key"));
	else if (json_member(entry, "Version") != NULL && g->place == IN_VERSIONS)
		add_version(g, json_member(entry, "Version"));
	else if (json_member(entry, "Grant") != NULL && g->place != OUTSIDE)
		add_grant(g, json_member(entry, "Grant"));
	else
		writer_fail(&g->w, ERR(E_FORMAT));
}

/* ---- lists ---- */

struct list {
	const char *operation;
	const char *member;  /* of the answer */
	const char *kind;    /* NULL: none */
	struct view account; /* empty: none */
	uint32_t limit;
	enum exit_status (*add)(struct gather *g, const struct json *element);
};

static struct err write_list_body(const struct list *list, struct view marker, struct writer *w)
{
	struct json_out out;
	json_out_init(&out, w);
	json_out_begin_object(&out, NULL);
	if (list->kind != NULL)
		json_out_text(&out, "Kind", view_of_text(list->kind));
	if (list->account.len > 0)
		json_out_text(&out, "Account", list->account);
	json_out_integer(&out, "Limit", list->limit);
	if (marker.len > 0)
		json_out_text(&out, "Marker", marker);
	json_out_end_object(&out);
	return json_out_end(&out);
}

/* One page; *marker is where the next begins, "" at the end. */
static enum exit_status take_page(struct gather *g, const struct list *list, struct buf *marker)
{
	char body[BODY_MAX];
	struct writer w;
	CLEANUP(answer_cleanup) struct answer answer = {.json = NULL};
	writer_init(&w, body, sizeof body);
	if (err_failed(write_list_body(list, buf_view(marker), &w)))
		return EXIT_DEFECT;
	const struct request request = {.operation = list->operation,
					.body = view_of(body, w.len),
					.timeout_ms = PAGE_TIMEOUT_MS};
	enum exit_status status = ask(g, &request, &answer);
	const struct json *elements = json_member(answer.json, list->member);
	for (size_t i = 0; status == EXIT_DONE && i < json_count(elements); i++)
		status = list->add(g, json_element(elements, i));
	buf_clear(marker);
	struct view next = json_string_of(json_member(answer.json, "NextMarker"));
	if (status == EXIT_DONE && err_failed(buf_append(marker, next)))
		return EXIT_DEFECT;
	tell_progress(g);
	return status;
}

static enum exit_status take_list(struct gather *g, const struct list *list)
{
	CLEANUP(buf_cleanup) struct buf marker;
	enum exit_status status;
	buf_init(&marker, BODY_MAX);
	do {
		status = take_page(g, list, &marker);
	} while (status == EXIT_DONE && marker.len > 0);
	return status;
}

static enum exit_status take_entry(struct gather *g, const struct json *entry)
{
	add_entry(g, entry);
	return EXIT_DONE;
}

static enum exit_status take_keys_of(struct gather *g, const struct json *account)
{
	enum exit_status status = take_list(
		g, &(const struct list){.operation = "ListKeyEvidence",
					.member = "Entries",
					.account = json_string_of(json_member(account, "Account")),
					.limit = PAGE_ENTRIES,
					.add = take_entry});
	end_key(g);
	return status;
}

/* ---- identities ---- */

static struct err write_identity_body(const struct json *summary, struct writer *w)
{
	static const char *const members[] = {"Kind", "Account", "Name"};
	struct json_out out;
	json_out_init(&out, w);
	json_out_begin_object(&out, NULL);
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (json_member(summary, members[i]) != NULL)
			json_out_value(&out, members[i], json_member(summary, members[i]));
	json_out_end_object(&out);
	return json_out_end(&out);
}

static enum exit_status take_identity(struct gather *g, const struct json *summary)
{
	char body[BODY_MAX];
	struct writer w;
	CLEANUP(answer_cleanup) struct answer answer = {.json = NULL};
	writer_init(&w, body, sizeof body);
	if (err_failed(write_identity_body(summary, &w)))
		return EXIT_DEFECT;
	enum exit_status status = ask(
		g,
		&(const struct request){.operation = "GetIdentity", .body = view_of(body, w.len)},
		&answer);
	if (status != EXIT_DONE)
		return status;
	json_out_value(&g->out, NULL, json_member(answer.json, "Identity"));
	g->identities++;
	return EXIT_DONE;
}

static enum exit_status take_identities_of(struct gather *g, const struct json *account)
{
	static const char *const kinds[] = {"user", "group", "role", "policy"};
	enum exit_status status = EXIT_DONE;
	for (size_t i = 0; i < ARRAY_LEN(kinds) && status == EXIT_DONE; i++)
		status = take_list(g, &(const struct list){.operation = "ListIdentities",
							   .member = "Identities",
							   .kind = kinds[i],
							   .account = json_string_of(
								   json_member(account, "Account")),
							   .limit = PAGE_ENTRIES,
							   .add = take_identity});
	return status;
}

static enum exit_status take_all(struct gather *g, const char *kind,
				 enum exit_status (*add)(struct gather *, const struct json *))
{
	return take_list(g, &(const struct list){.operation = "ListIdentities",
						 .member = "Identities",
						 .kind = kind,
						 .limit = PAGE_ENTRIES,
						 .add = add});
}

static enum exit_status take_everybody(struct gather *g)
{
	json_out_begin_array(&g->out, "Identities");
	enum exit_status status = take_all(g, "account", take_identity);
	if (status == EXIT_DONE)
		status = take_all(g, "service", take_identity);
	if (status == EXIT_DONE)
		status = take_all(g, "account", take_identities_of);
	json_out_end_array(&g->out);
	return status;
}

/* ---- the whole ---- */

static void put_time(struct json_out *out, const char *name)
{
	char text[TIMESTAMP_ISO_TEXT];
	timestamp_iso(clock_real_ms(&clock_system), true, text);
	json_out_text(out, name, view_of_text(text));
}

static void put_own_keys(struct gather *g, const struct json *keys)
{
	json_out_begin_array(&g->out, "ServiceKeys");
	for (size_t i = 0; i < json_count(keys); i++) {
		const struct json *key = json_element(keys, i);
		struct judge_subject subject = evidence_subject_of_own(key);
		json_out_begin_object(&g->out, NULL);
		copy_members(&g->out, key, NULL);
		put_judgement(&g->out, &subject, json_member(key, "Token"));
		json_out_end_object(&g->out);
	}
	json_out_end_array(&g->out);
}

static enum exit_status read_point(const struct json *machine, uint8_t point[ECDSA_P256_POINT_LEN])
{
	if (evidence_read_point(machine, point))
		return EXIT_DONE;
	(void)fputs("holdfast: the token does not give the public key that evidence is signed "
		    "with; see: holdfast status\n",
		    stderr);
	return EXIT_AWAY;
}

/* Operations that are told as they answer. The store's verification may refuse: that is told, too.
 */
static const struct part {
	const char *member, *operation;
	uint32_t timeout_ms;
	bool may_refuse;
} parts[] = {
	{"SelfTests", "RunSelfTests", PAGE_TIMEOUT_MS, false},
	{"Status", "Status", 0, false},
	{"Clock", "DescribeClock", 0, false},
	{"Store", "VerifyStore", LONG_TIMEOUT_MS, true},
};

static enum exit_status put_part(struct gather *g, const struct part *part)
{
	CLEANUP(answer_cleanup) struct answer answer = {.json = NULL};
	struct request_failure why;
	const struct request request = {part->operation, VIEW_LITERAL("{}"), part->timeout_ms};
	if (!part->may_refuse) {
		enum exit_status status = ask(g, &request, &answer);
		if (status == EXIT_DONE)
			json_out_value(&g->out, part->member, answer.json);
		return status;
	}
	buf_init(&answer.text, ANSWER_MAX);
	enum exit_status status =
		request_try(g->context, &request, &answer.text, &answer.json, &why);
	if (status == EXIT_DONE) {
		json_out_value(&g->out, part->member, answer.json);
		return EXIT_DONE;
	}
	json_out_begin_object(&g->out, part->member);
	json_out_bool(&g->out, "Looked", false);
	json_out_text(&g->out, "Error",
		      view_of_text(err_failed(why.error) ? err_name(why.error) : why.type));
	json_out_text(&g->out, "Why",
		      view_of_text(why.message[0] != '\0' ? why.message : err_meaning(why.error)));
	json_out_end_object(&g->out);
	return EXIT_DONE;
}

static enum exit_status put_facts(struct gather *g, uint8_t point[ECDSA_P256_POINT_LEN])
{
	CLEANUP(answer_cleanup) struct answer machine = {.json = NULL};
	const struct request request = {"DescribeInstallation", VIEW_LITERAL("{}"),
					PAGE_TIMEOUT_MS};
	enum exit_status status = ask(g, &request, &machine);
	if (status == EXIT_DONE)
		status = read_point(machine.json, point);
	if (status != EXIT_DONE)
		return status;
	json_out_begin_object(&g->out, "System");
	copy_members(&g->out, machine.json, "ServiceKeys");
	json_out_end_object(&g->out);
	put_own_keys(g, json_member(machine.json, "ServiceKeys"));
	for (size_t i = 0; i < ARRAY_LEN(parts) && status == EXIT_DONE; i++)
		status = put_part(g, &parts[i]);
	json_out_begin_array(&g->out, "Keys");
	if (status == EXIT_DONE)
		status = take_all(g, "account", take_keys_of);
	json_out_end_array(&g->out);
	if (status == EXIT_DONE)
		status = take_everybody(g);
	if (status == EXIT_DONE)
		evidence_write_audit(g->context, machine.json, g->older, &g->out);
	return status;
}

/* The facts once more, with what follows from them. */
static struct err conclude(struct view facts, struct buf *json)
{
	CLEANUP(json_free) struct json *document = NULL;
	struct writer w;
	struct json_out out;
	TRY(json_parse_long(facts, EVIDENCE_TOKENS_MAX, &document));
	writer_init_buf(&w, json);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	copy_members(&out, document, NULL);
	evidence_write_conclusions(document, &out);
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	writer_text(&w, "\n");
	return writer_end(&w);
}

enum exit_status evidence_gather(const struct command_context *context,
				 const struct audit_keys *older, struct buf *json,
				 uint8_t point[ECDSA_P256_POINT_LEN])
{
	CLEANUP(buf_cleanup) struct buf facts;
	struct gather g = {
		.context = context, .older = older, .on_terminal = isatty(STDERR_FILENO) == 1};
	buf_init(&facts, EVIDENCE_FILE_MAX);
	writer_init_buf(&g.w, &facts);
	json_out_init(&g.out, &g.w);
	json_out_begin_object(&g.out, NULL);
	json_out_text(&g.out, "Format", VIEW_LITERAL(EVIDENCE_FORMAT));
	json_out_text(&g.out, "MadeWith", VIEW_LITERAL("holdfast " HOLDFAST_VERSION));
	put_time(&g.out, "Begun");
	enum exit_status status = put_facts(&g, point);
	put_time(&g.out, "Ended");
	json_out_end_object(&g.out);
	if (g.on_terminal)
		(void)fputs("\n", stderr);
	if (status != EXIT_DONE)
		return status;
	struct err e = json_out_end(&g.out);
	if (!err_failed(e))
		e = conclude(buf_view(&facts), json);
	if (err_failed(e))
		(void)fprintf(stderr, "holdfast: the evidence cannot be written down: %s\n",
			      err_meaning(e));
	return exit_of(e);
}
