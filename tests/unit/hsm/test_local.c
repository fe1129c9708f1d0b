/* SPDX-License-Identifier: Apache-2.0 */
/* Every verb on real tokens: SoftHSM (suites 2, 3) and NSS softokn (suite 1), one per process. */
#include "test_local_token.h"

#include "base/mem.h"
#include "base/text.h"
#include "hsm/p11/template.h"

static struct token token;

static enum token_kind kind_of(const char *name)
{
	return name != NULL && text_equal(name, "nss") ? TOKEN_NSS : TOKEN_SOFTHSM;
}

static enum token_kind kind;
static enum hsm_suite pinned;
static struct hsm_object version;
static struct hsm_object row_seal;

static int setup(UNUSED void **state)
{
	token_make(&token, kind);
	token.options.suite = pinned;
	token_open(&token);
	assert_ok(make_key(token.hsm, 1, HSM_ROLE_VERSION, &version));
	assert_ok(make_key(token.hsm, 2, HSM_ROLE_ROW_SEAL, &row_seal));
	return 0;
}

static int teardown(UNUSED void **state)
{
	token_remove(&token);
	return 0;
}

static void status_names_the_token(UNUSED void **state)
{
	struct hsm_status s;
	hsm_status(token.hsm, &s);
	assert_int_equal(s.condition, HSM_UP);
	assert_int_equal(s.suite, pinned              ? pinned
				  : kind == TOKEN_NSS ? HSM_SUITE_SP800_108
						      : HSM_SUITE_ECB_DATA);
	assert_true(s.token_label[0] && s.serial[0] && s.manufacturer[0] && s.model[0]);
	assert_int_equal(s.generation, 1);
}

static void seals_and_opens(UNUSED void **state)
{
	struct hsm_sealing s = sealing_of(&version);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &s, "a data key", &sealed));
	assert_int_equal(sealed.len, HSM_SEALED_OVERHEAD + 10);
	assert_ok(open_text(token.hsm, &s, buf_view(&sealed), "a data key"));
}

static void two_sealings_differ(UNUSED void **state)
{
	struct hsm_sealing s = sealing_of(&version);
	CLEANUP(buf_cleanup) struct buf a = {0};
	CLEANUP(buf_cleanup) struct buf b = {0};
	assert_ok(seal_text(token.hsm, &s, "same", &a));
	assert_ok(seal_text(token.hsm, &s, "same", &b));
	size_t from = HSM_NONCE_LEN;
	assert_false(mem_equal(a.ptr + from, b.ptr + from, HSM_IV_LEN));
	from += HSM_IV_LEN;
	assert_false(mem_equal(a.ptr + from, b.ptr + from, 4));
}

static void bytes_differing_anywhere_do_not_open(UNUSED void **state)
{
	struct hsm_sealing s = sealing_of(&version);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &s, "0123456789abcdef", &sealed));
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.ptr[i] ^= 0x80;
		assert_err(open_text(token.hsm, &s, buf_view(&sealed), ""), E_HSM_CIPHERTEXT);
		sealed.ptr[i] ^= 0x80;
	}
	assert_ok(open_text(token.hsm, &s, buf_view(&sealed), "0123456789abcdef"));
}

static void no_other_length_opens(UNUSED void **state)
{
	struct hsm_sealing s = sealing_of(&version);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &s, "text", &sealed));
	for (size_t len = 0; len < sealed.len; len++)
		assert_err(open_text(token.hsm, &s, view_of(sealed.ptr, len), ""),
			   E_HSM_CIPHERTEXT);
	assert_ok(buf_append(&sealed, VIEW_LITERAL("x")));
	assert_err(open_text(token.hsm, &s, buf_view(&sealed), ""), E_HSM_CIPHERTEXT);
}

static void another_context_or_header_does_not_open(UNUSED void **state)
{
	struct hsm_sealing s = sealing_of(&version);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &s, "text", &sealed));
	struct hsm_sealing other = s;
	other.context = VIEW_LITERAL("contexT");
	assert_err(open_text(token.hsm, &other, buf_view(&sealed), ""), E_HSM_CIPHERTEXT);
	other.context = VIEW_NONE;
	assert_err(open_text(token.hsm, &other, buf_view(&sealed), ""), E_HSM_CIPHERTEXT);
	other = s;
	other.header = VIEW_LITERAL("heade");
	assert_err(open_text(token.hsm, &other, buf_view(&sealed), ""), E_HSM_CIPHERTEXT);
	/* The same bytes, cut elsewhere, are another message because the nonce stands between. */
	other.context = VIEW_LITERAL("rcontext");
	assert_err(open_text(token.hsm, &other, buf_view(&sealed), ""), E_HSM_CIPHERTEXT);
}

