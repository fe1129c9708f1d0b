/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that raises an anchor is killed, again and again, at moments that nobody chose: what it
 * was told to be raised is never lost. The program runs itself as that process:
 *
 *   test_local_anchor_killed raise EPOCH    from there on; writes each epoch to 1 once acknowledged
 */
#include "test_local_token.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/entropy.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define KILLS 50
#define LIVES_MAX_US 12000 /* behind its first raise: a dozen of them */

extern char **environ;

static struct token token;
static char program[] = "/proc/self/exe";

static struct hsm_op anchor_op(enum hsm_verb verb, uint64_t epoch)
{
	struct hsm_op op = op_of(verb);
	op.anchor = (struct hsm_anchor){.prefix = "holdfast:killed", .epoch = epoch};
	mem_copy(op.anchor.digest, sizeof(op.anchor.digest), &epoch, sizeof(epoch));
	return op;
}

static int raise_for_ever(uint64_t epoch)
{
	CLEANUP(secret_free) struct secret *pin = NULL;
	static struct hsm_lane_watch watch;
	struct hsm *hsm = NULL;
	struct hsm_local_options options = {.module_path = MODULE_SOFTHSM,
					    .uri = "pkcs11:token=test",
					    .watch = &watch,
					    .clock = &clock_system};
	log_configure(LOG_FORM_TEXT, LOG_ERROR, STDERR_FILENO);
	if (err_failed(secret_new_from(VIEW_LITERAL("1234"), &pin)))
		return 1;
	options.pin = pin;
	if (err_failed(hsm_local_open(&options, &hsm)))
		return 1;
	for (;; epoch++) {
		struct hsm_op op = anchor_op(HSM_ANCHOR_RAISE, epoch);
		if (err_failed(hsm_call(hsm, &op)) || op.anchor.epoch < epoch ||
		    write(STDOUT_FILENO, &epoch, sizeof(epoch)) != sizeof(epoch))
			return 1;
	}
}

static pid_t start(uint64_t epoch, int *out)
{
	int fds[2];
	char number[24];
	char verb[] = "raise";
	pid_t pid = 0;
	posix_spawn_file_actions_t actions;
	assert_ok(text_format(number, sizeof(number), "%llu", (unsigned long long)epoch));
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO), 0);
	assert_int_equal(posix_spawn_file_actions_addclose(&actions, fds[0]), 0);
	assert_int_equal(posix_spawn(&pid, program, &actions, NULL,
				     (char *[]){program, verb, number, NULL}, environ),
			 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(fds[1]);
	*out = fds[0];
	return pid;
}

/* The last epoch that the process said; 0: the stream has ended. */
static uint64_t next_said(int fd)
{
	uint64_t epoch = 0;
	return read(fd, &epoch, sizeof(epoch)) == sizeof(epoch) ? epoch : 0;
}

/* Lets a process raise for a moment; what it said last. */
static uint64_t raise_and_kill(uint64_t from)
{
	int fd = -1;
	uint32_t lives_us = 0;
	int status = 0;
	pid_t pid = start(from, &fd);
	uint64_t last = next_said(fd);
	assert_int_equal(last, from);
	assert_ok(entropy_fill(&lives_us, sizeof(lives_us)));
	(void)usleep(lives_us % LIVES_MAX_US);
	assert_int_equal(kill(pid, SIGKILL), 0);
	for (uint64_t said = next_said(fd); said != 0; said = next_said(fd))
		last = said;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* and no error before */
	(void)close(fd);
	return last;
}

static uint64_t read_anchor(void)
{
	token_open(&token);
	struct hsm_op op = anchor_op(HSM_ANCHOR_READ, 0);
	assert_ok(hsm_call(token.hsm, &op));
	struct hsm_op expected = anchor_op(HSM_ANCHOR_READ, op.anchor.epoch);
	assert_memory_equal(op.anchor.digest, expected.anchor.digest, HSM_ANCHOR_DIGEST_LEN);
	token_close(&token);
	return op.anchor.epoch;
}

static void nothing_acknowledged_is_lost(UNUSED void **state)
{
	uint64_t epoch = 0;
	token_make(&token, TOKEN_SOFTHSM);
	for (int i = 0; i < KILLS; i++) {
		uint64_t said = raise_and_kill(epoch + 1);
		epoch = read_anchor();
		/* One more may have been written before it could be said. */
		assert_in_range(epoch, said, said + 1);
	}
	token_remove(&token);
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return raise_for_ever(strtoull(argv[2], NULL, 10));
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
