/* SPDX-License-Identifier: Apache-2.0 */
/* The report of --recover: for people, and as JSON. */
#ifndef HOLDFAST_DAEMON_RECOVER_TEXT_H
#define HOLDFAST_DAEMON_RECOVER_TEXT_H

#include "base/exit.h"
#include "service/rescue.h"

struct recover_told {
	const struct rescue_report *report;
	const struct kms_installation *installation;
	const char *store;    /* path */
	const char *restored; /* path of the backup; or NULL */
	const char *audit_directory, *audit_log;
	const char *settings; /* path, for the command to accept with; NULL: the default */
	bool accepting;       /* it was given a code: do not say how */
};

void recover_text_write(struct writer *w, const struct recover_told *told);
void recover_text_write_json(struct writer *w, const struct recover_told *told);

/* EXIT_DONE, EXIT_WARNING, EXIT_UNWELL, as recover_run() says. */
enum exit_status recover_text_exit(const struct rescue_report *report);

#endif