static void another_purpose_does_not_open(UNUSED void **state)
{
	if (pinned == HSM_SUITE_DIRECT)
		return; /* derives nothing; the caller's header tells purposes apart */
	struct hsm_sealing s = sealing_of(&version);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &s, "text", &sealed));
	s.purpose = HSM_PURPOSE_XKS;
	assert_err(open_text(token.hsm, &s, buf_view(&sealed), ""), E_HSM_CIPHERTEXT);
}

static void another_suite_is_refused(UNUSED void **state)
{
	struct hsm_sealing s = sealing_of(&version);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &s, "text", &sealed));
	s.suite = s.suite == HSM_SUITE_DIRECT ? HSM_SUITE_ECB_DATA : HSM_SUITE_DIRECT;
	assert_err(open_text(token.hsm, &s, buf_view(&sealed), ""), E_HSM_KEY_ROLE);
	assert_err(seal_text(token.hsm, &s, "text", &(struct buf){0}), E_HSM_KEY_ROLE);
}

static void another_key_does_not_open(UNUSED void **state)
{
	struct hsm_object other;
	assert_ok(make_key(token.hsm, 40, HSM_ROLE_VERSION, &other));
	struct hsm_sealing s = sealing_of(&version);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &s, "text", &sealed));
	s.key = other.id;
	assert_err(open_text(token.hsm, &s, buf_view(&sealed), ""), E_HSM_CIPHERTEXT);
	s.key = id_of(199);
	assert_err(open_text(token.hsm, &s, buf_view(&sealed), ""), E_HSM_KEY_UNKNOWN);
}

static void keys_of_other_roles_do_not_seal(UNUSED void **state)
{
	struct hsm_sealing s = sealing_of(&version);
	s.key = row_seal.id;
	assert_err(seal_text(token.hsm, &s, "text", &(struct buf){0}), E_HSM_KEY_ROLE);
}

static void every_plaintext_size_up_to_the_bound(UNUSED void **state)
{
	CLEANUP(secret_free) struct secret *plaintext = NULL;
	assert_ok(secret_new(HSM_PLAINTEXT_MAX + 1, &plaintext));
	static const struct {
		size_t len;
		enum err_code code;
	} cases[] = {{0, E_BOUNDS},
		     {1, E_OK},
		     {HSM_PLAINTEXT_MAX, E_OK},
		     {HSM_PLAINTEXT_MAX + 1, E_BOUNDS}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(hsm_op_cleanup) struct hsm_op op = op_of(HSM_SEAL);
		plaintext->len = cases[i].len;
		op.to = sealing_of(&version);
		op.plaintext = plaintext;
		assert_err(hsm_call(token.hsm, &op), cases[i].code);
	}
}

static void inputs_beyond_their_bounds_are_refused(UNUSED void **state)
{
	static uint8_t long_context[HSM_CONTEXT_MAX + 1];
	struct hsm_sealing s = sealing_of(&version);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	s.context = view_of(long_context, HSM_CONTEXT_MAX);
	assert_ok(seal_text(token.hsm, &s, "text", &sealed));
	assert_ok(open_text(token.hsm, &s, buf_view(&sealed), "text"));
	s.context = view_of(long_context, HSM_CONTEXT_MAX + 1);
	assert_err(seal_text(token.hsm, &s, "text", &(struct buf){0}), E_BOUNDS);
	s = sealing_of(&version);
	s.header = VIEW_NONE;
	assert_err(seal_text(token.hsm, &s, "text", &(struct buf){0}), E_BOUNDS);
	s.header = view_of(long_context, HSM_HEADER_MAX + 1);
	assert_err(seal_text(token.hsm, &s, "text", &(struct buf){0}), E_BOUNDS);
}

