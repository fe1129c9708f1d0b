/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HSM_KEY_GENERATE, HSM_KEY_FIND, HSM_KEY_DESTROY, HSM_ENUMERATE. What searches, makes or destroys
 * token objects holds `admin`: tokens do these badly at once, SoftHSM wrongly.
 */
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "hsm/p11/canary.h"
#include "hsm/p11/template.h"

static struct err check_id(const struct hsm_key_id *id)
{
	static const struct hsm_key_id none = {{0}};
	REQUIRE(!mem_equal(id->bytes, none.bytes, sizeof(none.bytes)), E_FORMAT);
	return OK;
}

static struct err check_label(const char *label)
{
	struct view all = view_of(label, HSM_LABEL_MAX + 1);
	struct view text = view_part(all, 0, view_find(all, '\0'));
	REQUIRE(text.len <= HSM_LABEL_MAX, E_FORMAT);
	REQUIRE(p11_template_is_ours(text), E_FORMAT);
	for (size_t i = 0; i < text.len; i++)
		REQUIRE(text.ptr[i] > 0x20 && text.ptr[i] < 0x7f, E_FORMAT);
	return OK;
}

static bool role_encrypts(enum hsm_role role)
{
	return role == HSM_ROLE_VERSION || role == HSM_ROLE_SECRET_WRAP;
}

NODISCARD struct err p11_generate_check(const struct hsm_op *op)
{
	const struct hsm_object *o = &op->object;
	TRY(check_id(&o->id));
	TRY(check_label(o->label));
	REQUIRE(p11_template_role(o->label) == o->role, E_FORMAT);
	REQUIRE(o->suite >= HSM_SUITE_NONE && o->suite <= HSM_SUITE_DIRECT, E_FORMAT);
	REQUIRE(role_encrypts(o->role) == (o->suite != HSM_SUITE_NONE), E_FORMAT);
	return OK;
}

static struct err generate_secret(struct p11_lane *lane, const struct hsm_object *object,
				  CK_OBJECT_HANDLE *out)
{
	struct p11_template t;
	p11_template_key(&t, object, lane->hsm->row->limit_mechanisms);
	CK_MECHANISM mechanism = {object->role == HSM_ROLE_ROW_SEAL ? CKM_GENERIC_SECRET_KEY_GEN
								    : CKM_AES_KEY_GEN,
				  NULL, 0};
	return P11_CALL(&lane->hsm->module.funnel, C_GenerateKey, lane->session, &mechanism,
			t.items, t.count, out);
}

static struct err generate_pair(struct p11_lane *lane, const struct hsm_object *object,
				CK_OBJECT_HANDLE *public_half, CK_OBJECT_HANDLE *out)
{
	struct p11_template for_public;
	struct p11_template for_private;
	p11_template_public(&for_public, object);
	p11_template_key(&for_private, object, lane->hsm->row->limit_mechanisms);
	CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
	return P11_CALL(&lane->hsm->module.funnel, C_GenerateKeyPair, lane->session, &mechanism,
			for_public.items, for_public.count, for_private.items, for_private.count,
			public_half, out);
}

/* Takes back what this very call made and the token made differently. */
static void unmake(struct p11_lane *lane, CK_OBJECT_HANDLE handle)
{
	if (handle != CK_INVALID_HANDLE)
		P11_CALL_TIDY(&lane->hsm->module.funnel, C_DestroyObject, lane->session, handle);
}

static struct err make(struct p11_lane *lane, const struct hsm_object *object,
		       struct p11_object *out)
{
	struct hsm *hsm = lane->hsm;
	CK_OBJECT_HANDLE public_half = CK_INVALID_HANDLE;
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	TRY(object->role == HSM_ROLE_AUDIT_SIGN ? generate_pair(lane, object, &public_half, &handle)
						: generate_secret(lane, object, &handle));
	struct err e =
		p11_objects_adopt(&hsm->objects, &hsm->module.funnel, lane->session, handle, out);
	if (!err_failed(e) && role_encrypts(object->role) &&
	    (out->suites & P11_SUITE_BIT(object->suite)) == 0)
		e = ERR(E_HSM_ATTRIBUTES);
	if (err_is(e, E_HSM_ATTRIBUTES)) {
		p11_objects_remove(&hsm->objects, &object->id);
		unmake(lane, handle);
		unmake(lane, public_half);
	}
	return e;
}

NODISCARD struct err p11_generate_execute(struct p11_lane *lane, struct hsm_op *op)
{
	struct hsm *hsm = lane->hsm;
	LOCK_SCOPE(&hsm->admin);
	bool taken = false;
	TRY(p11_objects_taken(&hsm->objects, &hsm->module.funnel, lane->session, &op->object.id,
			      &taken));
	REQUIRE(!taken, E_HSM_KEY_EXISTS);
	struct p11_softhsm_mark mark = p11_softhsm_mark(&hsm->softhsm);
	struct p11_object made = {0};
	struct err e = make(lane, &op->object, &made);
	if (err_failed(e))
		p11_objects_doubt(&hsm->objects);
	TRY(e);
	TRY(p11_softhsm_sync(&hsm->softhsm, mark));
	enum hsm_suite suite = op->object.suite;
	op->object = made.shown;
	op->object.suite = suite;
	return OK;
}

