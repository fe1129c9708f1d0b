/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a policy, lists of a document, and the words with which a document is refused. */
#include "auth/policy_build.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/writer.h"

#define BLOCK_SIZE ((size_t)4096)
#define ALIGNMENT ((size_t)16)
#define DISTANCE_MAX 2 /* letters that a misspelt name differs in */
#define WHAT_MAX 128

struct policy_block {
	struct policy_block *older;
	size_t used, size;
	_Alignas(16) uint8_t bytes[];
};

static NODISCARD struct err add_block(struct policy_arena *arena, size_t size)
{
	struct policy_block *block;
	TRY(mem_alloc_array(1, sizeof *block + size, (void **)&block));
	block->older = arena->newest;
	block->size = size;
	arena->newest = block;
	return OK;
}

/* Zeroed, as everything from base/mem. */
NODISCARD struct err policy_arena_take(struct policy_arena *arena, size_t size, void **out)
{
	*out = NULL;
	REQUIRE(size <= MEM_ALLOC_MAX / 2, E_BOUNDS);
	size_t whole = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (arena->newest == NULL || arena->newest->size - arena->newest->used < whole)
		TRY(add_block(arena, MAX_OF(whole, BLOCK_SIZE)));
	*out = arena->newest->bytes + arena->newest->used;
	arena->newest->used += whole;
	return OK;
}

NODISCARD struct err policy_arena_copy(struct policy_arena *arena, struct view bytes,
				       struct view *out)
{
	uint8_t *copy;
	TRY(POLICY_NEW_ARRAY(arena, bytes.len, &copy));
	mem_copy(copy, bytes.len, bytes.ptr, bytes.len);
	*out = view_of(copy, bytes.len);
	return OK;
}

void policy_arena_cleanup(struct policy_arena *arena)
{
	while (arena->newest != NULL) {
		struct policy_block *block = arena->newest;
		arena->newest = block->older;
		mem_free(block);
	}
}

static bool is_list(const struct json *value)
{
	return json_type_of(value) == JSON_TYPE_ARRAY;
}

NODISCARD struct err policy_list_count(struct policy_build *build, const struct json *list,
				       size_t *out)
{
	size_t count = is_list(list) ? json_count(list) : 1;
	if (count == 0)
		return policy_refuse(build, VIEW_NONE, "the list is empty");
	build->values += count;
	if (build->values > AUTH_POLICY_VALUES_MAX)
		return policy_refuse(build, VIEW_NONE, "the policy has more than 4096 values");
	*out = count;
	return OK;
}

const struct json *policy_list_at(const struct json *list, size_t at)
{
	return is_list(list) ? json_element(list, at) : list;
}

/* Where a cut leaves whole characters. */
static size_t whole_length(struct view utf8, size_t max)
{
	if (utf8.len <= max)
		return utf8.len;
	while (max > 0 && (utf8.ptr[max] & 0xc0) == 0x80)
		max--;
	return max;
}

/* A part of the document, cut, without control characters. */
static void write_quoted(struct writer *w, struct view text)
{
	size_t length = whole_length(text, POLICY_QUOTE_MAX);
	for (size_t i = 0; i < length; i++)
		writer_u8(w, text.ptr[i] < 0x20 || text.ptr[i] == 0x7f ? '?' : text.ptr[i]);
	if (length < text.len)
		writer_text(w, "...");
}

static void write_place(struct writer *w, const struct policy_build *build)
{
	if (build->statement > 0)
		writer_format(w, "Statement %zu", build->statement);
	if (build->statement > 0 && build->sid.len > 0) {
		writer_text(w, " (Sid ");
		write_quoted(w, build->sid);
		writer_text(w, ")");
	}
	if (build->element != NULL)
		writer_format(w, "%s%s", build->statement > 0 ? ", " : "", build->element);
	if (build->operation.len > 0) {
		writer_text(w, " ");
		write_quoted(w, build->operation);
	}
	if (build->key.len > 0) {
		writer_text(w, " ");
		write_quoted(w, build->key);
	}
	if (w->len > 0)
		writer_text(w, ": ");
}

NODISCARD struct err policy_refuse(struct policy_build *build, struct view quoted, const char *what)
{
	struct writer w;
	writer_init(&w, build->message, AUTH_POLICY_MESSAGE_MAX);
	write_place(&w, build);
	if (quoted.ptr != NULL) {
		writer_text(&w, "\"");
		write_quoted(&w, quoted);
		writer_text(&w, "\" ");
	}
	writer_text(&w, what);
	if (err_failed(writer_end_text(&w)))
		build->message[0] = '\0';
	return ERR(E_KMS_MALFORMED_POLICY);
}

void policy_names_offer(struct policy_names *names, const char *known)
{
	struct view name = view_of_text(known);
	if (names->wanted.len > name.len + DISTANCE_MAX)
		return;
	size_t distance = text_distance(names->wanted, name);
	if (distance > DISTANCE_MAX || (names->nearest != NULL && distance >= names->distance))
		return;
	names->nearest = known;
	names->distance = distance;
}

NODISCARD struct err policy_refuse_name(struct policy_build *build, struct view quoted,
					const char *what, const struct policy_names *names)
{
	char sentence[WHAT_MAX];
	if (names->nearest == NULL)
		return policy_refuse(build, quoted, what);
	TRY(text_format(sentence, sizeof sentence, "%s; did you mean %s?", what, names->nearest));
	return policy_refuse(build, quoted, sentence);
}
