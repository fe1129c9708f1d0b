/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold of every decision, whatever the policies say, on random worlds. The seed is
 * printed; PROPERTY_SEED sets it. A property that was never put to the test fails, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/text.h"
#include "codec/json.h"
#include "random_world.h"

#define SEED UINT64_C(20261122)
#define WORLDS 600
#define PUT_TO_TEST_MIN 3 /* of the worlds, so that the property says something */

static uint64_t seed;

static int start(void **state)
{
	const char *text = getenv("PROPERTY_SEED");
	int64_t given;
	(void)state;
	seed = SEED;
	if (text != NULL &&
	    !err_failed(text_parse_integer(view_of_text(text), 1, INT64_MAX, &given)))
		seed = (uint64_t)given;
	print_message("PROPERTY_SEED=%llu\n", (unsigned long long)seed);
	return err_failed(json_start()) ? -1 : 0;
}

/* What was asked and with which policies, for whoever has to find out why. */
static void show(const struct world *world)
{
	print_error("%s asks for %s on %s\n", world->principal->arn, world->action,
		    world->resource);
	for (size_t kind = 0; kind < WORLD_POLICIES; kind++) {
		const struct world_draft *draft = &world->policies[kind];
		for (size_t i = 0; draft->present && i < draft->count; i++)
			print_error("  policy %zu: %s\n", kind, draft->statements[i].text);
	}
}

/* Counts in *narrowed the worlds that show a difference at all. */
static void assert_no_wider(const struct world *before, const struct world *after, size_t *narrowed)
{
	struct auth_verdict was = world_decide(before);
	struct auth_verdict is = world_decide(after);
	if (is.allowed && !was.allowed) {
		show(before);
		show(after);
		fail_msg("wider: %s was %s", is.decided_by, was.decided_by);
	}
	*narrowed += was.allowed && !is.allowed;
}

/* A policy of the world that is there. */
static enum world_policy some_policy(const struct world *world)
{
	enum world_policy kind;
	do
		kind = (enum world_policy)random_below(&seed, WORLD_POLICIES);
	while (!world->policies[kind].present);
	return kind;
}

static bool has_policy(const struct world *world)
{
	bool some = false;
	for (size_t i = 0; i < WORLD_POLICIES; i++)
		some = some || world->policies[i].present;
	return some;
}

static void some_world(struct world *out)
{
	do
		world_make(&seed, out);
	while (!has_policy(out));
}

static void insert(struct world_draft *draft, struct world_statement statement)
{
	size_t at = random_below(&seed, (uint32_t)draft->count + 1);
	for (size_t i = draft->count; i > at; i--)
		draft->statements[i] = draft->statements[i - 1];
	draft->statements[at] = statement;
	draft->count++;
}

static void a_deny_added_never_widens(void **state)
{
	size_t narrowed = 0;
	(void)state;
	for (size_t i = 0; i < WORLDS; i++) {
		struct world before;
		some_world(&before);
		struct world after = before;
		enum world_policy kind = some_policy(&before);
		insert(&after.policies[kind], world_statement_make(&seed, kind, true));
		assert_no_wider(&before, &after, &narrowed);
	}
	assert_true(narrowed >= PUT_TO_TEST_MIN);
}

/* Whatever allows; but a service's identity policies are not asked. */
static void a_deny_of_everything_denies_explicitly(void **state)
{
	static const struct world_statement deny_key = {
		.text = "{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*"
			"\"}",
		.deny = true};
	static const struct world_statement deny = {
		.text = "{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}", .deny = true};
	size_t tested = 0;
	(void)state;
	for (size_t i = 0; i < WORLDS; i++) {
		struct world world;
		some_world(&world);
		enum world_policy kind = some_policy(&world);
		bool identity = kind == WORLD_IDENTITY || kind == WORLD_IDENTITY_TOO;
		if (identity && world.principal->type == AUTH_SERVICE)
			continue;
		tested += world_decide(&world).allowed;
		insert(&world.policies[kind], kind == WORLD_KEY ? deny_key : deny);
		struct auth_verdict verdict = world_decide(&world);
		assert_false(verdict.allowed);
		assert_true(verdict.explicit_deny);
	}
	assert_true(tested >= PUT_TO_TEST_MIN);
}

