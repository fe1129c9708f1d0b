/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/template.h"

#include "base/log.h"
#include "base/mem.h"

#define MECHANISMS_MAX 8

/* Usage of a key, as bits over usage_rows. */
enum {
	USE_ENCRYPT = 1 << 0,
	USE_DECRYPT = 1 << 1,
	USE_SIGN = 1 << 2,
	USE_VERIFY = 1 << 3,
	USE_WRAP = 1 << 4,
	USE_UNWRAP = 1 << 5,
	USE_DERIVE = 1 << 6,
};

static const struct usage_row {
	CK_ATTRIBUTE_TYPE type;
	const char *name;
	unsigned bit;
	bool private_too; /* private keys have this attribute */
} usage_rows[] = {
	{CKA_ENCRYPT, "CKA_ENCRYPT", USE_ENCRYPT, false},
	{CKA_DECRYPT, "CKA_DECRYPT", USE_DECRYPT, true},
	{CKA_SIGN, "CKA_SIGN", USE_SIGN, true},
	{CKA_VERIFY, "CKA_VERIFY", USE_VERIFY, false},
	{CKA_WRAP, "CKA_WRAP", USE_WRAP, false},
	{CKA_UNWRAP, "CKA_UNWRAP", USE_UNWRAP, true},
	{CKA_DERIVE, "CKA_DERIVE", USE_DERIVE, true},
};

