/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HSM_SIGN and HSM_PUBLIC_KEY. Public key objects lie open on a token: whoever writes to it without
 * a login can put another in the place of ours. So none is believed before the private half has
 * signed for it.
 */
#include "base/entropy.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypto/digest.h"
#include "crypto/ecdsa.h"
#include "hsm/p11/instance.h"
#include "hsm/p11/template.h"

#define UNCOMPRESSED 4 /* SEC 1 §2.3.3 */
#define OCTET_STRING 4 /* X.690: the tag */
#define POINT_ATTRIBUTE_MAX 160
#define CHALLENGE_LEN 32

_Static_assert(HSM_POINT_LEN == ECDSA_P256_POINT_LEN, "one curve");
_Static_assert(HSM_SIGNATURE_LEN == ECDSA_P256_SIGNATURE_LEN, "one curve");
_Static_assert(HSM_DIGEST_LEN == SHA256_LEN, "one digest");

/* What a dying module leaves behind that answers CKR_OK and writes nothing. */
static const uint8_t nothing[HSM_SIGNATURE_LEN];

NODISCARD struct err p11_sign_check(UNUSED const struct hsm_op *op)
{
	return OK;
}

static struct err signing_key(struct p11_lane *lane, const struct hsm_key_id *id,
			      struct p11_object *out)
{
	TRY(p11_objects_get(&lane->hsm->objects, id, out));
	REQUIRE(out->shown.role == HSM_ROLE_AUDIT_SIGN, E_HSM_KEY_ROLE);
	REQUIRE(out->shown.sound, E_HSM_ATTRIBUTES);
	return OK;
}

static struct err sign(struct p11_lane *lane, CK_OBJECT_HANDLE key,
		       const uint8_t digest[HSM_DIGEST_LEN], uint8_t out[HSM_SIGNATURE_LEN])
{
	struct p11_funnel *funnel = &lane->hsm->module.funnel;
	CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
	uint8_t signature[HSM_SIGNATURE_LEN] = {0};
	CK_ULONG len = sizeof(signature);
	TRY(P11_CALL(funnel, C_SignInit, lane->session, &mechanism, key));
	TRY(P11_CALL(funnel, C_Sign, lane->session, (CK_BYTE *)(uintptr_t)digest, HSM_DIGEST_LEN,
		     signature, &len));
	/* PKCS#11 3.1 §6.3.1: r and s of equal length, each as long as the group's order. */
	REQUIRE(len == sizeof(signature), E_HSM_UNSAFE);
	REQUIRE(!mem_equal(signature, nothing, sizeof(signature)), E_HSM_UNSAFE);
	mem_copy(out, HSM_SIGNATURE_LEN, signature, sizeof(signature));
	return OK;
}

NODISCARD struct err p11_sign_execute(struct p11_lane *lane, struct hsm_op *op)
{
	struct p11_object key;
	TRY(signing_key(lane, &op->from.key, &key));
	return sign(lane, key.handle, op->digest, op->signature);
}

NODISCARD struct err p11_public_key_check(UNUSED const struct hsm_op *op)
{
	return OK;
}

/* PKCS#11 3.1 §6.3.3: CKA_EC_POINT is the DER encoding of an OCTET STRING; there are tokens that
 * leave that out. */
static struct err point_take(struct view value, uint8_t out[HSM_POINT_LEN])
{
	if (value.len == HSM_POINT_LEN + 2 && value.ptr[0] == OCTET_STRING &&
	    value.ptr[1] == HSM_POINT_LEN)
		value = view_part(value, 2, HSM_POINT_LEN);
	REQUIRE(value.len == HSM_POINT_LEN && value.ptr[0] == UNCOMPRESSED, E_FORMAT);
	mem_copy(out, HSM_POINT_LEN, value.ptr, value.len);
	return OK;
}

static struct err point_read(struct p11_lane *lane, CK_OBJECT_HANDLE handle,
			     uint8_t out[HSM_POINT_LEN])
{
	struct p11_reading at = {&lane->hsm->module.funnel, lane->session, 0};
	uint8_t value[POINT_ATTRIBUTE_MAX];
	CK_ATTRIBUTE attribute = {CKA_EC_POINT, value, sizeof(value)};
	bool present = false;
	TRY(p11_template_read(&at, handle, &attribute, &present));
	REQUIRE(present, E_FORMAT);
	return point_take(view_of(value, attribute.ulValueLen), out);
}

/* The private half's signature of something new: its digest can be no digest that is ever asked
 * for, as what is hashed begins otherwise. */
struct proof {
	uint8_t digest[HSM_DIGEST_LEN];
	uint8_t signature[HSM_SIGNATURE_LEN];
};

static struct err prove(struct p11_lane *lane, const struct p11_object *key, struct proof *out)
{
	uint8_t challenge[CHALLENGE_LEN];
	TRY(entropy_fill(challenge, sizeof(challenge)));
	const struct view parts[] = {VIEW_LITERAL("holdfast proof of a public key 1"),
				     VIEW_ARRAY(challenge)};
	TRY(digest_sha256(parts, ARRAY_LEN(parts), out->digest));
	return sign(lane, key->handle, out->digest, out->signature);
}

/* Whether the object holds the point of whoever made the proof. */
static struct err is_public_half(struct p11_lane *lane, CK_OBJECT_HANDLE handle,
				 const struct proof *proof, uint8_t point[HSM_POINT_LEN], bool *out)
{
	*out = false;
	struct err e = point_read(lane, handle, point);
	if (!err_failed(e))
		e = ecdsa_p256_verify(point, proof->digest, proof->signature);
	if (err_is(e, E_FORMAT) || err_is(e, E_CRYPTO_SIGNATURE))
		return OK;
	TRY(e);
	*out = true;
	return OK;
}

static struct err public_half(struct p11_lane *lane, const struct p11_object *key,
			      const struct p11_found *found, uint8_t out[HSM_POINT_LEN])
{
	struct p11_funnel *funnel = &lane->hsm->module.funnel;
	struct proof proof;
	uint8_t point[HSM_POINT_LEN];
	TRY(prove(lane, key, &proof));
	for (size_t i = 0; i < found->count; i++) {
		bool named = false;
		bool holds = false;
		TRY(p11_objects_is_named(funnel, lane->session, found->handles[i], &key->shown,
					 &named));
		if (named)
			TRY(is_public_half(lane, found->handles[i], &proof, point, &holds));
		if (!holds)
			continue;
		mem_copy(out, HSM_POINT_LEN, point, sizeof(point));
		return OK;
	}
	log_event(LOG_WARNING, "token.public_key_not_proven", LOG_TEXT("label", key->shown.label),
		  LOG_NUMBER("objects", found->count),
		  LOG_TEXT("action", "a public key object was removed from the token or replaced: "
				     "restore the token"));
	return ERR(E_HSM_ATTRIBUTES);
}

NODISCARD struct err p11_public_key_execute(struct p11_lane *lane, struct hsm_op *op)
{
	struct hsm *hsm = lane->hsm;
	LOCK_SCOPE(&hsm->admin);
	struct p11_object key;
	struct p11_template what;
	struct p11_found found;
	TRY(signing_key(lane, &op->from.key, &key));
	p11_template_find_public(&what, &key.shown);
	TRY(p11_objects_search(&hsm->module.funnel, lane->session, &what, &found));
	return public_half(lane, &key, &found, op->point);
}
