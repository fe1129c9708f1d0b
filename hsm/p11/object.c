/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/object.h"

#include <stdlib.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "hsm/p11/template.h"

#define FIND_BATCH 256
#define SAME_ID_MAX 16 /* objects of one id that one call looks at */

NODISCARD struct err p11_objects_init(struct p11_objects *objects)
{
	(void)pthread_mutex_init(&objects->lock, NULL);
	return map_init(&objects->by_id);
}

static void forget_all(struct p11_objects *objects)
{
	size_t at = 0;
	for (void *o = map_next(&objects->by_id, &at); o; o = map_next(&objects->by_id, &at))
		mem_free(o);
	map_cleanup(&objects->by_id);
	objects->foreign = 0;
}

void p11_objects_cleanup(struct p11_objects *objects)
{
	forget_all(objects);
	(void)pthread_mutex_destroy(&objects->lock);
}

static struct view id_view(const struct hsm_key_id *id)
{
	return VIEW_ARRAY(id->bytes);
}

static struct err put(struct p11_objects *objects, const struct p11_object *object)
{
	LOCK_SCOPE(&objects->lock);
	REQUIRE(objects->by_id.count < P11_OBJECTS_MAX, E_BOUNDS);
	CLEANUP(mem_free_at) struct p11_object *copy = NULL;
	TRY(MEM_NEW(&copy));
	*copy = *object;
	copy->generation = objects->generation;
	void *old = NULL;
	TRY(map_put(&objects->by_id, id_view(&copy->shown.id), copy, &old));
	copy = NULL;
	mem_free(old);
	return OK;
}

/* Two keys with one id: nobody can say which is meant, so neither may be used. */
static struct err put_once(struct p11_objects *objects, struct p11_object *object)
{
	struct p11_object other;
	struct err e = p11_objects_get(objects, &object->shown.id, &other);
	if (!err_failed(e)) {
		log_event(LOG_WARNING, "token.key_doubled", LOG_TEXT("label", object->shown.label));
		object->shown.sound = false;
	}
	return put(objects, object);
}

/* CKA_ID and CKA_LABEL; *ours is false for an object that we did not make. */
static struct err read_name(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
			    CK_OBJECT_HANDLE handle, struct p11_object *out, bool *ours)
{
	uint8_t label[HSM_LABEL_MAX];
	CK_ATTRIBUTE want[] = {{CKA_ID, out->shown.id.bytes, HSM_KEY_ID_LEN},
			       {CKA_LABEL, label, sizeof(label)}};
	*ours = false;
	struct err e = P11_CALL(funnel, C_GetAttributeValue, session, handle, want,
				(CK_ULONG)ARRAY_LEN(want));
	if (err_failed(e) &&
	    (e.detail == CKR_BUFFER_TOO_SMALL || e.detail == CKR_ATTRIBUTE_TYPE_INVALID))
		return OK; /* a longer id or label than any of ours */
	TRY(e);
	struct view text = view_of(label, want[1].ulValueLen);
	if (want[0].ulValueLen != HSM_KEY_ID_LEN || !p11_template_is_ours(text))
		return OK;
	*ours = !err_failed(text_copy(out->shown.label, sizeof(out->shown.label), text));
	out->handle = handle;
	return OK;
}

static struct err read_back(const struct p11_objects *objects, struct p11_funnel *funnel,
			    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle,
			    struct p11_object *object)
{
	struct p11_reading at = {funnel, session, objects->unreported};
	TRY(p11_template_read_back(&at, handle, &object->shown, &object->suites));
	if (object->suites & P11_SUITE_BIT(objects->preferred))
		object->shown.suite = objects->preferred;
	return OK;
}

static struct err take_in(struct p11_objects *objects, struct p11_funnel *funnel,
			  CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle)
{
	struct p11_object object = {0};
	bool ours = false;
	TRY(read_name(funnel, session, handle, &object, &ours));
	if (!ours) {
		objects->foreign++;
		return OK;
	}
	TRY(read_back(objects, funnel, session, handle, &object));
	return put_once(objects, &object);
}

/* A growing list of handles: a search must end before attributes are read in the same session. */
struct handles {
	struct buf bytes;
};

static void handles_cleanup(struct handles *handles)
{
	buf_cleanup(&handles->bytes);
}

static size_t handles_count(const struct handles *handles)
{
	return handles->bytes.len / sizeof(CK_OBJECT_HANDLE);
}

static CK_OBJECT_HANDLE handles_at(const struct handles *handles, size_t i)
{
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	mem_copy(&handle, sizeof(handle), handles->bytes.ptr + i * sizeof(handle), sizeof(handle));
	return handle;
}

static struct err collect(struct p11_funnel *funnel, CK_SESSION_HANDLE session, struct handles *out)
{
	CK_OBJECT_HANDLE batch[FIND_BATCH];
	for (;;) {
		CK_ULONG found = 0;
		TRY(P11_CALL(funnel, C_FindObjects, session, batch, (CK_ULONG)FIND_BATCH, &found));
		if (found == 0)
			return OK;
		REQUIRE(found <= FIND_BATCH, E_HSM_REFUSED);
		TRY(buf_append(&out->bytes, view_of(batch, found * sizeof(batch[0]))));
	}
}