NODISCARD struct err p11_find_check(const struct hsm_op *op)
{
	return check_id(&op->object.id);
}

/* Says that there is no such key only while the token is seen to be well: a token that lost its
 * store, or our login, shows no keys either. */
static struct err unknown(struct p11_lane *lane)
{
	TRY(p11_canary_run(lane));
	return ERR(E_HSM_KEY_UNKNOWN);
}

NODISCARD struct err p11_find_execute(struct p11_lane *lane, struct hsm_op *op)
{
	struct hsm *hsm = lane->hsm;
	LOCK_SCOPE(&hsm->admin);
	struct p11_object found;
	struct err e = p11_objects_get(&hsm->objects, &op->object.id, &found);
	if (err_is(e, E_HSM_KEY_UNKNOWN))
		e = p11_objects_refind(&hsm->objects, &hsm->module.funnel, lane->session,
				       &op->object.id, &found);
	if (err_is(e, E_HSM_KEY_UNKNOWN))
		return unknown(lane);
	TRY(e);
	op->object = found.shown;
	return OK;
}

/* The keys that serve an installation itself outlive every caller's wish: without them nothing that
 * it ever wrote is believed or opened. */
NODISCARD struct err p11_destroy_check(const struct hsm_op *op)
{
	TRY(check_id(&op->object.id));
	TRY(check_label(op->object.label));
	REQUIRE(p11_template_role(op->object.label) == HSM_ROLE_VERSION, E_HSM_KEY_ROLE);
	return OK;
}

/*
 * Nobody finds the key from here on, nor a message key of it: whatever becomes of the destruction,
 * and also when another program has destroyed it already. One of this id under another label is
 * somebody else's.
 */
static struct err withdraw(struct hsm *hsm, const struct hsm_object *object,
			   struct p11_object *known)
{
	struct err e = p11_objects_get(&hsm->objects, &object->id, known);
	bool found = !err_failed(e);
	REQUIRE(!found || !known->shown.sound || text_equal(known->shown.label, object->label),
		E_HSM_REFUSED);
	p11_objects_remove(&hsm->objects, &object->id);
	p11_message_keys_forget(&hsm->keys, &object->id);
	return OK;
}

/* Whatever else has this id stays, and the cache says so. */
static struct err settle_after_destroying(struct p11_lane *lane, const struct hsm_key_id *id)
{
	struct hsm *hsm = lane->hsm;
	struct p11_object left;
	struct err e =
		p11_objects_refind(&hsm->objects, &hsm->module.funnel, lane->session, id, &left);
	return err_is(e, E_HSM_KEY_UNKNOWN) ? OK : e;
}

static struct err destroy_searched(struct p11_lane *lane, const struct hsm_object *object)
{
	struct p11_funnel *funnel = &lane->hsm->module.funnel;
	bool occupied = false;
	size_t destroyed = 0;
	TRY(p11_objects_occupied(funnel, lane->session, &object->id, &occupied));
	if (!occupied)
		return unknown(lane);
	struct err e = p11_objects_destroy(funnel, lane->session, object, &destroyed);
	struct err settled = settle_after_destroying(lane, &object->id);
	TRY(e);
	REQUIRE(destroyed > 0, E_HSM_REFUSED); /* there is one, and it has another label */
	return settled;
}

static struct err destroy(struct p11_lane *lane, const struct hsm_object *object)
{
	struct hsm *hsm = lane->hsm;
	struct p11_object known = {0};
	bool done = false;
	TRY(withdraw(hsm, object, &known));
	TRY(p11_objects_destroy_known(&hsm->objects, &hsm->module.funnel, lane->session, &known,
				      &done));
	return done ? OK : destroy_searched(lane, object);
}

NODISCARD struct err p11_destroy_execute(struct p11_lane *lane, struct hsm_op *op)
{
	struct hsm *hsm = lane->hsm;
	LOCK_SCOPE(&hsm->admin);
	struct p11_softhsm_mark mark = p11_softhsm_mark(&hsm->softhsm);
	struct err e = destroy(lane, &op->object);
	/* One that is not there may have gone a moment before a crash: that is made to last, too.
	 */
	if (!err_failed(e) || err_is(e, E_HSM_KEY_UNKNOWN))
		TRY(p11_softhsm_sync(&hsm->softhsm, mark));
	TRY(e);
	log_event(LOG_INFO, "token.key_destroyed", LOG_TEXT("label", op->object.label));
	return OK;
}

NODISCARD struct err p11_enumerate_check(UNUSED const struct hsm_op *op)
{
	return OK;
}

NODISCARD struct err p11_enumerate_execute(struct p11_lane *lane, struct hsm_op *op)
{
	TRY(p11_objects_page(&lane->hsm->objects, &op->cursor, &op->objects, &op->object_count));
	if (op->object_count > 0)
		op->cursor = op->objects[op->object_count - 1].id;
	return OK;
}