/* The policy stays, if need be with a statement that allows nothing. */
static bool remove_allow(struct world_draft *draft, enum world_policy kind)
{
	size_t at = random_below(&seed, (uint32_t)draft->count);
	if (draft->statements[at].deny)
		return false;
	draft->statements[at] = draft->statements[--draft->count];
	if (draft->count == 0)
		draft->statements[draft->count++] = world_statement_inert(kind);
	return true;
}

static void an_allow_removed_never_widens(void **state)
{
	size_t narrowed = 0;
	(void)state;
	for (size_t i = 0; i < WORLDS; i++) {
		struct world before;
		some_world(&before);
		struct world after = before;
		enum world_policy kind = some_policy(&before);
		if (remove_allow(&after.policies[kind], kind))
			assert_no_wider(&before, &after, &narrowed);
	}
	assert_true(narrowed >= PUT_TO_TEST_MIN);
}

static void shuffle(struct world_draft *draft)
{
	for (size_t i = draft->count; i > 1; i--) {
		size_t other = random_below(&seed, (uint32_t)i);
		struct world_statement kept = draft->statements[i - 1];
		draft->statements[i - 1] = draft->statements[other];
		draft->statements[other] = kept;
	}
}

/* Statements within policies, identity policies, grants. */
static void shuffle_world(struct world *world)
{
	for (size_t i = 0; i < WORLD_POLICIES; i++)
		shuffle(&world->policies[i]);
	struct world_draft kept = world->policies[WORLD_IDENTITY];
	world->policies[WORLD_IDENTITY] = world->policies[WORLD_IDENTITY_TOO];
	world->policies[WORLD_IDENTITY_TOO] = kept;
	for (size_t i = 0; i < world->grant_count / 2; i++) {
		size_t other = world->grant_count - 1 - i;
		struct auth_grant grant = world->grants[i];
		struct world_pairs pairs = world->constraints[i];
		world->grants[i] = world->grants[other];
		world->constraints[i] = world->constraints[other];
		world->grants[other] = grant;
		world->constraints[other] = pairs;
	}
}

static void order_does_not_matter(void **state)
{
	size_t tested = 0;
	(void)state;
	for (size_t i = 0; i < WORLDS; i++) {
		struct world before;
		some_world(&before);
		struct world after = before;
		shuffle_world(&after);
		struct auth_verdict was = world_decide(&before);
		struct auth_verdict is = world_decide(&after);
		if (was.outcome != is.outcome || was.reason != is.reason ||
		    was.explicit_deny != is.explicit_deny) {
			show(&before);
			show(&after);
			fail_msg("%s became %s", was.decided_by, is.decided_by);
		}
		assert_string_equal(was.message, is.message);
		tested += !text_equal(was.decided_by, is.decided_by);
	}
	assert_true(tested >= PUT_TO_TEST_MIN);
}

static void limits_never_widen(enum world_policy kind)
{
	size_t narrowed = 0;
	for (size_t i = 0; i < WORLDS; i++) {
		struct world before;
		some_world(&before);
		before.policies[kind].present = false;
		struct world after = before;
		after.policies[kind].present = true;
		assert_no_wider(&before, &after, &narrowed);
	}
	assert_true(narrowed >= PUT_TO_TEST_MIN);
}

static void a_boundary_never_widens(void **state)
{
	(void)state;
	limits_never_widen(WORLD_BOUNDARY);
}

static void a_session_policy_never_widens(void **state)
{
	(void)state;
	limits_never_widen(WORLD_SESSION);
}

/* Another account needs both sides. */
static void one_side_alone_never_lets_another_account_in(void **state)
{
	size_t tested = 0;
	(void)state;
	for (size_t i = 0; i < WORLDS; i++) {
		struct world world;
		some_world(&world);
		world.principal = &world_carol;
		tested += world_decide(&world).allowed;
		struct world without = world;
		without.policies[WORLD_IDENTITY].present = false;
		without.policies[WORLD_IDENTITY_TOO].present = false;
		assert_false(world_decide(&without).allowed);
		without = world;
		without.policies[WORLD_KEY].count = 1;
		without.policies[WORLD_KEY].statements[0] = world_statement_inert(WORLD_KEY);
		without.grant_count = 0;
		assert_false(world_decide(&without).allowed);
	}
	assert_true(tested >= PUT_TO_TEST_MIN);
}

/* ------------------------------------------------------------------ grants */