/* P1: what every key of ours must answer, whatever its role. */
static const struct promise_row {
	CK_ATTRIBUTE_TYPE type;
	const char *name;
	bool value;
} promise_rows[] = {
	{CKA_TOKEN, "CKA_TOKEN", true},
	{CKA_PRIVATE, "CKA_PRIVATE", true},
	{CKA_SENSITIVE, "CKA_SENSITIVE", true},
	{CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE", true},
	{CKA_EXTRACTABLE, "CKA_EXTRACTABLE", false},
	{CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE", true},
	{CKA_MODIFIABLE, "CKA_MODIFIABLE", false},
	{CKA_LOCAL, "CKA_LOCAL", true},
};

/* What a role is made of; `suffix` ends its label. */
static const struct role_row {
	enum hsm_role role;
	const char *suffix; /* "": any other label */
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE key_type;
	unsigned usage; /* 0: by suite */
} role_rows[] = {
	{HSM_ROLE_ROW_SEAL, ":row-seal", CKO_SECRET_KEY, CKK_GENERIC_SECRET, USE_SIGN},
	{HSM_ROLE_AUDIT_SIGN, ":audit-sign", CKO_PRIVATE_KEY, CKK_EC, USE_SIGN},
	{HSM_ROLE_SECRET_WRAP, ":secret-wrap", CKO_SECRET_KEY, CKK_AES, 0},
	{HSM_ROLE_VERSION, "", CKO_SECRET_KEY, CKK_AES, 0},
};

/* What a suite asks of a key: its usage, and the one mechanism that it may be used with. */
static const struct suite_row {
	enum hsm_suite suite;
	unsigned usage;
	CK_MECHANISM_TYPE mechanism;
} suite_rows[] = {
	{HSM_SUITE_SP800_108, USE_DERIVE, P11_CKM_SP800_108_COUNTER_KDF},
	{HSM_SUITE_ECB_DATA, USE_DERIVE, CKM_AES_ECB_ENCRYPT_DATA},
	{HSM_SUITE_DIRECT, USE_ENCRYPT | USE_DECRYPT, CKM_AES_GCM},
};

static const CK_BBOOL yes = CK_TRUE;
static const CK_BBOOL no = CK_FALSE;

/* RFC 5480: 1.2.840.10045.3.1.7, DER. */
static const uint8_t curve_p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

static const CK_MECHANISM_TYPE mechanism_hmac = CKM_SHA256_HMAC;
static const CK_MECHANISM_TYPE mechanism_ecdsa = CKM_ECDSA;

void p11_template_bytes(struct p11_template *t, CK_ATTRIBUTE_TYPE type, struct view value)
{
	if (t->count == P11_TEMPLATE_MAX)
		return; /* cannot be: every template here is of fixed length and tested */
	/* PKCS#11 takes void *, and does not write through it in a creation template. */
	t->items[t->count].type = type;
	t->items[t->count].pValue = (void *)(uintptr_t)value.ptr;
	t->items[t->count].ulValueLen = (CK_ULONG)value.len;
	t->count++;
}

void p11_template_bool(struct p11_template *t, CK_ATTRIBUTE_TYPE type, bool value)
{
	p11_template_bytes(t, type, view_of(value ? &yes : &no, sizeof(yes)));
}

void p11_template_number(struct p11_template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
	if (t->count == P11_TEMPLATE_MAX)
		return;
	t->numbers[t->count] = value;
	p11_template_bytes(t, type, view_of(&t->numbers[t->count], sizeof(value)));
}

bool p11_template_is_ours(struct view label)
{
	return label.len <= HSM_LABEL_MAX && view_starts_with(label, VIEW_LITERAL("holdfast:"));
}

static const struct role_row *row_of_label(const char *label)
{
	struct view text = view_of_text(label);
	for (size_t i = 0; i < ARRAY_LEN(role_rows); i++) {
		struct view suffix = view_of_text(role_rows[i].suffix);
		if (text.len >= suffix.len &&
		    view_equal(view_part(text, text.len - suffix.len, suffix.len), suffix))
			return &role_rows[i];
	}
	return &role_rows[ARRAY_LEN(role_rows) - 1];
}

enum hsm_role p11_template_role(const char *label)
{
	return row_of_label(label)->role;
}

static const struct suite_row *row_of_suite(enum hsm_suite suite)
{
	for (size_t i = 0; i < ARRAY_LEN(suite_rows); i++)
		if (suite_rows[i].suite == suite)
			return &suite_rows[i];
	return NULL;
}

static void add_usage(struct p11_template *t, const struct role_row *role, unsigned usage)
{
	for (size_t i = 0; i < ARRAY_LEN(usage_rows); i++)
		if (role->class == CKO_SECRET_KEY || usage_rows[i].private_too)
			p11_template_bool(t, usage_rows[i].type, (usage & usage_rows[i].bit) != 0);
}

static const CK_MECHANISM_TYPE *only_mechanism(const struct role_row *role,
					       const struct suite_row *suite)
{
	if (suite != NULL)
		return &suite->mechanism;
	return role->class == CKO_PRIVATE_KEY ? &mechanism_ecdsa : &mechanism_hmac;
}

void p11_template_key(struct p11_template *t, const struct hsm_object *object,
		      bool limit_mechanisms)
{
	const struct role_row *role = row_of_label(object->label);
	const struct suite_row *suite = role->usage ? NULL : row_of_suite(object->suite);
	t->count = 0;
	p11_template_number(t, CKA_CLASS, role->class);
	p11_template_number(t, CKA_KEY_TYPE, role->key_type);
	p11_template_bytes(t, CKA_ID, VIEW_ARRAY(object->id.bytes));
	p11_template_bytes(t, CKA_LABEL, view_of_text(object->label));
	if (role->class == CKO_SECRET_KEY)
		p11_template_number(t, CKA_VALUE_LEN, P11_KEY_BYTES);
	p11_template_bool(t, CKA_TOKEN, true);
	p11_template_bool(t, CKA_PRIVATE, true);
	p11_template_bool(t, CKA_SENSITIVE, true);
	p11_template_bool(t, CKA_EXTRACTABLE, false);
	p11_template_bool(t, CKA_MODIFIABLE, false);
	add_usage(t, role, suite ? suite->usage : role->usage);
	if (limit_mechanisms)
		p11_template_bytes(t, CKA_ALLOWED_MECHANISMS,
				   view_of(only_mechanism(role, suite), sizeof(CK_MECHANISM_TYPE)));
}

void p11_template_public(struct p11_template *t, const struct hsm_object *object)
{
	t->count = 0;
	p11_template_number(t, CKA_CLASS, CKO_PUBLIC_KEY);
	p11_template_number(t, CKA_KEY_TYPE, CKK_EC);
	p11_template_bytes(t, CKA_EC_PARAMS, VIEW_ARRAY(curve_p256));
	p11_template_bytes(t, CKA_ID, VIEW_ARRAY(object->id.bytes));
	p11_template_bytes(t, CKA_LABEL, view_of_text(object->label));
	p11_template_bool(t, CKA_TOKEN, true);
	p11_template_bool(t, CKA_PRIVATE, false);
	p11_template_bool(t, CKA_MODIFIABLE, false);
	p11_template_bool(t, CKA_VERIFY, true);
	p11_template_bool(t, CKA_ENCRYPT, false);
	p11_template_bool(t, CKA_WRAP, false);
}

bool p11_template_is_p256(struct view params)
{
	return view_equal(params, VIEW_ARRAY(curve_p256));
}

void p11_template_find_public(struct p11_template *t, const struct hsm_object *object)
{
	t->count = 0;
	p11_template_number(t, CKA_CLASS, CKO_PUBLIC_KEY);
	p11_template_bytes(t, CKA_ID, VIEW_ARRAY(object->id.bytes));
	p11_template_bytes(t, CKA_LABEL, view_of_text(object->label));
	p11_template_bool(t, CKA_TOKEN, true);
}

static void secret_key(struct p11_template *t, CK_KEY_TYPE key_type, bool token, unsigned usage)
{
	t->count = 0;
	p11_template_number(t, CKA_CLASS, CKO_SECRET_KEY);
	p11_template_number(t, CKA_KEY_TYPE, key_type);
	p11_template_number(t, CKA_VALUE_LEN, P11_KEY_BYTES);
	p11_template_bool(t, CKA_TOKEN, token);
	p11_template_bool(t, CKA_PRIVATE, true);
	p11_template_bool(t, CKA_SENSITIVE, true);
	p11_template_bool(t, CKA_EXTRACTABLE, false);
	for (size_t i = 0; i < ARRAY_LEN(usage_rows); i++)
		p11_template_bool(t, usage_rows[i].type, (usage & usage_rows[i].bit) != 0);
}

void p11_template_session_aes(struct p11_template *t, bool derive)
{
	secret_key(t, CKK_AES, false, derive ? USE_DERIVE : USE_ENCRYPT | USE_DECRYPT);
}

void p11_template_session_hmac(struct p11_template *t)
{
	secret_key(t, CKK_GENERIC_SECRET, false, USE_SIGN);
}

void p11_template_idle(struct p11_template *t)
{
	secret_key(t, CKK_AES, true, 0);
	p11_template_bool(t, CKA_MODIFIABLE, true);
}

NODISCARD struct err p11_template_read(const struct p11_reading *at, CK_OBJECT_HANDLE handle,
				       CK_ATTRIBUTE *attribute, bool *present)
{
	*present = false;
	struct err e = P11_CALL(at->funnel, C_GetAttributeValue, at->session, handle, attribute,
				(CK_ULONG)1);
	if (err_failed(e) && e.detail != CKR_ATTRIBUTE_TYPE_INVALID &&
	    e.detail != CKR_ATTRIBUTE_SENSITIVE && e.detail != CKR_BUFFER_TOO_SMALL)
		return e;
	*present = !err_failed(e) && attribute->ulValueLen != (CK_ULONG)-1;
	return OK;
}

struct reading {
	const struct p11_reading *at;
	CK_OBJECT_HANDLE handle;
	const char *wrong; /* name of the first attribute that is not as it must be */
};

/* -1 when the object has no such attribute. */
static struct err read_bool(const struct reading *r, CK_ATTRIBUTE_TYPE type, int *out)
{
	CK_BBOOL value = CK_FALSE;
	CK_ATTRIBUTE attribute = {type, &value, sizeof(value)};
	bool present = false;
	TRY(p11_template_read(r->at, r->handle, &attribute, &present));
	*out = !present || attribute.ulValueLen != sizeof(value) ? -1 : value != CK_FALSE;
	return OK;
}

static struct err read_number(const struct reading *r, CK_ATTRIBUTE_TYPE type, CK_ULONG *out)
{
	CK_ULONG value = 0;
	CK_ATTRIBUTE attribute = {type, &value, sizeof(value)};
	bool present = false;
	TRY(p11_template_read(r->at, r->handle, &attribute, &present));
	*out = present && attribute.ulValueLen == sizeof(value) ? value
								: CK_UNAVAILABLE_INFORMATION;
	return OK;
}

static void mark(struct reading *r, bool holds, const char *name)
{
	if (!holds && r->wrong == NULL)
		r->wrong = name;
}

static struct err check_promises(struct reading *r)
{
	for (size_t i = 0; i < ARRAY_LEN(promise_rows); i++) {
		int value = -1;
		TRY(read_bool(r, promise_rows[i].type, &value));
		bool excused = promise_rows[i].type == r->at->unreported;
		mark(r, excused || value == (int)promise_rows[i].value, promise_rows[i].name);
	}
	return OK;
}

static struct err check_type(struct reading *r, const struct role_row *role)
{
	CK_ULONG class = 0;
	CK_ULONG key_type = 0;
	CK_ULONG len = P11_KEY_BYTES;
	TRY(read_number(r, CKA_CLASS, &class));
	TRY(read_number(r, CKA_KEY_TYPE, &key_type));
	if (role->class == CKO_SECRET_KEY)
		TRY(read_number(r, CKA_VALUE_LEN, &len));
	mark(r, class == role->class, "CKA_CLASS");
	mark(r, key_type == role->key_type, "CKA_KEY_TYPE");
	mark(r, len == P11_KEY_BYTES, "CKA_VALUE_LEN");
	return OK;
}

/* An attribute of usage that the token does not have allows nothing. */
static struct err read_usage(const struct reading *r, unsigned *out)
{
	unsigned usage = 0;
	for (size_t i = 0; i < ARRAY_LEN(usage_rows); i++) {
		int value = -1;
		TRY(read_bool(r, usage_rows[i].type, &value));
		usage |= value == 1 ? usage_rows[i].bit : 0;
	}
	*out = usage;
	return OK;
}

static const char *first_usage(unsigned differing)
{
	for (size_t i = 0; i < ARRAY_LEN(usage_rows); i++)
		if (differing & usage_rows[i].bit)
			return usage_rows[i].name;
	return "usage";
}

/* Whether the token limits the key to mechanisms, and whether `mechanism` is the only one. */
static struct err read_mechanisms(const struct reading *r, CK_MECHANISM_TYPE *list, size_t *count)
{
	CK_ATTRIBUTE attribute = {CKA_ALLOWED_MECHANISMS, list,
				  MECHANISMS_MAX * sizeof(CK_MECHANISM_TYPE)};
	bool present = false;
	TRY(p11_template_read(r->at, r->handle, &attribute, &present));
	*count = present ? attribute.ulValueLen / sizeof(CK_MECHANISM_TYPE) : 0;
	return OK;
}

static struct err suites_of(struct reading *r, unsigned usage, unsigned *suites)
{
	CK_MECHANISM_TYPE allowed[MECHANISMS_MAX] = {0};
	size_t count = 0;
	TRY(read_mechanisms(r, allowed, &count));
	*suites = 0;
	for (size_t i = 0; i < ARRAY_LEN(suite_rows); i++) {
		bool named = count == 0 || (count == 1 && allowed[0] == suite_rows[i].mechanism);
		if (usage == suite_rows[i].usage && named)
			*suites |= P11_SUITE_BIT(suite_rows[i].suite);
	}
	mark(r, *suites != 0,
	     usage & USE_DERIVE ? first_usage(usage & ~(unsigned)USE_DERIVE) : "usage");
	return OK;
}

static enum hsm_suite lowest(unsigned suites)
{
	for (size_t i = 0; i < ARRAY_LEN(suite_rows); i++)
		if (suites & P11_SUITE_BIT(suite_rows[i].suite))
			return suite_rows[i].suite;
	return HSM_SUITE_NONE;
}

NODISCARD struct err p11_template_read_back(const struct p11_reading *at, CK_OBJECT_HANDLE handle,
					    struct hsm_object *object, unsigned *suites)
{
	const struct role_row *role = row_of_label(object->label);
	struct reading r = {at, handle, NULL};
	unsigned usage = 0;
	*suites = 0;
	TRY(check_type(&r, role));
	TRY(check_promises(&r));
	TRY(read_usage(&r, &usage));
	if (role->usage != 0)
		mark(&r, usage == role->usage, first_usage(usage ^ role->usage));
	else
		TRY(suites_of(&r, usage, suites));
	object->role = role->role;
	object->suite = lowest(*suites);
	object->sound = r.wrong == NULL;
	if (!object->sound)
		log_event(LOG_WARNING, "token.key_unsound", LOG_TEXT("label", object->label),
			  LOG_TEXT("attribute", r.wrong));
	return OK;
}

NODISCARD struct err p11_template_check_session(struct p11_funnel *funnel,
						CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle)
{
	struct p11_reading at = {funnel, session, 0};
	struct reading r = {&at, handle, NULL};
	int token = -1;
	int sensitive = -1;
	int extractable = -1;
	TRY(read_bool(&r, CKA_TOKEN, &token));
	TRY(read_bool(&r, CKA_SENSITIVE, &sensitive));
	TRY(read_bool(&r, CKA_EXTRACTABLE, &extractable));
	REQUIRE(token == 0 && sensitive == 1 && extractable == 0, E_HSM_ATTRIBUTES);
	return OK;
}
