/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/lthash.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "base/mem.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key_of_context;
static EVP_MD *shake256; /* fetched once, kept until the process ends */
static bool ready;

static void context_free(void *at)
{
	EVP_MD_CTX_free(at);
}

static void start(void)
{
	shake256 = EVP_MD_fetch(NULL, "SHAKE256", NULL);
	ready = shake256 != NULL && pthread_key_create(&key_of_context, context_free) == 0;
}

static struct err failure(void)
{
	unsigned long last = ERR_peek_last_error();
	ERR_clear_error();
	return ERR_DETAIL(E_SYSTEM, last);
}

/* The calling thread's, made on its first call. */
static struct err context_of_thread(EVP_MD_CTX **out)
{
	(void)pthread_once(&once, start);
	REQUIRE(ready, E_SYSTEM);
	*out = pthread_getspecific(key_of_context);
	if (*out != NULL)
		return OK;
	EVP_MD_CTX *made = EVP_MD_CTX_new();
	if (made == NULL)
		return failure();
	if (pthread_setspecific(key_of_context, made) != 0) {
		EVP_MD_CTX_free(made);
		return ERR(E_NOMEM);
	}
	*out = made;
	return OK;
}

static struct err lanes_of(struct view element, struct lthash *out)
{
	UNINITIALISED uint8_t spread[LTHASH_LEN];
	EVP_MD_CTX *ctx = NULL;
	TRY(context_of_thread(&ctx));
	bool done = EVP_DigestInit_ex2(ctx, shake256, NULL) == 1 &&
		    EVP_DigestUpdate(ctx, element.ptr, element.len) == 1 &&
		    EVP_DigestFinalXOF(ctx, spread, sizeof spread) == 1;
	if (!done)
		return failure();
	lthash_read(spread, out);
	return OK;
}

NODISCARD struct err lthash_add(struct lthash *hash, struct view element)
{
	UNINITIALISED struct lthash lanes;
	TRY(lanes_of(element, &lanes));
	lthash_combine(hash, &lanes);
	return OK;
}

NODISCARD struct err lthash_remove(struct lthash *hash, struct view element)
{
	UNINITIALISED struct lthash lanes;
	TRY(lanes_of(element, &lanes));
	lthash_subtract(hash, &lanes);
	return OK;
}

void lthash_combine(struct lthash *hash, const struct lthash *other)
{
	for (size_t i = 0; i < LTHASH_LANES; i++)
		hash->lanes[i] = (uint16_t)(hash->lanes[i] + other->lanes[i]);
}

void lthash_subtract(struct lthash *hash, const struct lthash *other)
{
	for (size_t i = 0; i < LTHASH_LANES; i++)
		hash->lanes[i] = (uint16_t)(hash->lanes[i] - other->lanes[i]);
}

bool lthash_equal(const struct lthash *a, const struct lthash *b)
{
	return mem_equal(a->lanes, b->lanes, sizeof a->lanes);
}

void lthash_write(const struct lthash *hash, uint8_t out[LTHASH_LEN])
{
	for (size_t i = 0; i < LTHASH_LANES; i++) {
		out[2 * i] = (uint8_t)(hash->lanes[i] >> 8);
		out[2 * i + 1] = (uint8_t)hash->lanes[i];
	}
}

void lthash_read(const uint8_t bytes[LTHASH_LEN], struct lthash *out)
{
	for (size_t i = 0; i < LTHASH_LANES; i++)
		out->lanes[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
}
