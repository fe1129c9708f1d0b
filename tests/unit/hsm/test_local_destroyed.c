/* SPDX-License-Identifier: Apache-2.0 */
/* A destroyed key serves nobody: not from a cache, on no lane, whatever became of the answer. */
#include "test_local_token.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"

#define LANES 2
#define THREADS 4

static struct token token;
static struct hsm_object version;
static struct hsm_sealing sealing;
static struct buf sealed;

static int setup(UNUSED void **state)
{
	token_make(&token, TOKEN_SHIM);
	token.options.lanes = LANES;
	token.options.message_key_messages = 3; /* many are derived */
	token_open(&token);
	assert_ok(make_key(token.hsm, 1, HSM_ROLE_VERSION, &version));
	sealing = sealing_of(&version);
	assert_ok(seal_text(token.hsm, &sealing, "text", &sealed));
	assert_ok(open_text(token.hsm, &sealing, buf_view(&sealed), "text"));
	return 0;
}

static int teardown(UNUSED void **state)
{
	buf_cleanup(&sealed);
	token_remove(&token);
	return 0;
}

static struct err destroy(void)
{
	struct hsm_op op = op_of(HSM_KEY_DESTROY);
	op.object = version;
	return hsm_call(token.hsm, &op);
}

static struct err open_it(void)
{
	return open_text(token.hsm, &sealing, buf_view(&sealed), "text");
}

static void assert_serves_nobody(void)
{
	for (int i = 0; i < 4 * LANES; i++) {
		CLEANUP(buf_cleanup) struct buf more = {0};
		assert_err(open_it(), E_HSM_KEY_UNKNOWN);
		assert_err(seal_text(token.hsm, &sealing, "text", &more), E_HSM_KEY_UNKNOWN);
	}
	assert_int_equal(token.hsm->keys.count, 0);
}

static void no_lane_serves_it(UNUSED void **state)
{
	assert_ok(destroy());
	assert_serves_nobody();
	assert_int_equal(token_session_objects(&token), 1);
	assert_err(destroy(), E_HSM_KEY_UNKNOWN);
}

static void no_search_is_needed(UNUSED void **state)
{
	struct p11_funnel *funnel = &token.hsm->module.funnel;
	uint64_t before = atomic_load(&funnel->calls[P11_C_FindObjects]);
	assert_ok(destroy());
	assert_int_equal(atomic_load(&funnel->calls[P11_C_FindObjects]), before);
}

/* A generation failed: it may have left a second key of this id. */
static void a_doubtful_cache_is_not_asked(UNUSED void **state)
{
	struct p11_funnel *funnel = &token.hsm->module.funnel;
	uint64_t before = atomic_load(&funnel->calls[P11_C_FindObjects]);
	p11_objects_doubt(&token.hsm->objects);
	assert_ok(destroy());
	assert_true(atomic_load(&funnel->calls[P11_C_FindObjects]) > before);
	assert_serves_nobody();
}

/* Behind our back: the cache still opens, until we are told to destroy it. */
static void one_that_another_program_destroyed_is_forgotten(UNUSED void **state)
{
	struct p11_object known;
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
	CK_FUNCTION_LIST *list = token_raw(&token, &session);
	assert_ok(p11_objects_get(&token.hsm->objects, &version.id, &known));
	assert_int_equal(list->C_DestroyObject(session, known.handle), CKR_OK);
	assert_int_equal(list->C_CloseSession(session), CKR_OK);
	assert_ok(open_it());
	assert_err(destroy(), E_HSM_KEY_UNKNOWN);
	assert_serves_nobody();
}

/* The first call destroys the message key. */
static void a_lost_answer_leaves_it_destroyed(UNUSED void **state)
{
	token_shim(&token, "C_DestroyObject ckr=0x30 late=1 from=2 times=1");
	assert_true(err_failed(destroy()));
	token_await_up(&token);
	assert_serves_nobody();
	assert_err(destroy(), E_HSM_KEY_UNKNOWN);
}

static void one_that_the_token_did_not_destroy_is_there(UNUSED void **state)
{
	token_shim(&token, "C_DestroyObject ckr=0x30 from=2 times=1");
	assert_true(err_failed(destroy()));
	token_await_up(&token);
	assert_ok(open_it());
	assert_ok(destroy());
	assert_serves_nobody();
}

static void a_refused_destruction_leaves_it_in_use(UNUSED void **state)
{
	struct hsm_op op = op_of(HSM_KEY_DESTROY);
	op.object = version;
	op.object.label[0] = '\0';
	assert_err(hsm_call(token.hsm, &op), E_FORMAT);
	op.object = version;
	op.object.label[HSM_LABEL_MAX] = '\0';
	op.object.label[9]++; /* another installation's */
	assert_err(hsm_call(token.hsm, &op), E_HSM_REFUSED);
	assert_ok(open_it());
}

static void *open_once(void *result)
{
	*(struct err *)result = open_it();
	return NULL;
}

/* A message key that was derived before the destruction and verifies a tag behind it. */
static void a_call_under_way_leaves_no_message_key(UNUSED void **state)
{
	pthread_t opener;
	struct err result = ERR(E_BUG);
	token_close(&token);
	token_open(&token); /* nothing is in the cache */
	token_shim(&token, "C_Decrypt delay=700 times=1");
	assert_int_equal(pthread_create(&opener, NULL, open_once, &result), 0);
	(void)usleep(250000);
	assert_ok(destroy());
	assert_int_equal(pthread_join(opener, NULL), 0);
	assert_ok(result); /* begun before */
	assert_serves_nobody();
	assert_int_equal(token_session_objects(&token), 1);
}

/* --- under load --- */

static atomic_bool destroyed;
static atomic_uint served_afterwards;

static void *use_on(UNUSED void *argument)
{
	for (int i = 0, late = 0; late < 20 && i < 20000; i++) {
		bool gone = atomic_load(&destroyed);
		CLEANUP(buf_cleanup) struct buf more = {0};
		struct err made = seal_text(token.hsm, &sealing, "text", &more);
		struct err opened = open_it();
		bool served = !err_failed(made) || !err_failed(opened);
		atomic_fetch_add(&served_afterwards, gone && served);
		late += gone;
	}
	return NULL;
}

static void it_serves_nobody_under_load(UNUSED void **state)
{
	pthread_t threads[THREADS];
	atomic_store(&destroyed, false);
	atomic_store(&served_afterwards, 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_on, NULL), 0);
	(void)usleep(100000);
	struct err e = destroy();
	atomic_store(&destroyed, true);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_ok(e);
	assert_int_equal(atomic_load(&served_afterwards), 0);
	assert_serves_nobody();
	assert_int_equal(token_session_objects(&token), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_lane_serves_it, setup, teardown),
		cmocka_unit_test_setup_teardown(no_search_is_needed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_doubtful_cache_is_not_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_another_program_destroyed_is_forgotten,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_answer_leaves_it_destroyed, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_the_token_did_not_destroy_is_there, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_refused_destruction_leaves_it_in_use, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_call_under_way_leaves_no_message_key, setup,
						teardown),
		cmocka_unit_test_setup_teardown(it_serves_nobody_under_load, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
