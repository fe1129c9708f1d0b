/* SPDX-License-Identifier: Apache-2.0 */
/* Each condition operator: what it lets through and what not, by type of key. */
#include "policy_row.h"

#define EC "kms:EncryptionContext:"

static void strings_are_equal(void **state)
{
	static const struct row rows[] = {
		{true, "{\"StringEquals\":{\"aws:username\":\"alice\"}}"},
		{true, "{\"StringEquals\":{\"AWS:UserName\":[\"bob\",\"alice\"]}}"},
		{false, "{\"StringEquals\":{\"aws:username\":\"Alice\"}}"},
		{false, "{\"StringEquals\":{\"aws:username\":\"al*\"}}"},
		{false, "{\"StringEquals\":{\"aws:username\":\"alic?\"}}"},
		{false, "{\"StringEquals\":{\"aws:username\":\"\"}}"},
		{false, "{\"StringNotEquals\":{\"aws:username\":\"alice\"}}"},
		{false, "{\"StringNotEquals\":{\"aws:username\":[\"alice\",\"bob\"]}}"},
		{true, "{\"StringNotEquals\":{\"aws:username\":[\"carol\",\"bob\"]}}"},
		{true, "{\"StringEqualsIgnoreCase\":{\"aws:username\":\"ALICE\"}}"},
		{false, "{\"StringEqualsIgnoreCase\":{\"aws:username\":\"ALIC\"}}"},
		{false, "{\"StringEqualsIgnoreCase\":{\"aws:username\":\"AL*\"}}"},
		{false, "{\"StringNotEqualsIgnoreCase\":{\"aws:username\":\"ALICE\"}}"},
		{true, "{\"StringNotEqualsIgnoreCase\":{\"aws:username\":\"bob\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void strings_are_alike(void **state)
{
	static const struct row rows[] = {
		{true, "{\"StringLike\":{\"aws:username\":\"al*\"}}"},
		{true, "{\"StringLike\":{\"aws:username\":\"*\"}}"},
		{true, "{\"StringLike\":{\"aws:username\":\"a??ce\"}}"},
		{true, "{\"StringLike\":{\"aws:username\":\"*l*c*\"}}"},
		{true, "{\"StringLike\":{\"aws:username\":\"alice*\"}}"},
		{true, "{\"StringLike\":{\"aws:username\":[\"x\",\"*e\"]}}"},
		{false, "{\"StringLike\":{\"aws:username\":\"AL*\"}}"},
		{false, "{\"StringLike\":{\"aws:username\":\"alice?\"}}"},
		{false, "{\"StringLike\":{\"aws:username\":\"*l*x*\"}}"},
		{true, "{\"StringLike\":{\"" EC "empty\":\"*\"}}"},
		{true, "{\"StringLike\":{\"" EC "empty\":\"\"}}"},
		{false, "{\"StringLike\":{\"" EC "empty\":\"?*\"}}"},
		{false, "{\"StringNotLike\":{\"aws:username\":\"al*\"}}"},
		{true, "{\"StringNotLike\":{\"aws:username\":\"b*\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void a_question_mark_is_one_character(void **state)
{
	static const struct row rows[] = {
		{true, "{\"StringLike\":{\"" EC "accent\":\"h? h?\"}}"},
		{true, "{\"StringLike\":{\"" EC "accent\":\"*? h*?\"}}"},
		{false, "{\"StringLike\":{\"" EC "accent\":\"h?? h?\"}}"},
		{false, "{\"StringLike\":{\"" EC "accent\":\"*??????\"}}"},
		{true, "{\"StringLike\":{\"" EC "accent\":\"*?????\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void check_log_arn(const char *operator, const char * arn, bool expected)
{
	char condition[512];
	snprintf(condition, sizeof condition, "{\"%s\":{\"" EC "aws:logs:arn\":\"%s\"}}", operator,
		 arn);
	if (holds(condition, &full_context) != expected)
		fail_msg("%s is expected to be %s", condition, expected ? "true" : "false");
}

static void arns_are_compared_part_by_part(void **state)
{
	static const char *const like[] = {"ArnLike", "ArnEquals"};
	static const char *const unlike[] = {"ArnNotLike", "ArnNotEquals"};
	static const struct row rows[] = {
		{true, "arn:aws:logs:us-east-1:111122223333:*"},
		{true, "arn:aws:logs:us-east-1:111122223333:log-group:app:stream"},
		{true, "arn:aws:logs:*:111122223333:log-group:app:*"},
		{true, "arn:aws:logs:us-*-?:1111*3333:log-group:*stream"},
		{true, "arn:*:*:*:*:*"},
		{true, "*"},
		{false, "arn:aws:logs:*:log-group:app:stream:*"},
		{false, "arn:aws:*:111122223333:log-group:app:stream"},
		{false, "arn:aws:logs:us-east-1?111122223333:log-group:app:stream"},
		{false, "arn:aws:logs:us-east-1:111122223333:log-group:other:*"},
		{false, "arn:aws:logs:us-east-1:444455556666:*"},
		{false, "arn:aws:logs:us-east-1:111122223333:log-group:app"},
	};
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i / 2];
		check_log_arn(like[i % 2], row->condition, row->holds);
		check_log_arn(unlike[i % 2], row->condition, !row->holds);
	}
}

static void what_is_no_arn_is_like_none(void **state)
{
	static const struct row rows[] = {
		{false, "{\"ArnLike\":{\"aws:username\":\"a*:*:*:*:*:*\"}}"},
		{true, "{\"ArnNotLike\":{\"aws:username\":\"a*:*:*:*:*:*\"}}"},
		{true, "{\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::*:user/*\"}}"},
		{false, "{\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam:*:user/*:*\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void numbers_are_compared(void **state)
{
	static const char key[] = "kms:RotationPeriodInDays";
	static const struct {
		const char *operator;
		bool less, equal, greater; /* what the key is, to 181, 180 and 179.5 */
	} rows[] = {
		{"NumericEquals", false, true, false},
		{"NumericNotEquals", true, false, true},
		{"NumericLessThan", true, false, false},
		{"NumericLessThanEquals", true, true, false},
		{"NumericGreaterThan", false, false, true},
		{"NumericGreaterThanEquals", false, true, true},
	};
	static const char *const limits[] = {"181", "\"180.0\"", "179.5"};
	char condition[256];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const bool expected[] = {rows[i].less, rows[i].equal, rows[i].greater};
		for (size_t k = 0; k < ARRAY_LEN(limits); k++) {
			snprintf(condition, sizeof condition, "{\"%s\":{\"%s\":%s}}",
				 rows[i].operator, key, limits[k]);
			if (holds(condition, &full_context) != expected[k])
				fail_msg("%s", condition);
		}
	}
}

static void numbers_are_exact(void **state)
{
	static const struct row rows[] = {
		{true, "{\"NumericEquals\":{\"" EC "size\":10.5}}"},
		{true, "{\"NumericEquals\":{\"" EC "size\":\"+10.500\"}}"},
		{false, "{\"NumericEquals\":{\"" EC "size\":\"10.500000000000000001\"}}"},
		{true, "{\"NumericLessThan\":{\"" EC "size\":\"9223372036854775807\"}}"},
		{true, "{\"NumericGreaterThan\":{\"" EC "size\":-10.6}}"},
		{true, "{\"NumericGreaterThan\":{\"" EC "size\":\"-0.5\"}}"},
		{true, "{\"NumericEquals\":{\"" EC "below\":\"-0.5\"}}"},
		{false, "{\"NumericEquals\":{\"" EC "below\":\"0.5\"}}"},
		{true, "{\"NumericLessThan\":{\"" EC "below\":-0.25}}"},
		{true, "{\"NumericGreaterThan\":{\"" EC "below\":-1}}"},
		{false, "{\"NumericEquals\":{\"aws:username\":1}}"},
		{true, "{\"NumericNotEquals\":{\"aws:username\":1}}"},
		{true, "{\"NumericEquals\":{\"aws:EpochTime\":1795311218}}"},
		{true, "{\"NumericLessThan\":{\"aws:EpochTime\":1795311218.001}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void times_are_compared(void **state)
{
	static const struct row rows[] = {
		{true, "{\"DateEquals\":{\"aws:CurrentTime\":\"2026-11-22T01:33:38Z\"}}"},
		{true, "{\"DateEquals\":{\"aws:CurrentTime\":1795311218}}"},
		{true, "{\"DateEquals\":{\"aws:CurrentTime\":\"1795311218\"}}"},
		{true, "{\"DateEquals\":{\"aws:CurrentTime\":\"2026-11-22T02:33:38+01:00\"}}"},
		{true, "{\"DateEquals\":{\"aws:CurrentTime\":\"2026-11-21T20:03:38-0530\"}}"},
		{true, "{\"DateEquals\":{\"aws:CurrentTime\":\"2026-11-22T01:33:38.000Z\"}}"},
		{false, "{\"DateEquals\":{\"aws:CurrentTime\":\"2026-11-22T01:33:38.001Z\"}}"},
		{false, "{\"DateNotEquals\":{\"aws:CurrentTime\":\"2026-11-22T01:33:38Z\"}}"},
		{true, "{\"DateNotEquals\":{\"aws:CurrentTime\":\"2026-11-22\"}}"},
		{true, "{\"DateLessThan\":{\"aws:CurrentTime\":\"2026-11-23\"}}"},
		{false, "{\"DateLessThan\":{\"aws:CurrentTime\":\"2026-11-22T01:33Z\"}}"},
		{true, "{\"DateLessThanEquals\":{\"aws:EpochTime\":\"2026-11-22T01:33:38Z\"}}"},
		{true, "{\"DateGreaterThan\":{\"aws:CurrentTime\":\"2026-11\"}}"},
		{false, "{\"DateGreaterThan\":{\"aws:CurrentTime\":\"2026-12\"}}"},
		{true,
		 "{\"DateGreaterThanEquals\":{\"aws:CurrentTime\":\"2026-11-22T01:33:38Z\"}}"},
		{false, "{\"DateGreaterThanEquals\":{\"aws:CurrentTime\":\"9999-12-31\"}}"},
		{true, "{\"DateEquals\":{\"" EC "when\":\"2026-01\"}}"},
		{false, "{\"DateEquals\":{\"aws:username\":\"2026-01-01\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void truth_values_are_compared(void **state)
{
	static const struct row rows[] = {
		{true, "{\"Bool\":{\"kms:MultiRegion\":\"true\"}}"},
		{true, "{\"Bool\":{\"kms:MultiRegion\":true}}"},
		{true, "{\"Bool\":{\"kms:MultiRegion\":\"TRUE\"}}"},
		{false, "{\"Bool\":{\"kms:MultiRegion\":\"false\"}}"},
		{true, "{\"Bool\":{\"aws:SecureTransport\":false}}"},
		{false, "{\"Bool\":{\"aws:SecureTransport\":true}}"},
		{true, "{\"Bool\":{\"" EC "flag\":\"true\"}}"},
		{false, "{\"Bool\":{\"aws:username\":\"true\"}}"},
		{false, "{\"Bool\":{\"aws:username\":\"false\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void addresses_are_in_networks(void **state)
{
	static const struct row rows[] = {
		{true, "{\"IpAddress\":{\"aws:SourceIp\":\"203.0.113.0/24\"}}"},
		{true, "{\"IpAddress\":{\"aws:SourceIp\":\"203.0.113.7\"}}"},
		{true, "{\"IpAddress\":{\"aws:SourceIp\":[\"10.0.0.0/8\",\"203.0.113.6/31\"]}}"},
		{true, "{\"IpAddress\":{\"aws:SourceIp\":\"0.0.0.0/0\"}}"},
		{true, "{\"IpAddress\":{\"aws:SourceIp\":\"::ffff:203.0.113.0/120\"}}"},
		{false, "{\"IpAddress\":{\"aws:SourceIp\":\"203.0.113.8\"}}"},
		{false, "{\"IpAddress\":{\"aws:SourceIp\":\"203.0.113.0/30\"}}"},
		{false, "{\"IpAddress\":{\"aws:SourceIp\":\"::/0\"}}"},
		{false, "{\"NotIpAddress\":{\"aws:SourceIp\":\"203.0.113.0/24\"}}"},
		{true, "{\"NotIpAddress\":{\"aws:SourceIp\":\"198.51.100.0/24\"}}"},
		{true, "{\"IpAddress\":{\"" EC "address\":\"2001:db8::/32\"}}"},
		{true, "{\"IpAddress\":{\"" EC "address\":\"2001:DB8:0::7\"}}"},
		{true, "{\"IpAddress\":{\"" EC "address\":\"::/0\"}}"},
		{false, "{\"IpAddress\":{\"" EC "address\":\"2001:db9::/32\"}}"},
		{false, "{\"IpAddress\":{\"" EC "address\":\"0.0.0.0/0\"}}"},
		{false, "{\"IpAddress\":{\"aws:username\":\"0.0.0.0/0\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void bytes_are_compared(void **state)
{
	static const struct row rows[] = {
		{true, "{\"BinaryEquals\":{\"aws:username\":\"YWxpY2U=\"}}"},
		{false, "{\"BinaryEquals\":{\"aws:username\":\"Ym9i\"}}"},
		{false, "{\"BinaryEquals\":{\"aws:username\":\"\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void strings_see_the_text_of_other_types(void **state)
{
	static const struct row rows[] = {
		{true, "{\"StringEquals\":{\"kms:RotationPeriodInDays\":\"180\"}}"},
		{true, "{\"StringEquals\":{\"kms:RotationPeriodInDays\":180}}"},
		{true, "{\"StringEquals\":{\"kms:MultiRegion\":\"true\"}}"},
		{true, "{\"StringEquals\":{\"aws:SecureTransport\":false}}"},
		{true, "{\"StringLike\":{\"aws:CurrentTime\":\"2026-11-22T*Z\"}}"},
		{true, "{\"StringEquals\":{\"aws:EpochTime\":\"1795311218\"}}"},
		{true, "{\"StringEquals\":{\"" EC "size\":10.5}}"},
		{false, "{\"StringEquals\":{\"kms:RotationPeriodInDays\":\"0180\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_equal),
		cmocka_unit_test(strings_are_alike),
		cmocka_unit_test(a_question_mark_is_one_character),
		cmocka_unit_test(arns_are_compared_part_by_part),
		cmocka_unit_test(what_is_no_arn_is_like_none),
		cmocka_unit_test(numbers_are_compared),
		cmocka_unit_test(numbers_are_exact),
		cmocka_unit_test(times_are_compared),
		cmocka_unit_test(truth_values_are_compared),
		cmocka_unit_test(addresses_are_in_networks),
		cmocka_unit_test(bytes_are_compared),
		cmocka_unit_test(strings_see_the_text_of_other_types),
	};
	return cmocka_run_group_tests_name("policy operators", tests, start_json, NULL);
}
