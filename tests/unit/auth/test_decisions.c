/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision table (decisions/): every case is decided as it is written there, for the reason
 * that is written there, and the table as a whole leaves no condition key and no operator out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/text.h"
#include "decision_case.h"

#define CASES_MIN 400

static struct decisions table;

static int load(void **state)
{
	(void)state;
	return err_failed(json_start()) || !decisions_open(DECISIONS, &table) ? -1 : 0;
}

static int unload(void **state)
{
	(void)state;
	decisions_close(&table);
	return 0;
}

/* Calls `each` for every case of every file; how many answered false. */
static size_t walk(bool (*each)(const struct decision *decision, const char *file))
{
	size_t failed = 0;
	for (size_t i = 0; i < table.count; i++) {
		const struct decision_file *file = &table.files[i];
		const struct json *cases = json_member(file->json, "cases");
		for (size_t at = 0; at < json_count(cases); at++) {
			const struct decision decision = {.cast = table.cast,
							  .file = file->json,
							  .json = json_element(cases, at)};
			failed += !each(&decision, file->name);
		}
	}
	return failed;
}

static bool fail_case(const struct decision *decision, const char *file, const char *what,
		      const char *got)
{
	struct view name = json_string_of(json_member(decision->json, "name"));
	print_error("%s: \"%.*s\": %s: %s\n", file, (int)name.len, (const char *)name.ptr, what,
		    got);
	return false;
}

/* ------------------------------------------------------------------ what each case expects */

static bool is_allowed(const struct decision *decision)
{
	return json_bool_of(json_member(decision->json, "allowed"));
}

/* Of the case, or what its file expects of all that are allowed, or denied. */
static const struct json *expected(const struct decision *decision, const char *name)
{
	const struct json *own = json_member(decision->json, name);
	const struct json *defaults = json_member(decision->file, "defaults");
	if (own != NULL)
		return own;
	return json_member(json_member(defaults, is_allowed(decision) ? "if_allowed" : "if_denied"),
			   name);
}

static bool is_as_expected(const struct json *want, const char *got)
{
	return want == NULL || view_equal_text(json_string_of(want), got);
}

static bool check_verdict(const struct decision *decision, const char *file,
			  const struct decision_answer *answer)
{
	const struct auth_verdict *v = &answer->verdict;
	const struct json *denial = expected(decision, "explicit_deny");
	const struct json *asked = expected(decision, "asked");
	const char *reason = auth_reason_name(v->reason);
	if (v->outcome == AUTH_ASK_GRANTS || v->allowed != (v->outcome == AUTH_ALLOWED))
		return fail_case(decision, file, "no verdict", v->decided_by);
	if (v->allowed != is_allowed(decision))
		return fail_case(decision, file, v->allowed ? "was allowed" : "was denied",
				 v->decided_by);
	if (v->explicit_deny != json_bool_of(denial))
		return fail_case(decision, file, "explicit deny or not", v->decided_by);
	if (!is_as_expected(expected(decision, "reason"), reason))
		return fail_case(decision, file, "other reason", reason);
	if (!is_as_expected(expected(decision, "decided_by"), v->decided_by))
		return fail_case(decision, file, "decided by", v->decided_by);
	if (!is_as_expected(expected(decision, "message"), v->message))
		return fail_case(decision, file, "message", v->message);
	if (v->allowed != text_equal(v->message, ""))
		return fail_case(decision, file, "a message for the denied alone", v->message);
	if (asked != NULL && answer->asked != json_bool_of(asked))
		return fail_case(decision, file, "grants were asked for, or not", v->decided_by);
	return true;
}

/* Without its condition the case must be allowed: so it is the condition that decides. */
static bool check_condition_decides(const struct decision *decision, const char *file)
{
	char why[DECISION_WHY_MAX];
	const struct json *condition;
	struct decision_answer answer;
	if (decision_condition(decision, &condition) == NULL)
		return true;
	if (!decision_make(decision, true, &answer, why))
		return fail_case(decision, file, "cannot be", why);
	return answer.verdict.allowed ||
	       fail_case(decision, file, "denied without its condition", answer.verdict.decided_by);
}

