/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin operation DescribeInstallation: what runs here and on which token, with the attributes of
 * the installation's own keys as the token has them now. Changes nothing.
 */
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/mem.h"
#include "service/anchoring.h"
#include "service/core.h"
#include "service/init.h"
#include "service/key_evidence.h"
#include "service/operation.h"

static const struct schema_member members[] = {{NULL, NULL, false}};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const roles[] = {
	[HSM_ROLE_VERSION] = "version",
	[HSM_ROLE_ROW_SEAL] = "row-seal",
	[HSM_ROLE_AUDIT_SIGN] = "audit-sign",
	[HSM_ROLE_SECRET_WRAP] = "secret-wrap",
};

static void put_text(struct json_out *out, const char *name, const char *text)
{
	json_out_text(out, name, view_of_text(text));
}

static void write_installation(const struct kms_installation *installation, struct json_out *out)
{
	json_out_begin_object(out, "Installation");
	put_text(out, "Id", installation->id);
	put_text(out, "Partition", installation->scope.partition);
	put_text(out, "Region", installation->scope.region);
	put_text(out, "Account", installation->scope.account);
	key_evidence_time(out, "Created", installation->created_ms);
	json_out_end_object(out);
}

static void write_token(struct service *service, struct json_out *out)
{
	struct hsm_status token;
	const char *expected = service->options.installation.token_serial;
	hsm_status(service->options.hsm, &token);
	json_out_begin_object(out, "Token");
	put_text(out, "Manufacturer", token.manufacturer);
	put_text(out, "Model", token.model);
	put_text(out, "Serial", token.serial);
	put_text(out, "Label", token.token_label);
	json_out_integer(out, "Suite", token.suite);
	json_out_integer(out, "Lanes", token.lanes);
	put_text(out, "SerialOfInstallation", expected);
	json_out_bool(out, "IsOfInstallation",
		      view_equal(view_of_text(token.serial), view_of_text(expected)));
	json_out_end_object(out);
}

static struct err write_own_key(struct service *service, size_t which, struct json_out *out)
{
	struct hsm_object object;
	TRY(init_key(&service->options.installation, which, &object));
	json_out_begin_object(out, NULL);
	put_text(out, "Role", roles[object.role]);
	put_text(out, "Label", object.label);
	json_out_integer(out, "Suite", object.suite);
	TRY(key_evidence_write_token(service, &object.id, out));
	json_out_end_object(out);
	return OK;
}

static struct err write_own_keys(struct service *service, struct json_out *out)
{
	json_out_begin_array(out, "ServiceKeys");
	for (size_t i = 0; i < INIT_KEYS; i++)
		TRY(write_own_key(service, i, out));
	json_out_end_array(out);
	return OK;
}

static void write_public_key(struct service *service, struct json_out *out)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_PUBLIC_KEY,
			    .from = {.key = service->options.installation.audit_sign}};
	struct err e = service_token_call(service, &op);
	if (err_failed(e))
		put_text(out, "AuditPublicKeyError", err_name(e));
	else
		json_out_base64(out, "AuditPublicKey", VIEW_ARRAY(op.point));
}

static void write_libraries(const struct service *service, struct json_out *out)
{
	const struct service_library *row = service->options.libraries;
	json_out_begin_array(out, "Libraries");
	for (; row != NULL && row->name != NULL; row++) {
		json_out_begin_object(out, NULL);
		put_text(out, "Name", row->name);
		put_text(out, "Version", row->version());
		json_out_end_object(out);
	}
	json_out_end_array(out);
}

static void write_limit(struct json_out *out, const char *name, const struct rlimit *limit)
{
	if (limit->rlim_cur == RLIM_INFINITY)
		put_text(out, name, "unlimited");
	else
		json_out_integer(out, name, (int64_t)limit->rlim_cur);
}

static void write_limits(struct json_out *out)
{
	struct rlimit limit = {0};
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0)
		write_limit(out, "LockedMemoryBytes", &limit);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		write_limit(out, "OpenFiles", &limit);
	if (getrlimit(RLIMIT_CORE, &limit) == 0)
		write_limit(out, "CoreBytes", &limit);
}

static void write_process(const struct service *service, struct json_out *out)
{
	struct utsname host = {0};
	(void)uname(&host);
	json_out_begin_object(out, "Process");
	json_out_integer(out, "Pid", getpid());
	json_out_integer(out, "Uid", getuid());
	write_limits(out);
	put_text(out, "System", host.sysname);
	put_text(out, "Kernel", host.release);
	put_text(out, "Machine", host.machine);
	if (service->options.audit_directory != NULL)
		put_text(out, "AuditDirectory", service->options.audit_directory);
	json_out_end_object(out);
}

static void write_point(struct json_out *out, const char *name, const struct audit_point *point)
{
	if (point->sequence == 0)
		return;
	json_out_begin_object(out, name);
	put_text(out, "Chain", point->chain);
	json_out_integer(out, "Sequence", (int64_t)point->sequence);
	json_out_hex(out, "Hash", VIEW_ARRAY(point->hash));
	json_out_end_object(out);
}

/* The log's files must have these lines, whoever may write there: the last that this process has
 * made durable, and the one that the store remembers under its seal. */
static void write_audit_log(const struct service *service, struct json_out *out)
{
	struct anchoring_report report;
	struct audit_point head = {.sequence = 0}, stored = {.sequence = 0};
	audit_log_point(service->options.audit, &head);
	anchoring_report(service->anchoring, &report);
	stored.sequence = report.stored.sequence;
	mem_copy(stored.chain, sizeof stored.chain, report.stored.chain,
		 sizeof report.stored.chain);
	mem_copy(stored.hash, sizeof stored.hash, report.stored.hash, sizeof report.stored.hash);
	json_out_begin_object(out, "AuditLog");
	if (service->options.audit_name != NULL)
		put_text(out, "Name", service->options.audit_name);
	write_point(out, "Head", &head);
	write_point(out, "StoredHead", &stored);
	json_out_end_object(out);
}

static void encode(struct call_work *work, struct json_out *out)
{
	struct service *service = work->service;
	put_text(out, "Version", HOLDFAST_VERSION);
	key_evidence_time(out, "Time", clock_real_ms(service->options.clock));
	write_installation(&service->options.installation, out);
	write_token(service, out);
	struct err e = write_own_keys(service, out);
	if (err_failed(e))
		writer_fail(out->w, e);
	write_public_key(service, out);
	write_libraries(service, out);
	write_process(service, out);
	write_audit_log(service, out);
}

const struct operation admin_describe_installation = {
	.name = "DescribeInstallation",
	.door = CALL_DOOR_ADMIN,
	.flags = OPERATION_BLOCKS,
	.read_only = true,
	.input = &input,
	.keys = {{.action = "holdfast:DescribeInstallation"}},
	.encode = encode,
};
