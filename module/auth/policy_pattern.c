/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns: text with wildcards and variables, compiled into pieces. What stands in a variable's
 * value is text and nothing else: a `*` in it is a `*`.
 */
#include "auth/policy_build.h"
#include "base/mem.h"

#define LONG_LITERAL 32
#define BYTES_PER_STEP 32

struct tokens {
	struct policy_build *build;
	const struct policy_pattern_options *options;
	struct view text;
	size_t at;
};

struct token {
	struct policy_piece piece;
	struct policy_reference reference; /* VARIABLE */
};

static bool is_variable_at(const struct tokens *t, size_t at)
{
	return t->options->variables && at + 1 < t->text.len && t->text.ptr[at] == '$' &&
	       t->text.ptr[at + 1] == '{';
}

static bool is_wildcard_at(const struct tokens *t, size_t at)
{
	return t->options->wildcards && (t->text.ptr[at] == '*' || t->text.ptr[at] == '?');
}

static NODISCARD struct err take_reference(struct tokens *t, struct token *out)
{
	TRY(policy_reference_parse(t->build, t->text, &t->at, &out->reference));
	bool literal = out->reference.literal.ptr != NULL;
	out->piece.kind = literal ? PIECE_LITERAL : PIECE_VARIABLE;
	out->piece.literal = out->reference.literal;
	return OK;
}

static void take_wildcard(struct tokens *t, struct token *out)
{
	out->piece.kind = t->text.ptr[t->at] == '*' ? PIECE_RUN : PIECE_ONE;
	t->at++;
	while (out->piece.kind == PIECE_RUN && t->at < t->text.len && t->text.ptr[t->at] == '*')
		t->at++;
}

static void take_literal(struct tokens *t, struct token *out)
{
	size_t start = t->at;
	while (t->at < t->text.len && !is_variable_at(t, t->at) && !is_wildcard_at(t, t->at))
		t->at++;
	out->piece.kind = PIECE_LITERAL;
	out->piece.literal = view_of(t->text.ptr + start, t->at - start);
}

/* Only where something is left. */
static NODISCARD struct err next_token(struct tokens *t, struct token *out)
{
	*out = (struct token){0};
	if (is_variable_at(t, t->at))
		return take_reference(t, out);
	if (is_wildcard_at(t, t->at))
		take_wildcard(t, out);
	else
		take_literal(t, out);
	return OK;
}

static NODISCARD struct err count_pieces(struct tokens t, struct policy_pattern *out)
{
	struct token token;
	while (t.at < t.text.len) {
		TRY(next_token(&t, &token));
		out->piece_count++;
		out->variable_count += token.piece.kind == PIECE_VARIABLE;
		t.build->singles +=
			token.piece.kind == PIECE_VARIABLE || token.piece.kind == PIECE_ONE;
	}
	if (out->variable_count > POLICY_VARIABLES_MAX)
		return policy_refuse(t.build, t.text, "has more than 16 variables");
	if (t.build->singles > AUTH_POLICY_SINGLES_MAX)
		return policy_refuse(t.build, VIEW_NONE,
				     "the policy has more than 512 question marks and variables");
	return OK;
}

static NODISCARD struct err fill_variable(struct tokens *t, const struct policy_reference *from,
					  struct policy_variable *out)
{
	TRY(policy_key_find(t->build, from->name, &out->key));
	if (from->fallback.ptr == NULL)
		return OK;
	return policy_arena_copy(&t->build->policy->arena, from->fallback, &out->fallback);
}

static NODISCARD struct err fill_pieces(struct tokens t, struct policy_pattern *out)
{
	struct policy_arena *arena = &t.build->policy->arena;
	struct token token;
	uint32_t variable = 0;
	TRY(POLICY_NEW_ARRAY(arena, out->piece_count, &out->pieces));
	TRY(POLICY_NEW_ARRAY(arena, out->variable_count, &out->variables));
	for (size_t i = 0; i < out->piece_count; i++) {
		TRY(next_token(&t, &token));
		out->pieces[i] = token.piece;
		out->least += token.piece.literal.len;
		if (token.piece.kind != PIECE_VARIABLE)
			continue;
		TRY(fill_variable(&t, &token.reference, &out->variables[variable]));
		out->pieces[i].variable = variable++;
	}
	return OK;
}

