/* SPDX-License-Identifier: Apache-2.0 */
/* The keys in report.html: when they were rotated, and what each of them is. */
#include "base/text.h"
#include "cli/evidence_facts.h"
#include "cli/evidence_report.h"
#include "cli/html.h"
#include "cli/rotation_plot.h"
#include "codec/timestamp.h"

/* A key's place in the page: its id, which has no character that a fragment may not. */
static void put_anchor(struct writer *w, const struct json *key)
{
	writer_text(w, "key-");
	html_text(w, report_text(key, "KeyId"));
}

static struct view name_of(const struct json *key)
{
	struct view alias = json_string_of(json_element(json_member(key, "Aliases"), 0));
	return alias.len > 0 ? alias : report_text(key, "KeyId");
}

static void put_number(struct writer *w, const char *element, uint64_t number)
{
	writer_format(w, "<%s class=\"number\">%llu</%s>", element, (unsigned long long)number,
		      element);
}

/* ---- the list ---- */

static enum judge_verdict worst_of(const struct json *evidence, const struct json *key)
{
	const struct json *versions = json_member(key, "Versions");
	enum judge_verdict worst = JUDGE_YES;
	for (size_t i = 0; i < json_count(versions); i++) {
		const struct json *version = json_element(versions, i);
		const struct json *token = json_member(version, "Token");
		struct judge_subject subject = evidence_subject_of_version(key, version);
		if (token == NULL)
			continue;
		worst = MAX_OF(worst, judge_object(&subject, token));
		if (json_member(token, "Label") != NULL &&
		    !evidence_label_fits(evidence, key, version))
			worst = JUDGE_NO;
	}
	return worst;
}

static void put_rotation(struct writer *w, const struct json *key)
{
	char room[HTML_NUMBER_TEXT];
	const struct json *settings = json_member(key, "RotationSettings");
	if (!json_bool_of(json_member(settings, "Possible"))) {
		writer_text(w, "not of this kind");
		return;
	}
	if (!json_bool_of(json_member(settings, "Enabled"))) {
		writer_text(w, "off");
		return;
	}
	writer_text(w, "every ");
	html_text(w, html_value(json_member(settings, "PeriodDays"), room));
	writer_text(w, " days, next ");
	html_text(w, view_part(report_text(settings, "Next"), 0, sizeof "2026-11-22" - 1));
}

static void put_list_row(struct writer *w, const struct json *evidence, const struct json *key)
{
	writer_text(w, "<tr><th scope=\"row\"><a href=\"#");
	put_anchor(w, key);
	writer_text(w, "\">");
	html_text(w, name_of(key));
	writer_text(w, "</a></th>");
	html_element(w, "td", "code", report_text(key, "Account"));
	html_element(w, "td", NULL, report_text(key, "State"));
	put_number(w, "td", json_count(json_member(key, "Versions")));
	writer_text(w, "<td>");
	report_verdict_write(w, view_of_text(judge_verdict_name(worst_of(evidence, key))));
	writer_text(w, "</td><td>");
	put_rotation(w, key);
	writer_text(w, "</td>");
	put_number(w, "td", json_count(json_member(key, "Grants")));
	html_element(w, "td", NULL, report_text(json_member(key, "LastUse"), "Operation"));
	writer_text(w, "</tr>\n");
}

static void put_list(struct writer *w, const struct json *evidence, const struct json *keys)
{
	static const struct html_column columns[] = {
		{"Key", 27},     {"Account", 13},      {"State", 9},
		{"Versions", 9}, {"As required", 10},  {"Rotation", 16},
		{"Grants", 7},   {"Last used for", 9}, {NULL, 0}};
	html_table_begin(w, "wide", columns);
	for (size_t i = 0; i < json_count(keys); i++)
		put_list_row(w, evidence, json_element(keys, i));
	html_table_end(w);
}

/* ---- attributes ---- */

