/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of every row of the table of operations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "service/operation.h"

static const struct schema_member *member(const struct operation *row, const char *name)
{
	for (const struct schema_member *m = row->input->members; m->name != NULL; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static void assert_member(const struct operation *row, const char *name, enum schema_type type)
{
	if (name == NULL)
		return;
	const struct schema_member *m = member(row, name);
	if (m == NULL || m->shape->type != type)
		fail_msg("%s has no member %s of that type", row->name, name);
}

static void test_what_is_recorded_is_in_the_schema(void **state)
{
	(void)state;
	for (size_t i = 0; operation_at(i) != NULL; i++) {
		const struct operation *row = operation_at(i);
		for (size_t j = 0; row->audited != NULL && row->audited[j] != NULL; j++)
			if (member(row, row->audited[j]) == NULL)
				fail_msg("%s has no member %s", row->name, row->audited[j]);
	}
}

/* Plaintexts, and ciphertexts, which are as long as a record may be. */
static void test_blobs_are_not_recorded(void **state)
{
	(void)state;
	for (size_t i = 0; operation_at(i) != NULL; i++) {
		const struct operation *row = operation_at(i);
		for (size_t j = 0; row->audited != NULL && row->audited[j] != NULL; j++)
			assert_int_not_equal(member(row, row->audited[j])->shape->type,
					     SCHEMA_BLOB);
	}
}

static void test_keys_contexts_and_algorithms_are_in_the_schema(void **state)
{
	(void)state;
	for (size_t i = 0; operation_at(i) != NULL; i++) {
		const struct operation *row = operation_at(i);
		for (size_t j = 0; j < WORK_KEYS_MAX; j++) {
			assert_member(row, row->keys[j].member, SCHEMA_STRING);
			assert_member(row, row->keys[j].context, SCHEMA_MAP);
			assert_member(row, row->keys[j].algorithm, SCHEMA_STRING);
		}
	}
}

/* P6: no public operation goes unasked, and none on a key without states and usages. */
static void test_every_public_operation_asks_for_permission(void **state)
{
	(void)state;
	static const char *const services[] = {[CALL_PROTOCOL_JSON] = "kms:",
					       [CALL_PROTOCOL_QUERY] = "sts:",
					       [CALL_PROTOCOL_CLOUDTRAIL] = "cloudtrail:"};
	for (size_t i = 0; operation_at(i) != NULL; i++) {
		const struct operation *row = operation_at(i);
		if (row->door != CALL_DOOR_PUBLIC)
			continue;
		const char *action = row->keys[0].action;
		assert_non_null(action);
		const char *service = services[row->protocol];
		assert_int_equal(strncmp(action, service, strlen(service)), 0);
		if (row->keys[0].member == NULL)
			continue;
		assert_int_not_equal(row->states, 0);
		assert_int_not_equal(row->usages, 0);
	}
}

/* Every way in asks somebody: a policy for each key and alias that the row names, or its own rule.
 */
static void test_no_operation_goes_without_authorisation(void **state)
{
	(void)state;
	for (size_t i = 0; operation_at(i) != NULL; i++) {
		const struct operation *row = operation_at(i);
		bool asks = row->keys[0].action != NULL || row->authorise != NULL;
		if (!asks && !(row->flags & OPERATION_FOR_ALL))
			fail_msg("%s asks for no permission", row->name);
		if (row->door == CALL_DOOR_ADMIN)
			assert_int_equal(strncmp(row->keys[0].action, "holdfast:", 9), 0);
		for (size_t j = 1; j < WORK_KEYS_MAX; j++) {
			const struct operation_key *key = &row->keys[j];
			bool named = key->member != NULL || key->alias != NULL;
			bool narrows = key->optional && row->read_only;
			if (named && key->action == NULL && !narrows)
				fail_msg("%s asks nothing of its second key", row->name);
		}
	}
}

/* KMS API: "Cross-account use: Yes", of what is built. */
static void test_which_operations_cross_accounts(void **state)
{
	(void)state;
	static const char *const crossing[] = {"CreateGrant",
					       "Decrypt",
					       "DescribeKey",
					       "Encrypt",
					       "GenerateDataKey",
					       "GenerateDataKeyWithoutPlaintext",
					       "GetKeyRotationStatus",
					       "ListGrants",
					       "ReEncrypt",
					       "RetireGrant",
					       "RevokeGrant"};
	for (size_t i = 0; operation_at(i) != NULL; i++) {
		const struct operation *row = operation_at(i);
		bool wanted = false;
		for (size_t j = 0; j < ARRAY_LEN(crossing); j++)
			wanted |= strcmp(row->name, crossing[j]) == 0;
		if (wanted != ((row->flags & OPERATION_CROSS_ACCOUNT) != 0))
			fail_msg("%s and other accounts", row->name);
	}
}

/* A member that answers a condition must be one that the operation takes. */
static void test_conditions_are_about_members_of_the_schema(void **state)
{
	(void)state;
	for (size_t i = 0; operation_at(i) != NULL; i++) {
		const struct operation *row = operation_at(i);
		const struct operation_condition *c = row->conditions;
		for (; c != NULL && c->member != NULL; c++)
			if (member(row, c->member) == NULL)
				fail_msg("%s has no member %s", row->name, c->member);
		for (size_t j = 0; j < WORK_KEYS_MAX; j++) {
			assert_member(row, row->keys[j].constraints, SCHEMA_STRUCTURE);
			if (row->keys[j].given != NULL)
				assert_non_null(member(row, row->keys[j].given));
		}
	}
}

/* STS API: GetCallerIdentity, "No permissions are required"; of no other operation. */
static void test_one_operation_is_for_all(void **state)
{
	(void)state;
	for (size_t i = 0; operation_at(i) != NULL; i++)
		if (operation_at(i)->flags & OPERATION_FOR_ALL)
			assert_string_equal(operation_at(i)->name, "GetCallerIdentity");
}

/* P3, P6: a change runs where it may wait for the store. */
static void test_changes_may_wait(void **state)
{
	(void)state;
	for (size_t i = 0; operation_at(i) != NULL; i++)
		if (!operation_at(i)->read_only)
			assert_true(operation_at(i)->flags & OPERATION_BLOCKS);
}

static void test_names_are_found_once(void **state)
{
	(void)state;
	for (size_t i = 0; operation_at(i) != NULL; i++) {
		const struct operation *row = operation_at(i), *found = NULL;
		struct err e =
			operation_find(row->door, row->protocol, view_of_text(row->name), &found);
		assert_int_equal(e.code, E_OK);
		assert_ptr_equal(found, row);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_recorded_is_in_the_schema),
		cmocka_unit_test(test_blobs_are_not_recorded),
		cmocka_unit_test(test_keys_contexts_and_algorithms_are_in_the_schema),
		cmocka_unit_test(test_every_public_operation_asks_for_permission),
		cmocka_unit_test(test_no_operation_goes_without_authorisation),
		cmocka_unit_test(test_which_operations_cross_accounts),
		cmocka_unit_test(test_conditions_are_about_members_of_the_schema),
		cmocka_unit_test(test_one_operation_is_for_all),
		cmocka_unit_test(test_changes_may_wait),
		cmocka_unit_test(test_names_are_found_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
