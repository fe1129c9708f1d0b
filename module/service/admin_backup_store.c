/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin operation BackupStore: a copy of the store in the folder that the settings name, while the
 * service goes on. The caller may choose its name, never its place.
 */
#include "base/ascii.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/input.h"
#include "service/operation.h"

/* What stands beside a backup, or beside an open store, under its name. */
static bool is_beside(struct view name)
{
	static const char *const ends[] = {".json", "-wal", "-shm", "-journal"};
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct view end = view_of_text(ends[i]);
		if (name.len >= end.len &&
		    view_equal(view_part(name, name.len - end.len, end.len), end))
			return true;
	}
	return false;
}

static bool is_name(struct view name)
{
	return ascii_consists_of(name, ASCII_ALPHANUMERIC, VIEW_LITERAL("._-")) &&
	       name.ptr[0] != '.' && name.ptr[0] != '-' && !is_beside(name);
}

static const struct schema_pattern file_name = {
	"^(?!.*(\\.json|-wal|-shm|-journal)$)[a-zA-Z0-9_][a-zA-Z0-9._-]*$", is_name};
static const struct schema_shape shape_name = {.type = SCHEMA_STRING,
					       .has_min = true,
					       .min = 1,
					       .has_max = true,
					       .max = BACKUP_NAME_MAX,
					       .pattern = &file_name};
static const struct schema_member members[] = {
	{"Name", &shape_name, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Name", NULL};

static struct err execute(struct call_work *work)
{
	const struct service_backups *backups = &work->service->options.backups;
	char name[BACKUP_NAME_MAX + 1];
	REQUIRE(backups->make != NULL, E_UNSUPPORTED_OPERATION);
	TRY(text_copy(name, sizeof name, input_text(work, "Name")));
	TRY(MEM_NEW(&work->out.backup));
	struct err e = backups->make(backups->self, name, work->out.backup);
	if (err_is(e, E_EXISTS))
		return work_refuse(work, ERR(E_KMS_EXISTS), "There is a file named %s already.",
				   name);
	return e;
}

static void encode(struct call_work *work, struct json_out *out)
{
	const struct backup *backup = work->out.backup;
	json_out_text(out, "Path", view_of_text(backup->path));
	json_out_integer(out, "Bytes", (int64_t)backup->bytes);
	json_out_integer(out, "Milliseconds", backup->took_ms);
	json_out_integer(out, "Rows", (int64_t)backup->rows);
	json_out_integer(out, "Epoch", (int64_t)backup->mark.epoch);
	json_out_text(out, "Sha256", view_of_text(backup->sha256));
	json_out_text(out, "Verdict", view_of_text(err_name(backup->verdict)));
}

static void audit(struct call_work *work, struct json_out *out)
{
	const struct backup *backup = work->out.backup;
	json_out_text(out, "path", view_of_text(backup->path));
	json_out_integer(out, "epoch", (int64_t)backup->mark.epoch);
	json_out_text(out, "sha256", view_of_text(backup->sha256));
}

const struct operation admin_backup_store = {
	.name = "BackupStore",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS,
	.input = &input,
	.keys = {{.action = "holdfast:BackupStore"}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
	.audit = audit,
};
