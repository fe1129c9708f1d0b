/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the manifest costs: a commit with and without one, a survey, and how much is kept in memory.
 *
 *   manifest_cost FOLDER [KEYS]    makes a store there; the sealer is an HMAC in this process, so
 * that the token's own time comes on top: one MAC per commit
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "store/sqlite/ports.h"

#define COMMITS 400
#define LISTS 20
#define LOADS 2000
#define KEYS_DEFAULT 10000

static const uint8_t seal_key[32] = {1, 2, 3};

static struct err seal(void *self, const struct view *messages, size_t count,
		       uint8_t (*seals)[KMS_SEAL_LEN])
{
	(void)self;
	for (size_t i = 0; i < count; i++)
		TRY(digest_hmac_sha256(VIEW_ARRAY(seal_key), &messages[i], 1, seals[i]));
	return OK;
}

/* On the wall, and of this process: others may share the machine. */
struct reading {
	double wall_s, own_s;
};

static double clock_s(clockid_t clock)
{
	struct timespec at;
	(void)clock_gettime(clock, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static struct reading now(void)
{
	return (struct reading){clock_s(CLOCK_MONOTONIC), clock_s(CLOCK_PROCESS_CPUTIME_ID)};
}

static void tell(const char *what, struct reading began, double times)
{
	struct reading ended = now();
	printf("%-28s %10.1f us, %10.1f us of them our own\n", what,
	       (ended.wall_s - began.wall_s) * 1e6 / times,
	       (ended.own_s - began.own_s) * 1e6 / times);
}

static void number_put(uint8_t *at, uint32_t n)
{
	for (size_t i = 0; i < 4; i++)
		at[i] = (uint8_t)(n >> (24 - 8 * i));
}

static const struct kms_scope scope = {"aws", "eu-bench-1", "123456789012"};

static struct err key_make(const struct kms_store *keys, uint32_t n)
{
	static char policy[] = "{\"Version\":\"2012-10-17\",\"Statement\":[]}";
	static char description[] = "";
	struct kms_key key = {.scope = scope,
			      .state = KMS_STATE_ENABLED,
			      .usage = KMS_USAGE_ENCRYPT_DECRYPT,
			      .spec = KMS_SPEC_SYMMETRIC_DEFAULT,
			      .origin = KMS_ORIGIN_AWS_KMS,
			      .manager = KMS_MANAGER_CUSTOMER,
			      .created_ms = 1700000000000,
			      .current_version = 1,
			      .revision = 1,
			      .description = description,
			      .policy = policy};
	struct kms_version version = {
		.number = 1, .suite = HSM_SUITE_ECB_DATA, .created_ms = 1700000000000};
	struct kms_intent intent = {.scope = scope, .number = 1, .kind = KMS_INTENT_MAKE};
	struct kms_outbox_record record = {.line = VIEW_LITERAL("{}")};
	number_put(key.id.bytes, n);
	number_put(version.token_id.bytes, n);
	version.key_id = intent.key_id = key.id;
	intent.token_id = version.token_id;
	TRY(text_format(record.event_id, sizeof record.event_id, "00000000-0000-4000-8000-%012x",
			n));
	TRY(keys->ops->intent_add(keys->self, &intent));
	return keys->ops->key_create(
		keys->self, &(const struct kms_new_key){.key = &key, .version = &version}, &record);
}

static struct err commits_measure(const struct kms_store *keys, uint32_t first, const char *what)
{
	struct reading began = now();
	for (uint32_t n = first; n < first + COMMITS / 2; n++)
		TRY(key_make(keys, n));
	tell(what, began, COMMITS);
	return OK;
}

static struct err survey_measure(const struct kms_manifest *manifest, const char *what)
{
	CLEANUP(kms_survey_cleanup) struct kms_survey survey = {0};
	struct kms_survey_options options = {0};
	TRY(manifest->ops->mark(manifest->self, &options.anchor));
	struct reading began = now();
	TRY(manifest->ops->survey(manifest->self, &options, &survey));
	TRY(survey.verdict);
	tell(what, began, 1);
	printf("%-28s %10llu rows\n", "", (unsigned long long)survey.rows);
	return OK;
}

static struct err load_measure(const struct kms_store *keys, const char *what)
{
	struct reading began = now();
	for (uint32_t n = 1; n <= LOADS; n++) {
		struct kms_key_id id = {.bytes = {0}};
		CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
		number_put(id.bytes, n % 100 + 1);
		TRY(keys->ops->key_load(keys->self, &scope, &id, &full));
	}
	tell(what, began, LOADS);
	return OK;
}

/* The first thousand. Fresh: the file is another than at the last count, so that all are counted.
 */
static struct err list_measure(struct store_sqlite *store, bool fresh, const char *what)
{
	const struct kms_store keys = store_sqlite_keys(store);
	struct reading began = now();
	for (uint32_t n = 0; n < LISTS; n++) {
		struct kms_key_page page = {0};
		for (size_t i = 0; i < SQLITE_READERS && fresh; i++)
			mem_zero(store->readers.all[i]->counts,
				 sizeof store->readers.all[i]->counts);
		TRY(keys.ops->key_list(keys.self, &scope, NULL, 1000, &page));
		mem_free(page.ids);
	}
	tell(what, began, LISTS);
	return OK;
}

static struct err measure(const char *folder, uint32_t count)
{
	CLEANUP(store_sqlite_close) struct store_sqlite *store = NULL;
	char path[256];
	TRY(text_format(path, sizeof path, "%s/bench.db", folder));
	TRY(store_sqlite_open(&(struct store_sqlite_options){.path = path,
							     .create = true,
							     .sealer = {.seal = seal}},
			      &store));
	const struct kms_store keys = store_sqlite_keys(store);
	const struct kms_manifest manifest = store_sqlite_manifest(store);
	TRY(commits_measure(&keys, 1, "commit without a manifest"));
	TRY(load_measure(&keys, "load without a manifest"));
	TRY(manifest.ops->begin(manifest.self));
	TRY(commits_measure(&keys, 1000, "commit with a manifest"));
	TRY(load_measure(&keys, "load with a manifest"));
	TRY(sqlite_connection_run(store->writer, "PRAGMA synchronous=OFF"));
	for (uint32_t n = 2000; n < 2000 + count - COMMITS; n++)
		TRY(key_make(&keys, n));
	TRY(survey_measure(&manifest, "survey"));
	TRY(list_measure(store, false, "list of keys, counted before"));
	TRY(list_measure(store, true, "list of keys, counted"));
	const struct store_expectation *e = &store->checking.expectation;
	printf("kept: %zu rows in %zu KiB, %zu groups in %zu KiB, history %zu KiB\n", e->rows.count,
	       e->rows.cap * sizeof *e->rows.slots / 1024, e->groups.count,
	       e->groups.cap * sizeof *e->groups.slots / 1024,
	       STORE_HISTORY_MAX * sizeof *e->history / 1024);
	return OK;
}

int main(int argc, char **argv)
{
	int64_t count = KEYS_DEFAULT;
	if (argc < 2 || (argc > 2 && err_failed(text_parse_integer(view_of_text(argv[2]), COMMITS,
								   1000000, &count)))) {
		(void)fprintf(stderr, "usage: manifest_cost FOLDER [KEYS]\n");
		return 2;
	}
	struct err result = measure(argv[1], (uint32_t)count);
	if (err_failed(result))
		(void)fprintf(stderr, "%s (%s:%u)\n", err_name(result), result.file, result.line);
	return err_failed(result);
}