size_t policy_arn_colons(struct view text)
{
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += text.ptr[i] == ':';
	return count;
}

/* Most patterns are one literal, or one with a run of anything behind it. */
static void choose_shape(struct policy_pattern *pattern)
{
	const struct policy_piece *pieces = pattern->pieces;
	size_t count = pattern->piece_count;
	pattern->shape = PATTERN_PIECES;
	if (count == 0 || (count == 1 && pieces[0].kind == PIECE_LITERAL))
		pattern->shape = PATTERN_EXACT;
	else if (count == 1 && pieces[0].kind == PIECE_RUN)
		pattern->shape = PATTERN_ANY;
	else if (count == 2 && pieces[0].kind == PIECE_LITERAL && pieces[1].kind == PIECE_RUN &&
		 (!pattern->arn || policy_arn_colons(pieces[0].literal) >= POLICY_ARN_COLONS))
		pattern->shape = PATTERN_PREFIX;
	if (pattern->shape == PATTERN_EXACT || pattern->shape == PATTERN_PREFIX)
		pattern->literal = count > 0 ? pieces[0].literal : VIEW_NONE;
}

NODISCARD struct err policy_pattern_compile(struct policy_build *build, struct view text,
					    const struct policy_pattern_options *options,
					    struct policy_pattern *out)
{
	struct tokens t = {.build = build, .options = options};
	*out = (struct policy_pattern){.any_case = options->any_case, .arn = options->arn};
	TRY(policy_arena_copy(&build->policy->arena, text, &t.text));
	TRY(count_pieces(t, out));
	TRY(fill_pieces(t, out));
	choose_shape(out);
	return OK;
}

/* One match: where it stands in the text and in the pieces. */
struct match {
	const struct policy_pattern *pattern;
	const struct view *variables;
	const struct auth_context *context;
	struct view text;
	size_t fence; /* before it, wildcards take no colon: they separate an ARN's parts */
};

static bool is_equal(const struct policy_pattern *pattern, struct view a, struct view b)
{
	return pattern->any_case ? view_equal_ignore_case(a, b) : view_equal(a, b);
}

static bool starts_with(const struct policy_pattern *pattern, struct view text, struct view start)
{
	return text.len >= start.len && is_equal(pattern, view_part(text, 0, start.len), start);
}

/* Bytes of the character at `at`, 0 where a wildcard may take none. */
static size_t character_at(const struct match *m, size_t at)
{
	size_t end = at + 1;
	if (at >= m->text.len || (at < m->fence && m->text.ptr[at] == ':'))
		return 0;
	while (end < m->text.len && (m->text.ptr[end] & 0xc0) == 0x80)
		end++;
	return end - at;
}

/* This is what a match spends its time with: short texts are compared here, without a call. */
static bool begins_with(const struct match *m, size_t at, struct view wanted)
{
	const uint8_t *rest = m->text.ptr + at;
	size_t i = 0;
	if (wanted.len > m->text.len - at)
		return false;
	if (m->pattern->any_case)
		return view_equal_ignore_case(view_of(rest, wanted.len), wanted);
	if (wanted.len >= LONG_LITERAL)
		return mem_equal(rest, wanted.ptr, wanted.len);
	while (i < wanted.len && rest[i] == wanted.ptr[i])
		i++;
	return i == wanted.len;
}

/* Moves *at behind what the piece, which is no RUN, takes of the text. */
static bool take_piece(const struct match *m, const struct policy_piece *piece, size_t *at)
{
	struct view wanted = piece->literal;
	if (piece->kind == PIECE_ONE) {
		size_t length = character_at(m, *at);
		*at += length;
		return length > 0;
	}
	if (piece->kind == PIECE_VARIABLE)
		wanted = m->variables[piece->variable];
	if (!auth_context_spend(m->context, 1 + wanted.len / BYTES_PER_STEP))
		return false;
	if (!begins_with(m, *at, wanted))
		return false;
	*at += wanted.len;
	return true;
}

