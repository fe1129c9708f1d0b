/* SPDX-License-Identifier: Apache-2.0 */
#include "tamper_subjects.h"

#include "base/mem.h"
#include "base/text.h"

#define OPS(f) ((f)->keys.ops)
#define SELF(f) ((f)->keys.self)

static struct err read_key(struct fixture *f)
{
	struct kms_key_id id = sample_id(1);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	return OPS(f)->key_load(SELF(f), &sample_scope, &id, &full);
}

static struct err read_list(struct fixture *f)
{
	struct kms_key_page page = {0};
	TRY(OPS(f)->key_list(SELF(f), &sample_scope, NULL, 10, &page));
	mem_free(page.ids);
	return OK;
}

static struct err version_count(void *user, const struct kms_scope *scope,
				const struct kms_version *version)
{
	int64_t *seen = user;
	(void)scope;
	(void)version;
	*seen += 1;
	return OK;
}

/* It passes over rows that it refuses: then it has seen fewer than there are. */
static struct err read_versions(struct fixture *f)
{
	int64_t seen = 0;
	TRY(OPS(f)->version_each(SELF(f), version_count, &seen));
	REQUIRE(seen == fixture_ask(f, "SELECT count(*) FROM versions"), E_STORE_SEAL);
	return OK;
}

static struct err read_intents(struct fixture *f)
{
	CLEANUP(mem_free_at) struct kms_intent *intents = NULL;
	size_t count = 0;
	return OPS(f)->intent_list(SELF(f), INT64_MAX, &intents, &count);
}

static struct err read_outbox(struct fixture *f)
{
	struct kms_outbox_record *records = NULL;
	size_t count = 0;
	TRY(OPS(f)->outbox_list(SELF(f), &records, &count));
	for (size_t i = 0; i < count; i++)
		store_row_cleanup(&store_table_outbox, &records[i]);
	mem_free(records);
	return OK;
}

static struct err read_key_by_id(struct fixture *f)
{
	struct kms_key_id id = sample_id(1);
	struct kms_scope scope;
	return OPS(f)->key_locate(SELF(f), &id, &scope);
}

static struct err read_access_key(struct fixture *f)
{
	struct auth_access_key wanted = sample_access_key(1);
	struct auth_access_key key;
	return f->identities.access_key_load(f->identities.self,
					     view_of_text(wanted.principal.access_key_id), &key);
}

static struct err read_access_keys(struct fixture *f)
{
	struct auth_identity alice = sample_alice();
	struct auth_access_key keys[AUTH_ACCESS_KEYS_MAX];
	size_t count = 0;
	return f->identities.access_key_list(f->identities.self, view_of_text(alice.id), keys,
					     &count);
}

static struct err read_identity(struct fixture *f)
{
	struct auth_identity alice = sample_alice();
	CLEANUP(auth_identity_cleanup) struct auth_identity identity = {0};
	return f->identities.load(f->identities.self, AUTH_KIND_USER, view_of_text(alice.account),
				  view_of_text(alice.name), &identity);
}

static struct err read_identity_by_id(struct fixture *f)
{
	struct auth_identity alice = sample_alice();
	CLEANUP(auth_identity_cleanup) struct auth_identity identity = {0};
	return f->identities.load_by_id(f->identities.self, view_of_text(alice.id), &identity);
}

static struct err read_identities(struct fixture *f)
{
	const struct auth_identity_query query = {
		.kind = AUTH_KIND_USER, .account = VIEW_LITERAL("123456789012"), .limit = 10};
	CLEANUP(auth_identity_page_cleanup) struct auth_identity_page page = {0};
	return f->identities.list(f->identities.self, &query, &page);
}

static struct err read_session(struct fixture *f)
{
	struct auth_session session = sample_session(1);
	return f->identities.session_load(f->identities.self,
					  view_of_text(session.principal.access_key_id), &session);
}

static struct err read_sessions(struct fixture *f)
{
	const struct auth_session_query query = {VIEW_LITERAL("123456789012"), VIEW_NONE, 10};
	CLEANUP(mem_free_at) struct auth_session *sessions = NULL;
	size_t count = 0;
	return f->identities.session_list(f->identities.self, &query, &sessions, &count);
}

static struct err read_grant(struct fixture *f)
{
	struct kms_grant wanted = sample_grant(1, 1);
	CLEANUP(kms_grant_cleanup) struct kms_grant grant = {0};
	return f->grants.ops->load(f->grants.self, &sample_scope, &wanted.key_id,
				   view_of_text(wanted.id), &grant);
}

