/* SPDX-License-Identifier: Apache-2.0 */
/* The probe of capability.h: it does, and does not ask. Session objects only. */
#include "base/log.h"
#include "base/mem.h"
#include "hsm/p11/capability.h"
#include "hsm/p11/messagekey.h"
#include "hsm/p11/template.h"

#define BLOCK 32
#define SEALED_BLOCK (BLOCK + HSM_TAG_LEN)

struct probe {
	struct p11_funnel *funnel;
	CK_SESSION_HANDLE session;
	const struct p11_capability *row;
	enum hsm_suite suite;
};

/* A session object that ends with its scope. */
struct scratch {
	const struct probe *probe;
	CK_OBJECT_HANDLE handle;
};

static void scratch_cleanup(struct scratch *s)
{
	if (s->handle != CK_INVALID_HANDLE)
		P11_CALL_TIDY(s->probe->funnel, C_DestroyObject, s->probe->session, s->handle);
}

static const uint8_t block[BLOCK] = {0x5a};
static const uint8_t nonce_a[HSM_NONCE_LEN] = {1};
static const uint8_t nonce_b[HSM_NONCE_LEN] = {2};

/* A capability that is not what it must be: names it and stops the start. */
static struct err unsafe(const char *capability)
{
	log_event(LOG_ERROR, "token.unsafe", LOG_TEXT("capability", capability));
	return ERR(E_HSM_UNSAFE);
}

#define HOLDS(condition, capability)               \
	do {                                       \
		if (!(condition))                  \
			return unsafe(capability); \
	} while (0)

static struct p11_cipher cipher_under(const struct probe *p, CK_OBJECT_HANDLE key)
{
	return (struct p11_cipher){p->funnel, p->session, key, p->row->iv};
}

static struct err seal(const struct probe *p, CK_OBJECT_HANDLE key, uint8_t iv[HSM_IV_LEN],
		       uint8_t out[SEALED_BLOCK])
{
	struct p11_cipher cipher = cipher_under(p, key);
	return p11_cipher_encrypt(&cipher, VIEW_LITERAL("probe"), VIEW_ARRAY(block), iv, out);
}

/* Whether the token gives out anything for it, be it wrong. */
static bool answers(const struct probe *p, CK_OBJECT_HANDLE key, const uint8_t iv[HSM_IV_LEN],
		    const uint8_t sealed[SEALED_BLOCK])
{
	struct p11_cipher cipher = cipher_under(p, key);
	CLEANUP(secret_free) struct secret *plaintext = NULL;
	struct err e = p11_cipher_decrypt(&cipher, VIEW_LITERAL("probe"), iv,
					  view_of(sealed, SEALED_BLOCK), &plaintext);
	return !err_failed(e) || err_is(e, E_HSM_UNSAFE);
}

/* Where it must open: a token that is ill is away, one that is wrong is unsafe. */
static struct err must_open(const struct probe *p, CK_OBJECT_HANDLE key,
			    const uint8_t iv[HSM_IV_LEN], const uint8_t sealed[SEALED_BLOCK],
			    const char *capability)
{
	struct p11_cipher cipher = cipher_under(p, key);
	CLEANUP(secret_free) struct secret *plaintext = NULL;
	struct err e = p11_cipher_decrypt(&cipher, VIEW_LITERAL("probe"), iv,
					  view_of(sealed, SEALED_BLOCK), &plaintext);
	if (p11_funnel_effect(e) != P11_EFFECT_NONE)
		return ERR_DETAIL(E_HSM_AWAY, e.detail);
	HOLDS(!err_failed(e) && plaintext->len == BLOCK &&
		      mem_equal_constant_time(plaintext->ptr, block, BLOCK),
	      capability);
	return OK;
}

static bool answers_with_other_aad(const struct probe *p, CK_OBJECT_HANDLE key, const uint8_t *iv,
				   const uint8_t *sealed)
{
	struct p11_cipher cipher = cipher_under(p, key);
	CLEANUP(secret_free) struct secret *plaintext = NULL;
	return !err_failed(p11_cipher_decrypt(&cipher, VIEW_LITERAL("prob"), iv,
					      view_of(sealed, SEALED_BLOCK), &plaintext));
}

