/* SPDX-License-Identifier: Apache-2.0 */
/* From a form to the operation and to the document that the validator reads. */
#include "service/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/form.h"

static const struct schema_shape text = {.type = SCHEMA_STRING};
static const struct schema_shape number = {.type = SCHEMA_INTEGER};
static const struct schema_shape truth = {.type = SCHEMA_BOOLEAN};
static const struct schema_shape list = {.type = SCHEMA_LIST, .element = &text};
static const struct schema_member members[] = {
	{"Text", &text, false}, {"Number", &number, false}, {"Truth", &truth, false},
	{"List", &list, false}, {NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};
static const struct operation operation = {.name = "Test", .input = &input};

static void expect_document(const char *form, const char *json)
{
	CLEANUP(call_free) struct call *call = NULL;
	assert_int_equal(call_new(&call).code, E_OK);
	struct call_work *work = call->work;
	CLEANUP(json_free) struct json *document = NULL;
	CLEANUP(buf_cleanup) struct buf out;
	buf_init(&out, 4096);
	work->operation = &operation;
	assert_int_equal(form_parse(view_of_text(form), &work->in.form).code, E_OK);
	assert_int_equal(query_document(work, &document).code, E_OK);
	struct writer w;
	struct json_out again;
	writer_init_buf(&w, &out);
	json_out_init(&again, &w);
	json_out_value(&again, NULL, document);
	writer_u8(&w, 0);
	assert_int_equal(writer_end(&w).code, E_OK);
	assert_string_equal((const char *)out.ptr, json);
}

static void test_texts(UNUSED void **state)
{
	expect_document("Text=a%22%0A%C3%A4", "{\"Text\":\"a\\\"\\n\xc3\xa4\"}");
	expect_document("Text=", "{\"Text\":\"\"}");
}

static void test_numbers(UNUSED void **state)
{
	expect_document("Number=900", "{\"Number\":900}");
}

static void test_truth_values(UNUSED void **state)
{
	expect_document("Truth=true", "{\"Truth\":true}");
	expect_document("Truth=false", "{\"Truth\":false}");
}

/* The validator says what is wrong with them. */
static void test_what_is_none_stays_a_text(UNUSED void **state)
{
	expect_document("Number=9x", "{\"Number\":\"9x\"}");
	expect_document("Number=-1", "{\"Number\":\"-1\"}");
	expect_document("Number=99999999999999999999", "{\"Number\":\"99999999999999999999\"}");
	expect_document("Truth=yes", "{\"Truth\":\"yes\"}");
}

static void test_lists(UNUSED void **state)
{
	expect_document("List.member.1=a&List.member.2=b", "{\"List\":[\"a\",\"b\"]}");
	expect_document("List.member.1.Key=a&List.member.1.Value=b", "{\"List\":[\"a\",\"b\"]}");
	expect_document("List=", "{\"List\":[]}");
}

static void test_others_are_left_out(UNUSED void **state)
{
	expect_document("Action=Test&Version=x&Other=1&Lists.member.1=a&text=b", "{}");
}

static struct err find(const char *form, struct call **call)
{
	assert_int_equal(call_new(call).code, E_OK);
	(*call)->door = CALL_DOOR_PUBLIC;
	(*call)->protocol = CALL_PROTOCOL_QUERY;
	(*call)->http.body = view_of_text(form);
	return query_find_operation((*call)->work);
}

static void test_an_operation_is_found_by_action_and_version(UNUSED void **state)
{
	CLEANUP(call_free) struct call *call = NULL;
	assert_int_equal(find("Version=2011-06-15&Action=AssumeRole", &call).code, E_OK);
	assert_string_equal(call->work->operation->name, "AssumeRole");
	assert_true(view_equal_text(call->work->operation_name, "AssumeRole"));
	assert_int_equal(query_find_operation(call->work).code, E_OK); /* steps may run twice */
}

static void expect_refusal(const char *form, enum err_code code)
{
	CLEANUP(call_free) struct call *call = NULL;
	assert_int_equal(find(form, &call).code, code);
	assert_int_not_equal(call->work->message.len, 0);
}

static void test_what_is_no_operation(UNUSED void **state)
{
	expect_refusal("Action=AssumeRole", E_UNKNOWN_OPERATION);
	expect_refusal("Action=AssumeRole&Version=2011-06-16", E_UNKNOWN_OPERATION);
	expect_refusal("Action=assumerole&Version=2011-06-15", E_UNKNOWN_OPERATION);
	expect_refusal("Action=Encrypt&Version=2011-06-15", E_UNKNOWN_OPERATION);
	expect_refusal("Action=Status&Version=2011-06-15", E_UNKNOWN_OPERATION);
	expect_refusal("", E_UNKNOWN_OPERATION);
}

static void test_what_is_no_form(UNUSED void **state)
{
	expect_refusal("Action", E_SERIALIZATION);
	expect_refusal("Action=AssumeRole&Action=AssumeRole", E_SERIALIZATION);
	expect_refusal("{}", E_SERIALIZATION);
}

static int begin(UNUSED void **state)
{
	return json_start().code == E_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_truth_values),
		cmocka_unit_test(test_what_is_none_stays_a_text),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_others_are_left_out),
		cmocka_unit_test(test_an_operation_is_found_by_action_and_version),
		cmocka_unit_test(test_what_is_no_operation),
		cmocka_unit_test(test_what_is_no_form),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
