/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of a bundle's facts. */
#include "cli/evidence_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct evidence_facts facts_of(const char *text)
{
	struct evidence_facts facts;
	CLEANUP(json_free) struct json *evidence = NULL;
	assert_false(err_failed(json_parse(view_of_text(text), &evidence)));
	evidence_facts_count(evidence, &facts);
	return facts;
}

static void a_log_that_nobody_signed_is_not_one_that_is_signed_for(void **state)
{
	(void)state;
	struct evidence_facts facts =
		facts_of("{\"Audit\":{\"Looked\":true,\"Verified\":true,\"Records\":5,"
			 "\"LinesBeforeTheChain\":0}}");
	assert_true(facts.audit_looked);
	assert_true(facts.audit_well);
	assert_false(facts.audit_signed);
	facts = facts_of("{\"Audit\":{\"Looked\":true,\"Verified\":true,\"Records\":5,"
			 "\"LinesBeforeTheChain\":0,\"Attested\":{\"Sequence\":3}}}");
	assert_true(facts.audit_well);
	assert_true(facts.audit_signed);
}

static void what_was_not_looked_at_is_not_well(void **state)
{
	(void)state;
	struct evidence_facts facts = facts_of("{}");
	assert_false(facts.audit_looked);
	assert_false(facts.audit_well);
	assert_false(facts.store_looked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_that_nobody_signed_is_not_one_that_is_signed_for),
		cmocka_unit_test(what_was_not_looked_at_is_not_well),
	};
	return cmocka_run_group_tests_name("cli_evidence_facts", tests, NULL, NULL);
}
