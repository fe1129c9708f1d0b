/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define START_MS INT64_C(1700000000000)

static int log_fd = -1;

static struct err seal(void *self, const struct view *messages, size_t count,
		       uint8_t (*seals)[KMS_SEAL_LEN])
{
	struct fixture *f = self;
	unsigned call = __atomic_add_fetch(&f->seal_calls, 1, __ATOMIC_RELAXED);
	void (*meanwhile)(void *user) = f->while_sealing;
	f->while_sealing = NULL;
	if (meanwhile != NULL)
		meanwhile(f->while_sealing_user);
	if (f->seal_failure_at == 0 || f->seal_failure_at == call)
		TRY(f->seal_failure);
	for (size_t i = 0; i < count; i++) {
		unsigned len = 0;
		ENSURE(HMAC(EVP_sha256(), f->seal_key, sizeof f->seal_key, messages[i].ptr,
			    messages[i].len, seals[i], &len) != NULL);
		ENSURE(len == KMS_SEAL_LEN);
	}
	return OK;
}

struct kms_sealer fixture_sealer(struct fixture *f)
{
	return (struct kms_sealer){.seal = seal, .self = f};
}

struct store_sqlite_options fixture_options(struct fixture *f)
{
	return (struct store_sqlite_options){
		.path = f->path,
		.create = true,
		.sealer = fixture_sealer(f),
		.clock = &f->clock.clock,
	};
}

void fixture_ports(struct fixture *f)
{
	f->keys = store_sqlite_keys(f->store);
	f->catalog = store_sqlite_catalog(f->store);
	f->identities = store_sqlite_identities(f->store);
	f->grants = store_sqlite_grants(f->store);
	f->agenda = store_sqlite_agenda(f->store);
	f->manifest = store_sqlite_manifest(f->store);
	f->installation = store_sqlite_installation(f->store);
}

void fixture_open(struct fixture *f)
{
	struct store_sqlite_options options = fixture_options(f);
	assert_ok(store_sqlite_open(&options, &f->store));
	fixture_ports(f);
}

void fixture_close(struct fixture *f)
{
	store_sqlite_close(&f->store);
}

/* The log goes to memory, so that tests can read it and their output stays clean. */
static void log_start(void)
{
	if (log_fd < 0)
		log_fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(log_fd >= 0);
	log_configure(LOG_FORM_TEXT, LOG_INFO, log_fd);
}

const char *fixture_log(struct fixture *f)
{
	static char text[64 << 10];
	(void)f;
	ssize_t n = pread(log_fd, text, sizeof text - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_int_equal(ftruncate(log_fd, 0), 0);
	assert_int_equal(lseek(log_fd, 0, SEEK_SET), 0);
	return text;
}

int fixture_setup_folder(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	/* Memory where there is some: processes end here, and no disk loses its power. */
	const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	assert_ok(text_format(f->folder, sizeof f->folder, "%s/holdfast-XXXXXX", where));
	assert_non_null(mkdtemp(f->folder));
	assert_ok(text_format(f->path, sizeof f->path, "%s/store.db", f->folder));
	for (size_t i = 0; i < sizeof f->seal_key; i++)
		f->seal_key[i] = (uint8_t)(i * 7 + 1);
	clock_manual_init(&f->clock, START_MS);
	log_start();
	*state = f;
	return 0;
}

int fixture_setup(void **state)
{
	(void)fixture_setup_folder(state);
	fixture_open(*state);
	return 0;
}

static void folder_remove(const char *folder)
{
	DIR *dir = opendir(folder);
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
	(void)rmdir(folder);
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	fixture_close(f);
	folder_remove(f->folder);
	free(f);
	return 0;
}

static sqlite3 *handle_open(struct fixture *f)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(db, 5000), SQLITE_OK);
	return db;
}

int fixture_changes(struct fixture *f, const char *sql)
{
	sqlite3 *db = handle_open(f);
	char *text = NULL;
	int code = sqlite3_exec(db, sql, NULL, NULL, &text);
	if (code != SQLITE_OK)
		print_error("%s\n  %s\n", sql, text);
	assert_int_equal(code, SQLITE_OK);
	int changes = sqlite3_total_changes(db);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return changes;
}

void fixture_sql(struct fixture *f, const char *sql)
{
	(void)fixture_changes(f, sql);
}

int64_t fixture_ask(struct fixture *f, const char *sql)
{
	sqlite3 *db = handle_open(f);
	sqlite3_stmt *statement = NULL;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t answer = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return answer;
}

const struct kms_scope sample_scope = {"aws", "eu-test-1", "123456789012"};

static void number_put(uint8_t *at, uint32_t n)
{
	for (size_t i = 0; i < 4; i++)
		at[i] = (uint8_t)(n >> (24 - 8 * i));
}

struct kms_key_id sample_id(uint32_t n)
{
	struct kms_key_id id = {.bytes = {0x4a, 0x11}};
	number_put(id.bytes + 12, n);
	return id;
}

