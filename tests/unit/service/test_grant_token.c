/* SPDX-License-Identifier: Apache-2.0 */
/* Grant tokens, over a sealer that is a checksum. */
#include "fixture.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/grant_token.h"

static size_t sealed;
static uint8_t key_byte;

static struct err seal(UNUSED void *self, const struct view *messages, size_t count,
		       uint8_t (*seals)[KMS_SEAL_LEN])
{
	for (size_t i = 0; i < count; i++) {
		memset(seals[i], key_byte, KMS_SEAL_LEN);
		for (size_t at = 0; at < messages[i].len; at++)
			seals[i][at % KMS_SEAL_LEN] =
				(uint8_t)(seals[i][at % KMS_SEAL_LEN] * 31 + messages[i].ptr[at]);
	}
	sealed += count;
	return OK;
}

static struct err seal_away(UNUSED void *self, UNUSED const struct view *messages,
			    UNUSED size_t count, UNUSED uint8_t (*seals)[KMS_SEAL_LEN])
{
	return ERR(E_HSM_AWAY);
}

static const struct kms_sealer sealer = {.seal = seal};

static int fresh(UNUSED void **state)
{
	sealed = 0;
	key_byte = 1;
	return 0;
}

static struct grant_token example(bool multi_region)
{
	struct grant_token token = {.key_id = {.bytes = {1, 2, 3}, .multi_region = multi_region},
				    .account = WORLD_ACCOUNT};
	assert_ok(kms_grant_id_make(token.grant_id));
	return token;
}

static void test_there_and_back(UNUSED void **state)
{
	for (int multi_region = 0; multi_region < 2; multi_region++) {
		const struct grant_token token = example(multi_region);
		struct grant_token back;
		char one[GRANT_TOKEN_TEXT], two[GRANT_TOKEN_TEXT];
		assert_ok(grant_token_make(&sealer, &token, one));
		assert_ok(grant_token_make(&sealer, &token, two));
		assert_string_not_equal(one, two);
		assert_ok(grant_token_read(&sealer, view_of_text(one), &back));
		assert_true(kms_key_id_equal(&back.key_id, &token.key_id));
		assert_string_equal(back.account, token.account);
		assert_string_equal(back.grant_id, token.grant_id);
	}
}

/* What has no token's form costs no operation on the token. */
static void test_what_has_not_the_form_is_not_asked_about(UNUSED void **state)
{
	static const char *const wrong[] = {"", "x", "AAAA", "no base64!"};
	struct grant_token back;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_err(grant_token_read(&sealer, view_of_text(wrong[i]), &back),
			   E_KMS_GRANT_TOKEN);
	assert_int_equal(sealed, 0);
}

static void test_each_changed_character_is_seen(UNUSED void **state)
{
	const struct grant_token token = example(false);
	struct grant_token back;
	char text[GRANT_TOKEN_TEXT];
	assert_ok(grant_token_make(&sealer, &token, text));
	for (size_t i = 0; i < strlen(text); i++) {
		char old = text[i];
		text[i] = old == 'A' ? 'B' : 'A';
		assert_err(grant_token_read(&sealer, view_of_text(text), &back), E_KMS_GRANT_TOKEN);
		text[i] = old;
	}
	assert_ok(grant_token_read(&sealer, view_of_text(text), &back));
}

static void test_a_token_of_another_installation(UNUSED void **state)
{
	const struct grant_token token = example(false);
	struct grant_token back;
	char text[GRANT_TOKEN_TEXT];
	assert_ok(grant_token_make(&sealer, &token, text));
	key_byte = 2;
	assert_err(grant_token_read(&sealer, view_of_text(text), &back), E_KMS_GRANT_TOKEN);
}

static void test_a_token_that_is_away_is_told(UNUSED void **state)
{
	static const struct kms_sealer away = {.seal = seal_away};
	const struct grant_token token = example(false);
	struct grant_token back;
	char text[GRANT_TOKEN_TEXT];
	assert_err(grant_token_make(&away, &token, text), E_HSM_AWAY);
	assert_ok(grant_token_make(&sealer, &token, text));
	assert_err(grant_token_read(&away, view_of_text(text), &back), E_HSM_AWAY);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_there_and_back),
		TEST(test_what_has_not_the_form_is_not_asked_about),
		TEST(test_each_changed_character_is_seen),
		TEST(test_a_token_of_another_installation),
		TEST(test_a_token_that_is_away_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
