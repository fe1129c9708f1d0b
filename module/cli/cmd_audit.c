/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast audit: the audit log and its proof. Verification needs neither the service nor the
 * token: only the public key. */
#include "cli/audit_show.h"
#include "cli/command.h"

static const struct argument none[] = {ARGUMENTS_END};

static const struct verb verbs[] = {
	{.name = "show",
	 .run = audit_show_run,
	 .summary = "records of the log: by key, user, event, result, time, context",
	 .arguments = audit_show_arguments},
	{.name = "public-key",
	 .operation = "GetAuditPublicKey",
	 .summary = "the key that signs the audit log, as PEM, and its fingerprint",
	 .arguments = none},
	VERBS_END};

const struct command cmd_audit = {
	.name = "audit",
	.summary = "the audit log: its proof and its key",
	.verbs = verbs,
};
