/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of access keys. Wrapping at rest: wrapping.c. */
#include "service/credentials.h"

#include <pthread.h>

#include "auth/session_token.h"
#include "auth/sigv4.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

#define DAYS 4 /* signing keys kept: around midnight two dates are valid, each for two services */
#define DATE_LEN 8
#define LONG_LIVED VIEW_LITERAL("AKIA")
#define TEMPORARY VIEW_LITERAL("ASIA")

struct day {
	char date[DATE_LEN + 1];
	char service[CREDENTIALS_SERVICE_MAX + 1];
	struct secret *signing_key;
};

struct credential {
	struct auth_principal principal;         /* its access_key_id is the map's key */
	uint8_t token_hash[AUTH_TOKEN_HASH_LEN]; /* of temporary credentials, as is the policy */
	char *session_policy;                    /* NULL without */
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
	mem_free((*credential)->session_policy);
	mem_free(TAKE(*credential));
}

void credentials_found_cleanup(struct credentials_found *found)
{
	mem_free(TAKE(found->session_policy));
	secret_free(&found->secret);
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

static bool is_temporary(struct view id)
{
	return view_starts_with(id, TEMPORARY);
}

/* Ours are AKIA or ASIA and 16 of A-Z2-7; everything else is unknown without asking anybody. */
static bool is_well_formed(struct view id)
{
	if (id.len != AUTH_ACCESS_KEY_ID_LEN ||
	    (!view_starts_with(id, LONG_LIVED) && !is_temporary(id)))
		return false;
	for (size_t i = 0; i < id.len; i++) {
		uint8_t c = id.ptr[i];
		if (!(c >= 'A' && c <= 'Z') && !(c >= '2' && c <= '7'))
			return false;
	}
	return true;
}

/*
 * Whoever shows the token may learn that the credentials have ended; to anybody else they are not
 * there. AWS: "The security token included in the request is invalid".
 */
static struct err admit_session(const struct credentials *credentials,
				const struct auth_principal *principal,
				const uint8_t hash[AUTH_TOKEN_HASH_LEN], struct view token)
{
	uint8_t shown[AUTH_TOKEN_HASH_LEN];
	TRY(auth_token_hash(token, shown));
	REQUIRE(mem_equal_constant_time(shown, hash, sizeof shown), E_AUTH_UNKNOWN_KEY);
	int64_t now_ms = clock_real_ms(credentials->options.clock);
	REQUIRE(now_ms < principal->expires_ms, E_AUTH_TOKEN_EXPIRED);
	/* A clock that was set back must not give them a longer life. */
	REQUIRE(now_ms >= principal->issued_ms - SIGV4_SKEW_MS, E_AUTH_TOKEN_EXPIRED);
	return OK;
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
			 const struct credentials_query *query, struct day **out)
{
	CLEANUP(secret_free) struct secret *key = NULL;
	struct day *day = &credential->days[credential->next_day];
	TRY(sigv4_signing_key(credential->secret_key, query->date,
			      view_of_text(credentials->options.installation.scope.region),
			      query->service, &key));
	TRY(text_copy(day->date, sizeof day->date, query->date));
	TRY(text_copy(day->service, sizeof day->service, query->service));
	secret_free(&day->signing_key);
	day->signing_key = TAKE(key);
	credential->next_day = (credential->next_day + 1) % DAYS;
	*out = day;
	return OK;
}

static struct err day_of(const struct credentials *credentials, struct credential *credential,
			 const struct credentials_query *query, struct day **out)
{
	for (size_t i = 0; i < DAYS; i++) {
		if (credential->days[i].signing_key == NULL ||
		    !view_equal_text(query->date, credential->days[i].date) ||
		    !view_equal_text(query->service, credential->days[i].service))
			continue;
		*out = &credential->days[i];
		return OK;
	}
	return derive(credentials, credential, query, out);
}

/* What is asked of a credential in memory: the day's key, or (date empty) the secret itself. */
static struct err copy_out(const struct credentials *credentials, struct credential *credential,
			   const struct credentials_query *query, struct credentials_found *out)
{
	if (is_temporary(query->access_key_id))
		TRY(admit_session(credentials, &credential->principal, credential->token_hash,
				  query->session_token));
	struct secret *secret = credential->secret_key;
	if (query->date.len > 0) {
		struct day *day = NULL;
		TRY(day_of(credentials, credential, query, &day));
		secret = day->signing_key;
	}
	CLEANUP(credentials_found_cleanup)
	struct credentials_found found = {.principal = credential->principal};
	if (credential->session_policy != NULL)
		TRY(text_new(view_of_text(credential->session_policy), &found.session_policy));
	TRY(secret_new_from(secret_view(secret), &found.secret));
	*out = found;
	found = (struct credentials_found){.secret = NULL};
	return OK;
}

/* E_WOULD_BLOCK: must be loaded. */
static struct err look_up(struct credentials *credentials, const struct credentials_query *query,
			  struct credentials_found *out)
{
	LOCK_SCOPE(&credentials->lock);
	struct credential *credential = map_get(&credentials->known, query->access_key_id);
	if (credential != NULL)
		return copy_out(credentials, credential, query, out);
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

/* Not under the lock. *exists is false when there are no such credentials, whoever asks. */
static struct err load_key(struct credentials *credentials, struct view id,
			   struct credential *credential, bool *exists)
{
	const struct auth_identities *identities = &credentials->options.identities;
	struct auth_access_key key = {.wrapped_len = 0};
	struct err e = identities->access_key_load(identities->self, id, &key);
	*exists = !err_is(e, E_NOT_FOUND) && (err_failed(e) || key.status == AUTH_KEY_ACTIVE);
	REQUIRE(*exists, E_AUTH_UNKNOWN_KEY);
	TRY(e);
	ENSURE(view_equal_text(id, key.principal.access_key_id));
	credential->principal = key.principal;
	return credentials_unwrap(&credentials->options, &key, &credential->secret_key);
}

/* Not under the lock. Nothing is asked of the token before the session token is the right one. */
static struct err open_session(struct credentials *credentials, struct view token,
			       const struct auth_session *session, struct credential *credential)
{
	TRY(admit_session(credentials, &session->principal, session->token_hash, token));
	struct auth_access_key key = {.principal = session->principal,
				      .wrapped_len = session->wrapped_len};
	mem_copy(key.wrapped, sizeof key.wrapped, session->wrapped, session->wrapped_len);
	TRY(credentials_unwrap(&credentials->options, &key, &credential->secret_key));
	if (session->policy[0] != '\0')
		TRY(text_new(view_of_text(session->policy), &credential->session_policy));
	credential->principal = session->principal;
	mem_copy(credential->token_hash, sizeof credential->token_hash, session->token_hash,
		 sizeof session->token_hash);
	return OK;
}

/* Not under the lock. */
static struct err load_session(struct credentials *credentials,
			       const struct credentials_query *query, struct credential *credential,
			       bool *exists)
{
	const struct auth_identities *identities = &credentials->options.identities;
	CLEANUP(mem_free_at) struct auth_session *session = NULL;
	TRY(MEM_NEW(&session));
	struct err e = identities->session_load(identities->self, query->access_key_id, session);
	*exists = !err_is(e, E_NOT_FOUND);
	REQUIRE(*exists, E_AUTH_UNKNOWN_KEY);
	TRY(e);
	ENSURE(view_equal_text(query->access_key_id, session->principal.access_key_id));
	return open_session(credentials, query->session_token, session, credential);
}

/* Not under the lock. */
static struct err load(struct credentials *credentials, const struct credentials_query *query,
		       struct credential **out, bool *exists)
{
	CLEANUP(credential_free) struct credential *credential = NULL;
	TRY(MEM_NEW(&credential));
	if (is_temporary(query->access_key_id))
		TRY(load_session(credentials, query, credential, exists));
	else
		TRY(load_key(credentials, query->access_key_id, credential, exists));
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
			   bool exists, struct credential **credential)
{
	LOCK_SCOPE(&credentials->lock);
	if (!exists && credentials->epoch == epoch)
		remember_unknown(credentials, id);
	bool keep = *credential != NULL && credentials->epoch == epoch;
	return keep ? add(credentials, credential) : OK;
}

static struct err load_and_look_up(struct credentials *credentials,
				   const struct credentials_query *query,
				   struct credentials_found *out)
{
	CLEANUP(credential_free) struct credential *credential = NULL;
	uint64_t epoch = epoch_of(credentials);
	bool exists = true;
	struct err e = load(credentials, query, &credential, &exists);
	TRY(end_load(credentials, query->access_key_id, epoch, exists, &credential));
	TRY(e);
	if (credential != NULL) /* not kept: something changed meanwhile, or another was faster */
		return copy_out(credentials, credential, query, out);
	e = look_up(credentials, query, out);
	return err_is(e, E_WOULD_BLOCK) ? ERR(E_BUSY) : e;
}

NODISCARD struct err credentials_find(struct credentials *credentials,
				      const struct credentials_query *query,
				      struct credentials_found *out)
{
	struct view id = query->access_key_id;
	REQUIRE(query->date.len == 0 || query->date.len == DATE_LEN, E_AUTH_SCOPE);
	REQUIRE(is_well_formed(id), E_AUTH_UNKNOWN_KEY);
	REQUIRE(is_temporary(id) == (query->session_token.len > 0), E_AUTH_UNKNOWN_KEY);
	struct err e = look_up(credentials, query, out);
	if (!err_is(e, E_WOULD_BLOCK) || !query->may_block)
		return e;
	return load_and_look_up(credentials, query, out);
}
