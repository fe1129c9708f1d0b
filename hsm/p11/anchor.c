/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/anchor.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/text.h"
#include "codec/hex.h"
#include "hsm/p11/canary.h"
#include "hsm/p11/template.h"

#define MARK ":anchor-"
#define EPOCH_LEN 8

_Static_assert(HSM_ANCHOR_PREFIX_MAX + sizeof(MARK) - 1 + 1 + 1 + 2 * EPOCH_LEN + 1 +
			       2 * HSM_ANCHOR_DIGEST_LEN <=
		       HSM_LABEL_MAX,
	       "an anchor's label fits");

/* Labels. */

NODISCARD struct err p11_anchor_label_write(const struct hsm_anchor *value, char letter,
					    char out[HSM_LABEL_MAX + 1])
{
	struct writer w;
	writer_init(&w, out, HSM_LABEL_MAX + 1);
	writer_format(&w, "%s" MARK "%c:%016" PRIx64 ":", value->prefix, letter, value->epoch);
	hex_encode(&w, VIEW_ARRAY(value->digest));
	return writer_end_text(&w);
}

/* The hex digits are told strictly: a torn label that was encrypted turns into anything. */
bool p11_anchor_label_read(struct view label, const char *prefix, struct p11_anchor *out)
{
	struct p11_anchor found = {.handle = out->handle};
	char again[HSM_LABEL_MAX + 1];
	uint8_t epoch[EPOCH_LEN];
	struct reader r;
	reader_init(&r, label);
	(void)reader_bytes(&r, view_of_text(prefix).len + sizeof(MARK) - 1);
	found.letter = (char)reader_u8(&r);
	(void)reader_u8(&r);
	struct view digits = reader_bytes(&r, sizeof(epoch) * 2);
	(void)reader_u8(&r);
	struct view digest = reader_bytes(&r, sizeof(found.shown.digest) * 2);
	if (err_failed(reader_end(&r)) || (found.letter != 'a' && found.letter != 'b') ||
	    err_failed(hex_decode(digits, epoch, sizeof(epoch))) ||
	    err_failed(hex_decode(digest, found.shown.digest, sizeof(found.shown.digest))) ||
	    err_failed(text_copy(found.shown.prefix, sizeof(found.shown.prefix),
				 view_of_text(prefix))))
		return false;
	reader_init(&r, VIEW_ARRAY(epoch));
	found.shown.epoch = reader_u64(&r);
	found.valid = true;
	/* There is one way to write it. */
	if (found.shown.epoch == 0 ||
	    err_failed(p11_anchor_label_write(&found.shown, found.letter, again)) ||
	    !view_equal_text(label, again))
		return false;
	*out = found;
	return true;
}

/* What carries them. */

static const struct view data_value = VIEW_LITERAL("holdfast anchor");
static const char letters[] = {'a', 'b'};

struct carrier {
	struct err (*find)(struct p11_lane *lane, const char *prefix, struct p11_found *out);
	struct err (*make)(struct p11_lane *lane, const struct p11_anchor *value, const char *label,
			   CK_OBJECT_HANDLE *out);
};

/* Private ones alone: on some tokens whoever has no PIN may make public objects, and as many of
 * them as are looked at would hide ours. */
static struct err data_find(struct p11_lane *lane, const char *prefix, struct p11_found *out)
{
	struct p11_template what = {.count = 0};
	p11_template_bool(&what, CKA_TOKEN, true);
	p11_template_number(&what, CKA_CLASS, CKO_DATA);
	p11_template_bool(&what, CKA_PRIVATE, true);
	p11_template_bytes(&what, CKA_APPLICATION, view_of_text(prefix));
	return p11_objects_search(&lane->hsm->module.funnel, lane->session, &what, out);
}

static struct err data_make(struct p11_lane *lane, const struct p11_anchor *value,
			    const char *label, CK_OBJECT_HANDLE *out)
{
	struct p11_template what = {.count = 0};
	p11_template_number(&what, CKA_CLASS, CKO_DATA);
	p11_template_bool(&what, CKA_TOKEN, true);
	p11_template_bool(&what, CKA_PRIVATE, true);
	p11_template_bool(&what, CKA_MODIFIABLE, true);
	p11_template_bytes(&what, CKA_APPLICATION, view_of_text(value->shown.prefix));
	p11_template_bytes(&what, CKA_LABEL, view_of_text(label));
	p11_template_bytes(&what, CKA_VALUE, data_value);
	return P11_CALL(&lane->hsm->module.funnel, C_CreateObject, lane->session, what.items,
			what.count, out);
}