static struct err find(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
		       struct p11_template *what, struct handles *out)
{
	buf_init(&out->bytes, (size_t)P11_OBJECTS_MAX * sizeof(CK_OBJECT_HANDLE));
	TRY(P11_CALL(funnel, C_FindObjectsInit, session, what->items, what->count));
	struct err collected = collect(funnel, session, out);
	struct err ended = P11_CALL(funnel, C_FindObjectsFinal, session);
	TRY(collected);
	return ended;
}

NODISCARD struct err p11_objects_search(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
					struct p11_template *what, struct p11_found *out)
{
	CLEANUP(handles_cleanup) struct handles found = {0};
	out->count = 0;
	TRY(find(funnel, session, what, &found));
	for (size_t i = 0; i < handles_count(&found) && i < P11_FOUND_MAX; i++)
		out->handles[out->count++] = handles_at(&found, i);
	return OK;
}

static struct err enumerate_class(struct p11_objects *objects, struct p11_funnel *funnel,
				  CK_SESSION_HANDLE session, CK_OBJECT_CLASS class)
{
	struct p11_template what = {.count = 0};
	p11_template_bool(&what, CKA_TOKEN, true);
	p11_template_number(&what, CKA_CLASS, class);
	CLEANUP(handles_cleanup) struct handles found = {0};
	TRY(find(funnel, session, &what, &found));
	for (size_t i = 0; i < handles_count(&found); i++)
		TRY(take_in(objects, funnel, session, handles_at(&found, i)));
	return OK;
}

NODISCARD struct err p11_objects_enumerate(struct p11_objects *objects, struct p11_funnel *funnel,
					   CK_SESSION_HANDLE session, uint64_t generation)
{
	pthread_mutex_lock(&objects->lock);
	forget_all(objects);
	struct err e = map_init(&objects->by_id);
	objects->generation = generation;
	objects->doubtful = true;
	pthread_mutex_unlock(&objects->lock);
	TRY(e);
	TRY(enumerate_class(objects, funnel, session, CKO_SECRET_KEY));
	TRY(enumerate_class(objects, funnel, session, CKO_PRIVATE_KEY));
	LOCK_SCOPE(&objects->lock);
	objects->doubtful = false;
	return OK;
}

NODISCARD struct err p11_objects_get(struct p11_objects *objects, const struct hsm_key_id *id,
				     struct p11_object *out)
{
	LOCK_SCOPE(&objects->lock);
	const struct p11_object *found =
		(const struct p11_object *)map_get(&objects->by_id, id_view(id));
	REQUIRE(found != NULL, E_HSM_KEY_UNKNOWN);
	*out = *found;
	return OK;
}

void p11_objects_remove(struct p11_objects *objects, const struct hsm_key_id *id)
{
	LOCK_SCOPE(&objects->lock);
	mem_free(map_remove(&objects->by_id, id_view(id)));
}

static struct err find_by_id(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
			     const struct hsm_key_id *id, struct handles *out)
{
	struct p11_template what = {.count = 0};
	p11_template_bool(&what, CKA_TOKEN, true);
	p11_template_bytes(&what, CKA_ID, id_view(id));
	return find(funnel, session, &what, out);
}

/*
 * Whether the object has this id, and this label unless that is empty. Asked of whatever a search
 * found: a module that takes a search template loosely must not have another key used or destroyed.
 */
NODISCARD struct err p11_objects_is_named(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
					  CK_OBJECT_HANDLE handle, const struct hsm_object *name,
					  bool *out)
{
	struct p11_object object = {0};
	bool ours = false;
	TRY(read_name(funnel, session, handle, &object, &ours));
	*out = ours && view_equal(id_view(&object.shown.id), id_view(&name->id)) &&
	       (name->label[0] == '\0' || text_equal(object.shown.label, name->label));
	return OK;
}

/* Public halves have the id of their private key and are not keys to be used here. */
static struct err is_key(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
			 CK_OBJECT_HANDLE handle, bool *out)
{
	CK_OBJECT_CLASS class = 0;
	CK_ATTRIBUTE want = {CKA_CLASS, &class, sizeof(class)};
	TRY(P11_CALL(funnel, C_GetAttributeValue, session, handle, &want, (CK_ULONG)1));
	*out = class == CKO_SECRET_KEY || class == CKO_PRIVATE_KEY;
	return OK;
}

NODISCARD struct err p11_objects_refind(struct p11_objects *objects, struct p11_funnel *funnel,
					CK_SESSION_HANDLE session, const struct hsm_key_id *id,
					struct p11_object *out)
{
	CLEANUP(handles_cleanup) struct handles found = {0};
	TRY(find_by_id(funnel, session, id, &found));
	p11_objects_remove(objects, id);
	for (size_t i = 0; i < handles_count(&found) && i < SAME_ID_MAX; i++) {
		bool key = false;
		bool named = false;
		TRY(is_key(funnel, session, handles_at(&found, i), &key));
		TRY(p11_objects_is_named(funnel, session, handles_at(&found, i),
					 &(struct hsm_object){.id = *id}, &named));
		if (key && named)
			TRY(take_in(objects, funnel, session, handles_at(&found, i)));
	}
	return p11_objects_get(objects, id, out);
}

