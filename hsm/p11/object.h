/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of ours on the token: CKA_ID → handle, role and suite, each tagged with the generation
 * in which the handle was found. Filled once per generation; the hot path never searches the token.
 * What makes a key sound: template.h.
 */
#ifndef HOLDFAST_HSM_P11_OBJECT_H
#define HOLDFAST_HSM_P11_OBJECT_H

#include <pthread.h>

#include "base/map.h"
#include "hsm/hsm.h"
#include "hsm/p11/funnel.h"

struct p11_template;

/* Keys of ours on one token: what a start can still enumerate in seconds. */
#define P11_OBJECTS_MAX (1U << 20)

#define P11_FOUND_MAX 16
struct p11_found {
	CK_OBJECT_HANDLE handles[P11_FOUND_MAX];
	size_t count;
};

struct p11_object {
	struct hsm_object shown;
	CK_OBJECT_HANDLE handle;
	uint64_t generation; /* in which the handle was found */
	unsigned suites;     /* P11_SUITE_BIT: what its usage allows */
};

/* Thread-safe, except that the caller serialises everything that takes a session. */
struct p11_objects {
	pthread_mutex_t lock;
	struct map by_id;
	uint64_t generation;
	CK_ATTRIBUTE_TYPE unreported; /* template.h; set before enumerating */
	enum hsm_suite preferred;     /* shown for keys whose usage allows several suites */
	size_t foreign;               /* keys on the token that are not ours */
	bool trusted;  /* to know every key of ours, so that no search need ask; capability.h */
	bool doubtful; /* the token may have made a key that it did not tell us of */
};

NODISCARD struct err p11_objects_init(struct p11_objects *objects);
void p11_objects_cleanup(struct p11_objects *objects);

/* Empties the cache and fills it from the token; handles carry `generation` from here on. */
NODISCARD struct err p11_objects_enumerate(struct p11_objects *objects, struct p11_funnel *funnel,
					   CK_SESSION_HANDLE session, uint64_t generation);

/* A copy of what is known of a key; E_HSM_KEY_UNKNOWN. */
NODISCARD struct err p11_objects_get(struct p11_objects *objects, const struct hsm_key_id *id,
				     struct p11_object *out);

/*
 * Looks one key up on the token and brings the cache into line, whether it is there or not; then
 * as p11_objects_get(). Slow on a full token.
 */
NODISCARD struct err p11_objects_refind(struct p11_objects *objects, struct p11_funnel *funnel,
					CK_SESSION_HANDLE session, const struct hsm_key_id *id,
					struct p11_object *out);

/*
 * What a search finds, P11_FOUND_MAX objects at most. The caller sees for himself that they are
 * what he looks for: a module may take a search loosely. Slow on a full token.
 */
NODISCARD struct err p11_objects_search(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
					struct p11_template *what, struct p11_found *out);

/* Whether the object has the id and label of `name`. */
NODISCARD struct err p11_objects_is_named(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
					  CK_OBJECT_HANDLE handle, const struct hsm_object *name,
					  bool *out);

/* Whether any key on the token has this CKA_ID, ours or not. Slow on a full token. */
NODISCARD struct err p11_objects_occupied(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
					  const struct hsm_key_id *id, bool *out);

/*
 * Whether a key may not be made under this CKA_ID: as p11_objects_occupied(), but of a trusted
 * cache without a search, unless a generation has failed since the enumeration. Keys of others may
 * then share the id: they are never looked at by it alone.
 */
NODISCARD struct err p11_objects_taken(struct p11_objects *objects, struct p11_funnel *funnel,
				       CK_SESSION_HANDLE session, const struct hsm_key_id *id,
				       bool *out);

/* A generation failed: until the next enumeration only a search knows what it left. */
void p11_objects_doubt(struct p11_objects *objects);

/* Destroys every object on the token with exactly this CKA_ID and CKA_LABEL; *out: how many. */
NODISCARD struct err p11_objects_destroy(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
					 const struct hsm_object *object, size_t *out);

/*
 * As above, without a search, where a trusted cache says that `known` is the only one with its id:
 * its handle is asked for its name and destroyed. false in *done: it must be searched for.
 */
NODISCARD struct err p11_objects_destroy_known(struct p11_objects *objects,
					       struct p11_funnel *funnel, CK_SESSION_HANDLE session,
					       const struct p11_object *known, bool *done);

/* Reads a key just made back and adds it to the cache; *out as it is. */
NODISCARD struct err p11_objects_adopt(struct p11_objects *objects, struct p11_funnel *funnel,
				       CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle,
				       struct p11_object *out);

void p11_objects_remove(struct p11_objects *objects, const struct hsm_key_id *id);

/*
 * The first HSM_ENUMERATE_MAX keys behind `cursor`, sorted by id; *out owned by the caller,
 * mem_free(); NULL and 0 behind the last.
 */
NODISCARD struct err p11_objects_page(struct p11_objects *objects, const struct hsm_key_id *cursor,
				      struct hsm_object **out, size_t *count);

#endif