static void put_cell(struct writer *w, const struct judge_subject *subject,
		     const struct json *token, size_t index)
{
	const char *name = judge_attribute_at(index);
	const struct json *value = json_member(json_member(token, "Attributes"), name);
	char room[HTML_NUMBER_TEXT];
	static const char *const classes[] = {
		[JUDGE_YES] = "good", [JUDGE_UNKNOWN] = "unsure", [JUDGE_NO] = "bad"};
	enum judge_verdict verdict = judge_attribute(subject, token, index);
	struct view text = html_value(value, room);
	html_element(w, "td", classes[verdict], text.len > 0 ? text : VIEW_LITERAL("\xe2\x80\x93"));
	html_element(w, "td", NULL, view_of_text(judge_required(subject, index) ? "yes" : "no"));
	writer_text(w, "<td>");
	report_verdict_write(w, view_of_text(judge_verdict_name(verdict)));
	writer_text(w, "</td>");
}

void report_attributes_write(struct writer *w, const struct judge_subject *subject,
			     const struct json *token)
{
	static const struct html_column columns[] = {{"Attribute", 40},
						     {"On the token", 20},
						     {"Required", 20},
						     {"As required", 20},
						     {NULL, 0}};
	const char *name;
	html_table_begin(w, "wide attributes", columns);
	for (size_t i = 0; (name = judge_attribute_at(i)) != NULL; i++) {
		writer_format(w, "<tr><th scope=\"row\"><code>%s</code></th>", name);
		put_cell(w, subject, token, i);
		writer_text(w, "</tr>\n");
	}
	html_table_end(w);
}

/* Versions side by side: a row each, a column per attribute. */
static void put_version_head(struct writer *w)
{
	const char *name;
	writer_text(w, "<div class=\"scroll\"><table class=\"matrix\"><thead><tr>"
		       "<th scope=\"col\">No.</th><th scope=\"col\">Created</th>"
		       "<th scope=\"col\">Made by</th><th scope=\"col\">Suite</th>");
	for (size_t i = 0; (name = judge_attribute_at(i)) != NULL; i++)
		writer_format(w, "<th scope=\"col\" class=\"turned\"><span>%s</span></th>",
			      name + sizeof "CKA_" - 1);
	writer_text(w, "<th scope=\"col\">As required</th></tr></thead><tbody>\n");
}

static void put_marks(struct writer *w, const struct judge_subject *subject,
		      const struct json *token)
{
	static const char *const classes[] = {
		[JUDGE_YES] = "good", [JUDGE_UNKNOWN] = "unsure", [JUDGE_NO] = "bad"};
	const char *name;
	for (size_t i = 0; (name = judge_attribute_at(i)) != NULL; i++) {
		const struct json *value = json_member(json_member(token, "Attributes"), name);
		bool known = json_type_of(value) == JSON_TYPE_BOOL;
		const char *text = !known ? "\xe2\x80\x93" : json_bool_of(value) ? "yes" : "no";
		html_element(w, "td", classes[judge_attribute(subject, token, i)],
			     view_of_text(text));
	}
}

/* What stands in place of attributes when there are none to tell. */
static void put_no_marks(struct writer *w, const struct json *version)
{
	size_t columns = 0;
	while (judge_attribute_at(columns) != NULL)
		columns++;
	const struct json *token = json_member(version, "Token");
	writer_format(w, "<td colspan=\"%zu\">", columns);
	if (token != NULL)
		html_text(w, report_text(token, "Reason"));
	else
		html_text(w, report_text(version, "Material"));
	writer_text(w, "</td>");
}

static void put_version(struct writer *w, const struct json *evidence, const struct json *key,
			const struct json *version)
{
	const struct json *token = json_member(version, "Token");
	struct judge_subject subject = evidence_subject_of_version(key, version);
	bool told = json_member(token, "Attributes") != NULL;
	char room[HTML_NUMBER_TEXT];
	writer_text(w, "<tr>");
	html_element(w, "td", "number", html_value(json_member(version, "Number"), room));
	html_element(w, "td", NULL, view_part(report_text(version, "Created"), 0, 10));
	html_element(w, "td", NULL, report_text(version, "MadeBy"));
	html_element(w, "td", "number", html_value(json_member(version, "Suite"), room));
	if (told)
		put_marks(w, &subject, token);
	else
		put_no_marks(w, version);
	writer_text(w, "<td>");
	if (told && !evidence_label_fits(evidence, key, version))
		report_verdict_write(w, VIEW_LITERAL("no: its label names another"));
	else if (token != NULL)
		report_verdict_write(
			w, view_of_text(judge_verdict_name(judge_object(&subject, token))));
	writer_text(w, "</td></tr>\n");
}

