/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second place for the lines of the audit log, beside the file, which is the truth: syslog
 * (RFC 5424 over a local datagram socket) or systemd's journal (its native protocol). A line is
 * given here once it is durable, and sent by a thread of its own from a bounded queue: no reply
 * waits for a sink, and none fails because of one. While the sink is away its lines wait, as far
 * as there is room; what finds no room is counted, and the sink is told how many it missed, where
 * they are missing, when it is back.
 */
#ifndef HOLDFAST_AUDIT_SINK_H
#define HOLDFAST_AUDIT_SINK_H

#include "base/clock.h"
#include "base/err.h"
#include "base/view.h"

#define AUDIT_SINK_SOCKET_MAX 107 /* sun_path of unix(7), without its NUL */
#define AUDIT_SINK_IDENT_MAX 48   /* RFC 5424: APP-NAME */

struct audit_sink;

enum audit_sink_kind { AUDIT_SINK_NONE, AUDIT_SINK_SYSLOG, AUDIT_SINK_JOURNAL, AUDIT_SINK_KINDS };

struct audit_sink_options {
	enum audit_sink_kind kind;
	const char *socket; /* empty: where the kind listens on every machine */
	const char *ident;  /* who speaks: printable ASCII without blanks */
	uint32_t facility;  /* as in syslog(3), 0..23 */
};

/* *out owned by the caller, audit_sink_close(); options are copied. Nothing need listen yet.
 * E_NOMEM. */
NODISCARD struct err audit_sink_open(const struct audit_sink_options *options,
				     const struct clock *clock, struct audit_sink **out);

/* Sends what waits for a second at most; the rest is counted and logged. */
void audit_sink_close(struct audit_sink **sink);

/* Another sink, or none, from now on. What waits goes there as well. Thread-safe. */
void audit_sink_set(struct audit_sink *sink, const struct audit_sink_options *options);

/* One line that is durable, in two parts (a newline at its end is left out); copied. Never blocks,
 * never fails. sink NULL: nothing. Thread-safe. */
void audit_sink_put(struct audit_sink *sink, struct view front, struct view ending);

struct audit_sink_report {
	enum audit_sink_kind kind;
	char socket[AUDIT_SINK_SOCKET_MAX + 1];
	uint64_t delivered, missed; /* since the start; missed: it will never be told */
	size_t waiting;
	int64_t failing_since_ms; /* Unix time; 0: it takes what it is sent */
	int64_t missed_ms;        /* Unix time of the last that it missed; 0: none */
	int failure;              /* errno of the last attempt that failed */
};
void audit_sink_report(struct audit_sink *sink, struct audit_sink_report *out);

#endif