static bool answers_when_flipped(const struct probe *p, CK_OBJECT_HANDLE key, const uint8_t *iv,
				 const uint8_t *sealed, size_t at)
{
	uint8_t flipped[SEALED_BLOCK];
	mem_copy(flipped, sizeof(flipped), sealed, SEALED_BLOCK);
	flipped[at] ^= 0x01;
	return answers(p, key, iv, flipped);
}

static struct err check_gcm(const struct probe *p, CK_OBJECT_HANDLE key)
{
	uint8_t iv_a[HSM_IV_LEN];
	uint8_t iv_b[HSM_IV_LEN];
	uint8_t a[SEALED_BLOCK];
	uint8_t b[SEALED_BLOCK];
	TRY(seal(p, key, iv_a, a));
	TRY(seal(p, key, iv_b, b));
	HOLDS(!mem_equal(iv_a, iv_b, sizeof(iv_a)), "gcm: each message has its own IV");
	HOLDS(!mem_equal(a, b, BLOCK), "gcm: the IV changes the ciphertext");
	HOLDS(!mem_equal(a, block, BLOCK), "gcm: encrypts");
	TRY(must_open(p, key, iv_a, a, "gcm: decrypts"));
	TRY(must_open(p, key, iv_b, b, "gcm: decrypts"));
	HOLDS(!answers(p, key, iv_b, a), "gcm: the IV is authenticated");
	HOLDS(!answers_with_other_aad(p, key, iv_a, a), "gcm: the AAD is authenticated");
	HOLDS(!answers_when_flipped(p, key, iv_a, a, 0), "gcm: the ciphertext is authenticated");
	HOLDS(!answers_when_flipped(p, key, iv_a, a, BLOCK), "gcm: the tag is checked, first byte");
	HOLDS(!answers_when_flipped(p, key, iv_a, a, SEALED_BLOCK - 1),
	      "gcm: the tag is checked, last byte");
	return must_open(p, key, iv_a, a, "gcm: decrypts after failures");
}

static struct err generate(const struct probe *p, CK_MECHANISM_TYPE type,
			   struct p11_template *template, struct scratch *out)
{
	CK_MECHANISM mechanism = {type, NULL, 0};
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	TRY(P11_CALL(p->funnel, C_GenerateKey, p->session, &mechanism, template->items,
		     template->count, &handle));
	*out = (struct scratch){p, handle};
	HOLDS(!err_failed(p11_template_check_session(p->funnel, p->session, handle)),
	      "keys: sensitive and not extractable when asked for");
	return OK;
}

static struct err derive(const struct probe *p, CK_OBJECT_HANDLE base_handle,
			 enum hsm_purpose purpose, const uint8_t *nonce, struct scratch *out)
{
	struct p11_base base = {.handle = base_handle, .suite = p->suite, .purpose = purpose};
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	TRY(p11_message_key_derive(p->funnel, p->session, &base, nonce, &handle));
	*out = (struct scratch){p, handle};
	return OK;
}

static struct err check_derivation(const struct probe *p, CK_OBJECT_HANDLE base)
{
	CLEANUP(scratch_cleanup) struct scratch key = {0};
	CLEANUP(scratch_cleanup) struct scratch again = {0};
	CLEANUP(scratch_cleanup) struct scratch other_nonce = {0};
	CLEANUP(scratch_cleanup) struct scratch other_purpose = {0};
	TRY(derive(p, base, HSM_PURPOSE_KMS, nonce_a, &key));
	TRY(derive(p, base, HSM_PURPOSE_KMS, nonce_a, &again));
	TRY(derive(p, base, HSM_PURPOSE_KMS, nonce_b, &other_nonce));
	TRY(derive(p, base, HSM_PURPOSE_XKS, nonce_a, &other_purpose));
	HOLDS(!err_failed(p11_template_check_session(p->funnel, p->session, key.handle)),
	      "derivation: the key is sensitive and not extractable");
	TRY(check_gcm(p, key.handle));
	uint8_t iv[HSM_IV_LEN];
	uint8_t sealed[SEALED_BLOCK];
	TRY(seal(p, key.handle, iv, sealed));
	HOLDS(!answers(p, other_nonce.handle, iv, sealed), "derivation: depends on the nonce");
	HOLDS(!answers(p, other_purpose.handle, iv, sealed), "derivation: depends on the purpose");
	return must_open(p, again.handle, iv, sealed, "derivation: repeats");
}