/* A key that is allowed nothing, under an id that no key of ours has: those have 16 bytes. */
struct key_name {
	char text[HSM_ANCHOR_PREFIX_MAX + sizeof(MARK) + 1];
};

static struct err name_key(const char *prefix, char letter, struct key_name *out)
{
	return text_format(out->text, sizeof(out->text), "%s" MARK "%c", prefix, letter);
}

static struct err key_find_one(struct p11_lane *lane, const char *id, struct p11_found *out)
{
	struct p11_template what = {.count = 0};
	struct p11_found found;
	p11_template_bool(&what, CKA_TOKEN, true);
	p11_template_number(&what, CKA_CLASS, CKO_SECRET_KEY);
	p11_template_bool(&what, CKA_PRIVATE, true);
	p11_template_bytes(&what, CKA_ID, view_of_text(id));
	TRY(p11_objects_search(&lane->hsm->module.funnel, lane->session, &what, &found));
	for (size_t i = 0; i < found.count && out->count < P11_FOUND_MAX; i++)
		out->handles[out->count++] = found.handles[i];
	return OK;
}

static struct err key_find(struct p11_lane *lane, const char *prefix, struct p11_found *out)
{
	struct key_name name;
	out->count = 0;
	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		TRY(name_key(prefix, letters[i], &name));
		TRY(key_find_one(lane, name.text, out));
	}
	return OK;
}

static struct err key_make(struct p11_lane *lane, const struct p11_anchor *value, const char *label,
			   CK_OBJECT_HANDLE *out)
{
	struct key_name name;
	struct p11_template what;
	CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
	TRY(name_key(value->shown.prefix, value->letter, &name));
	p11_template_idle(&what);
	p11_template_bytes(&what, CKA_ID, view_of_text(name.text));
	p11_template_bytes(&what, CKA_LABEL, view_of_text(label));
	return P11_CALL(&lane->hsm->module.funnel, C_GenerateKey, lane->session, &mechanism,
			what.items, what.count, out);
}

static const struct carrier carriers[] = {
	[P11_CARRIER_DATA] = {data_find, data_make},
	[P11_CARRIER_KEY] = {key_find, key_make},
};

static const struct carrier *carrier_of(const struct p11_lane *lane)
{
	return &carriers[lane->hsm->row->anchor];
}

/* Where they are. */

static struct p11_anchor_set *set_of(struct hsm *hsm, const char *prefix)
{
	struct p11_anchors *all = &hsm->anchors;
	for (size_t i = 0; i < P11_ANCHOR_SETS; i++)
		if (text_equal(all->sets[i].prefix, prefix))
			return &all->sets[i];
	struct p11_anchor_set *set = &all->sets[all->next];
	all->next = (all->next + 1) % P11_ANCHOR_SETS;
	*set = (struct p11_anchor_set){.generation = 0};
	return set;
}

/* A token that lost its store, or our login, shows no objects either: "none" is only said while it
 * is seen to be well. */
static struct err find_again(struct p11_lane *lane, const char *prefix, struct p11_anchor_set *set)
{
	set->generation = 0;
	TRY(text_copy(set->prefix, sizeof(set->prefix), view_of_text(prefix)));
	TRY(carrier_of(lane)->find(lane, prefix, &set->objects));
	if (set->objects.count == 0)
		TRY(p11_canary_run(lane));
	set->generation = lane->generation;
	return OK;
}

/* Reading. */

static struct err read_label(struct p11_lane *lane, struct p11_anchor *anchor, const char *prefix)
{
	struct p11_reading at = {&lane->hsm->module.funnel, lane->session, 0};
	uint8_t label[HSM_LABEL_MAX];
	CK_ATTRIBUTE attribute = {CKA_LABEL, label, sizeof(label)};
	bool present = false;
	anchor->valid = false;
	TRY(p11_template_read(&at, anchor->handle, &attribute, &present));
	if (present)
		(void)p11_anchor_label_read(view_of(label, attribute.ulValueLen), prefix, anchor);
	return OK;
}

/* Whether it is the object that cannot be read, not the token. */
static bool is_of_the_object(struct err e)
{
	enum p11_effect effect = p11_funnel_effect(e);
	return effect == P11_EFFECT_CANARY ||
	       (effect == P11_EFFECT_NONE &&
		(err_is(e, E_HSM_REFUSED) || err_is(e, E_HSM_UNSUPPORTED)));
}