static void reseals_under_another_context(UNUSED void **state)
{
	struct hsm_sealing from = sealing_of(&version);
	struct hsm_sealing to = from;
	to.context = VIEW_LITERAL("another");
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &from, "carried over", &sealed));
	CLEANUP(hsm_op_cleanup) struct hsm_op op = op_of(HSM_RESEAL);
	op.from = from;
	op.to = to;
	op.sealed_in = buf_view(&sealed);
	assert_ok(hsm_call(token.hsm, &op));
	assert_null(op.plaintext_out);
	assert_ok(open_text(token.hsm, &to, buf_view(&op.sealed), "carried over"));
	assert_err(open_text(token.hsm, &from, buf_view(&op.sealed), ""), E_HSM_CIPHERTEXT);
}

static void generates_sealed_and_shows_only_when_asked(UNUSED void **state)
{
	for (int wanted = 0; wanted < 2; wanted++) {
		CLEANUP(hsm_op_cleanup) struct hsm_op op = op_of(HSM_GENERATE_SEALED);
		op.to = sealing_of(&version);
		op.length = 32;
		op.want_plaintext = wanted;
		assert_ok(hsm_call(token.hsm, &op));
		assert_int_equal(op.sealed.len, HSM_SEALED_OVERHEAD + 32);
		assert_int_equal(op.plaintext_out != NULL, wanted);
		CLEANUP(hsm_op_cleanup) struct hsm_op open = op_of(HSM_OPEN);
		open.from = op.to;
		open.sealed_in = buf_view(&op.sealed);
		assert_ok(hsm_call(token.hsm, &open));
		assert_int_equal(open.plaintext_out->len, 32);
		if (wanted)
			assert_true(secret_equal(open.plaintext_out, op.plaintext_out));
	}
}

static void draws_random_bytes(UNUSED void **state)
{
	CLEANUP(hsm_op_cleanup) struct hsm_op a = op_of(HSM_RANDOM);
	CLEANUP(hsm_op_cleanup) struct hsm_op b = op_of(HSM_RANDOM);
	a.length = b.length = HSM_RANDOM_MAX;
	assert_ok(hsm_call(token.hsm, &a));
	assert_ok(hsm_call(token.hsm, &b));
	assert_int_equal(a.plaintext_out->len, HSM_RANDOM_MAX);
	assert_false(secret_equal(a.plaintext_out, b.plaintext_out));
	struct hsm_op bad = op_of(HSM_RANDOM);
	assert_err(hsm_call(token.hsm, &bad), E_BOUNDS);
	bad.length = HSM_RANDOM_MAX + 1;
	assert_err(hsm_call(token.hsm, &bad), E_BOUNDS);
}

static void macs_a_batch(UNUSED void **state)
{
	const struct view messages[] = {VIEW_LITERAL("one"), VIEW_LITERAL("two"),
					VIEW_LITERAL("one")};
	CLEANUP(hsm_op_cleanup) struct hsm_op op = op_of(HSM_MAC);
	op.from.key = row_seal.id;
	op.messages = messages;
	op.message_count = ARRAY_LEN(messages);
	assert_ok(hsm_call(token.hsm, &op));
	assert_true(mem_equal(op.macs[0], op.macs[2], HSM_MAC_LEN));
	assert_false(mem_equal(op.macs[0], op.macs[1], HSM_MAC_LEN));
	hsm_op_cleanup(&op);
	op.from.key = version.id;
	op.deadline_ms = op_of(HSM_MAC).deadline_ms;
	assert_err(hsm_call(token.hsm, &op), E_HSM_KEY_ROLE);
}

static void probes(UNUSED void **state)
{
	struct hsm_op op = op_of(HSM_PROBE);
	assert_ok(hsm_call(token.hsm, &op));
}

static void makes_every_role_soundly(UNUSED void **state)
{
	struct hsm_object o;
	assert_ok(make_key(token.hsm, 30, HSM_ROLE_AUDIT_SIGN, &o));
	assert_true(o.sound && o.role == HSM_ROLE_AUDIT_SIGN && o.suite == HSM_SUITE_NONE);
	assert_ok(make_key(token.hsm, 31, HSM_ROLE_SECRET_WRAP, &o));
	assert_true(o.sound && o.role == HSM_ROLE_SECRET_WRAP && o.suite == version.suite);
	struct hsm_sealing s = sealing_of(&o);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &s, "api secret", &sealed));
	assert_ok(open_text(token.hsm, &s, buf_view(&sealed), "api secret"));
	assert_true(row_seal.sound && row_seal.role == HSM_ROLE_ROW_SEAL);
}