static struct err check_suite(const struct probe *p)
{
	bool derives = p->suite != HSM_SUITE_DIRECT;
	struct p11_template template;
	p11_template_session_aes(&template, derives);
	CLEANUP(scratch_cleanup) struct scratch base = {0};
	TRY(generate(p, CKM_AES_KEY_GEN, &template, &base));
	return derives ? check_derivation(p, base.handle) : check_gcm(p, base.handle);
}

static struct err mac(const struct probe *p, CK_OBJECT_HANDLE key, struct view message,
		      uint8_t out[HSM_MAC_LEN])
{
	CK_MECHANISM mechanism = {CKM_SHA256_HMAC, NULL, 0};
	CK_ULONG len = HSM_MAC_LEN;
	TRY(P11_CALL(p->funnel, C_SignInit, p->session, &mechanism, key));
	TRY(P11_CALL(p->funnel, C_Sign, p->session, (CK_BYTE *)(uintptr_t)message.ptr,
		     (CK_ULONG)message.len, out, &len));
	HOLDS(len == HSM_MAC_LEN, "mac: has 256 bits");
	return OK;
}

static struct err check_mac(const struct probe *p)
{
	struct p11_template template;
	p11_template_session_hmac(&template);
	CLEANUP(scratch_cleanup) struct scratch key = {0};
	TRY(generate(p, CKM_GENERIC_SECRET_KEY_GEN, &template, &key));
	uint8_t a[HSM_MAC_LEN];
	uint8_t again[HSM_MAC_LEN];
	uint8_t b[HSM_MAC_LEN];
	TRY(mac(p, key.handle, VIEW_LITERAL("one"), a));
	TRY(mac(p, key.handle, VIEW_LITERAL("one"), again));
	TRY(mac(p, key.handle, VIEW_LITERAL("two"), b));
	HOLDS(mem_equal(a, again, sizeof(a)), "mac: repeats");
	HOLDS(!mem_equal(a, b, sizeof(a)), "mac: depends on the message");
	return OK;
}

static struct err check_random(const struct probe *p)
{
	uint8_t a[BLOCK] = {0};
	uint8_t b[BLOCK] = {0};
	uint8_t zero[BLOCK] = {0};
	TRY(P11_CALL(p->funnel, C_GenerateRandom, p->session, a, sizeof(a)));
	TRY(P11_CALL(p->funnel, C_GenerateRandom, p->session, b, sizeof(b)));
	HOLDS(!mem_equal(a, b, sizeof(a)) && !mem_equal(a, zero, sizeof(a)), "random: differs");
	return OK;
}

/* The token says that it lacks the mechanism, as against doing it wrongly or being ill. */
static bool is_unsupported(struct err e)
{
	return err_is(e, E_HSM_UNSUPPORTED) || err_is(e, E_HSM_KEY_ROLE) ||
	       (err_is(e, E_HSM_REFUSED) && p11_funnel_effect(e) == P11_EFFECT_NONE);
}

static struct err first_suite(struct probe *p, enum hsm_suite pinned)
{
	static const enum hsm_suite order[] = {HSM_SUITE_SP800_108, HSM_SUITE_ECB_DATA,
					       HSM_SUITE_DIRECT};
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		p->suite = order[i];
		if (pinned != HSM_SUITE_NONE && pinned != order[i])
			continue;
		struct err e = check_suite(p);
		if (!err_failed(e))
			return OK;
		if (!is_unsupported(e))
			return e;
		log_event(LOG_INFO, "token.suite_not_there", LOG_NUMBER("suite", order[i]),
			  LOG_ERR(e));
	}
	return unsafe("suite: none that may be used is there");
}

NODISCARD struct err p11_capability_probe(struct p11_module *module, CK_SESSION_HANDLE session,
					  const struct p11_capability *row, enum hsm_suite pinned,
					  enum hsm_suite *out)
{
	struct probe p = {&module->funnel, session, row, HSM_SUITE_NONE};
	TRY(first_suite(&p, pinned));
	TRY(check_mac(&p));
	TRY(check_random(&p));
	*out = p.suite;
	return OK;
}