/* Twice, with the canary in between: an object must not be given up for a token's bad moment. */
static struct err look_at(struct p11_lane *lane, struct p11_anchor *anchor, const char *prefix)
{
	struct err e = read_label(lane, anchor, prefix);
	if (!err_failed(e) || !is_of_the_object(e))
		return e;
	TRY(p11_canary_run(lane));
	e = read_label(lane, anchor, prefix);
	return is_of_the_object(e) ? OK : e;
}

static struct err look_at_all(struct p11_lane *lane, const char *prefix,
			      struct p11_anchor_view *view)
{
	view->count = view->set->objects.count;
	for (size_t i = 0; i < view->count; i++) {
		struct p11_anchor *at = &view->seen[i];
		at->handle = view->set->objects.handles[i];
		TRY(look_at(lane, at, prefix));
		if (!at->valid)
			log_event(LOG_WARNING, "token.anchor_unreadable",
				  LOG_TEXT("prefix", prefix));
		else if (view->highest == NULL || at->shown.epoch > view->highest->shown.epoch)
			view->highest = at;
	}
	return OK;
}

NODISCARD struct err p11_anchors_look(struct p11_lane *lane, const char *prefix,
				      struct p11_anchor_view *out)
{
	*out = (struct p11_anchor_view){.set = set_of(lane->hsm, prefix)};
	if (out->set->generation != lane->generation)
		TRY(find_again(lane, prefix, out->set));
	struct err e = look_at_all(lane, prefix, out);
	if (err_failed(e))
		out->set->generation = 0; /* a handle may be stale */
	return e;
}

/* Writing. */

static struct err set_label(struct p11_lane *lane, CK_OBJECT_HANDLE handle, const char *label)
{
	struct p11_template what = {.count = 0};
	p11_template_bytes(&what, CKA_LABEL, view_of_text(label));
	return P11_CALL(&lane->hsm->module.funnel, C_SetAttributeValue, lane->session, handle,
			what.items, what.count);
}

/* The letter that the other does not have. */
static char free_letter(const struct p11_anchor_view *view, const struct p11_anchor *target)
{
	if (target != NULL && target->valid)
		return target->letter;
	return view->highest != NULL && view->highest->letter == letters[0] ? letters[1]
									    : letters[0];
}

/* The handle takes the place of the target's, or the next. */
static void remember(struct p11_anchor_view *view, const struct p11_anchor *target,
		     CK_OBJECT_HANDLE handle)
{
	struct p11_found *objects = &view->set->objects;
	size_t at = target != NULL ? (size_t)(target - view->seen) : objects->count;
	if (at >= P11_FOUND_MAX)
		return;
	objects->handles[at] = handle;
	objects->count = MAX_OF(objects->count, at + 1);
}

/* In the place of `target`, which goes only when the new one is there. */
static struct err make(struct p11_lane *lane, struct p11_anchor_view *view,
		       const struct p11_anchor *target, struct p11_anchor *fresh, const char *label)
{
	TRY(carrier_of(lane)->make(lane, fresh, label, &fresh->handle));
	remember(view, target, fresh->handle);
	if (target == NULL)
		return OK;
	return P11_CALL(&lane->hsm->module.funnel, C_DestroyObject, lane->session, target->handle);
}

static struct err put(struct p11_lane *lane, struct p11_anchor_view *view,
		      const struct p11_anchor *target, struct p11_anchor *fresh, const char *label)
{
	if (target == NULL)
		return make(lane, view, NULL, fresh, label);
	fresh->handle = target->handle;
	struct err e = set_label(lane, target->handle, label);
	if (!err_failed(e) || !is_of_the_object(e))
		return e;
	TRY(p11_canary_run(lane));
	return make(lane, view, target, fresh, label);
}

NODISCARD struct err p11_anchors_write(struct p11_lane *lane, struct p11_anchor_view *view,
				       const struct p11_anchor *target,
				       const struct hsm_anchor *value)
{
	struct p11_anchor fresh = {.letter = free_letter(view, target), .shown = *value};
	struct p11_anchor now = {.valid = false};
	char label[HSM_LABEL_MAX + 1];
	TRY(p11_anchor_label_write(value, fresh.letter, label));
	struct err e = put(lane, view, target, &fresh, label);
	now.handle = fresh.handle;
	if (!err_failed(e))
		e = look_at(lane, &now, value->prefix);
	if (err_failed(e)) {
		view->set->generation = 0;
		return e;
	}
	REQUIRE(now.valid && now.letter == fresh.letter && now.shown.epoch == value->epoch &&
			mem_equal(now.shown.digest, value->digest, sizeof(value->digest)),
		E_HSM_UNSAFE);
	return OK;
}
