/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast doctor: everything that can be well or not, one line each, and what to do. */
#include "cli/doctor.h"

#define ANSWER_MAX ((size_t)1 << 20)

static void look_at_clock(struct doctor *d)
{
	static const char *const names[] = {"clock", NULL};
	doctor_copy_rows(d, names);
}

static void look_at_due_work(struct doctor *d)
{
	static const char *const names[] = {"due work", NULL};
	doctor_copy_rows(d, names);
}

static void look_at_doors(struct doctor *d)
{
	static const char *const names[] = {"certificate", "calls", NULL};
	doctor_copy_rows(d, names);
}

static void look_at_settings(struct doctor *d)
{
	static const char *const names[] = {"settings", NULL};
	doctor_look_at_settings(d);
	doctor_copy_rows(d, names);
}

static void look_at_sandbox(struct doctor *d)
{
	static const char *const names[] = {"sandbox", NULL};
	doctor_copy_rows(d, names);
}

static const struct part {
	const char *group;
	void (*look)(struct doctor *d);
	bool needs_settings; /* a file that is wrong leaves nothing to look at */
} parts[] = {
	{"Settings", look_at_settings, false},
	{"Processes and limits", doctor_look_at_processes, true},
	{"Permissions", doctor_look_at_permissions, true},
	{"Disk", doctor_look_at_disks, true},
	{"Token", doctor_look_at_token, false},
	{"Clock", look_at_clock, false},
	{"Store", doctor_look_at_store, false},
	{"Audit log", doctor_look_at_audit, false},
	{"Due work", look_at_due_work, false},
	{"Doors", look_at_doors, false},
	{"Sandbox", look_at_sandbox, false},
	{"Versions", doctor_look_at_versions, false},
	{"Units", doctor_look_at_units, false},
	{"Service", doctor_copy_other_rows, false}, /* the last: what no group has taken */
};

static void look(struct doctor *d, const struct part *part)
{
	d->list->group = part->group;
	if (part->needs_settings && d->context->settings_fault != NULL)
		check_add(d->list, part->group, CHECK_UNKNOWN, "correct the settings first",
			  "not looked at: the settings say where, and they are wrong");
	else
		part->look(d);
}

static void ask(struct doctor *d)
{
	const struct request status = {"Status", VIEW_LITERAL("{}"), 0};
	const struct request system = {"DescribeInstallation", VIEW_LITERAL("{}"), 0};
	struct request_failure why;
	(void)request_try(d->context, &status, &d->status_text, &d->status, &d->why);
	if (d->status != NULL)
		(void)request_try(d->context, &system, &d->system_text, &d->system, &why);
	if (d->status != NULL && d->system == NULL)
		d->why = why;
}

static void doctor_cleanup(struct doctor *d)
{
	json_free(&d->status);
	json_free(&d->system);
	buf_cleanup(&d->status_text);
	buf_cleanup(&d->system_text);
}

static enum exit_status run(const struct command_context *context, const struct command_call *call)
{
	static const char *const verdicts[] = {
		[CHECK_OK] = "Holdfast is well.",
		[CHECK_UNKNOWN] = "What could be looked at is well; some could not.",
		[CHECK_WARNING] = "Holdfast needs attention.",
		[CHECK_FAILURE] = "Holdfast is NOT WELL.",
	};
	CLEANUP(check_list_cleanup) struct check_list list;
	CLEANUP(doctor_cleanup) struct doctor d = {.context = context, .list = &list};
	check_list_init(&list);
	buf_init(&d.status_text, ANSWER_MAX);
	buf_init(&d.system_text, ANSWER_MAX);
	enum exit_status status = audit_keys_read(call->arguments, "audit-key", &d.older);
	if (status != EXIT_DONE)
		return status;
	doctor_find_peers(&d);
	ask(&d);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		look(&d, &parts[i]);
	if (err_failed(check_list_end(&list, verdicts)))
		return EXIT_DEFECT;
	return check_list_print(context, &list);
}

static const struct argument arguments[] = {
	ARGUMENT_OPTION("audit-key", NULL, "FILE", ARGUMENT_LIST,
			"public keys (PEM) that signed the audit log before this token's"),
	ARGUMENTS_END};

static const struct verb verbs[] = {
	{.name = "",
	 .run = run,
	 .summary = "look at everything: settings, permissions, token, store, audit log, and more",
	 .arguments = arguments},
	VERBS_END};

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "look at everything: settings, permissions, token, store, audit log, and more",
	.verbs = verbs,
	.any_settings = true,
};
