/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HSM_SEAL, HSM_OPEN, HSM_RESEAL, HSM_GENERATE_SEALED.
 * Sealed bytes: nonce 15 ‖ IV 12 ‖ ciphertext ‖ tag 16; AAD: header ‖ nonce ‖ context. For suite 3,
 * which derives nothing, the nonce is random all the same: it is authenticated, so that the form of
 * a ciphertext and what protects it do not depend on the suite.
 */
#include "base/entropy.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/writer.h"
#include "hsm/p11/canary.h"
#include "hsm/p11/template.h"

#define AAD_MAX (HSM_HEADER_MAX + HSM_NONCE_LEN + HSM_CONTEXT_MAX)

static struct err check_sealing(const struct hsm_sealing *s)
{
	REQUIRE(s->header.len >= 1 && s->header.len <= HSM_HEADER_MAX, E_BOUNDS);
	REQUIRE(s->context.len <= HSM_CONTEXT_MAX, E_BOUNDS);
	REQUIRE(s->suite >= HSM_SUITE_SP800_108 && s->suite <= HSM_SUITE_DIRECT, E_FORMAT);
	REQUIRE(s->purpose == HSM_PURPOSE_KMS || s->purpose == HSM_PURPOSE_XKS, E_FORMAT);
	return OK;
}

static struct err check_sealed(struct view sealed)
{
	REQUIRE(sealed.len > HSM_SEALED_OVERHEAD, E_HSM_CIPHERTEXT);
	REQUIRE(sealed.len <= HSM_SEALED_OVERHEAD + HSM_PLAINTEXT_MAX, E_HSM_CIPHERTEXT);
	return OK;
}

NODISCARD struct err p11_seal_check(const struct hsm_op *op)
{
	TRY(check_sealing(&op->to));
	REQUIRE(op->plaintext != NULL, E_FORMAT);
	REQUIRE(op->plaintext->len >= 1 && op->plaintext->len <= HSM_PLAINTEXT_MAX, E_BOUNDS);
	return OK;
}

NODISCARD struct err p11_open_check(const struct hsm_op *op)
{
	TRY(check_sealing(&op->from));
	return check_sealed(op->sealed_in);
}

NODISCARD struct err p11_reseal_check(const struct hsm_op *op)
{
	TRY(check_sealing(&op->to));
	return p11_open_check(op);
}

NODISCARD struct err p11_generate_sealed_check(const struct hsm_op *op)
{
	TRY(check_sealing(&op->to));
	REQUIRE(op->length >= 1 && op->length <= HSM_RANDOM_MAX, E_BOUNDS);
	return OK;
}

/* The key that encrypts: a message key, or with suite 3 the version key itself. */
struct key_in_use {
	struct p11_message_keys *keys;
	struct p11_message_key *message_key; /* NULL with suite 3 */
	CK_OBJECT_HANDLE handle;
};

static void key_in_use_cleanup(struct key_in_use *k)
{
	if (k->keys != NULL)
		p11_message_keys_release(k->keys, &k->message_key);
}

/* Role, suite and soundness of the version key, checked at every use. */
static struct err base_key(struct hsm *hsm, const struct hsm_sealing *s, struct p11_base *out)
{
	struct p11_object object;
	uint64_t forgotten = p11_message_keys_forgotten(&hsm->keys);
	TRY(p11_objects_get(&hsm->objects, &s->key, &object));
	REQUIRE(object.shown.role == HSM_ROLE_VERSION || object.shown.role == HSM_ROLE_SECRET_WRAP,
		E_HSM_KEY_ROLE);
	REQUIRE(object.shown.sound, E_HSM_ATTRIBUTES);
	REQUIRE((object.suites & P11_SUITE_BIT(s->suite)) != 0, E_HSM_KEY_ROLE);
	*out = (struct p11_base){object.handle, s->key, s->suite, s->purpose, forgotten};
	return OK;
}

static struct err key_for_sealing(struct hsm *hsm, const struct hsm_sealing *s,
				  struct key_in_use *out, uint8_t nonce[HSM_NONCE_LEN])
{
	struct p11_base base;
	TRY(base_key(hsm, s, &base));
	out->keys = &hsm->keys;
	out->handle = base.handle;
	if (s->suite == HSM_SUITE_DIRECT)
		return entropy_fill(nonce, HSM_NONCE_LEN);
	TRY(p11_message_keys_for_sealing(&hsm->keys, &base, &out->message_key));
	out->handle = out->message_key->handle;
	mem_copy(nonce, HSM_NONCE_LEN, p11_message_key_nonce(out->message_key), HSM_NONCE_LEN);
	return OK;
}

static struct err key_for_opening(struct hsm *hsm, const struct hsm_sealing *s,
				  struct key_in_use *out, const uint8_t nonce[HSM_NONCE_LEN])
{
	struct p11_base base;
	TRY(base_key(hsm, s, &base));
	out->keys = &hsm->keys;
	out->handle = base.handle;
	if (s->suite == HSM_SUITE_DIRECT)
		return OK;
	TRY(p11_message_keys_for_opening(&hsm->keys, &base, nonce, &out->message_key));
	out->handle = out->message_key->handle;
	return OK;
}

