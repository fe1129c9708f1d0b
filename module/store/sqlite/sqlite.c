/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, closing, and the ports as tables of functions. */
#include "store/sqlite/sqlite.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/agenda_ports.h"
#include "store/sqlite/file.h"
#include "store/sqlite/grant_ports.h"
#include "store/sqlite/identity_ports.h"
#include "store/sqlite/manifest_ports.h"
#include "store/sqlite/migration.h"
#include "store/sqlite/ports.h"

#define BUSY_TIMEOUT_MS 5000
/* Room for the names that SQLite and a migration make of the path. */
#define PATH_ROOM 64

/* What a crash may have left open to others is closed as well. */
static struct err files_check(const char *path, bool *exists)
{
	static const char *const suffixes[] = {"-wal", "-shm"};
	char beside[SQLITE_PATH_MAX];
	bool ignored = false;
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		TRY(text_format(beside, sizeof beside, "%s%s", path, suffixes[i]));
		TRY(sqlite_file_check(beside, &ignored));
	}
	return sqlite_file_check(path, exists);
}

static struct err file_prepare(const struct store_sqlite_options *options)
{
	bool exists = false;
	REQUIRE(view_of_text(options->path).len + PATH_ROOM < SQLITE_PATH_MAX, E_SETTINGS);
	TRY(files_check(options->path, &exists));
	if (exists)
		return OK;
	REQUIRE(options->create, E_NOT_INITIALISED);
	struct err e = sqlite_file_create(options->path);
	return err_is(e, E_EXISTS) ? OK : e; /* somebody was faster */
}

/* Asks before anything is changed: a newer or foreign file stays as it is. */
static struct err writer_open(struct store_sqlite *store,
			      const struct store_sqlite_options *options, uint32_t busy_timeout_ms)
{
	struct sqlite_schema schema;
	TRY(sqlite_connection_open(options->path, busy_timeout_ms, &store->writer));
	TRY(sqlite_schema_inspect(store->writer, &sqlite_migrations, &schema));
	REQUIRE(!schema.empty || options->create, E_NOT_INITIALISED);
	TRY(sqlite_connection_prepare(store->writer, SQLITE_ROLE_WRITER));
	TRY(sqlite_schema_migrate(store->writer, options->path, &sqlite_migrations, store->clock));
	TRY(sqlite_schema_check(store->writer, &sqlite_migrations));
	return sqlite_connection_expect(store->writer, "PRAGMA quick_check(1)", "ok");
}

NODISCARD struct err store_sqlite_open(const struct store_sqlite_options *options,
				       struct store_sqlite **out)
{
	*out = NULL;
	CLEANUP(store_sqlite_close) struct store_sqlite *store = NULL;
	uint32_t busy = options->busy_timeout_ms ? options->busy_timeout_ms : BUSY_TIMEOUT_MS;
	TRY(MEM_NEW(&store));
	store->sealer = options->sealer;
	store->clock = options->clock ? options->clock : &clock_system;
	(void)pthread_mutex_init(&store->write_lock, NULL);
	(void)pthread_mutex_init(&store->manifest.mark_lock, NULL);
	TRY(map_init(&store->claimed));
	TRY(sqlite_checking_init(&store->checking));
	sqlite_metrics_name();
	TRY(file_prepare(options));
	TRY(writer_open(store, options, busy));
	TRY(sqlite_manifest_start(store));
	TRY(sqlite_checking_open(&store->checking, options->path, busy));
	TRY(sqlite_pool_init(&store->readers, options->path, busy, &store->checking.committed));
	sqlite_metrics_measure(store->writer);
	*out = TAKE(store);
	return OK;
}

void store_sqlite_close(struct store_sqlite **store)
{
	struct store_sqlite *closing = TAKE(*store);
	if (closing == NULL)
		return;
	sqlite_pool_cleanup(&closing->readers);
	sqlite_connection_close(&closing->checking.looker);
	/* The last to go: it folds the write-ahead log into the file. */
	sqlite_connection_close(&closing->writer);
	sqlite_manifest_cleanup(&closing->manifest);
	sqlite_checking_cleanup(&closing->checking);
	sqlite_intents_forget(closing);
	(void)pthread_mutex_destroy(&closing->write_lock);
	mem_free(closing);
}

/*
 * PRAGMA data_version changes with the commits of other connections, never with the connection's
 * own. All of this process's commits are the writer's, so that what it sees are other processes'.
 */
static struct err change_count(void *self, uint64_t *out)
{
	struct store_sqlite *store = self;
	int64_t now = 0;
	LOCK_SCOPE(&store->write_lock);
	TRY(sqlite_connection_check_place(store->writer));
	TRY(sqlite_data_version(store->writer, &now));
	if (now != store->data_version)
		store->changes++;
	store->data_version = now;
	*out = store->changes;
	return OK;
}

