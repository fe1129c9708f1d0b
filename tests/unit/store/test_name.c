/* SPDX-License-Identifier: Apache-2.0 */
/* Names of rows: what fits is shown as the row's own, what does not is shown as cut. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "kms/catalog.h"
#include "store/manifest.h"
#include "store/tables.h"
#include "tests/support/assert_err.h"

#define ACCOUNT                                                   \
	{                                                         \
		STORE_CHARACTERS, 0, VIEW_LITERAL("123456789012") \
	}
#define REGION                                                      \
	{                                                           \
		STORE_CHARACTERS, 0, VIEW_LITERAL("ap-southeast-2") \
	}

/* As it comes out of a manifest. */
static void shown(const struct store_table *table, const struct store_value *key, char *out)
{
	uint8_t place[STORE_PLACE_LEN];
	struct store_name name;
	assert_ok(store_place_make(table, table->key_count, key, place));
	assert_ok(store_name_make(table, key, place, &name));
	assert_ok(store_name_show(table, &name, place, out));
}

static void assert_whole(const struct store_table *table, const struct store_value *key)
{
	char wanted[STORE_KEY_TEXT], found[STORE_KEY_TEXT];
	store_row_key(table, key, wanted);
	shown(table, key, found);
	assert_string_equal(found, wanted);
}

static void a_grant_fits_with_its_whole_id(void **state)
{
	static const uint8_t id[16] = {0, 1, 0xff};
	const struct store_value key[] = {
		ACCOUNT,
		REGION,
		{STORE_OCTETS, 0, VIEW_ARRAY(id)},
		{STORE_CHARACTERS, 0,
		 VIEW_LITERAL("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")}};
	(void)state;
	assert_whole(&store_table_grants, key);
}

static void every_kind_of_value_comes_back(void **state)
{
	const struct store_value version[] = {ACCOUNT,
					      REGION,
					      {STORE_OCTETS, 0, VIEW_LITERAL("0123456789abcdef")},
					      {STORE_INTEGER, INT64_MAX, VIEW_NONE}};
	const struct store_value user[] = {
		ACCOUNT, {STORE_INTEGER, 2, VIEW_NONE}, {STORE_CHARACTERS, 0, VIEW_LITERAL("abc")}};
	const struct store_value other[] = {{STORE_CHARACTERS, 0, VIEW_LITERAL("")},
					    {STORE_INTEGER, -1, VIEW_NONE},
					    {STORE_CHARACTERS, 0, VIEW_LITERAL("ABCD")}};
	(void)state;
	assert_whole(&store_table_versions, version);
	assert_whole(&store_table_identities, user);
	assert_whole(&store_table_identities, other);
}

/* The longest that there are. */
static void a_long_name_is_shown_as_cut(void **state)
{
	char alias[KMS_ALIAS_MAX], found[STORE_KEY_TEXT];
	struct store_value key[] = {ACCOUNT, REGION, {STORE_CHARACTERS, 0, VIEW_NONE}};
	(void)state;
	memset(alias, 'x', sizeof alias);
	key[2].bytes = view_of(alias, sizeof alias);
	shown(&store_table_aliases, key, found);
	static const char begins[] = "account=123456789012 region=ap-southeast-2 name=xxxxxxxxxxxx";
	assert_memory_equal(found, begins, sizeof begins - 1);
	assert_string_equal(found + strlen(found) - 4, "x...");
	/* As a row that is there. */
	store_row_key(&store_table_aliases, key, found);
	assert_string_equal(found + strlen(found) - 4, "x...");
}

/* Where even the first bytes of a value have no room. */
static void columns_without_room_are_left_out(void **state)
{
	char account[91], found[STORE_KEY_TEXT];
	struct store_value key[] = {{STORE_CHARACTERS, 0, VIEW_NONE},
				    {STORE_INTEGER, 2, VIEW_NONE},
				    {STORE_CHARACTERS, 0, VIEW_LITERAL("name")}};
	(void)state;
	memset(account, 'z', sizeof account);
	for (size_t len = 75; len <= sizeof account; len++) {
		key[0].bytes = view_of(account, len);
		shown(&store_table_identities, key, found);
		assert_memory_equal(found, "account=zzzz", 12);
		assert_string_equal(found + strlen(found) - 3, "...");
	}
}

static void a_name_is_believed_in_its_place_only(void **state)
{
	const struct store_value one[] = {
		ACCOUNT, REGION, {STORE_CHARACTERS, 0, VIEW_LITERAL("a")}};
	const struct store_value two[] = {
		ACCOUNT, REGION, {STORE_CHARACTERS, 0, VIEW_LITERAL("b")}};
	uint8_t place[STORE_PLACE_LEN], other[STORE_PLACE_LEN];
	struct store_name name, wrong;
	char found[STORE_KEY_TEXT];
	(void)state;
	assert_ok(store_place_make(&store_table_aliases, 3, one, place));
	assert_ok(store_place_make(&store_table_aliases, 3, two, other));
	assert_ok(store_name_make(&store_table_aliases, one, place, &name));
	assert_ok(store_name_show(&store_table_aliases, &name, other, found));
	assert_string_equal(found, "");
	/* Its check sum is right, and it is the name of another row. */
	assert_ok(store_name_make(&store_table_aliases, one, other, &wrong));
	assert_ok(store_name_show(&store_table_aliases, &wrong, other, found));
	assert_string_equal(found, "");
	for (size_t i = 0; i < STORE_NAME_LEN; i++) {
		wrong = name;
		wrong.bytes[i] ^= 1;
		assert_ok(store_name_show(&store_table_aliases, &wrong, place, found));
		assert_string_equal(found, "");
	}
	mem_zero(&wrong, sizeof wrong);
	assert_ok(store_name_show(&store_table_aliases, &wrong, place, found));
	assert_string_equal(found, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grant_fits_with_its_whole_id),
		cmocka_unit_test(every_kind_of_value_comes_back),
		cmocka_unit_test(a_long_name_is_shown_as_cut),
		cmocka_unit_test(columns_without_room_are_left_out),
		cmocka_unit_test(a_name_is_believed_in_its_place_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