static struct err build_aad(struct p11_lane *lane, const struct hsm_sealing *s,
			    const uint8_t *nonce)
{
	buf_clear(&lane->aad);
	lane->aad.max = AAD_MAX;
	TRY(buf_append(&lane->aad, s->header));
	TRY(buf_append(&lane->aad, view_of(nonce, HSM_NONCE_LEN)));
	return buf_append(&lane->aad, s->context);
}

/* A message key whose handle went stale goes; the retry derives it anew. */
static struct err judge_key(struct hsm *hsm, struct key_in_use *key, struct err e)
{
	if (p11_funnel_effect(e) == P11_EFFECT_HANDLE && key->message_key != NULL)
		p11_message_keys_drop(&hsm->keys, key->message_key);
	return e;
}

static struct p11_cipher cipher_of(struct p11_lane *lane, const struct key_in_use *key)
{
	return (struct p11_cipher){&lane->hsm->module.funnel, lane->session, key->handle,
				   lane->hsm->row->iv};
}

static struct err seal_into(struct p11_lane *lane, const struct key_in_use *key,
			    const uint8_t *nonce, struct view plaintext, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out);
	writer_bytes(&w, view_of(nonce, HSM_NONCE_LEN));
	uint8_t *room = writer_room(&w, HSM_IV_LEN + plaintext.len + HSM_TAG_LEN);
	TRY(writer_end(&w));
	struct p11_cipher cipher = cipher_of(lane, key);
	return p11_cipher_encrypt(&cipher, buf_view(&lane->aad), plaintext, room,
				  room + HSM_IV_LEN);
}

static struct err seal(struct p11_lane *lane, const struct hsm_sealing *to, struct view plaintext,
		       struct buf *out)
{
	CLEANUP(key_in_use_cleanup) struct key_in_use key = {0};
	uint8_t nonce[HSM_NONCE_LEN];
	TRY(key_for_sealing(lane->hsm, to, &key, nonce));
	TRY(build_aad(lane, to, nonce));
	buf_cleanup(out);
	buf_init(out, HSM_SEALED_OVERHEAD + HSM_PLAINTEXT_MAX);
	return judge_key(lane->hsm, &key, seal_into(lane, &key, nonce, plaintext, out));
}

/*
 * What a failed decryption means. SoftHSM answers GENERAL_ERROR to a wrong tag, nShield
 * FUNCTION_FAILED: when the canary still sings, it was the ciphertext.
 */
static struct err judge_opening(struct p11_lane *lane, struct key_in_use *key, struct err e)
{
	if (p11_funnel_effect(e) != P11_EFFECT_CANARY)
		return judge_key(lane->hsm, key, e);
	TRY(key->message_key ? p11_canary_sing(lane) : p11_canary_run(lane));
	return ERR(E_HSM_CIPHERTEXT);
}

static struct err open_sealed(struct p11_lane *lane, const struct hsm_sealing *from,
			      struct view sealed, struct secret **out)
{
	uint8_t nonce[HSM_NONCE_LEN];
	uint8_t iv[HSM_IV_LEN];
	struct reader r;
	reader_init(&r, sealed);
	reader_copy(&r, nonce, sizeof(nonce));
	reader_copy(&r, iv, sizeof(iv));
	struct view body = reader_remaining(&r);
	TRY(reader_end(&r));
	CLEANUP(key_in_use_cleanup) struct key_in_use key = {0};
	TRY(key_for_opening(lane->hsm, from, &key, nonce));
	TRY(build_aad(lane, from, nonce));
	struct p11_cipher cipher = cipher_of(lane, &key);
	struct err e = p11_cipher_decrypt(&cipher, buf_view(&lane->aad), iv, body, out);
	if (err_failed(e))
		return judge_opening(lane, &key, e);
	if (key.message_key != NULL)
		p11_message_keys_keep(&lane->hsm->keys, key.message_key);
	return OK;
}

NODISCARD struct err p11_seal_execute(struct p11_lane *lane, struct hsm_op *op)
{
	return seal(lane, &op->to, secret_view(op->plaintext), &op->sealed);
}

NODISCARD struct err p11_open_execute(struct p11_lane *lane, struct hsm_op *op)
{
	return open_sealed(lane, &op->from, op->sealed_in, &op->plaintext_out);
}

NODISCARD struct err p11_reseal_execute(struct p11_lane *lane, struct hsm_op *op)
{
	CLEANUP(secret_free) struct secret *plaintext = NULL;
	TRY(open_sealed(lane, &op->from, op->sealed_in, &plaintext));
	return seal(lane, &op->to, secret_view(plaintext), &op->sealed);
}

NODISCARD struct err p11_generate_sealed_execute(struct p11_lane *lane, struct hsm_op *op)
{
	CLEANUP(secret_free) struct secret *plaintext = NULL;
	TRY(p11_draw(lane, op->length, &plaintext));
	TRY(seal(lane, &op->to, secret_view(plaintext), &op->sealed));
	if (op->want_plaintext)
		op->plaintext_out = TAKE(plaintext);
	return OK;
}