static bool has_pair(const struct world_pairs *pairs, const struct auth_pair *wanted)
{
	for (size_t i = 0; i < pairs->count; i++) {
		if (view_equal(pairs->pairs[i].name, wanted->name) &&
		    view_equal(pairs->pairs[i].value, wanted->value))
			return true;
	}
	return false;
}

/* The definition, slowly: every pair of the constraint is there, and (EQUALS) as many are. */
static bool lets_through(const struct world *world, size_t at)
{
	const struct world_pairs *constraint = &world->constraints[at];
	const struct auth_grant *grant = &world->grants[at];
	if (world->operation == 0 || (grant->operations & world->operation) == 0)
		return false;
	if (!world->takes_context || grant->constraint == AUTH_GRANT_ANY_CONTEXT)
		return true;
	for (size_t i = 0; i < constraint->count; i++) {
		if (!has_pair(&world->context, &constraint->pairs[i]))
			return false;
	}
	return grant->constraint == AUTH_GRANT_SUBSET || constraint->count == world->context.count;
}

static void a_grant_lets_through_no_more_than_it_says(void **state)
{
	size_t tested = 0;
	(void)state;
	for (size_t i = 0; i < WORLDS; i++) {
		struct world world;
		some_world(&world);
		world.grant_count = 1;
		world.grants[0] = world_grant_make(&seed, &world.constraints[0]);
		struct world without = world;
		without.grant_count = 0;
		struct auth_verdict verdict = world_decide(&world);
		if (!verdict.allowed || world_decide(&without).allowed)
			continue;
		assert_int_equal(verdict.reason, AUTH_BY_GRANT);
		if (!lets_through(&world, 0)) {
			show(&world);
			fail_msg("let in by %s", verdict.decided_by);
		}
		tested++;
	}
	assert_true(tested >= PUT_TO_TEST_MIN);
}

static void a_grant_more_never_narrows(void **state)
{
	size_t widened = 0;
	(void)state;
	for (size_t i = 0; i < WORLDS; i++) {
		struct world more;
		some_world(&more);
		more.grants[more.grant_count] =
			world_grant_make(&seed, &more.constraints[more.grant_count]);
		struct world before = more;
		more.grant_count++;
		assert_no_wider(&more, &before, &widened);
	}
	assert_true(widened >= PUT_TO_TEST_MIN);
}

static void what_a_narrower_grant_permits_its_parent_permits(void **state)
{
	size_t narrower = 0;
	size_t permitted = 0;
	(void)state;
	for (size_t i = 0; i < 10 * WORLDS; i++) {
		struct world_pairs of_parent;
		struct world_pairs of_child;
		struct auth_grant parent = world_grant_make(&seed, &of_parent);
		struct auth_grant child = world_grant_make(&seed, &of_child);
		parent.pairs = (struct auth_pairs){of_parent.pairs, of_parent.count};
		child.pairs = (struct auth_pairs){of_child.pairs, of_child.count};
		if (!auth_grant_narrows(&parent, &child))
			continue;
		narrower++;
		for (size_t request = 0; request < 20; request++) {
			struct world_pairs pairs;
			world_pairs_make(&seed, &pairs);
			const struct auth_pairs context = {pairs.pairs, pairs.count};
			uint32_t operation = (uint32_t)1 << random_below(&seed, 4);
			bool takes = random_chance(&seed, 70);
			if (!auth_grant_permits(&child, operation, takes, &context))
				continue;
			permitted++;
			assert_true(auth_grant_permits(&parent, operation, takes, &context));
		}
	}
	assert_true(narrower >= PUT_TO_TEST_MIN && permitted >= PUT_TO_TEST_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deny_added_never_widens),
		cmocka_unit_test(a_deny_of_everything_denies_explicitly),
		cmocka_unit_test(an_allow_removed_never_widens),
		cmocka_unit_test(order_does_not_matter),
		cmocka_unit_test(a_boundary_never_widens),
		cmocka_unit_test(a_session_policy_never_widens),
		cmocka_unit_test(one_side_alone_never_lets_another_account_in),
		cmocka_unit_test(a_grant_lets_through_no_more_than_it_says),
		cmocka_unit_test(a_grant_more_never_narrows),
		cmocka_unit_test(what_a_narrower_grant_permits_its_parent_permits),
	};
	return cmocka_run_group_tests_name("properties", tests, start, NULL);
}
