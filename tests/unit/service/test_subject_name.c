/* SPDX-License-Identifier: Apache-2.0 */
/* Names of principals, and whom they stand for in a real store. */
#include "people.h"

#include "base/text.h"
#include "service/subjects.h"

#define ARN PEOPLE_ARN
#define OTHER "444455556666"

static struct world world;
static struct auth_identities identities;
static struct subjects *subjects;

static const struct {
	const char *text;
	enum auth_principal_type type;
	const char *arn, *id, *name, *role;
} found[] = {
	{WORLD_ACCOUNT, AUTH_ROOT, ARN("root"), WORLD_ACCOUNT, "", ""},
	{ARN("root"), AUTH_ROOT, ARN("root"), WORLD_ACCOUNT, "", ""},
	{ARN("user/alice"), AUTH_USER, ARN("user/alice"), "AIDA-alice", "alice", ""},
	{ARN("role/Deploy"), AUTH_ROLE_SESSION, ARN("role/Deploy"), "AROA-Deploy", "", "Deploy"},
	{"arn:aws:sts::" WORLD_ACCOUNT ":assumed-role/Deploy/ci", AUTH_ROLE_SESSION,
	 "arn:aws:sts::" WORLD_ACCOUNT ":assumed-role/Deploy/ci", "AROA-Deploy", "ci", "Deploy"},
	{"s3.amazonaws.com", AUTH_SERVICE, "s3.amazonaws.com", "AIDA-s3.amazonaws.com",
	 "s3.amazonaws.com", ""},
};

static const struct {
	const char *text;
	enum err_code code;
} not_found[] = {
	{OTHER, E_NOT_FOUND},
	{"arn:aws:iam::" OTHER ":root", E_NOT_FOUND},
	{"arn:aws:iam::" OTHER ":user/alice", E_NOT_FOUND},
	{ARN("user/Alice"), E_NOT_FOUND},
	{ARN("role/alice"), E_NOT_FOUND},
	{"arn:aws:sts::" WORLD_ACCOUNT ":assumed-role/Gone/ci", E_NOT_FOUND},
	{"rds.amazonaws.com", E_NOT_FOUND},
	{"arn:aws-cn:iam::" WORLD_ACCOUNT ":root", E_NOT_FOUND},
	{"arn:aws-cn:iam::" WORLD_ACCOUNT ":user/alice", E_NOT_FOUND},
	{"arn:aws-cn:sts::" WORLD_ACCOUNT ":assumed-role/Deploy/ci", E_NOT_FOUND},
	{"", E_FORMAT},
	{"*", E_FORMAT},
	{"alice", E_FORMAT},
	{ARN("group/Ops"), E_FORMAT},
	{ARN("user/path/alice"), E_FORMAT},
};

static void make_everybody(void)
{
	people_make(&identities, AUTH_KIND_USER, "alice", NOTHING);
	people_make(&identities, AUTH_KIND_ROLE, "Deploy", DOCUMENT("{}"));
	people_make(&identities, AUTH_KIND_GROUP, "Ops", NOTHING);
	people_make(&identities, AUTH_KIND_SERVICE, "s3.amazonaws.com", NOTHING);
}

static void test_names_stand_for_principals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(found); i++) {
		struct auth_principal principal;
		assert_ok(subjects_find(subjects, view_of_text(found[i].text), &principal));
		assert_int_equal(principal.type, found[i].type);
		assert_string_equal(principal.account, WORLD_ACCOUNT);
		assert_string_equal(principal.arn, found[i].arn);
		assert_string_equal(principal.id, found[i].id);
		assert_string_equal(principal.name, found[i].name);
		assert_string_equal(principal.role_name, found[i].role);
		assert_string_equal(principal.role_arn,
				    found[i].role[0] != '\0' ? ARN("role/Deploy") : "");
		assert_string_equal(principal.access_key_id, "");
	}
}

static void test_names_of_nobody_are_told_apart_from_no_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(not_found); i++) {
		struct auth_principal principal;
		struct view text = view_of_text(not_found[i].text);
		assert_int_equal(subjects_find(subjects, text, &principal).code, not_found[i].code);
	}
}

/* Who was found can be asked about as if it had come itself. */
static void test_who_was_found_can_be_acquired(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(found); i++) {
		CLEANUP(subject_release) struct subject *subject = NULL;
		struct auth_principal principal;
		assert_ok(subjects_find(subjects, view_of_text(found[i].text), &principal));
		assert_ok(subjects_acquire(subjects, &principal, VIEW_NONE, true, &subject));
	}
}

static int set_up(void **state)
{
	(void)state;
	world_make(&world);
	world_start(&world, &world.first, "audit");
	identities = store_sqlite_identities(world.first.store);
	const struct subjects_options options = {.identities = identities, .partition = "aws"};
	assert_ok(subjects_new(&options, &subjects));
	make_everybody();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	subjects_free(&subjects);
	world_stop(&world.first);
	world_remove(&world);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_stand_for_principals),
		cmocka_unit_test(test_names_of_nobody_are_told_apart_from_no_names),
		cmocka_unit_test(test_who_was_found_can_be_acquired),
	};
	return cmocka_run_group_tests_name("subject_name", tests, set_up, tear_down);
}
