/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the store as of one moment, for backups. */
#include "base/log.h"
#include "store/sqlite/file.h"
#include "store/sqlite/manifest_ports.h"
#include "store/sqlite/migration.h"

NODISCARD struct err sqlite_copy(void *self, const char *path)
{
	const struct store_sqlite *store = self;
	const char *from = sqlite3_db_filename(store->writer->db, "main");
	ENSURE(from != NULL);
	struct err e = sqlite_copy_write(from, path);
	if (err_is(e, E_EXISTS))
		return e;
	if (!err_failed(e))
		e = sqlite_file_sync_folder(path);
	if (err_failed(e))
		log_event(LOG_ERROR, "store.copy_failed", LOG_TEXT("copy", path),
			  LOG_TEXT("action", "make room where the copy is to be"), LOG_ERR(e));
	return e;
}