static void an_id_is_used_once(UNUSED void **state)
{
	struct hsm_object o;
	assert_err(make_key(token.hsm, 1, HSM_ROLE_VERSION, &o), E_HSM_KEY_EXISTS);
	assert_err(make_key(token.hsm, 1, HSM_ROLE_ROW_SEAL, &o), E_HSM_KEY_EXISTS);
}

static void a_role_and_a_label_must_agree(UNUSED void **state)
{
	struct hsm_op op = op_of(HSM_KEY_GENERATE);
	op.object.id = id_of(60);
	op.object.role = HSM_ROLE_VERSION;
	op.object.suite = version.suite;
	assert_ok(text_format(op.object.label, sizeof(op.object.label), "holdfast:x:row-seal"));
	assert_err(hsm_call(token.hsm, &op), E_FORMAT);
	assert_ok(text_format(op.object.label, sizeof(op.object.label), "elsewhere:x:1"));
	assert_err(hsm_call(token.hsm, &op), E_FORMAT);
	assert_ok(text_format(op.object.label, sizeof(op.object.label), "holdfast:x:1"));
	op.object.suite = HSM_SUITE_NONE;
	assert_err(hsm_call(token.hsm, &op), E_FORMAT);
}

static void finds_a_key(UNUSED void **state)
{
	struct hsm_op op = op_of(HSM_KEY_FIND);
	op.object.id = version.id;
	assert_ok(hsm_call(token.hsm, &op));
	assert_string_equal(op.object.label, version.label);
	assert_int_equal(op.object.suite, version.suite);
	assert_true(op.object.sound);
	op.object.id = id_of(200);
	assert_err(hsm_call(token.hsm, &op), E_HSM_KEY_UNKNOWN);
}

static void destroys_only_what_is_named_exactly(UNUSED void **state)
{
	struct hsm_object o;
	assert_ok(make_key(token.hsm, 70, HSM_ROLE_VERSION, &o));
	struct hsm_sealing s = sealing_of(&o);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &s, "text", &sealed));
	struct hsm_op op = op_of(HSM_KEY_DESTROY);
	op.object = o;
	assert_ok(text_format(op.object.label, sizeof(op.object.label), "holdfast:other:1"));
	assert_err(hsm_call(token.hsm, &op), E_HSM_REFUSED);
	assert_ok(open_text(token.hsm, &s, buf_view(&sealed), "text"));
	op.object = o;
	assert_ok(hsm_call(token.hsm, &op));
	assert_err(open_text(token.hsm, &s, buf_view(&sealed), ""), E_HSM_KEY_UNKNOWN);
	assert_err(hsm_call(token.hsm, &op), E_HSM_KEY_UNKNOWN);
}

static void keys_of_the_installation_are_never_destroyed(UNUSED void **state)
{
	static const enum hsm_role roles[] = {HSM_ROLE_ROW_SEAL, HSM_ROLE_AUDIT_SIGN,
					      HSM_ROLE_SECRET_WRAP};
	for (uint8_t i = 0; i < ARRAY_LEN(roles); i++) {
		struct hsm_op op = op_of(HSM_KEY_DESTROY);
		assert_ok(make_key(token.hsm, (uint8_t)(71 + i), roles[i], &op.object));
		assert_err(hsm_call(token.hsm, &op), E_HSM_KEY_ROLE);
		op.verb = HSM_KEY_FIND;
		assert_ok(hsm_call(token.hsm, &op));
	}
}

static void deadlines_are_kept(UNUSED void **state)
{
	struct hsm_op op = op_of(HSM_PROBE);
	op.deadline_ms = 0;
	assert_err(hsm_call(token.hsm, &op), E_BOUNDS);
	op.deadline_ms = clock_steady_ms(&clock_system) - 1;
	assert_err(hsm_call(token.hsm, &op), E_HSM_TIMEOUT);
}