/*
 * Where a run in front of piece `i` may end at the earliest, from *at on: where the literal behind
 * it stands, if it is one. false: nowhere.
 */
static bool skip_ahead(const struct match *m, size_t i, size_t *at)
{
	const struct policy_piece *piece = &m->pattern->pieces[i];
	if (i == m->pattern->piece_count || piece->kind != PIECE_LITERAL || *at < m->fence ||
	    m->pattern->any_case)
		return true;
	struct view rest = view_part(m->text, *at, m->text.len);
	size_t found = view_search(rest, piece->literal);
	*at += found;
	return auth_context_spend(m->context, found / BYTES_PER_STEP) && found < rest.len;
}

/*
 * A run takes as little as it can; when what follows does not fit, the last run takes one more.
 * Earlier runs need not be tried again: the last one could take whatever they would.
 */
static bool match_pieces(const struct match *m)
{
	const struct policy_pattern *pattern = m->pattern;
	size_t at = 0, i = 0, run = SIZE_MAX, run_at = 0;
	while (i < pattern->piece_count || at < m->text.len) {
		bool left = i < pattern->piece_count;
		if (left && pattern->pieces[i].kind == PIECE_RUN) {
			run = i;
			run_at = at;
			if (i + 1 == pattern->piece_count && at >= m->fence)
				return true;
		} else if (left && take_piece(m, &pattern->pieces[i], &at)) {
			i++;
			continue;
		} else {
			size_t length = run == SIZE_MAX ? 0 : character_at(m, run_at);
			if (length == 0 || !auth_context_spend(m->context, 1))
				return false;
			run_at += length;
		}
		if (!skip_ahead(m, run + 1, &run_at))
			return false;
		at = run_at;
		i = run + 1;
	}
	return true;
}

/* Behind the fifth colon; 0 when there are fewer, and the text is no ARN. */
static size_t fence_of(struct view text)
{
	size_t colons = 0;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == ':' && ++colons == POLICY_ARN_COLONS)
			return i + 1;
	return 0;
}

static bool match_with(const struct policy_pattern *pattern, struct view text,
		       const struct view *variables, const struct auth_context *context)
{
	if (text.len < pattern->least)
		return false;
	if (text.len == 0)
		text = VIEW_LITERAL("");
	struct match m = {
		.pattern = pattern, .variables = variables, .context = context, .text = text};
	if (pattern->arn) {
		m.fence = fence_of(text);
		return m.fence > 0 && match_pieces(&m);
	}
	return match_pieces(&m);
}

static const struct view no_variables[1];

static bool match_variables(const struct policy_pattern *pattern, struct view text,
			    const struct auth_context *context, bool unresolved)
{
	char rooms[POLICY_VARIABLES_MAX][POLICY_TEXT_ROOM];
	struct view values[POLICY_VARIABLES_MAX];
	for (size_t i = 0; i < pattern->variable_count; i++)
		if (!policy_variable_resolve(&pattern->variables[i], context, rooms[i], &values[i]))
			return unresolved;
	return match_with(pattern, text, values, context);
}

bool policy_pattern_match(const struct policy_pattern *pattern, struct view text,
			  const struct auth_context *context, bool unresolved)
{
	switch (pattern->shape) {
	case PATTERN_ANY:
		return true;
	case PATTERN_EXACT:
		return is_equal(pattern, pattern->literal, text);
	case PATTERN_PREFIX:
		return starts_with(pattern, text, pattern->literal);
	case PATTERN_PIECES:
		break;
	}
	if (pattern->variable_count > 0)
		return match_variables(pattern, text, context, unresolved);
	return match_with(pattern, text, no_variables, context);
}