/* What the versions below must be: again where the suite changes. */
static void put_required(struct writer *w, const struct judge_subject *subject)
{
	writer_format(w,
		      "<tr class=\"required\"><td colspan=\"3\">required</td><td "
		      "class=\"number\">%lld</td>",
		      (long long)subject->suite);
	for (size_t i = 0; judge_attribute_at(i) != NULL; i++)
		html_element(w, "td", NULL,
			     view_of_text(judge_required(subject, i) ? "yes" : "no"));
	writer_text(w, "<td></td></tr>\n");
}

static void put_version_rows(struct writer *w, const struct json *evidence, const struct json *key)
{
	const struct json *versions = json_member(key, "Versions");
	int64_t suite = -1;
	for (size_t i = 0; i < json_count(versions); i++) {
		const struct json *version = json_element(versions, i);
		struct judge_subject subject = evidence_subject_of_version(key, version);
		if (subject.suite != suite)
			put_required(w, &subject);
		suite = subject.suite;
		put_version(w, evidence, key, version);
	}
}

static void put_versions(struct writer *w, const struct json *evidence, const struct json *key)
{
	const struct json *versions = json_member(key, "Versions");
	const struct json *last = json_element(versions, json_count(versions) - 1);
	if (json_count(versions) == 0)
		return;
	put_version_head(w);
	put_version_rows(w, evidence, key);
	writer_text(w, "</tbody></table></div>\n<p class=\"note\">Read from the token at ");
	html_text(w, report_text(json_member(last, "Token"), "ReadAt"));
	writer_text(w, "; the object of the last version is <code>");
	html_text(w, report_text(json_member(last, "Token"), "Label"));
	writer_text(w, "</code>, CKA_ID <code>");
	html_text(w, report_text(last, "TokenId"));
	writer_text(w, "</code>.</p>\n");
}

/* ---- who may ---- */

static void put_texts(struct writer *w, const struct json *array)
{
	for (size_t i = 0; i < json_count(array); i++) {
		writer_text(w, i > 0 ? ", " : "");
		html_text(w, json_string_of(json_element(array, i)));
	}
}

static void put_constraint(struct writer *w, const struct json *grant, const char *member,
			   const char *word)
{
	struct view name;
	const struct json *value, *pairs = json_member(grant, member);
	if (pairs == NULL)
		return;
	writer_text(w, word);
	for (size_t at = 0; json_next_member(pairs, &at, &name, &value);) {
		writer_text(w, " <code>");
		html_text(w, name);
		writer_text(w, "=");
		html_text(w, json_string_of(value));
		writer_text(w, "</code>");
	}
}

static void put_grant(struct writer *w, const struct json *grant)
{
	writer_text(w, "<tr>");
	html_element(w, "td", NULL, report_text(grant, "Name"));
	html_element(w, "td", "code", report_text(grant, "Grantee"));
	writer_text(w, "<td>");
	put_texts(w, json_member(grant, "Operations"));
	writer_text(w, "</td><td>");
	put_constraint(w, grant, "EncryptionContextSubset", "context with");
	put_constraint(w, grant, "EncryptionContextEquals", "context exactly");
	writer_text(w, "</td>");
	html_element(w, "td", NULL, view_part(report_text(grant, "Created"), 0, 10));
	writer_text(w, "</tr>\n");
}

static void put_grants(struct writer *w, const struct json *grants)
{
	static const struct html_column columns[] = {{"Name", 16},       {"Grantee", 28},
						     {"Operations", 20}, {"Only with", 22},
						     {"Since", 14},      {NULL, 0}};
	if (json_count(grants) == 0)
		return;
	writer_text(w, "<h4>Grants</h4>\n");
	html_table_begin(w, "wide", columns);
	for (size_t i = 0; i < json_count(grants); i++)
		put_grant(w, json_element(grants, i));
	html_table_end(w);
}

static void put_policy(struct writer *w, const struct json *key)
{
	writer_text(w, "<h4>Key policy</h4>\n<p class=\"legend\">SHA-256 <code>");
	html_text(w, report_text(key, "PolicySha256"));
	writer_text(w, "</code></p><pre>");
	html_text(w, report_text(key, "Policy"));
	writer_text(w, "</pre>\n");
}

/* ---- one key ---- */

