/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 and HMAC-SHA-256 by libcrypto's providers. Looking an algorithm up costs more than a
 * short message, so each thread keeps its contexts; they are freed when the thread ends. A context
 * that has seen a key is never kept: it is a copy, freed (and so wiped) before the call returns.
 */
#include "crypto/digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

#include "base/mem.h"

struct contexts {
	EVP_MD_CTX *sha256;
	EVP_MAC_CTX *hmac; /* knows its digest and no key: only ever copied */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key_of_contexts;
static EVP_MD *sha256; /* fetched once, kept until the process ends */
static bool ready;

static void contexts_free(void *at)
{
	struct contexts *c = (struct contexts *)at;
	EVP_MD_CTX_free(c->sha256);
	EVP_MAC_CTX_free(c->hmac);
	mem_free(c);
}

static void contexts_free_at(struct contexts **c)
{
	if (*c != NULL)
		contexts_free(TAKE(*c));
}

static void start(void)
{
	sha256 = EVP_MD_fetch(NULL, OSSL_DIGEST_NAME_SHA2_256, NULL);
	ready = sha256 != NULL && pthread_key_create(&key_of_contexts, contexts_free) == 0;
}

/* libcrypto's queue of errors is emptied, so that it never grows and nobody reads ours as theirs.
 */
static struct err failure(void)
{
	unsigned long last = ERR_peek_last_error();
	ERR_clear_error();
	return ERR_DETAIL(E_SYSTEM, last);
}

static NODISCARD struct err hmac_template(EVP_MAC_CTX **out)
{
	char digest[] = OSSL_DIGEST_NAME_SHA2_256;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	if (ctx == NULL || EVP_MAC_CTX_set_params(ctx, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		return failure();
	}
	*out = ctx;
	return OK;
}

/* The calling thread's contexts, made on its first call. */
static NODISCARD struct err contexts_of_thread(struct contexts **out)
{
	(void)pthread_once(&once, start);
	REQUIRE(ready, E_SYSTEM);
	*out = (struct contexts *)pthread_getspecific(key_of_contexts);
	if (*out != NULL)
		return OK;
	CLEANUP(contexts_free_at) struct contexts *made = NULL;
	TRY(MEM_NEW(&made));
	made->sha256 = EVP_MD_CTX_new();
	if (made->sha256 == NULL)
		return failure();
	TRY(hmac_template(&made->hmac));
	REQUIRE(pthread_setspecific(key_of_contexts, made) == 0, E_NOMEM);
	*out = TAKE(made);
	return OK;
}

NODISCARD struct err digest_sha256(const struct view *parts, size_t count, uint8_t out[SHA256_LEN])
{
	struct contexts *c = NULL;
	TRY(contexts_of_thread(&c));
	bool done = EVP_DigestInit_ex2(c->sha256, sha256, NULL) == 1;
	for (size_t i = 0; done && i < count; i++)
		done = EVP_DigestUpdate(c->sha256, parts[i].ptr, parts[i].len) == 1;
	return done && EVP_DigestFinal_ex(c->sha256, out, NULL) == 1 ? OK : failure();
}

static void mac_free(EVP_MAC_CTX **ctx)
{
	EVP_MAC_CTX_free(*ctx);
}

NODISCARD struct err digest_hmac_sha256(struct view key, const struct view *parts, size_t count,
					uint8_t out[SHA256_LEN])
{
	/* A NULL key means "the one of before" to libcrypto; an empty one is allowed. */
	static const uint8_t empty[1] = {0};
	struct contexts *c = NULL;
	TRY(contexts_of_thread(&c));
	CLEANUP(mac_free) EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(c->hmac);
	if (ctx == NULL)
		return failure();
	size_t written = 0;
	bool done = EVP_MAC_init(ctx, key.len > 0 ? key.ptr : empty, key.len, NULL) == 1;
	for (size_t i = 0; done && i < count; i++)
		done = EVP_MAC_update(ctx, parts[i].ptr, parts[i].len) == 1;
	return done && EVP_MAC_final(ctx, out, &written, SHA256_LEN) == 1 ? OK : failure();
}

const char *digest_library(void)
{
	return OpenSSL_version(OPENSSL_FULL_VERSION_STRING);
}
