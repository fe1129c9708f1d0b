/* SPDX-License-Identifier: Apache-2.0 */
/* What is signed of a bundle: the exact bytes, and that no part can pass for another. */
#include "audit/statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "audit/attestation.h"
#include "audit/removal.h"
#include "base/mem.h"
#include "crypto/digest.h"

static struct audit_statement sample(void)
{
	struct audit_statement s = {.installation = VIEW_LITERAL("0123456789abcdef"),
				    .time_ms = 1763800000123};
	for (size_t i = 0; i < sizeof s.digest; i++)
		s.digest[i] = (uint8_t)i;
	return s;
}

static void digest_of(const struct audit_statement *s, uint8_t out[AUDIT_STATEMENT_DIGEST_LEN])
{
	assert_int_equal(audit_statement_digest(s, out).code, E_OK);
}

static void it_is_what_the_header_says(void **state)
{
	(void)state;
	static const char written[] = "\0\0\0\x13"
				      "holdfast evidence 1\0\0\0\x10"
				      "0123456789abcdef\0\0\0\x18"
				      "2025-11-22T08:26:40.123Z\0\0\0\x20";
	struct audit_statement s = sample();
	uint8_t expected[SHA256_LEN], got[SHA256_LEN];
	const struct view parts[] = {VIEW_LITERAL(written), VIEW_ARRAY(s.digest)};
	assert_int_equal(digest_sha256(parts, 2, expected).code, E_OK);
	digest_of(&s, got);
	assert_memory_equal(got, expected, sizeof got);
}

static void every_part_counts(void **state)
{
	(void)state;
	uint8_t first[SHA256_LEN], other[SHA256_LEN];
	struct audit_statement s = sample();
	digest_of(&s, first);
	s.time_ms++;
	digest_of(&s, other);
	assert_memory_not_equal(first, other, sizeof first);
	s = sample();
	s.digest[31] ^= 1;
	digest_of(&s, other);
	assert_memory_not_equal(first, other, sizeof first);
	s = sample();
	s.installation = VIEW_LITERAL("0123456789abcdee");
	digest_of(&s, other);
	assert_memory_not_equal(first, other, sizeof first);
}

static void an_id_that_is_none_is_refused(void **state)
{
	(void)state;
	static const char longest[AUDIT_STATEMENT_INSTALLATION_MAX + 1] = {'a'};
	uint8_t digest[SHA256_LEN];
	struct audit_statement s = sample();
	s.installation = VIEW_NONE;
	assert_int_equal(audit_statement_digest(&s, digest).code, E_BOUNDS);
	s.installation = VIEW_ARRAY(longest);
	assert_int_equal(audit_statement_digest(&s, digest).code, E_BOUNDS);
	s.installation.len--;
	assert_int_equal(audit_statement_digest(&s, digest).code, E_OK);
}

static void a_fingerprint_is_the_digest_of_the_point(void **state)
{
	(void)state;
	char text[AUDIT_STATEMENT_FINGERPRINT_TEXT];
	assert_int_equal(audit_statement_fingerprint(VIEW_LITERAL("abc"), text).code, E_OK);
	assert_string_equal(text,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Whoever reaches the admin socket chooses the digest, and nothing else of what is signed: the same
 * key signs heads of the log and removals. Each begins with its domain behind its length; in 32
 * bits here, in 16 bits there, so that the first two bytes already differ whatever follows. */
static void it_is_never_what_is_signed_of_the_log(void **state)
{
	(void)state;
	struct audit_point point;
	uint8_t statement[SHA256_LEN], head[SHA256_LEN], removed[SHA256_LEN], other[SHA256_LEN];
	struct audit_statement s = sample();
	audit_point_begin(&point, "01234567-0123-4123-8123-0123456789ab");
	point.sequence = 7;
	mem_copy(point.hash, sizeof point.hash, s.digest, sizeof s.digest);
	s.installation = view_of_text(point.chain);
	digest_of(&s, statement);
	assert_int_equal(attestation_digest(&point, "2025-11-22T08:26:40.123Z", head).code, E_OK);
	assert_int_equal(removal_digest(&point, removed).code, E_OK);
	assert_memory_not_equal(statement, head, sizeof head);
	assert_memory_not_equal(statement, removed, sizeof head);
	assert_memory_not_equal(head, removed, sizeof head);
	/* Not even under the same domain. */
	assert_int_equal(attestation_digest_of(AUDIT_STATEMENT_DOMAIN, &point,
					       "2025-11-22T08:26:40.123Z", other)
				 .code,
			 E_OK);
	assert_memory_not_equal(statement, other, sizeof other);
	/* The bytes themselves, as the headers have them. */
	static const char of_head[] = "\0\x15holdfast audit head 1\0\x24"
				      "01234567-0123-4123-8123-0123456789ab\0\x08\0\0\0\0\0\0\0\x07"
				      "\0\x20";
	static const char of_time[] = "\0\x18"
				      "2025-11-22T08:26:40.123Z";
	const struct view parts[] = {VIEW_LITERAL(of_head), VIEW_ARRAY(point.hash),
				     VIEW_LITERAL(of_time)};
	assert_int_equal(digest_sha256(parts, ARRAY_LEN(parts), other).code, E_OK);
	assert_memory_equal(head, other, sizeof other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_the_header_says),
		cmocka_unit_test(every_part_counts),
		cmocka_unit_test(an_id_that_is_none_is_refused),
		cmocka_unit_test(it_is_never_what_is_signed_of_the_log),
		cmocka_unit_test(a_fingerprint_is_the_digest_of_the_point),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