static struct err read_grant_by_likeness(struct fixture *f)
{
	struct kms_grant wanted = sample_grant(1, 1);
	CLEANUP(kms_grant_cleanup) struct kms_grant grant = {0};
	return f->grants.ops->find(f->grants.self, &sample_scope, &wanted.key_id, wanted.likeness,
				   &grant);
}

static struct err read_grants(struct fixture *f)
{
	struct kms_key_id id = sample_id(1);
	const struct kms_grant_query query = {.scope = &sample_scope, .key_id = &id, .limit = 10};
	CLEANUP(kms_grant_page_cleanup) struct kms_grant_page page = {0};
	return f->grants.ops->list(f->grants.self, &query, &page);
}

static struct err read_grants_of_grantee(struct fixture *f)
{
	struct kms_grant grant = sample_grant(1, 1);
	const struct kms_grant_query query = {.scope = &sample_scope,
					      .key_id = &grant.key_id,
					      .grantee = view_of_text(grant.grantee),
					      .limit = 10};
	CLEANUP(kms_grant_page_cleanup) struct kms_grant_page page = {0};
	return f->grants.ops->list(f->grants.self, &query, &page);
}

static struct err read_retirable(struct fixture *f)
{
	struct kms_grant grant = sample_grant(1, 1);
	const struct kms_retirable_query query = {.region = VIEW_LITERAL("eu-test-1"),
						  .retiring = view_of_text(grant.retiring),
						  .limit = 10};
	CLEANUP(kms_grant_page_cleanup) struct kms_grant_page page = {0};
	return f->grants.ops->list_retirable(f->grants.self, &query, &page);
}

struct err tamper_grant_ignore(UNUSED void *user, UNUSED const struct kms_grant *grant)
{
	return OK;
}

static struct err read_each_grant(struct fixture *f)
{
	struct kms_key_id id = sample_id(1);
	return f->grants.ops->each(f->grants.self, &sample_scope, &id, tamper_grant_ignore, NULL);
}

static struct err read_installation(struct fixture *f)
{
	struct kms_installation installation;
	struct err loaded = f->installation.load(f->installation.self, &installation);
	struct err verified = f->installation.verify(f->installation.self);
	/* A row that says that it is not ready is refused by both. */
	return err_is(verified, E_STORE_SEAL) ? verified : loaded;
}

static struct err read_alias(struct fixture *f)
{
	struct kms_alias alias = sample_alias(1, 1);
	return f->catalog.ops->alias_load(f->catalog.self, &sample_scope, view_of_text(alias.name),
					  &alias);
}

static struct err alias_list(struct fixture *f, const struct kms_key_id *key_id)
{
	const struct kms_page_query query = {&sample_scope, key_id, VIEW_NONE, 10};
	struct kms_alias_page page = {0};
	TRY(f->catalog.ops->alias_list(f->catalog.self, &query, &page));
	mem_free(page.aliases);
	return OK;
}

static struct err read_aliases(struct fixture *f)
{
	return alias_list(f, NULL);
}

static struct err read_aliases_of_key(struct fixture *f)
{
	struct kms_key_id id = sample_id(1);
	return alias_list(f, &id);
}

static struct err read_tags(struct fixture *f)
{
	struct kms_key_id id = sample_id(1);
	const struct kms_page_query query = {&sample_scope, &id, VIEW_NONE, 10};
	struct kms_tag_page page = {0};
	TRY(f->catalog.ops->tags_list(f->catalog.self, &query, &page));
	mem_free(page.tags);
	return OK;
}

static struct err read_clock_mark(struct fixture *f)
{
	struct kms_clock_mark mark;
	return f->agenda.ops->mark_load(f->agenda.self, &mark);
}

static struct err read_head(struct fixture *f)
{
	struct kms_audit_head head;
	return f->manifest.ops->head_load(f->manifest.self, "log-1", &head);
}

static struct err read_heads(struct fixture *f)
{
	CLEANUP(mem_free_at) struct kms_audit_head *heads = NULL;
	size_t count = 0;
	return f->manifest.ops->head_list(f->manifest.self, &heads, &count);
}

