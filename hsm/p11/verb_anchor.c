/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HSM_ANCHOR_READ and HSM_ANCHOR_RAISE: the rule that an anchor only grows. The objects: anchor.h.
 * Both hold `admin`, so that nobody writes between what another has read and written.
 */
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "hsm/p11/anchor.h"
#include "hsm/p11/instance.h"

#define KEPT 2 /* objects that take turns */

/* As labels have it: nothing that would not print, and no other's namespace. */
static struct err check_prefix(const char *prefix)
{
	struct view all = view_of(prefix, HSM_ANCHOR_PREFIX_MAX + 1);
	struct view text = view_part(all, 0, view_find(all, '\0'));
	const struct view ours = VIEW_LITERAL("holdfast:");
	REQUIRE(text.len > ours.len && text.len <= HSM_ANCHOR_PREFIX_MAX, E_FORMAT);
	REQUIRE(view_starts_with(text, ours), E_FORMAT);
	for (size_t i = 0; i < text.len; i++)
		REQUIRE(text.ptr[i] > 0x20 && text.ptr[i] < 0x7f, E_FORMAT);
	return OK;
}

NODISCARD struct err p11_anchor_read_check(const struct hsm_op *op)
{
	return check_prefix(op->anchor.prefix);
}

NODISCARD struct err p11_anchor_raise_check(const struct hsm_op *op)
{
	REQUIRE(op->anchor.epoch >= 1, E_BOUNDS);
	return check_prefix(op->anchor.prefix);
}

static void answer(const struct p11_anchor_view *view, struct hsm_anchor *out)
{
	static const struct hsm_anchor none;
	const struct hsm_anchor *anchor = view->highest ? &view->highest->shown : &none;
	out->epoch = anchor->epoch;
	mem_copy(out->digest, sizeof(out->digest), anchor->digest, sizeof(anchor->digest));
}

NODISCARD struct err p11_anchor_read_execute(struct p11_lane *lane, struct hsm_op *op)
{
	struct p11_anchor_view view;
	LOCK_SCOPE(&lane->hsm->admin);
	TRY(p11_anchors_look(lane, op->anchor.prefix, &view));
	answer(&view, &op->anchor);
	return OK;
}

/* Where the next one goes: to what is worth nothing, to a new object while there are fewer than
 * two, else over the lowest. NULL: a new object. */
static const struct p11_anchor *target_of(const struct p11_anchor_view *view)
{
	const struct p11_anchor *lowest = NULL;
	for (size_t i = 0; i < view->count; i++) {
		const struct p11_anchor *at = &view->seen[i];
		if (!at->valid)
			return at;
		if (lowest == NULL || at->shown.epoch < lowest->shown.epoch)
			lowest = at;
	}
	return view->count < KEPT ? NULL : lowest;
}

/* What an earlier write left, whose end nobody saw, may be read and not be on the disk yet. */
static struct err settle(struct hsm *hsm)
{
	if (!hsm->anchors.doubtful)
		return OK;
	TRY(p11_softhsm_sync_new_token(&hsm->softhsm));
	hsm->anchors.doubtful = false;
	return OK;
}

static struct err write_synced(struct p11_lane *lane, struct p11_anchor_view *view,
			       const struct hsm_anchor *value)
{
	struct hsm *hsm = lane->hsm;
	struct p11_softhsm_mark mark = p11_softhsm_mark(&hsm->softhsm);
	hsm->anchors.doubtful = true;
	TRY(p11_anchors_write(lane, view, target_of(view), value));
	TRY(p11_softhsm_sync(&hsm->softhsm, mark));
	hsm->anchors.doubtful = false;
	return OK;
}

NODISCARD struct err p11_anchor_raise_execute(struct p11_lane *lane, struct hsm_op *op)
{
	struct hsm_anchor *asked = &op->anchor;
	struct p11_anchor_view view;
	LOCK_SCOPE(&lane->hsm->admin);
	TRY(settle(lane->hsm));
	TRY(p11_anchors_look(lane, asked->prefix, &view));
	if (view.highest == NULL || view.highest->shown.epoch < asked->epoch)
		return write_synced(lane, &view, asked);
	REQUIRE(view.highest->shown.epoch > asked->epoch ||
			mem_equal(view.highest->shown.digest, asked->digest, sizeof(asked->digest)),
		E_HSM_ANCHOR);
	answer(&view, asked);
	return OK;
}
