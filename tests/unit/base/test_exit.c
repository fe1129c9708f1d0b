/* SPDX-License-Identifier: Apache-2.0 */
/* Exit statuses: one table for all programs, and the README repeats it. */
#include "base/exit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void each_kind_of_error_has_its_status(void **state)
{
	(void)state;
	static const struct {
		struct err e;
		enum exit_status status;
	} cases[] = {
		{{E_OK, 0, 0, ""}, EXIT_DONE},
		{{E_CANCELLED, 0, 0, ""}, EXIT_DONE},
		{{E_USAGE, 0, 0, ""}, EXIT_USAGE},
		{{E_SETTINGS, 0, 0, ""}, EXIT_SETTINGS},
		{{E_NOT_INITIALISED, 0, 0, ""}, EXIT_SETTINGS},
		{{E_HSM_AWAY, 0, 0, ""}, EXIT_AWAY},
		{{E_ALREADY_RUNNING, 0, 0, ""}, EXIT_AWAY},
		{{E_HSM_PIN, 0, 0, ""}, EXIT_PERMISSION},
		{{E_BUG, 0, 0, ""}, EXIT_DEFECT},
		{{E_SYSTEM, 0, EACCES, ""}, EXIT_PERMISSION},
		{{E_SYSTEM, 0, ENOSPC, ""}, EXIT_IO},
		{{E_SYSTEM, 0, ENOENT, ""}, EXIT_CREATE},
		{{E_SYSTEM, 0, EMFILE, ""}, EXIT_OS},
		{{E_AUDIT, 0, 0, ""}, EXIT_IO},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(exit_of(cases[i].e), cases[i].status);
}

/* 77 is among RestartPreventExitStatus= of the units: a wrong PIN that was put right at
 * holdfast-token would leave holdfastd down for good. */
static void a_service_is_started_again_after_what_others_mend(void **state)
{
	(void)state;
	assert_int_equal(exit_of_service((struct err){E_HSM_PIN, 0, 0, ""}), EXIT_AWAY);
	assert_int_equal(exit_of_service((struct err){E_HSM_PEER, 0, 0, ""}), EXIT_PERMISSION);
	assert_int_equal(exit_of_service((struct err){E_SETTINGS, 0, 0, ""}), EXIT_SETTINGS);
	assert_int_equal(exit_of_service((struct err){E_OK, 0, 0, ""}), EXIT_DONE);
}

/* sysexits.h: what is not `holdfast status` lies in 64..78. */
static void every_error_has_a_status_of_sysexits(void **state)
{
	(void)state;
	for (uint16_t code = E_OK + 1; code < ERR_CODE_COUNT; code++) {
		enum exit_status status = exit_of((struct err){code, 0, 0, ""});
		if (code != E_CANCELLED)
			assert_in_range(status, EXIT_USAGE, EXIT_SETTINGS);
	}
}

static void the_readme_has_every_row(void **state)
{
	(void)state;
	static char readme[128 << 10];
	FILE *file = fopen(README, "re");
	assert_non_null(file);
	size_t n = fread(readme, 1, sizeof readme - 1, file);
	assert_int_equal(fclose(file), 0);
	readme[n] = '\0';
	static const char *const rows[] = {
#define EXIT_ROW(name, number, meaning) "\n| " #number " | " meaning " |\n",
#include "base/exit.def"
#undef EXIT_ROW
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strstr(readme, rows[i]) == NULL)
			fail_msg("README.md lacks the row:%s", rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_error_has_its_status),
		cmocka_unit_test(a_service_is_started_again_after_what_others_mend),
		cmocka_unit_test(every_error_has_a_status_of_sysexits),
		cmocka_unit_test(the_readme_has_every_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