static void an_unknown_verb_is_refused(UNUSED void **state)
{
	struct hsm_op op = op_of(HSM_VERB_COUNT);
	assert_err(hsm_call(token.hsm, &op), E_FORMAT);
	op.verb = (enum hsm_verb)0;
	assert_err(hsm_call(token.hsm, &op), E_FORMAT);
}

static void what_was_sealed_opens_after_a_restart(UNUSED void **state)
{
	struct hsm_sealing s = sealing_of(&version);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &s, "to keep", &sealed));
	token_close(&token);
	token_open(&token);
	assert_ok(open_text(token.hsm, &s, buf_view(&sealed), "to keep"));
	struct hsm_op op = op_of(HSM_KEY_FIND);
	op.object.id = row_seal.id;
	assert_ok(hsm_call(token.hsm, &op));
	assert_true(op.object.sound && op.object.role == HSM_ROLE_ROW_SEAL);
}

/* What a holder of the PIN can put beside our keys: the same label, and extractable. */
static void make_intruder(uint8_t n, const char *label, bool extractable)
{
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
	CK_FUNCTION_LIST *raw = token_raw(&token, &session);
	struct hsm_object o = {.id = id_of(n), .role = HSM_ROLE_VERSION, .suite = version.suite};
	assert_ok(text_copy(o.label, sizeof(o.label), view_of_text(label)));
	struct p11_template t;
	p11_template_key(&t, &o, false);
	CK_BBOOL yes = CK_TRUE;
	for (CK_ULONG i = 0; i < t.count && extractable; i++)
		if (t.items[i].type == CKA_EXTRACTABLE)
			t.items[i].pValue = &yes;
	CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	assert_int_equal(raw->C_GenerateKey(session, &mechanism, t.items, t.count, &handle),
			 CKR_OK);
	assert_int_equal(raw->C_CloseSession(session), CKR_OK);
}

static void an_extractable_key_with_our_label_is_refused(UNUSED void **state)
{
	make_intruder(90, "holdfast:unit:intruder:1", true);
	struct hsm_op op = op_of(HSM_KEY_FIND);
	op.object.id = id_of(90);
	assert_ok(hsm_call(token.hsm, &op));
	assert_false(op.object.sound);
	struct hsm_sealing s = sealing_of(&version);
	s.key = id_of(90);
	assert_err(seal_text(token.hsm, &s, "text", &(struct buf){0}), E_HSM_ATTRIBUTES);
	token_close(&token);
	token_open(&token);
	assert_err(seal_text(token.hsm, &s, "text", &(struct buf){0}), E_HSM_ATTRIBUTES);
}

static void a_second_key_with_the_same_id_is_refused(UNUSED void **state)
{
	if (kind == TOKEN_NSS)
		return; /* NSS keeps one secret key for each CKA_ID: a second replaces the first */
	struct hsm_object o;
	assert_ok(make_key(token.hsm, 91, HSM_ROLE_VERSION, &o));
	make_intruder(91, o.label, false);
	token_close(&token);
	token_open(&token);
	struct hsm_sealing s = sealing_of(&o);
	assert_err(seal_text(token.hsm, &s, "text", &(struct buf){0}), E_HSM_ATTRIBUTES);
}

static void keys_of_others_are_left_alone(UNUSED void **state)
{
	make_intruder(92, "someone else's", false);
	size_t before = token.hsm->objects.foreign;
	token_close(&token);
	token_open(&token);
	assert_true(token.hsm->objects.foreign > before);
	struct hsm_op op = op_of(HSM_KEY_FIND);
	op.object.id = id_of(92);
	assert_err(hsm_call(token.hsm, &op), E_HSM_KEY_UNKNOWN);
	struct hsm_object o;
	if (!token.hsm->objects.trusted) {
		assert_err(make_key(token.hsm, 92, HSM_ROLE_VERSION, &o), E_HSM_KEY_EXISTS);
		return;
	}
	/* Where keys may share an id nobody searched for one that is not ours: it stays as it is.
	 */
	before = token.hsm->objects.foreign;
	assert_ok(make_key(token.hsm, 92, HSM_ROLE_VERSION, &o));
	assert_ok(hsm_call(token.hsm, &op));
	assert_true(op.object.sound);
	token_close(&token);
	token_open(&token);
	assert_int_equal(token.hsm->objects.foreign, before);
	struct hsm_sealing s = sealing_of(&o);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &s, "text", &sealed));
}