static bool check_case(const struct decision *decision, const char *file)
{
	char why[DECISION_WHY_MAX];
	struct decision_answer answer;
	if (!decision_make(decision, false, &answer, why))
		return fail_case(decision, file, "cannot be", why);
	return check_verdict(decision, file, &answer) && check_condition_decides(decision, file);
}

static void every_case_is_decided_as_written(void **state)
{
	(void)state;
	assert_int_equal(walk(check_case), 0);
}

/* ------------------------------------------------------------------ the table itself */

static const char *const members[] = {
	"name",    "principal", "policies",      "allow_if",   "deny_if", "boundary", "session",
	"action",  "resource",  "key_policy",    "grants",     "context", "allowed",  "asked",
	"message", "reason",    "explicit_deny", "decided_by", "why"};

static bool is_member(struct view name)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (view_equal_text(name, members[i]))
			return true;
	}
	return false;
}

/* A misspelt expectation would be none. */
static bool check_form(const struct decision *decision, const char *file)
{
	const struct json *value;
	struct view name;
	char text[DECISION_NAME_MAX];
	for (size_t at = 0; json_next_member(decision->json, &at, &name, &value);) {
		if (!is_member(name) || err_failed(text_copy(text, sizeof text, name)))
			return fail_case(decision, file, "no such member", (const char *)name.ptr);
	}
	if (json_string_of(json_member(decision->json, "name")).len == 0 ||
	    json_type_of(json_member(decision->json, "allowed")) != JSON_TYPE_BOOL)
		return fail_case(decision, file, "name and allowed are required", "");
	if (expected(decision, "reason") == NULL || expected(decision, "decided_by") == NULL)
		return fail_case(decision, file, "reason and decided_by are required", "");
	return true;
}

static void every_case_says_what_it_expects(void **state)
{
	(void)state;
	assert_int_equal(walk(check_form), 0);
}

static bool same_name_twice(const struct decision *decision, const char *file)
{
	struct view name = json_string_of(json_member(decision->json, "name"));
	const struct json *cases = json_member(decision->file, "cases");
	size_t found = 0;
	for (size_t i = 0; i < json_count(cases); i++) {
		struct view other = json_string_of(json_member(json_element(cases, i), "name"));
		found += view_equal(name, other);
	}
	return found == 1 || fail_case(decision, file, "two cases have this name", "");
}

static void names_are_given_once_in_a_file(void **state)
{
	(void)state;
	assert_int_equal(walk(same_name_twice), 0);
}

static bool count_none(const struct decision *decision, const char *file)
{
	(void)decision;
	(void)file;
	return false;
}

static void there_are_enough_cases(void **state)
{
	(void)state;
	size_t cases = walk(count_none);
	print_message("%zu cases\n", cases);
	assert_true(cases >= CASES_MIN);
}

/* ------------------------------------------------------------------ what the table covers */

/* How often each was seen to allow, and to deny, as the one condition of a case. */
struct seen {
	unsigned allowed;
	unsigned denied;
};
static struct seen keys[AUTH_CONDITION_KEY_COUNT];
static struct seen families[AUTH_CONDITION_FAMILY_COUNT];

static void note(struct seen *seen, bool allowed)
{
	seen->allowed += allowed;
	seen->denied += !allowed;
}

/* The operator and the key of a condition that has one of each; false otherwise. */
static bool single_condition(const struct decision *decision, struct view *operator_name,
			     struct view *key)
{
	const struct json *condition;
	const struct json *block;
	const struct json *value;
	size_t at = 0;
	size_t within = 0;
	if (decision_condition(decision, &condition) == NULL || json_count(condition) != 1)
		return false;
	return json_next_member(condition, &at, operator_name, &block) && json_count(block) == 1 &&
	       json_next_member(block, &within, key, &value);
}