const struct tamper_subject tamper_subjects[TAMPER_COUNT] = {
	[TAMPER_KEY] = {&store_table_keys, read_key, E_NOT_FOUND, NULL, 0, E_OK, E_STORE_SEAL},
	[TAMPER_KEYS] = {&store_table_keys, read_list, E_STORE_SEAL, &store_table_keys,
			 COLUMN(0) | COLUMN(1), E_OK, E_STORE_SEAL},
	[TAMPER_VERSIONS] = {&store_table_versions, read_versions, E_STORE_SEAL,
			     &store_table_versions, 0, E_OK, E_OK},
	[TAMPER_INTENTS] = {&store_table_intents, read_intents, E_STORE_SEAL, &store_table_intents,
			    0, E_OK, E_STORE_SEAL},
	[TAMPER_OUTBOX] = {&store_table_outbox, read_outbox, E_STORE_SEAL, &store_table_outbox, 0,
			   E_OK, E_STORE_SEAL},
	[TAMPER_ACCESS_KEY] = {&store_table_access_keys, read_access_key, E_NOT_FOUND, NULL, 0,
			       E_OK, E_STORE_SEAL},
	[TAMPER_INSTALLATION] = {&store_table_installation, read_installation, E_STORE_SEAL,
				 &store_table_installation, 0, E_OK, E_INSTALLATION},
	[TAMPER_ALIAS] = {&store_table_aliases, read_alias, E_NOT_FOUND, NULL, 0, E_OK,
			  E_STORE_SEAL},
	[TAMPER_ALIASES] = {&store_table_aliases, read_aliases, E_STORE_SEAL, &store_table_aliases,
			    COLUMN(0) | COLUMN(1), E_OK, E_STORE_SEAL},
	/* key_id and multi_region */
	[TAMPER_ALIASES_OF_KEY] = {&store_table_aliases, read_aliases_of_key, E_STORE_SEAL,
				   &store_table_aliases,
				   COLUMN(0) | COLUMN(1) | COLUMN(4) | COLUMN(5), E_OK,
				   E_STORE_SEAL},
	[TAMPER_TAGS] = {&store_table_tags, read_tags, E_STORE_SEAL, &store_table_tags,
			 COLUMN(0) | COLUMN(1) | COLUMN(2) | COLUMN(5), E_OK, E_STORE_SEAL},
	[TAMPER_KEY_BY_ID] = {&store_table_keys, read_key_by_id, E_STORE_SEAL, &store_table_keys,
			      COLUMN(2), E_NOT_FOUND, E_STORE_SEAL},
	/* principal_id */
	[TAMPER_ACCESS_KEYS] = {&store_table_access_keys, read_access_keys, E_STORE_SEAL,
				&store_table_access_keys, COLUMN(2), E_OK, E_STORE_SEAL},
	[TAMPER_IDENTITY] = {&store_table_identities, read_identity, E_NOT_FOUND, NULL, 0, E_OK,
			     E_STORE_SEAL},
	/* id */
	[TAMPER_IDENTITY_BY_ID] = {&store_table_identities, read_identity_by_id, E_STORE_SEAL,
				   &store_table_identities, COLUMN(3), E_NOT_FOUND, E_STORE_SEAL},
	/* account and kind */
	[TAMPER_IDENTITIES] = {&store_table_identities, read_identities, E_STORE_SEAL,
			       &store_table_identities, COLUMN(0) | COLUMN(1), E_OK, E_STORE_SEAL},
	/* id: the access key's identity is then missing */
	[TAMPER_IDENTITY_OF_ACCESS_KEY] = {&store_table_identities, read_access_key, E_STORE_SEAL,
					   &store_table_identities, COLUMN(3), E_STORE_SEAL,
					   E_STORE_SEAL},
	[TAMPER_SESSION] = {&store_table_sessions, read_session, E_NOT_FOUND, NULL, 0, E_OK,
			    E_STORE_SEAL},
	[TAMPER_SESSIONS] = {&store_table_sessions, read_sessions, E_STORE_SEAL,
			     &store_table_sessions, COLUMN(1), E_OK, E_STORE_SEAL},
	[TAMPER_GRANT] = {&store_table_grants, read_grant, E_NOT_FOUND, NULL, 0, E_OK,
			  E_STORE_SEAL},
	/* what finds it */
	[TAMPER_GRANT_BY_LIKENESS] = {&store_table_grants, read_grant_by_likeness, E_STORE_SEAL,
				      &store_table_grants,
				      COLUMN(0) | COLUMN(1) | COLUMN(2) | COLUMN(16), E_NOT_FOUND,
				      E_STORE_SEAL},
	/* key and multi_region; grantee; retiring */
	[TAMPER_GRANTS] = {&store_table_grants, read_grants, E_STORE_SEAL, &store_table_grants,
			   COLUMN(0) | COLUMN(1) | COLUMN(2) | COLUMN(5), E_OK, E_STORE_SEAL},
	[TAMPER_GRANTS_OF_GRANTEE] = {&store_table_grants, read_grants_of_grantee, E_STORE_SEAL,
				      &store_table_grants,
				      COLUMN(0) | COLUMN(1) | COLUMN(2) | COLUMN(5) | COLUMN(7),
				      E_OK, E_STORE_SEAL},
	[TAMPER_RETIRABLE] = {&store_table_grants, read_retirable, E_STORE_SEAL,
			      &store_table_grants, COLUMN(1) | COLUMN(9), E_OK, E_STORE_SEAL},
	[TAMPER_EACH_GRANT] = {&store_table_grants, read_each_grant, E_STORE_SEAL,
			       &store_table_grants, COLUMN(0) | COLUMN(1) | COLUMN(2) | COLUMN(5),
			       E_OK, E_STORE_SEAL},
	[TAMPER_CLOCK_MARK] = {&store_table_clock_marks, read_clock_mark, E_STORE_SEAL,
			       &store_table_clock_marks, 0, E_OK, E_STORE_SEAL},
	[TAMPER_HEAD] = {&store_table_audit_heads, read_head, E_NOT_FOUND, NULL, 0, E_OK,
			 E_STORE_SEAL},
	[TAMPER_HEADS] = {&store_table_audit_heads, read_heads, E_STORE_SEAL,
			  &store_table_audit_heads, 0, E_OK, E_STORE_SEAL},
};

