/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of access keys. Wrapping at rest: wrapping.c. */
#include "service/credentials.h"

#include <pthread.h>

#include "auth/sigv4.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

#define DAYS 2 /* signing keys kept: around midnight two dates are valid */
#define DATE_LEN 8

struct day {
	char date[DATE_LEN + 1];
	struct secret *signing_key;
};

struct credential {
	struct auth_principal principal; /* its access_key_id is the map's key */
	struct secret *secret_key;
	struct day days[DAYS];
	unsigned next_day;
	struct credential *next; /* in order of arrival */
};

struct unknown {
	char access_key_id[AUTH_ACCESS_KEY_ID_LEN + 1];
	int64_t until_ms;
};

struct credentials {
	struct credentials_options options;
	pthread_mutex_t lock;
	struct map known;
	struct credential *first, *last;
	struct unknown unknown[CREDENTIALS_UNKNOWN_MAX]; /* a ring */
	size_t next_unknown;
	uint64_t epoch; /* grows when everything is forgotten */
};

static void credential_free(struct credential **credential)
{
	if (*credential == NULL)
		return;
	secret_free(&(*credential)->secret_key);
	for (size_t i = 0; i < DAYS; i++)
		secret_free(&(*credential)->days[i].signing_key);
	mem_free(TAKE(*credential));
}

NODISCARD struct err credentials_new(const struct credentials_options *options,
				     struct credentials **out)
{
	CLEANUP(credentials_free) struct credentials *credentials = NULL;
	TRY(MEM_NEW(&credentials));
	credentials->options = *options;
	(void)pthread_mutex_init(&credentials->lock, NULL);
	TRY(map_init(&credentials->known));
	*out = TAKE(credentials);
	return OK;
}

static void forget_oldest(struct credentials *credentials)
{
	struct credential *oldest = credentials->first;
	credentials->first = oldest->next;
	if (credentials->first == NULL)
		credentials->last = NULL;
	(void)map_remove(&credentials->known, view_of_text(oldest->principal.access_key_id));
	credential_free(&oldest);
}

void credentials_drop(struct credentials *credentials)
{
	LOCK_SCOPE(&credentials->lock);
	credentials->epoch++;
	while (credentials->first != NULL)
		forget_oldest(credentials);
	mem_zero(credentials->unknown, sizeof credentials->unknown);
}

void credentials_free(struct credentials **credentials)
{
	if (*credentials == NULL)
		return;
	credentials_drop(*credentials);
	map_cleanup(&(*credentials)->known);
	(void)pthread_mutex_destroy(&(*credentials)->lock);
	mem_free(TAKE(*credentials));
}

/* Ours are AKIA and 16 of A-Z2-7; everything else is unknown without asking anybody. */
static bool is_well_formed(struct view id)
{
	if (id.len != AUTH_ACCESS_KEY_ID_LEN || !view_starts_with(id, VIEW_LITERAL("AKIA")))
		return false;
	for (size_t i = 0; i < id.len; i++) {
		uint8_t c = id.ptr[i];
		if (!(c >= 'A' && c <= 'Z') && !(c >= '2' && c <= '7'))
			return false;
	}
	return true;
}

/* Under the lock from here on, unless said otherwise. */

static bool is_unknown(const struct credentials *credentials, struct view id)
{
	int64_t now = clock_steady_ms(credentials->options.clock);
	for (size_t i = 0; i < CREDENTIALS_UNKNOWN_MAX; i++) {
		const struct unknown *row = &credentials->unknown[i];
		if (row->until_ms > now && view_equal_text(id, row->access_key_id))
			return true;
	}
	return false;
}

static void remember_unknown(struct credentials *credentials, struct view id)
{
	struct unknown *row = &credentials->unknown[credentials->next_unknown];
	credentials->next_unknown = (credentials->next_unknown + 1) % CREDENTIALS_UNKNOWN_MAX;
	row->until_ms = clock_steady_ms(credentials->options.clock) + CREDENTIALS_UNKNOWN_MS;
	if (err_failed(text_copy(row->access_key_id, sizeof row->access_key_id, id)))
		row->until_ms = 0;
}

static struct err derive(const struct credentials *credentials, struct credential *credential,
			 struct view date, struct day **out)
{
	CLEANUP(secret_free) struct secret *key = NULL;
	struct day *day = &credential->days[credential->next_day];
	TRY(sigv4_signing_key(credential->secret_key, date,
			      view_of_text(credentials->options.installation.scope.region),
			      VIEW_LITERAL("kms"), &key));
	TRY(text_copy(day->date, sizeof day->date, date));
	secret_free(&day->signing_key);
	day->signing_key = TAKE(key);
	credential->next_day = (credential->next_day + 1) % DAYS;
	*out = day;
	return OK;
}

