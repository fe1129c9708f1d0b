/* SPDX-License-Identifier: Apache-2.0 */
/* Which records holdfast audit show shows. */
#ifndef HOLDFAST_CLI_AUDIT_FILTER_H
#define HOLDFAST_CLI_AUDIT_FILTER_H

#include "audit/event.h"
#include "cli/arguments.h"

/* The options of the filter, for the table of arguments. */
#define AUDIT_FILTER_ARGUMENTS                                                                     \
	ARGUMENT_OPTION("key", NULL, "KEY", ARGUMENT_TEXT,                                         \
			"of this key or alias: id, ARN, alias/NAME"),                              \
		ARGUMENT_OPTION("user", NULL, "NAME", ARGUMENT_TEXT,                               \
				"by this user, role, session, service or ARN"),                    \
		ARGUMENT_OPTION("event", NULL, "NAME", ARGUMENT_TEXT,                              \
				"of this name, such as Decrypt"),                                  \
		ARGUMENT_OPTION("ok", NULL, NULL, ARGUMENT_FLAG, "that succeeded"),                \
		ARGUMENT_OPTION("error", NULL, NULL, ARGUMENT_FLAG,                                \
				"that were refused or failed"),                                    \
		ARGUMENT_OPTION(                                                                   \
			"since", NULL, "TIME", ARGUMENT_TEXT,                                      \
			"from then on: 2026-11-22, 2026-11-22T08:00:00Z, or 2h ago (s, m, h, d)"), \
		ARGUMENT_OPTION("until", NULL, "TIME", ARGUMENT_TEXT, "up to then, likewise"),     \
		ARGUMENT_OPTION("context", NULL, "K=V", ARGUMENT_MAP,                              \
				"with this pair in the encryption context; may be repeated"),      \
		ARGUMENT_OPTION("source", NULL, "ADDRESS", ARGUMENT_TEXT, "from this address"),    \
		ARGUMENT_OPTION("request-id", NULL, "ID", ARGUMENT_TEXT, "of this request"),       \
		ARGUMENT_OPTION("event-id", NULL, "ID", ARGUMENT_TEXT, "this one")

struct audit_filter {
	const struct arguments *arguments; /* borrowed */
	struct view key, user, name, source, request_id, event_id;
	bool ok, error;
	int64_t since_ms, until_ms;
};

/* E_USAGE, said on standard error. */
NODISCARD struct err audit_filter_init(const struct arguments *arguments, int64_t now_ms,
				       struct audit_filter *filter);

/* Whether the record passes.
 * E_FORMAT: it is none; E_NOMEM. */
NODISCARD struct err audit_filter_passes(const struct audit_filter *filter, struct view line,
					 const struct audit_event *event, bool *passes);

#endif
