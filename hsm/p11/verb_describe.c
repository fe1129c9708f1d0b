/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HSM_DESCRIBE: every attribute as the token answers at this moment, one question each: a token
 * refuses a whole list for one attribute that it does not know.
 */
#include "base/lock.h"
#include "base/mem.h"
#include "base/text.h"
#include "hsm/p11/canary.h"
#include "hsm/p11/instance.h"
#include "hsm/p11/template.h"

#define EC_PARAMS_MAX 64

static const CK_ATTRIBUTE_TYPE types[] = {
	[HSM_ATTRIBUTE_TOKEN] = CKA_TOKEN,
	[HSM_ATTRIBUTE_PRIVATE] = CKA_PRIVATE,
	[HSM_ATTRIBUTE_SENSITIVE] = CKA_SENSITIVE,
	[HSM_ATTRIBUTE_ALWAYS_SENSITIVE] = CKA_ALWAYS_SENSITIVE,
	[HSM_ATTRIBUTE_EXTRACTABLE] = CKA_EXTRACTABLE,
	[HSM_ATTRIBUTE_NEVER_EXTRACTABLE] = CKA_NEVER_EXTRACTABLE,
	[HSM_ATTRIBUTE_MODIFIABLE] = CKA_MODIFIABLE,
	[HSM_ATTRIBUTE_LOCAL] = CKA_LOCAL,
	[HSM_ATTRIBUTE_ENCRYPT] = CKA_ENCRYPT,
	[HSM_ATTRIBUTE_DECRYPT] = CKA_DECRYPT,
	[HSM_ATTRIBUTE_SIGN] = CKA_SIGN,
	[HSM_ATTRIBUTE_VERIFY] = CKA_VERIFY,
	[HSM_ATTRIBUTE_WRAP] = CKA_WRAP,
	[HSM_ATTRIBUTE_UNWRAP] = CKA_UNWRAP,
	[HSM_ATTRIBUTE_DERIVE] = CKA_DERIVE,
};

_Static_assert(ARRAY_LEN(types) == HSM_ATTRIBUTE_COUNT, "every attribute is asked for");

static const struct {
	CK_KEY_TYPE type;
	const char *name;
} key_types[] = {
	{CKK_AES, "AES"},
	{CKK_GENERIC_SECRET, "GENERIC_SECRET"},
	{CKK_EC, "EC"},
	{CKK_RSA, "RSA"},
};

struct asking {
	struct p11_reading at;
	CK_OBJECT_HANDLE handle;
};

static struct err ask_bool(const struct asking *a, enum hsm_attribute which,
			   struct hsm_attributes *out)
{
	if (types[which] == a->at.unreported)
		return OK; /* the answer is the same for every key, and wrong: it tells nothing */
	CK_BBOOL value = CK_FALSE;
	CK_ATTRIBUTE attribute = {types[which], &value, sizeof(value)};
	bool present = false;
	TRY(p11_template_read(&a->at, a->handle, &attribute, &present));
	if (!present || attribute.ulValueLen != sizeof(value))
		return OK;
	out->known |= 1U << which;
	out->set |= value != CK_FALSE ? 1U << which : 0;
	return OK;
}

static struct err ask_number(const struct asking *a, CK_ATTRIBUTE_TYPE type, CK_ULONG *out)
{
	CK_ULONG value = 0;
	CK_ATTRIBUTE attribute = {type, &value, sizeof(value)};
	bool present = false;
	TRY(p11_template_read(&a->at, a->handle, &attribute, &present));
	*out = present && attribute.ulValueLen == sizeof(value) ? value
								: CK_UNAVAILABLE_INFORMATION;
	return OK;
}

static struct err ask_type(const struct asking *a, struct hsm_attributes *out, CK_KEY_TYPE *type)
{
	const char *name = "";
	TRY(ask_number(a, CKA_KEY_TYPE, type));
	for (size_t i = 0; i < ARRAY_LEN(key_types); i++)
		if (key_types[i].type == *type)
			name = key_types[i].name;
	return text_copy(out->key_type, sizeof(out->key_type), view_of_text(name));
}

/* Of a curve the token tells the name, and of P-256 alone there are keys here. */
static struct err ask_curve(const struct asking *a, uint32_t *bits)
{
	uint8_t value[EC_PARAMS_MAX];
	CK_ATTRIBUTE attribute = {CKA_EC_PARAMS, value, sizeof(value)};
	bool present = false;
	TRY(p11_template_read(&a->at, a->handle, &attribute, &present));
	if (present && p11_template_is_p256(view_of(value, attribute.ulValueLen)))
		*bits = P11_KEY_BYTES * 8;
	return OK;
}

static struct err ask_bits(const struct asking *a, CK_KEY_TYPE type, uint32_t *bits)
{
	CK_ULONG bytes = 0;
	if (type == CKK_EC)
		return ask_curve(a, bits);
	TRY(ask_number(a, CKA_VALUE_LEN, &bytes));
	*bits = bytes <= UINT16_MAX ? (uint32_t)bytes * 8 : 0;
	return OK;
}

static struct err ask_all(const struct asking *a, struct hsm_attributes *out)
{
	struct hsm_attributes found = {.known = 0};
	CK_KEY_TYPE type = 0;
	for (unsigned i = 0; i < HSM_ATTRIBUTE_COUNT; i++)
		TRY(ask_bool(a, (enum hsm_attribute)i, &found));
	TRY(ask_type(a, &found, &type));
	TRY(ask_bits(a, type, &found.bits));
	*out = found;
	return OK;
}

NODISCARD struct err p11_describe_check(UNUSED const struct hsm_op *op)
{
	return OK;
}

/* As HSM_KEY_FIND, which looks the key up where it is not known. */
NODISCARD struct err p11_describe_execute(struct p11_lane *lane, struct hsm_op *op)
{
	struct hsm *hsm = lane->hsm;
	struct p11_object object;
	TRY(p11_find_execute(lane, op));
	TRY(p11_objects_get(&hsm->objects, &op->object.id, &object));
	struct asking asking = {{&hsm->module.funnel, lane->session, hsm->row->unreported},
				object.handle};
	struct err e = ask_all(&asking, &op->attributes);
	mem_copy(op->attributes.answered_by, sizeof op->attributes.answered_by,
		 hsm->module.answered_by, sizeof hsm->module.answered_by);
	if (p11_funnel_effect(e) == P11_EFFECT_HANDLE)
		p11_objects_remove(&hsm->objects, &op->object.id); /* and it is looked up again */
	return e;
}
