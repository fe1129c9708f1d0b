/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_numbers.h"

#include <pthread.h>

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

struct highest {
	uint8_t id[sizeof((struct kms_key_id *)0)->bytes]; /* the map's key */
	uint32_t number;
};

struct key_numbers {
	pthread_mutex_t lock;
	struct map keys;
};

NODISCARD struct err key_numbers_new(struct key_numbers **out)
{
	CLEANUP(key_numbers_free) struct key_numbers *numbers = NULL;
	TRY(MEM_NEW(&numbers));
	(void)pthread_mutex_init(&numbers->lock, NULL);
	TRY(map_init(&numbers->keys));
	*out = TAKE(numbers);
	return OK;
}

void key_numbers_free(struct key_numbers **numbers)
{
	if (*numbers == NULL)
		return;
	size_t at = 0;
	for (void *key = NULL; (key = map_next(&(*numbers)->keys, &at)) != NULL;)
		mem_free(key);
	map_cleanup(&(*numbers)->keys);
	(void)pthread_mutex_destroy(&(*numbers)->lock);
	mem_free(TAKE(*numbers));
}

static struct err add(struct key_numbers *numbers, const struct kms_key_id *key_id,
		      struct highest **out)
{
	CLEANUP(mem_free_at) struct highest *made = NULL;
	void *old = NULL;
	TRY(MEM_NEW(&made));
	mem_copy(made->id, sizeof made->id, key_id->bytes, sizeof key_id->bytes);
	TRY(map_put(&numbers->keys, VIEW_ARRAY(made->id), made, &old));
	*out = TAKE(made);
	return OK;
}

NODISCARD struct err key_numbers_note(struct key_numbers *numbers, const struct kms_key_id *key_id,
				      uint32_t number)
{
	LOCK_SCOPE(&numbers->lock);
	struct highest *key = map_get(&numbers->keys, VIEW_ARRAY(key_id->bytes));
	if (key == NULL)
		TRY(add(numbers, key_id, &key));
	key->number = MAX_OF(key->number, number);
	return OK;
}

uint32_t key_numbers_highest(struct key_numbers *numbers, const struct kms_key_id *key_id)
{
	LOCK_SCOPE(&numbers->lock);
	const struct highest *key = map_get(&numbers->keys, VIEW_ARRAY(key_id->bytes));
	return key != NULL ? key->number : 0;
}