static struct err day_of(const struct credentials *credentials, struct credential *credential,
			 struct view date, struct day **out)
{
	for (size_t i = 0; i < DAYS; i++) {
		if (credential->days[i].signing_key == NULL ||
		    !view_equal_text(date, credential->days[i].date))
			continue;
		*out = &credential->days[i];
		return OK;
	}
	return derive(credentials, credential, date, out);
}

/* What is asked of a credential in memory: the day's key, or (date empty) the secret itself. */
static struct err copy_out(const struct credentials *credentials, struct credential *credential,
			   struct view date, struct auth_principal *principal, struct secret **out)
{
	struct secret *secret = credential->secret_key;
	if (date.len > 0) {
		struct day *day = NULL;
		TRY(day_of(credentials, credential, date, &day));
		secret = day->signing_key;
	}
	TRY(secret_new_from(secret_view(secret), out));
	*principal = credential->principal;
	return OK;
}

/* E_WOULD_BLOCK: must be loaded. */
static struct err look_up(struct credentials *credentials, const struct credentials_query *query,
			  struct auth_principal *principal, struct secret **out)
{
	LOCK_SCOPE(&credentials->lock);
	struct credential *credential = map_get(&credentials->known, query->access_key_id);
	if (credential != NULL)
		return copy_out(credentials, credential, query->date, principal, out);
	REQUIRE(!is_unknown(credentials, query->access_key_id), E_AUTH_UNKNOWN_KEY);
	return ERR(E_WOULD_BLOCK);
}

static struct err add(struct credentials *credentials, struct credential **credential)
{
	struct view id = view_of_text((*credential)->principal.access_key_id);
	if (map_get(&credentials->known, id) != NULL)
		return OK;
	if (credentials->known.count >= CREDENTIALS_MAX)
		forget_oldest(credentials);
	void *old = NULL;
	TRY(map_put(&credentials->known, id, *credential, &old));
	if (credentials->last != NULL)
		credentials->last->next = *credential;
	else
		credentials->first = *credential;
	credentials->last = TAKE(*credential);
	return OK;
}

/* Not under the lock. */
static struct err load(struct credentials *credentials, struct view id, struct credential **out)
{
	const struct auth_identities *identities = &credentials->options.identities;
	struct auth_access_key key = {0};
	struct err e = identities->access_key_load(identities->self, id, &key);
	REQUIRE(!err_is(e, E_NOT_FOUND), E_AUTH_UNKNOWN_KEY);
	TRY(e);
	REQUIRE(key.status == AUTH_KEY_ACTIVE, E_AUTH_UNKNOWN_KEY);
	ENSURE(view_equal_text(id, key.principal.access_key_id));
	CLEANUP(credential_free) struct credential *credential = NULL;
	TRY(MEM_NEW(&credential));
	credential->principal = key.principal;
	TRY(credentials_unwrap(&credentials->options, &key, &credential->secret_key));
	*out = TAKE(credential);
	return OK;
}

/* Not under the lock. */
static uint64_t epoch_of(struct credentials *credentials)
{
	LOCK_SCOPE(&credentials->lock);
	return credentials->epoch;
}

static struct err end_load(struct credentials *credentials, struct view id, uint64_t epoch,
			   struct err result, struct credential **credential)
{
	LOCK_SCOPE(&credentials->lock);
	if (err_is(result, E_AUTH_UNKNOWN_KEY))
		remember_unknown(credentials, id);
	TRY(result);
	return credentials->epoch == epoch ? add(credentials, credential) : OK;
}

static struct err load_and_look_up(struct credentials *credentials,
				   const struct credentials_query *query,
				   struct auth_principal *principal, struct secret **out)
{
	CLEANUP(credential_free) struct credential *credential = NULL;
	uint64_t epoch = epoch_of(credentials);
	struct err e = load(credentials, query->access_key_id, &credential);
	TRY(end_load(credentials, query->access_key_id, epoch, e, &credential));
	if (credential != NULL) /* not kept: something changed meanwhile, or another was faster */
		return copy_out(credentials, credential, query->date, principal, out);
	e = look_up(credentials, query, principal, out);
	return err_is(e, E_WOULD_BLOCK) ? ERR(E_BUSY) : e;
}

NODISCARD struct err credentials_find(struct credentials *credentials,
				      const struct credentials_query *query,
				      struct auth_principal *principal, struct secret **secret)
{
	REQUIRE(query->date.len == 0 || query->date.len == DATE_LEN, E_AUTH_SCOPE);
	REQUIRE(is_well_formed(query->access_key_id), E_AUTH_UNKNOWN_KEY);
	struct err e = look_up(credentials, query, principal, secret);
	if (!err_is(e, E_WOULD_BLOCK) || !query->may_block)
		return e;
	return load_and_look_up(credentials, query, principal, secret);
}
