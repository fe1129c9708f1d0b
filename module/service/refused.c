/* SPDX-License-Identifier: Apache-2.0 */
#include "service/refused.h"

#include <pthread.h>

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

struct refused {
	pthread_mutex_t lock;
	struct map ids; /* CKA_ID to a struct hsm_key_id of ours */
};

NODISCARD struct err refused_new(struct refused **out)
{
	CLEANUP(refused_free) struct refused *refused = NULL;
	TRY(MEM_NEW(&refused));
	(void)pthread_mutex_init(&refused->lock, NULL);
	TRY(map_init(&refused->ids));
	*out = TAKE(refused);
	return OK;
}

void refused_free(struct refused **refused)
{
	if (*refused == NULL)
		return;
	size_t at = 0;
	for (void *id = NULL; (id = map_next(&(*refused)->ids, &at)) != NULL;)
		mem_free(id);
	map_cleanup(&(*refused)->ids);
	(void)pthread_mutex_destroy(&(*refused)->lock);
	mem_free(TAKE(*refused));
}

NODISCARD struct err refused_add(struct refused *refused, const struct hsm_key_id *token_id)
{
	CLEANUP(mem_free_at) struct hsm_key_id *id = NULL;
	TRY(MEM_NEW(&id));
	*id = *token_id;
	LOCK_SCOPE(&refused->lock);
	void *old = NULL;
	TRY(map_put(&refused->ids, VIEW_ARRAY(id->bytes), id, &old));
	(void)TAKE(id);
	mem_free(old);
	return OK;
}

bool refused_holds(struct refused *refused, const struct hsm_key_id *token_id)
{
	LOCK_SCOPE(&refused->lock);
	return map_get(&refused->ids, VIEW_ARRAY(token_id->bytes)) != NULL;
}

size_t refused_count(struct refused *refused)
{
	LOCK_SCOPE(&refused->lock);
	return refused->ids.count;
}
