/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes against what they must be: each one alone decides. */
#include "cli/evidence_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static const struct judge_subject version = {.role = JUDGE_VERSION, .suite = 2};

/* The answer of a token: all as required of `subject`, but for one attribute, which is the
 * contrary, or left out. */
enum twist { SOUND, CONTRARY, ABSENT };

static struct json *answer(const struct judge_subject *subject, const char *type, size_t index,
			   enum twist twist)
{
	char text[2048];
	struct writer w;
	struct json_out out;
	struct json *json = NULL;
	writer_init(&w, text, sizeof text);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	json_out_text(&out, "KeyType", view_of_text(type));
	json_out_integer(&out, "Bits", 256);
	json_out_begin_object(&out, "Attributes");
	for (size_t i = 0; judge_attribute_at(i) != NULL; i++)
		if (i != index || twist != ABSENT)
			json_out_bool(&out, judge_attribute_at(i),
				      judge_required(subject, i) !=
					      (i == index && twist == CONTRARY));
	json_out_end_object(&out);
	json_out_end_object(&out);
	assert_int_equal(json_out_end(&out).code, E_OK);
	assert_int_equal(json_parse(view_of(text, w.len), &json).code, E_OK);
	return json;
}

static enum judge_verdict judged(const struct judge_subject *subject, const char *type,
				 size_t index, enum twist twist)
{
	struct json *json = answer(subject, type, index, twist);
	enum judge_verdict verdict = judge_object(subject, json);
	json_free(&json);
	return verdict;
}

static bool is_usage(size_t index)
{
	static const char *const names[] = {"CKA_ENCRYPT", "CKA_DECRYPT", "CKA_SIGN",  "CKA_VERIFY",
					    "CKA_WRAP",    "CKA_UNWRAP",  "CKA_DERIVE"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (text_equal(judge_attribute_at(index), names[i]))
			return true;
	return false;
}

static void the_roles_ask_for_what_they_need(void **state)
{
	(void)state;
	static const struct {
		struct judge_subject subject;
		const char *type;
	} rows[] = {
		{{JUDGE_VERSION, 1, false}, "AES"},
		{{JUDGE_VERSION, 2, false}, "AES"},
		{{JUDGE_VERSION, 3, false}, "AES"},
		{{JUDGE_ROW_SEAL, 0, false}, "GENERIC_SECRET"},
		{{JUDGE_AUDIT_SIGN, 0, false}, "EC"},
		{{JUDGE_SECRET_WRAP, 2, false}, "AES"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(judged(&rows[i].subject, rows[i].type, 0, SOUND), JUDGE_YES);
		assert_int_equal(judged(&rows[i].subject, "RSA", 0, SOUND), JUDGE_NO);
	}
}

static void each_attribute_alone_decides(void **state)
{
	(void)state;
	size_t i = 0;
	for (; judge_attribute_at(i) != NULL; i++)
		assert_int_equal(judged(&version, "AES", i, CONTRARY), JUDGE_NO);
	assert_int_equal(i, 15);
}

/* What a token has no attribute for it does not allow; a promise that it does not report is open.
 */
static void what_is_not_reported_is_not_taken_for_granted(void **state)
{
	(void)state;
	for (size_t i = 0; judge_attribute_at(i) != NULL; i++) {
		bool off = is_usage(i) && !judge_required(&version, i);
		assert_int_equal(judged(&version, "AES", i, ABSENT),
				 off ? JUDGE_YES : JUDGE_UNKNOWN);
	}
	assert_int_equal(judge_object(&version, NULL), JUDGE_UNKNOWN);
}

static void a_suite_that_nobody_knows_allows_nothing(void **state)
{
	(void)state;
	const struct judge_subject odd = {.role = JUDGE_VERSION, .suite = 9};
	for (size_t i = 0; judge_attribute_at(i) != NULL; i++)
		if (is_usage(i))
			assert_false(judge_required(&odd, i));
	const struct judge_subject direct = {.role = JUDGE_VERSION, .suite = 3};
	struct json *json = answer(&direct, "AES", 0, SOUND);
	assert_int_equal(judge_object(&version, json), JUDGE_NO);
	json_free(&json);
}

static void imported_material_was_made_elsewhere(void **state)
{
	(void)state;
	const struct judge_subject imported = {.role = JUDGE_VERSION, .suite = 2, .imported = true};
	for (size_t i = 0; judge_attribute_at(i) != NULL; i++) {
		const char *name = judge_attribute_at(i);
		bool history = text_equal(name, "CKA_LOCAL") ||
			       text_equal(name, "CKA_ALWAYS_SENSITIVE") ||
			       text_equal(name, "CKA_NEVER_EXTRACTABLE");
		assert_int_equal(judged(&imported, "AES", i, CONTRARY),
				 history ? JUDGE_YES : JUDGE_NO);
	}
}

static void a_value_that_is_no_truth_is_wrong(void **state)
{
	(void)state;
	struct json *json = NULL;
	static const char text[] =
		"{\"KeyType\":\"AES\",\"Bits\":128,\"Attributes\":{\"CKA_TOKEN\":"
		"\"true\"}}";
	assert_int_equal(json_parse(VIEW_LITERAL(text), &json).code, E_OK);
	assert_int_equal(judge_attribute(&version, json, 0), JUDGE_NO);
	assert_int_equal(judge_key_type(&version, json), JUDGE_NO);
	json_free(&json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_roles_ask_for_what_they_need),
		cmocka_unit_test(each_attribute_alone_decides),
		cmocka_unit_test(what_is_not_reported_is_not_taken_for_granted),
		cmocka_unit_test(a_suite_that_nobody_knows_allows_nothing),
		cmocka_unit_test(imported_material_was_made_elsewhere),
		cmocka_unit_test(a_value_that_is_no_truth_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