NODISCARD struct err p11_objects_occupied(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
					  const struct hsm_key_id *id, bool *out)
{
	CLEANUP(handles_cleanup) struct handles found = {0};
	TRY(find_by_id(funnel, session, id, &found));
	*out = handles_count(&found) > 0;
	return OK;
}

NODISCARD struct err p11_objects_taken(struct p11_objects *objects, struct p11_funnel *funnel,
				       CK_SESSION_HANDLE session, const struct hsm_key_id *id,
				       bool *out)
{
	{
		LOCK_SCOPE(&objects->lock);
		*out = map_get(&objects->by_id, id_view(id)) != NULL;
		if (*out || (objects->trusted && !objects->doubtful))
			return OK;
	}
	return p11_objects_occupied(funnel, session, id, out);
}

void p11_objects_doubt(struct p11_objects *objects)
{
	LOCK_SCOPE(&objects->lock);
	objects->doubtful = true;
}

NODISCARD struct err p11_objects_destroy(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
					 const struct hsm_object *object, size_t *out)
{
	struct p11_template what = {.count = 0};
	p11_template_bool(&what, CKA_TOKEN, true);
	p11_template_bytes(&what, CKA_ID, id_view(&object->id));
	p11_template_bytes(&what, CKA_LABEL, view_of_text(object->label));
	CLEANUP(handles_cleanup) struct handles found = {0};
	TRY(find(funnel, session, &what, &found));
	*out = 0;
	for (size_t i = 0; i < handles_count(&found); i++) {
		bool named = false;
		TRY(p11_objects_is_named(funnel, session, handles_at(&found, i), object, &named));
		if (!named)
			continue;
		TRY(P11_CALL(funnel, C_DestroyObject, session, handles_at(&found, i)));
		++*out;
	}
	return OK;
}

static bool knows_all(struct p11_objects *objects)
{
	LOCK_SCOPE(&objects->lock);
	return objects->trusted && !objects->doubtful;
}

NODISCARD struct err p11_objects_destroy_known(struct p11_objects *objects,
					       struct p11_funnel *funnel, CK_SESSION_HANDLE session,
					       const struct p11_object *known, bool *done)
{
	*done = false;
	if (!known->shown.sound || !knows_all(objects))
		return OK; /* there may be two */
	bool named = false;
	TRY(p11_objects_is_named(funnel, session, known->handle, &known->shown, &named));
	if (!named)
		return OK;
	TRY(P11_CALL(funnel, C_DestroyObject, session, known->handle));
	*done = true;
	return OK;
}

NODISCARD struct err p11_objects_adopt(struct p11_objects *objects, struct p11_funnel *funnel,
				       CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle,
				       struct p11_object *out)
{
	struct p11_object object = {0};
	bool ours = false;
	TRY(read_name(funnel, session, handle, &object, &ours));
	REQUIRE(ours, E_HSM_ATTRIBUTES);
	TRY(read_back(objects, funnel, session, handle, &object));
	REQUIRE(object.shown.sound, E_HSM_ATTRIBUTES);
	TRY(put(objects, &object));
	return p11_objects_get(objects, &object.shown.id, out);
}

static int by_id(const void *a, const void *b)
{
	const struct p11_object *const *left = (const struct p11_object *const *)a;
	const struct p11_object *const *right = (const struct p11_object *const *)b;
	return mem_compare((*left)->shown.id.bytes, (*right)->shown.id.bytes, HSM_KEY_ID_LEN);
}

/* All keys behind the cursor, sorted; borrowed from the cache, whose lock is held. */
static size_t sorted_behind(struct p11_objects *objects, const struct hsm_key_id *cursor,
			    const struct p11_object **list)
{
	size_t count = 0;
	size_t at = 0;
	const struct p11_object *o = NULL;
	while ((o = (const struct p11_object *)map_next(&objects->by_id, &at)) != NULL)
		if (mem_compare(o->shown.id.bytes, cursor->bytes, HSM_KEY_ID_LEN) > 0)
			list[count++] = o;
	qsort(list, count, sizeof(*list), by_id);
	return count;
}

NODISCARD struct err p11_objects_page(struct p11_objects *objects, const struct hsm_key_id *cursor,
				      struct hsm_object **out, size_t *count)
{
	LOCK_SCOPE(&objects->lock);
	*out = NULL;
	*count = 0;
	CLEANUP(mem_free_at) const struct p11_object **list = NULL;
	TRY(MEM_NEW_ARRAY(objects->by_id.count, &list));
	size_t page = MIN_OF(sorted_behind(objects, cursor, list), (size_t)HSM_ENUMERATE_MAX);
	if (page == 0)
		return OK;
	TRY(MEM_NEW_ARRAY(page, out));
	for (size_t i = 0; i < page; i++)
		(*out)[i] = list[i]->shown;
	*count = page;
	return OK;
}