struct kms_key sample_key(uint32_t n)
{
	static char description[] = "the key of a test";
	static char policy[] = "{\"Version\":\"2012-10-17\",\"Statement\":[]}";
	return (struct kms_key){
		.scope = sample_scope,
		.id = sample_id(n),
		.state = KMS_STATE_ENABLED,
		.usage = KMS_USAGE_ENCRYPT_DECRYPT,
		.spec = KMS_SPEC_SYMMETRIC_DEFAULT,
		.origin = KMS_ORIGIN_AWS_KMS,
		.manager = KMS_MANAGER_CUSTOMER,
		.created_ms = START_MS + n,
		.current_version = 1,
		.revision = 1,
		.description = description,
		.policy = policy,
	};
}

struct kms_version sample_version(uint32_t n)
{
	struct kms_version version = {
		.key_id = sample_id(n),
		.number = 1,
		.token_id = {.bytes = {0x70}},
		.suite = HSM_SUITE_ECB_DATA,
		.created_ms = START_MS + n,
		.material_id = {0x99},
	};
	number_put(version.token_id.bytes + 12, n);
	number_put(version.material_id + 28, n);
	return version;
}

struct kms_intent sample_intent(uint32_t n)
{
	struct kms_version version = sample_version(n);
	return (struct kms_intent){
		.token_id = version.token_id,
		.scope = sample_scope,
		.key_id = version.key_id,
		.number = version.number,
		.kind = KMS_INTENT_MAKE,
		.owner = {0x0a, 0x0b},
		.lease_ms = START_MS + 60000,
	};
}

struct kms_outbox_record sample_record(uint32_t n)
{
	struct kms_outbox_record record = {.line = VIEW_LITERAL("{\"eventName\":\"CreateKey\"}")};
	assert_ok(text_format(record.event_id, sizeof record.event_id,
			      "00000000-0000-4000-8000-%012x", n));
	return record;
}

struct kms_alias sample_alias(uint32_t n, uint32_t key)
{
	struct kms_alias alias = {
		.scope = sample_scope,
		.key_id = sample_id(key),
		.created_ms = START_MS + n,
		.updated_ms = START_MS + n,
		.revision = 1,
	};
	assert_ok(text_format(alias.name, sizeof alias.name, "alias/sample-%04u", n));
	return alias;
}

struct kms_tag sample_tag(uint32_t n)
{
	struct kms_tag tag;
	assert_ok(text_format(tag.key, sizeof tag.key, "tag-%04u", n));
	assert_ok(text_format(tag.value, sizeof tag.value, "value-%u", n));
	return tag;
}

static char empty_document[] = "{}";

static struct auth_identity account_make(uint32_t n, struct auth_identity identity)
{
	assert_ok(text_format(identity.account, sizeof identity.account, "%012u", n));
	assert_ok(text_format(identity.name, sizeof identity.name, "%012u", n));
	assert_ok(text_format(identity.id, sizeof identity.id, "%012u", n));
	assert_ok(text_format(identity.arn, sizeof identity.arn, "arn:aws:iam::%012u:root", n));
	return identity;
}

struct auth_identity sample_identity(enum auth_identity_kind kind, uint32_t n)
{
	static const struct {
		const char *word, *id;
	} forms[AUTH_KIND_COUNT] = {
		[AUTH_KIND_USER] = {"user", "AIDA"},     [AUTH_KIND_GROUP] = {"group", "AGPA"},
		[AUTH_KIND_ROLE] = {"role", "AROA"},     [AUTH_KIND_SERVICE] = {"service", "AIDS"},
		[AUTH_KIND_POLICY] = {"policy", "ANPA"},
	};
	struct auth_identity identity = {.kind = kind,
					 .account = "123456789012",
					 .created_ms = START_MS + n,
					 .revision = 1,
					 .document = empty_document};
	if (kind == AUTH_KIND_ACCOUNT)
		return account_make(n, identity);
	assert_ok(text_format(identity.name, sizeof identity.name, "%s-%u%s", forms[kind].word, n,
			      kind == AUTH_KIND_SERVICE ? ".eu-test-1.amazonaws.com" : ""));
	assert_ok(text_format(identity.id, sizeof identity.id, "%s%017u", forms[kind].id, n));
	assert_ok(text_format(identity.arn, sizeof identity.arn, "%s%s%s%s",
			      kind == AUTH_KIND_SERVICE ? "" : "arn:aws:iam::123456789012:",
			      kind == AUTH_KIND_SERVICE ? "" : forms[kind].word,
			      kind == AUTH_KIND_SERVICE ? "" : "/", identity.name));
	return identity;
}

struct auth_identity sample_alice(void)
{
	return (struct auth_identity){.kind = AUTH_KIND_USER,
				      .account = "123456789012",
				      .name = "alice",
				      .id = "AIDAALICEALICEALICE23",
				      .arn = "arn:aws:iam::123456789012:user/alice",
				      .created_ms = START_MS,
				      .revision = 1,
				      .document = empty_document};
}

