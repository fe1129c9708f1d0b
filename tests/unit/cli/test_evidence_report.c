/* SPDX-License-Identifier: Apache-2.0 */
/* The first page of the report: one verdict over all, and no silence about what was not checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "cli/evidence_report.h"

#define PROMISES(p1)                                     \
	"\"Promises\":[{\"Id\":\"P1\",\"Verdict\":\"" p1 \
	"\"},{\"Id\":\"P4\",\"Verdict\":\"not shown here\"}]"
#define STORE "\"Store\":{\"Ok\":true,\"Rows\":12}"
#define LOG(more) "\"Audit\":{\"Looked\":true,\"Records\":5" more "}"
#define SIGNED ",\"Verified\":true,\"Attested\":{\"Sequence\":5},\"RecordsNotYetAttested\":0"

static struct buf page;

static const char *front_of(const char *text)
{
	CLEANUP(json_free) struct json *evidence = NULL;
	struct writer w;
	assert_false(err_failed(json_parse(view_of_text(text), &evidence)));
	buf_cleanup(&page);
	buf_init(&page, 1 << 20);
	writer_init_buf(&w, &page);
	report_front_write(&w, evidence);
	writer_u8(&w, '\0');
	assert_false(err_failed(writer_end(&w)));
	return (const char *)page.ptr;
}

static int teardown(void **state)
{
	(void)state;
	buf_cleanup(&page);
	return 0;
}

#define HAS(text, part) assert_non_null(strstr((text), (part)))
#define LACKS(text, part) assert_null(strstr((text), (part)))

static void all_is_well(void **state)
{
	(void)state;
	const char *text = front_of("{" PROMISES("shown") "," STORE "," LOG(SIGNED) "}");
	HAS(text, "<p class=\"verdict good\">Nothing that was checked contradicts a promise.</p>");
	HAS(text, "as it was sealed, and as far as the token remembers: 12 rows");
	HAS(text, "whole and in order: 5 records");
	HAS(text, "warns of nothing");
	HAS(text, "<span>P4</span>");
}

static void what_contradicts_a_promise_comes_first(void **state)
{
	(void)state;
	const char *text = front_of("{" PROMISES("CONTRADICTED") "," STORE "," LOG(SIGNED) "}");
	HAS(text, "<p class=\"verdict bad\">What was found contradicts P1.");
	LACKS(text, "verdict good");
	text = front_of("{" PROMISES(
		"CONTRADICTED") ",\"Store\":{\"Ok\":false,\"Reason\":\"rows are gone "
				"<2>\"}," LOG(
					",\"FirstProblem\":{\"Text\":\"line 7 was changed\"}") "}");
	HAS(text, "NOT as it was sealed</b>: rows are gone &lt;2&gt;");
	HAS(text, "NOT whole</b>: line 7 was changed");
}

static void what_was_not_checked_is_said_in_the_verdict(void **state)
{
	(void)state;
	const char *text = front_of(
		"{" PROMISES("shown") ",\"Store\":{\"Looked\":false,\"Why\":\"busy\"},"
				      "\"Audit\":{\"Looked\":false,\"Why\":\"no permission\"}}");
	HAS(text, "verdict unsure");
	HAS(text, "not everything could be checked");
	HAS(text, "not checked</b>: busy");
	HAS(text, "not checked</b>: no permission");
}

static void a_log_that_nobody_signed_is_no_proof(void **state)
{
	(void)state;
	const char *text = front_of("{" PROMISES("shown") "," STORE "," LOG(
		",\"Verified\":false,\"Why\":\"nothing is signed\"") "}");
	HAS(text, "whole, not proven</b>: nothing is signed");
	HAS(text, "verdict unsure");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_well),
		cmocka_unit_test(what_contradicts_a_promise_comes_first),
		cmocka_unit_test(what_was_not_checked_is_said_in_the_verdict),
		cmocka_unit_test(a_log_that_nobody_signed_is_no_proof),
	};
	return cmocka_run_group_tests_name("cli_evidence_report", tests, NULL, teardown);
}
