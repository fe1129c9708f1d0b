/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdfast doctor: everything that can be looked at, from outside and through the running service,
 * as rows. What cannot be looked at has a row, too, which says why. Rows that the service has
 * judged (admin operation Status) are taken as they are.
 */
#ifndef HOLDFAST_CLI_DOCTOR_H
#define HOLDFAST_CLI_DOCTOR_H

#include <sys/types.h>

#include "cli/audit_keys.h"
#include "cli/check_list.h"
#include "cli/command.h"
#include "cli/request.h"

#define DOCTOR_TAKEN_MAX 64

/* Who is behind a socket. */
struct doctor_peer {
	bool there;
	int number; /* errno of connect(2), while nobody is there */
	pid_t pid;
	uid_t uid;
};

struct doctor {
	const struct command_context *context;
	struct check_list *list;
	struct audit_keys older; /* that the audit log was signed with before */
	struct doctor_peer daemon, token;
	/* What the service tells; NULL: it does not, and why. */
	struct json *status, *system;
	struct buf status_text, system_text;
	struct request_failure why;
	/* Names of rows of Status that a group has taken. */
	const char *taken[DOCTOR_TAKEN_MAX];
	size_t taken_count;
};

/* Files, folders and disks. */
void doctor_look_at_settings(struct doctor *d);
void doctor_look_at_permissions(struct doctor *d);
void doctor_look_at_disks(struct doctor *d);

/* The two processes: /proc, units. */
void doctor_find_peers(struct doctor *d);
void doctor_look_at_processes(struct doctor *d);
void doctor_look_at_units(struct doctor *d);

/* The rows of Status with one of these names, each with the group's other rows; those that no group
 * names are told at the end. `names` ends with NULL. Where the service does not answer: a row that
 * says so. */
void doctor_copy_rows(struct doctor *d, const char *const *names);
void doctor_copy_other_rows(struct doctor *d);

/* What else the service can be asked for: its own keys, self-tests, the whole store, the log. */
void doctor_look_at_token(struct doctor *d);
void doctor_look_at_store(struct doctor *d);
void doctor_look_at_audit(struct doctor *d);
void doctor_look_at_versions(struct doctor *d);

/* Why the service tells nothing, for a row. */
void doctor_unseen(struct doctor *d, const char *name);

#endif