struct auth_session sample_session(uint32_t n)
{
	struct auth_session session = {
		.principal = {.type = AUTH_ROLE_SESSION,
			      .account = "123456789012",
			      .arn = "arn:aws:sts::123456789012:assumed-role/role-1/work",
			      .id = "AROA00000000000000001",
			      .name = "work",
			      .role_arn = "arn:aws:iam::123456789012:role/role-1",
			      .role_name = "role-1",
			      .issued_ms = START_MS,
			      .expires_ms = START_MS + 1000 * INT64_C(3600),
			      .via_service = "rds.eu-test-1.amazonaws.com",
			      .source_arn = "arn:aws:rds:eu-test-1:123456789012:db:one",
			      .source_account = "123456789012"},
		.token_hash = {7, 7, 7},
		.policy = "{\"Version\":\"2012-10-17\"}",
		.wrapped = {5, 4, 3},
		.wrapped_len = 66,
	};
	assert_ok(text_format(session.principal.access_key_id,
			      sizeof session.principal.access_key_id, "ASIA%016u", n));
	return session;
}

struct kms_grant sample_grant(uint32_t n, uint32_t key)
{
	struct kms_grant grant = {
		.scope = sample_scope,
		.key_id = sample_id(key),
		.issuer = "arn:aws:iam::123456789012:root",
		.operations = KMS_GRANT_DECRYPT | KMS_GRANT_ENCRYPT,
		.constraint = KMS_GRANT_CONTEXT_SUBSET,
		.context = VIEW_LITERAL("\0\1\0\1a\0\1b"),
		.created_ms = START_MS + n,
	};
	assert_ok(text_format(grant.id, sizeof grant.id, "%064x", n));
	assert_ok(text_format(grant.name, sizeof grant.name, "grant-%u", n));
	assert_ok(text_format(grant.grantee, sizeof grant.grantee,
			      "arn:aws:iam::123456789012:user/user-%u", n % 7));
	assert_ok(text_format(grant.grantee_id, sizeof grant.grantee_id, "AIDA%017u", n % 7));
	assert_ok(text_format(grant.retiring, sizeof grant.retiring,
			      "arn:aws:iam::123456789012:user/user-%u", n % 5));
	assert_ok(text_format(grant.retiring_id, sizeof grant.retiring_id, "AIDA%017u", n % 5));
	number_put(grant.likeness, n);
	return grant;
}

struct auth_access_key sample_access_key(uint32_t n)
{
	struct auth_access_key key = {
		.principal = {.type = AUTH_USER,
			      .account = "123456789012",
			      .arn = "arn:aws:iam::123456789012:user/alice",
			      .id = "AIDAALICEALICEALICE23",
			      .name = "alice"},
		.status = AUTH_KEY_ACTIVE,
		.created_ms = START_MS,
		.wrapped = {1, 2, 3, 4, 5},
		.wrapped_len = 77,
	};
	assert_ok(text_format(key.principal.access_key_id, sizeof key.principal.access_key_id,
			      "AKIA%016u", n));
	return key;
}

struct kms_installation sample_installation(void)
{
	return (struct kms_installation){
		.id = "00112233445566778899aabbccddeeff",
		.ready = true,
		.scope = sample_scope,
		.token_serial = "a1b2c3d4e5f60718",
		.row_seal = {.bytes = {1}},
		.audit_sign = {.bytes = {2}},
		.secret_wrap = {.bytes = {3}},
		.secret_wrap_suite = HSM_SUITE_ECB_DATA,
		.created_ms = START_MS,
	};
}

struct kms_audit_head sample_head(uint32_t n)
{
	struct kms_audit_head head = {.revision = 1, .sequence = n, .hash = {(uint8_t)n, 7}};
	assert_ok(text_format(head.log, sizeof head.log, "log-%u", n));
	assert_ok(text_format(head.chain, sizeof head.chain, "00000000-0000-4000-8000-%012x", n));
	return head;
}

struct err sample_create(struct fixture *f, uint32_t n)
{
	struct kms_intent intent = sample_intent(n);
	struct kms_key key = sample_key(n);
	struct kms_version version = sample_version(n);
	struct kms_outbox_record record = sample_record(n);
	TRY(f->keys.ops->intent_add(f->keys.self, &intent));
	return f->keys.ops->key_create(f->keys.self, NEW_KEY(&key, &version), &record);
}

struct err sample_identity_create(struct fixture *f, enum auth_identity_kind kind, uint32_t n)
{
	struct auth_identity identity = sample_identity(kind, n);
	return f->identities.create(f->identities.self, &identity, NULL);
}

struct err sample_alice_create(struct fixture *f)
{
	struct auth_identity alice = sample_alice();
	struct auth_access_key key = sample_access_key(1);
	TRY(f->identities.create(f->identities.self, &alice, NULL));
	return f->identities.access_key_add(f->identities.self, &key, NULL);
}