static void enumerates_in_order(UNUSED void **state)
{
	CLEANUP(hsm_op_cleanup) struct hsm_op op = op_of(HSM_ENUMERATE);
	assert_ok(hsm_call(token.hsm, &op));
	assert_true(op.object_count >= 4);
	for (size_t i = 1; i < op.object_count; i++)
		assert_true(mem_compare(op.objects[i - 1].id.bytes, op.objects[i].id.bytes,
					HSM_KEY_ID_LEN) < 0);
	hsm_op_cleanup(&op);
	assert_ok(hsm_call(token.hsm, &op));
	assert_int_equal(op.object_count, 0);
	assert_null(op.objects);
}

/* P1 as the token itself answers it, not as the implementation says. */
static void a_version_key_does_not_leave_the_token(UNUSED void **state)
{
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
	CK_FUNCTION_LIST *raw = token_raw(&token, &session);
	struct p11_object o;
	assert_ok(p11_objects_get(&token.hsm->objects, &version.id, &o));
	uint8_t value[64];
	CK_ATTRIBUTE want = {CKA_VALUE, value, sizeof(value)};
	assert_int_equal(raw->C_GetAttributeValue(session, o.handle, &want, 1),
			 CKR_ATTRIBUTE_SENSITIVE);
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE extractable = {CKA_EXTRACTABLE, &yes, sizeof(yes)};
	assert_int_not_equal(raw->C_SetAttributeValue(session, o.handle, &extractable, 1), CKR_OK);
	uint8_t iv[HSM_IV_LEN] = {1};
	struct p11_gcm_params params = {iv, sizeof(iv), sizeof(iv) * 8, value, 1, 128};
	CK_MECHANISM gcm = {CKM_AES_GCM, &params, sizeof(params)};
	CK_RV rv = raw->C_EncryptInit(session, &gcm, o.handle);
	assert_int_equal(rv == CKR_OK, version.suite == HSM_SUITE_DIRECT);
	assert_int_equal(raw->C_CloseSession(session), CKR_OK);
}

int main(int argc, char **argv)
{
	kind = kind_of(argc > 1 ? argv[1] : NULL);
	pinned = argc > 2 ? (enum hsm_suite)(argv[2][0] - '0') : HSM_SUITE_NONE;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_names_the_token),
		cmocka_unit_test(seals_and_opens),
		cmocka_unit_test(two_sealings_differ),
		cmocka_unit_test(bytes_differing_anywhere_do_not_open),
		cmocka_unit_test(no_other_length_opens),
		cmocka_unit_test(another_context_or_header_does_not_open),
		cmocka_unit_test(another_purpose_does_not_open),
		cmocka_unit_test(another_suite_is_refused),
		cmocka_unit_test(another_key_does_not_open),
		cmocka_unit_test(keys_of_other_roles_do_not_seal),
		cmocka_unit_test(every_plaintext_size_up_to_the_bound),
		cmocka_unit_test(inputs_beyond_their_bounds_are_refused),
		cmocka_unit_test(reseals_under_another_context),
		cmocka_unit_test(generates_sealed_and_shows_only_when_asked),
		cmocka_unit_test(draws_random_bytes),
		cmocka_unit_test(macs_a_batch),
		cmocka_unit_test(probes),
		cmocka_unit_test(makes_every_role_soundly),
		cmocka_unit_test(an_id_is_used_once),
		cmocka_unit_test(a_role_and_a_label_must_agree),
		cmocka_unit_test(finds_a_key),
		cmocka_unit_test(destroys_only_what_is_named_exactly),
		cmocka_unit_test(keys_of_the_installation_are_never_destroyed),
		cmocka_unit_test(deadlines_are_kept),
		cmocka_unit_test(an_unknown_verb_is_refused),
		cmocka_unit_test(what_was_sealed_opens_after_a_restart),
		cmocka_unit_test(an_extractable_key_with_our_label_is_refused),
		cmocka_unit_test(a_second_key_with_the_same_id_is_refused),
		cmocka_unit_test(keys_of_others_are_left_alone),
		cmocka_unit_test(enumerates_in_order),
		cmocka_unit_test(a_version_key_does_not_leave_the_token),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