static const struct kms_store_ops key_ops = {
	.intent_add = sqlite_intent_add,
	.intent_remove = sqlite_intent_remove,
	.intent_list = sqlite_intent_list,
	.intent_claim = sqlite_intent_claim,
	.key_create = sqlite_key_create,
	.key_update = sqlite_key_update,
	.key_rotate = sqlite_key_rotate,
	.version_adopt = sqlite_version_adopt,
	.material_update = sqlite_material_update,
	.key_clear = sqlite_key_clear,
	.key_delete = sqlite_key_delete,
	.key_load = sqlite_key_load,
	.key_load_lacking = sqlite_key_load_lacking,
	.key_locate = sqlite_key_locate,
	.key_list = sqlite_key_list,
	.version_reserve = sqlite_version_reserve,
	.version_each = sqlite_version_each,
	.outbox_list = sqlite_outbox_list,
	.outbox_done = sqlite_outbox_done,
	.change_count = change_count,
};

static const struct kms_catalog_ops catalog_ops = {
	.alias_create = sqlite_alias_create,
	.alias_update = sqlite_alias_update,
	.alias_delete = sqlite_alias_delete,
	.alias_load = sqlite_alias_load,
	.alias_list = sqlite_alias_list,
	.tags_put = sqlite_tags_put,
	.tags_remove = sqlite_tags_remove,
	.tags_list = sqlite_tags_list,
	.last_use_save = sqlite_last_use_save,
	.last_use_load = sqlite_last_use_load,
	.last_use_since = sqlite_last_use_since,
};

static const struct kms_grants_ops grant_ops = {
	.create = sqlite_grant_create,
	.remove = sqlite_grant_remove,
	.load = sqlite_grant_load,
	.find = sqlite_grant_find,
	.list = sqlite_grant_list,
	.list_retirable = sqlite_grant_list_retirable,
	.each = sqlite_grant_each,
};

static const struct kms_agenda_ops agenda_ops = {
	.due_list = sqlite_due_list,
	.due_count = sqlite_due_count,
	.claim_take = sqlite_claim_take,
	.claim_end = sqlite_claim_end,
	.claim_fail = sqlite_claim_fail,
	.claim_attempts = sqlite_claim_attempts,
	.failures = sqlite_failures,
	.mark_load = sqlite_mark_load,
	.mark_save = sqlite_mark_save,
};

static const struct kms_manifest_ops manifest_ops = {
	.survey = sqlite_survey,
	.mark = sqlite_manifest_mark,
	.denies = sqlite_manifest_denies,
	.doubt = sqlite_manifest_doubt,
	.freeze = sqlite_manifest_freeze,
	.begin = sqlite_manifest_begin,
	.accept = sqlite_manifest_accept,
	.head_load = sqlite_head_load,
	.head_save = sqlite_head_save,
	.head_list = sqlite_head_list,
	.copy = sqlite_copy,
	.discard = sqlite_discard,
};

const char *store_sqlite_library(void)
{
	return sqlite3_libversion();
}

int64_t store_sqlite_schema(void)
{
	return (int64_t)sqlite_migrations.count;
}

struct kms_store store_sqlite_keys(struct store_sqlite *store)
{
	return (struct kms_store){.ops = &key_ops, .self = store};
}

struct kms_catalog store_sqlite_catalog(struct store_sqlite *store)
{
	return (struct kms_catalog){.ops = &catalog_ops, .self = store};
}

struct kms_grants store_sqlite_grants(struct store_sqlite *store)
{
	return (struct kms_grants){.ops = &grant_ops, .self = store};
}

struct kms_agenda store_sqlite_agenda(struct store_sqlite *store)
{
	return (struct kms_agenda){.ops = &agenda_ops, .self = store};
}

struct kms_manifest store_sqlite_manifest(struct store_sqlite *store)
{
	return (struct kms_manifest){.ops = &manifest_ops, .self = store};
}

struct auth_identities store_sqlite_identities(struct store_sqlite *store)
{
	return (struct auth_identities){
		.create = sqlite_identity_create,
		.update = sqlite_identity_update,
		.remove = sqlite_identity_remove,
		.load = sqlite_identity_load,
		.load_by_id = sqlite_identity_load_by_id,
		.list = sqlite_identity_list,
		.access_key_load = sqlite_access_key_load,
		.access_key_add = sqlite_access_key_add,
		.access_key_update = sqlite_access_key_update,
		.access_key_remove = sqlite_access_key_remove,
		.access_key_list = sqlite_access_key_list,
		.key_use_save = sqlite_key_use_save,
		.key_use_load = sqlite_key_use_load,
		.session_add = sqlite_session_add,
		.session_load = sqlite_session_load,
		.session_remove = sqlite_session_remove,
		.session_list = sqlite_session_list,
		.session_sweep = sqlite_session_sweep,
		.adopt = sqlite_identities_adopt,
		.clear = sqlite_identities_clear,
		.self = store,
	};
}

struct kms_installation_store store_sqlite_installation(struct store_sqlite *store)
{
	return (struct kms_installation_store){
		.load = sqlite_installation_load,
		.verify = sqlite_installation_verify,
		.save = sqlite_installation_save,
		.self = store,
	};
}