static void put_tags(struct writer *w, const struct json *tags)
{
	if (json_count(tags) == 0)
		return;
	writer_text(w, "<tr><th scope=\"row\">Tags</th><td>");
	for (size_t i = 0; i < json_count(tags); i++) {
		writer_text(w, "<code>");
		html_text(w, report_text(json_element(tags, i), "Key"));
		writer_text(w, "=");
		html_text(w, report_text(json_element(tags, i), "Value"));
		writer_text(w, "</code> ");
	}
	writer_text(w, "</td></tr>\n");
}

static void put_last_use(struct writer *w, const struct json *use)
{
	writer_text(w, "<tr><th scope=\"row\">Last used</th><td>");
	if (json_member(use, "Time") == NULL) {
		writer_text(w, "not since ");
		html_text(w, report_text(use, "TrackedSince"));
	} else {
		html_text(w, report_text(use, "Time"));
		writer_text(w, ", ");
		html_text(w, report_text(use, "Operation"));
		writer_text(w, ", event <code>");
		html_text(w, report_text(use, "EventId"));
		writer_text(w, "</code>");
	}
	writer_text(w, "</td></tr>\n");
}

static void put_key_pairs(struct writer *w, const struct json *key)
{
	writer_text(w, "<table class=\"pairs\"><tbody>\n");
	html_pair_code(w, "ARN", report_text(key, "Arn"));
	html_pair(w, "Description", report_text(key, "Description"));
	report_pair(w, "State", key, "State");
	report_pair(w, "Use", key, "Usage");
	report_pair(w, "Spec", key, "Spec");
	report_pair(w, "Origin", key, "Origin");
	report_pair(w, "Managed by", key, "Manager");
	report_pair(w, "Created", key, "Created");
	report_pair(w, "To be deleted", key, "DeletionDate");
	report_pair(w, "Current version", key, "CurrentVersion");
	writer_text(w, "<tr><th scope=\"row\">Automatic rotation</th><td>");
	put_rotation(w, key);
	writer_text(w, "</td></tr>\n");
	if (json_count(json_member(key, "Aliases")) > 0) {
		writer_text(w, "<tr><th scope=\"row\">Aliases</th><td>");
		put_texts(w, json_member(key, "Aliases"));
		writer_text(w, "</td></tr>\n");
	}
	put_tags(w, json_member(key, "Tags"));
	put_last_use(w, json_member(key, "LastUse"));
	writer_text(w, "</tbody></table>\n");
}

static void put_key(struct writer *w, const struct json *evidence, const struct json *key)
{
	writer_text(w, "<section class=\"key\" id=\"");
	put_anchor(w, key);
	writer_text(w, "\">\n");
	html_element(w, "h3", NULL, name_of(key));
	put_key_pairs(w, key);
	writer_text(w, "<h4>Versions, as the token has them</h4>\n");
	put_versions(w, evidence, key);
	put_grants(w, json_member(key, "Grants"));
	put_policy(w, key);
	writer_text(w, "</section>\n");
}

/* By the service's clock, as all that it tells. */
static int64_t time_of_report(const struct json *evidence)
{
	const struct json *machine = json_member(evidence, "System");
	int64_t ms = 0;
	struct err e = timestamp_parse_iso(report_text(machine, "Time"), &ms);
	return err_failed(e) ? 0 : ms;
}

void report_keys_write(struct writer *w, const struct json *evidence)
{
	const struct json *keys = json_member(evidence, "Keys");
	writer_text(w, "<section><h2>Rotations over time</h2>\n");
	rotation_plot_write(w, keys, time_of_report(evidence));
	writer_text(w, "</section>\n<section><h2>Keys</h2>\n");
	put_list(w, evidence, keys);
	writer_text(w, "</section>\n<section><h2>Each key</h2>\n"
		       "<p>A version of a key is an object on the token. For each, the attributes "
		       "as the token itself reported them; red and bold is not as required, and "
		       "\xe2\x80\x93 is not reported. What is required: sensitive and always so, "
		       "not extractable and never so, not modifiable, private, made on the token, "
		       "and allowed to do nothing but what its suite needs (1 and 2: derive; 3: "
		       "encrypt and decrypt).</p>\n");
	for (size_t i = 0; i < json_count(keys); i++)
		put_key(w, evidence, json_element(keys, i));
	writer_text(w, "</section>\n");
}