static bool note_key(const struct decision *decision, const char *file)
{
	enum auth_condition_key key;
	enum auth_condition_family family;
	struct view operator_name;
	struct view name;
	struct view member;
	(void)file;
	if (!single_condition(decision, &operator_name, &name))
		return true;
	if (auth_condition_find(name, &key))
		note(&keys[key], is_allowed(decision));
	else if (auth_condition_find_family(name, &family, &member))
		note(&families[family], is_allowed(decision));
	return true;
}

static bool is_covered(const struct seen *seen, const char *name)
{
	if (seen->allowed > 0 && seen->denied > 0)
		return true;
	print_error("%s: allowed by %u cases, denied by %u\n", name, seen->allowed, seen->denied);
	return false;
}

static void each_condition_key_is_allowed_and_denied(void **state)
{
	static const char *const prefixes[] = {
#define CONDITION_KEY(id, name, type)
#define CONDITION_FAMILY(id, prefix) prefix,
#include "auth/condition_key.def"
#undef CONDITION_KEY
#undef CONDITION_FAMILY
	};
	size_t missing = 0;
	(void)state;
	assert_int_equal(walk(note_key), 0);
	for (size_t i = 0; i < AUTH_CONDITION_KEY_COUNT; i++)
		missing +=
			!is_covered(&keys[i], auth_condition_name_of((enum auth_condition_key)i));
	for (size_t i = 0; i < AUTH_CONDITION_FAMILY_COUNT; i++)
		missing += !is_covered(&families[i], prefixes[i]);
	assert_int_equal(missing, 0);
}

/* IAM User Guide, "IAM JSON policy elements: Condition operators". */
static const char *const operators[] = {
	"StringEquals",
	"StringNotEquals",
	"StringEqualsIgnoreCase",
	"StringNotEqualsIgnoreCase",
	"StringLike",
	"StringNotLike",
	"NumericEquals",
	"NumericNotEquals",
	"NumericLessThan",
	"NumericLessThanEquals",
	"NumericGreaterThan",
	"NumericGreaterThanEquals",
	"DateEquals",
	"DateNotEquals",
	"DateLessThan",
	"DateLessThanEquals",
	"DateGreaterThan",
	"DateGreaterThanEquals",
	"Bool",
	"BinaryEquals",
	"IpAddress",
	"NotIpAddress",
	"ArnEquals",
	"ArnNotEquals",
	"ArnLike",
	"ArnNotLike",
};
static const struct {
	const char *prefix;
	const char *suffix;
} forms[] = {{"", ""}, {"", "IfExists"}, {"ForAnyValue:", ""}, {"ForAllValues:", ""}};

static const char *wanted; /* the operator that note_operator() looks for */
static struct seen wanted_seen;

static bool note_operator(const struct decision *decision, const char *file)
{
	struct view operator_name;
	struct view key;
	(void)file;
	if (single_condition(decision, &operator_name, &key) &&
	    view_equal_text(operator_name, wanted))
		note(&wanted_seen, is_allowed(decision));
	return true;
}

static size_t missing_operator(const char *prefix, const char *name, const char *suffix)
{
	char text[DECISION_NAME_MAX];
	(void)snprintf(text, sizeof text, "%s%s%s", prefix, name, suffix);
	wanted = text;
	wanted_seen = (struct seen){0, 0};
	(void)walk(note_operator);
	return is_covered(&wanted_seen, text) ? 0 : 1;
}

static void each_operator_is_allowed_and_denied_in_every_form(void **state)
{
	size_t missing = missing_operator("", "Null", "");
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		for (size_t form = 0; form < ARRAY_LEN(forms); form++)
			missing += missing_operator(forms[form].prefix, operators[i],
						    forms[form].suffix);
	}
	assert_int_equal(missing, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_is_decided_as_written),
		cmocka_unit_test(every_case_says_what_it_expects),
		cmocka_unit_test(names_are_given_once_in_a_file),
		cmocka_unit_test(there_are_enough_cases),
		cmocka_unit_test(each_condition_key_is_allowed_and_denied),
		cmocka_unit_test(each_operator_is_allowed_and_denied_in_every_form),
	};
	return cmocka_run_group_tests_name("decisions", tests, load, unload);
}