struct err tamper_read(struct fixture *f, enum tamper_id id)
{
	return tamper_subjects[id].read(f);
}

/* Two aliases and two tags of key 1, and one of each of key 2. */
static void catalog_fill(struct fixture *f)
{
	const struct kms_key_id ids[] = {sample_id(1), sample_id(2)};
	const struct kms_tag tags[] = {sample_tag(1), sample_tag(2)};
	for (uint32_t n = 1; n <= 3; n++) {
		struct kms_alias alias = sample_alias(n, 1 + n / 3);
		struct kms_outbox_record record = sample_record(100 + n);
		assert_ok(f->catalog.ops->alias_create(f->catalog.self, &alias, &record));
	}
	for (uint32_t i = 0; i < 2; i++) {
		const struct kms_tag_change change = {&sample_scope, &ids[i], tags, 2 - i};
		struct kms_outbox_record record = sample_record(200 + i);
		assert_ok(f->catalog.ops->tags_put(f->catalog.self, &change, &record));
	}
}

/* Alice and bob with an access key each, a role with two sessions. */
static void identities_fill(struct fixture *f)
{
	struct auth_access_key key = sample_access_key(2);
	struct auth_identity bob = sample_identity(AUTH_KIND_USER, 2);
	struct auth_session sessions[] = {sample_session(1), sample_session(2)};
	const struct auth_identities *to = &f->identities;
	assert_ok(sample_alice_create(f));
	assert_ok(to->create(to->self, &bob, NULL));
	assert_ok(text_copy(key.principal.id, sizeof key.principal.id, view_of_text(bob.id)));
	assert_ok(to->access_key_add(to->self, &key, NULL));
	assert_ok(sample_identity_create(f, AUTH_KIND_ROLE, 1));
	assert_ok(to->session_add(to->self, &sessions[0], NULL));
	assert_ok(to->session_add(to->self, &sessions[1], NULL));
}

/* Two grants of key 1, one of key 2. */
static void grants_fill(struct fixture *f)
{
	for (uint32_t n = 1; n <= 3; n++) {
		struct kms_grant grant = sample_grant(n, 1 + n / 3);
		struct kms_outbox_record record = sample_record(400 + n);
		assert_ok(f->grants.ops->create(f->grants.self, &grant, &record));
	}
}

static void heads_fill(struct fixture *f)
{
	for (uint32_t n = 1; n <= 2; n++) {
		struct kms_audit_head head = sample_head(n);
		assert_ok(f->manifest.ops->head_save(f->manifest.self, &head));
	}
}

int tamper_setup(void **state)
{
	(void)fixture_setup(state);
	struct fixture *f = *state;
	struct kms_intent intents[] = {sample_intent(11), sample_intent(12)};
	struct kms_installation installation = sample_installation();
	const struct kms_clock_mark mark = {.revision = 1, .trusted_ms = 1700000000000};
	assert_ok(sample_create(f, 1));
	assert_ok(sample_create(f, 2));
	assert_ok(OPS(f)->intent_add(SELF(f), &intents[0]));
	assert_ok(OPS(f)->intent_add(SELF(f), &intents[1]));
	assert_ok(f->installation.save(f->installation.self, &installation));
	assert_ok(f->agenda.ops->mark_save(f->agenda.self, &mark, NULL));
	identities_fill(f);
	catalog_fill(f);
	grants_fill(f);
	heads_fill(f);
	for (size_t i = 0; i < TAMPER_COUNT; i++)
		assert_ok(tamper_subjects[i].read(f));
	return 0;
}
