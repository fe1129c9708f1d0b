/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects that an anchor is kept in: their finding, reading and writing. What may be written is
 * decided in verb_anchor.c.
 *
 * Two data objects (CKO_DATA; where a token has none, keys that are allowed nothing) with the label
 *
 *   <prefix>:anchor-a:<epoch, 16 hex>:<digest, 32 hex>      and the same with -b
 *
 * A label can be set on every token that was tried, and a value cannot. Each write goes to the one
 * with the lower epoch, so that whatever becomes of it, the other stands.
 */
#ifndef HOLDFAST_HSM_P11_ANCHOR_H
#define HOLDFAST_HSM_P11_ANCHOR_H

#include "hsm/evidence.h"
#include "hsm/p11/object.h"

#define P11_ANCHOR_SETS 4 /* installations on one token whose objects are remembered */

struct p11_lane;

/* Where one installation's objects are; handles of one generation. */
struct p11_anchor_set {
	char prefix[HSM_ANCHOR_PREFIX_MAX + 1];
	uint64_t generation; /* 0: to be searched for */
	struct p11_found objects;
};

/* Of struct hsm; `admin` is held. */
struct p11_anchors {
	struct p11_anchor_set sets[P11_ANCHOR_SETS];
	size_t next;   /* to be taken for another installation */
	bool doubtful; /* something was written and may not be on the disk */
};

/* One object as the token shows it at this moment. */
struct p11_anchor {
	CK_OBJECT_HANDLE handle;
	bool valid; /* its label is an anchor's; else nothing below says anything */
	char letter;
	struct hsm_anchor shown;
};

/* All of them; `highest` is one of them, NULL when none is valid. */
struct p11_anchor_view {
	struct p11_anchor_set *set;
	struct p11_anchor seen[P11_FOUND_MAX];
	size_t count;
	const struct p11_anchor *highest;
};

/*
 * Reads every anchor object of `prefix`, searching only once per generation. An object that cannot
 * be read while the token is seen to be well, or that is no anchor, is not valid. Fails as the
 * token does.
 */
NODISCARD struct err p11_anchors_look(struct p11_lane *lane, const char *prefix,
				      struct p11_anchor_view *out);

/*
 * Writes to `target`, which is made anew where the token cannot change it, or to a new object when
 * it is NULL; and reads it back: E_HSM_UNSAFE when the token says that it was written and it was
 * not. It is not synced.
 */
NODISCARD struct err p11_anchors_write(struct p11_lane *lane, struct p11_anchor_view *view,
				       const struct p11_anchor *target,
				       const struct hsm_anchor *value);

/* "<prefix>:anchor-<letter>:<epoch>:<digest>", and back; false: it is none of this prefix. */
NODISCARD struct err p11_anchor_label_write(const struct hsm_anchor *value, char letter,
					    char out[HSM_LABEL_MAX + 1]);
bool p11_anchor_label_read(struct view label, const char *prefix, struct p11_anchor *out);

#endif
