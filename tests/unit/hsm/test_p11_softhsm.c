/* SPDX-License-Identifier: Apache-2.0 */
/* SoftHSM protected from itself: copies of token.object, their restoration, syncing. */
#include "test_local_token.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

static struct token token;
static struct hsm_object version;
static struct buf sealed;
static char token_object[160];
static char copy[160];

static int setup(UNUSED void **state)
{
	char dir[128];
	token_make(&token, TOKEN_SHIM);
	token_open(&token);
	assert_ok(make_key(token.hsm, 1, HSM_ROLE_VERSION, &version));
	struct hsm_sealing s = sealing_of(&version);
	assert_ok(seal_text(token.hsm, &s, "text", &sealed));
	token_close(&token);
	token_directory(&token, dir, sizeof(dir));
	assert_ok(text_format(token_object, sizeof(token_object), "%s/token.object", dir));
	assert_ok(text_format(copy, sizeof(copy), "%s/" P11_SOFTHSM_COPY, dir));
	return 0;
}

static int teardown(UNUSED void **state)
{
	buf_cleanup(&sealed);
	token_remove(&token);
	return 0;
}

static off_t size_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_size : -1;
}

static void opens_with_its_keys(void)
{
	struct hsm_sealing s = sealing_of(&version);
	token_open(&token);
	assert_ok(open_text(token.hsm, &s, buf_view(&sealed), "text"));
}

static void an_emptied_token_object_is_restored(UNUSED void **state)
{
	assert_true(size_of(copy) > 0);
	assert_int_equal(truncate(token_object, 0), 0);
	opens_with_its_keys();
	assert_true(size_of(token_object) > 0);
}

static void a_torn_token_object_is_restored(UNUSED void **state)
{
	for (off_t len = size_of(copy) - 1; len > 0; len -= 37) {
		assert_int_equal(truncate(token_object, len), 0);
		opens_with_its_keys();
		token_close(&token);
	}
}

static void a_zeroed_token_object_is_restored(UNUSED void **state)
{
	off_t len = size_of(token_object);
	assert_int_equal(truncate(token_object, 0), 0);
	assert_int_equal(truncate(token_object, len), 0);
	opens_with_its_keys();
}

static void a_missing_token_object_is_restored(UNUSED void **state)
{
	assert_int_equal(unlink(token_object), 0);
	opens_with_its_keys();
}

static void a_whole_token_object_is_left_alone(UNUSED void **state)
{
	FILE *f = fopen(copy, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	opens_with_its_keys();
	assert_true(size_of(copy) > 0); /* and the copy is made anew */
}

/* Another process, in the middle of writing token.object: opened, truncated, written after a while.
 */
static pid_t write_later(const uint8_t *bytes, size_t n)
{
	int fd = open(token_object, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)usleep(50 * 1000);
		_exit(write(fd, bytes, n) == (ssize_t)n ? 0 : 1);
	}
	(void)close(fd);
	return pid;
}

static size_t read_whole(const char *path, uint8_t *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, cap) : -1;
	assert_true(n > 0);
	(void)close(fd);
	return (size_t)n;
}

static void a_token_object_being_written_is_left_alone(UNUSED void **state)
{
	uint8_t newer[4096];
	uint8_t left[4096];
	struct p11_softhsm softhsm = {0};
	size_t n = read_whole(token_object, newer, sizeof(newer));
	newer[0] ^= 0x01; /* the generation: newer than the copy, and as whole */
	assert_ok(p11_softhsm_init(&softhsm, MODULE_SOFTHSM));
	pid_t writer = write_later(newer, n);
	int status = 0;
	assert_ok(p11_softhsm_restore(&softhsm));
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
	assert_int_equal(read_whole(token_object, left, sizeof(left)), n);
	assert_memory_equal(left, newer, n);
}

/* The quick start makes its token at every run, the one after a kill in C_Login included. */
static void a_broken_token_is_not_initialised_beside(UNUSED void **state)
{
	CLEANUP(secret_free) struct secret *so_pin = NULL;
	assert_ok(secret_new_from(VIEW_LITERAL("so-pin-1234"), &so_pin));
	assert_int_equal(truncate(token_object, 0), 0);
	assert_err(hsm_local_init_token(token.options.module_path, "test", so_pin, token.pin),
		   E_ALREADY_INITIALISED);
	opens_with_its_keys();
}

static ino_t watched;
static unsigned synced;
static unsigned synced_in_all;
static unsigned looks;

/* The same, to see what is looked at. */
int fstatat(int dir, const char *name, struct stat *out, int flags)
{
	looks++;
	return (int)syscall(SYS_newfstatat, dir, name, out, flags);
}

/* In the place of libc's, to see what is synced. */
int fsync(int fd)
{
	struct stat st;
	synced += fstat(fd, &st) == 0 && st.st_ino == watched;
	synced_in_all++;
	return (int)syscall(SYS_fsync, fd);
}

static unsigned syncs_of(struct p11_softhsm *softhsm, struct p11_softhsm_mark mark)
{
	struct stat st;
	assert_int_equal(stat(token_object, &st), 0);
	watched = st.st_ino;
	synced = 0;
	synced_in_all = 0;
	assert_ok(p11_softhsm_sync(softhsm, mark));
	return synced;
}

static void write_bytes(const char *path, const uint8_t *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
	assert_true(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	(void)close(fd);
}

/* As SoftHSM rewrites a file. */
static void write_anew(const char *path)
{
	uint8_t bytes[4096];
	write_bytes(path, bytes, read_whole(path, bytes, sizeof(bytes)));
}

static const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

static void what_was_written_is_synced_and_nothing_else(UNUSED void **state)
{
	CLEANUP(p11_softhsm_cleanup) struct p11_softhsm softhsm = {0};
	assert_ok(p11_softhsm_init(&softhsm, MODULE_SOFTHSM));
	p11_softhsm_follow(&softhsm);
	struct p11_softhsm_mark mark = p11_softhsm_mark(&softhsm);
	write_anew(token_object);
	assert_int_equal(utimensat(AT_FDCWD, token_object, long_ago, 0), 0);
	assert_int_equal(syncs_of(&softhsm, mark), 1); /* whatever its time says */
	assert_int_equal(synced_in_all, 2);            /* and the directory */
}

static void files_in_plenty_are_all_synced(UNUSED void **state)
{
	char path[192];
	CLEANUP(p11_softhsm_cleanup) struct p11_softhsm softhsm = {0};
	assert_ok(p11_softhsm_init(&softhsm, MODULE_SOFTHSM));
	p11_softhsm_follow(&softhsm);
	struct p11_softhsm_mark mark = p11_softhsm_mark(&softhsm);
	for (int i = 0; i <= P11_SOFTHSM_WATCH_FILES; i++) {
		assert_ok(text_format(path, sizeof(path), "%s.%d", token_object, i));
		assert_int_equal(symlink("nowhere", path), 0);
	}
	write_anew(token_object);
	assert_int_equal(syncs_of(&softhsm, mark), 1);
	assert_false(softhsm.watch.whole);
	mark = p11_softhsm_mark(&softhsm);
	assert_true(softhsm.watch.whole); /* and followed again */
	write_anew(token_object);
	assert_int_equal(syncs_of(&softhsm, mark), 1);
	assert_int_equal(synced_in_all, 2);
}

/* Written where nobody looks: the directory that is there is not the one that was watched. */
static void a_directory_in_the_place_of_another_is_read(UNUSED void **state)
{
	char aside[160];
	char dir[128];
	uint8_t bytes[4096];
	CLEANUP(p11_softhsm_cleanup) struct p11_softhsm softhsm = {0};
	token_directory(&token, dir, sizeof(dir));
	size_t n = read_whole(token_object, bytes, sizeof(bytes));
	assert_ok(p11_softhsm_init(&softhsm, MODULE_SOFTHSM));
	p11_softhsm_follow(&softhsm);
	assert_ok(text_format(aside, sizeof(aside), "%s.aside", softhsm.token_dir));
	assert_int_equal(rename(softhsm.token_dir, aside), 0);
	assert_int_equal(mkdir(softhsm.token_dir, S_IRWXU), 0);
	assert_int_equal(mkdir(dir, S_IRWXU), 0);
	struct p11_softhsm_mark mark = p11_softhsm_mark(&softhsm);
	write_bytes(token_object, bytes, n);
	assert_int_equal(syncs_of(&softhsm, mark), 1);
}

/* The file of a key. */
static void find_object(const char *dir, char *path, size_t cap)
{
	static const struct view ending = VIEW_LITERAL(".object");
	DIR *list = opendir(dir);
	assert_non_null(list);
	for (const struct dirent *d = readdir(list); d != NULL; d = readdir(list)) {
		struct view name = view_of_text(d->d_name);
		if (name.len > ending.len && !text_equal(d->d_name, "token.object") &&
		    view_equal(view_part(name, name.len - ending.len, ending.len), ending))
			assert_ok(text_format(path, cap, "%s/%s", dir, d->d_name));
	}
	assert_int_equal(closedir(list), 0);
	assert_true(path[0] != '\0');
}

/* A key that a killed worker made is found by the next one and taken into use. */
static void what_was_written_last_is_synced_at_the_start(UNUSED void **state)
{
	struct stat st;
	char path[256] = "";
	char dir[128];
	token_directory(&token, dir, sizeof(dir));
	find_object(dir, path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	watched = st.st_ino;
	synced = 0;
	token_open(&token);
	assert_int_equal(synced, 1);
	token_close(&token);
	assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
	synced = 0;
	token_open(&token);
	assert_int_equal(synced, 0);
}

/* However many keys there are. */
static void a_creation_looks_at_three_files(UNUSED void **state)
{
	struct hsm_object o;
	token_open(&token);
	for (uint8_t i = 2; i < 20; i++) {
		looks = 0;
		synced_in_all = 0;
		assert_ok(make_key(token.hsm, i, HSM_ROLE_VERSION, &o));
		assert_in_range(looks, 1, 2); /* the object, SoftHSM's count of changes */
		assert_in_range(synced_in_all, 2, 3);
	}
}

static void a_clock_set_back_leaves_nothing_unsynced(UNUSED void **state)
{
	struct p11_softhsm softhsm = {0};
	assert_ok(p11_softhsm_init(&softhsm, MODULE_SOFTHSM));
	assert_int_equal(utimensat(AT_FDCWD, token_object, long_ago, 0), 0);
	struct p11_softhsm_mark mark = p11_softhsm_mark(&softhsm);
	assert_int_equal(syncs_of(&softhsm, mark), 0);
	mark.offset_ns += 1000000; /* what it was before the clock was set */
	assert_int_equal(syncs_of(&softhsm, mark), 1);
}

static void a_broken_copy_is_not_restored(UNUSED void **state)
{
	assert_int_equal(truncate(token_object, 0), 0);
	assert_int_equal(truncate(copy, 20), 0);
	assert_err(hsm_local_open(&token.options, &token.hsm), E_HSM_AWAY);
	assert_int_equal(size_of(token_object), 0);
}

/* Ends in `function`, called for the first time by an opening or a creation, and comes back. */
static void die_in(const char *script)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct hsm_object o;
		token_shim(&token, script);
		if (!err_failed(hsm_local_open(&token.options, &token.hsm)))
			(void)make_key(token.hsm, 9, HSM_ROLE_VERSION, &o).code;
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	token_shim(&token, "");
}

static struct err init_second(void)
{
	CLEANUP(secret_free) struct secret *so_pin = NULL;
	TRY(secret_new_from(VIEW_LITERAL("so-pin-1234"), &so_pin));
	return hsm_local_init_token(token.options.module_path, "second", so_pin, token.pin);
}

static void a_token_that_was_begun_is_finished(UNUSED void **state)
{
	token_shim(&token, "C_Login kill=1"); /* between C_InitToken and C_InitPIN */
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(init_second().code != E_OK);
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	token_shim(&token, "");
	assert_ok(init_second());
	token.options.uri = "pkcs11:token=second";
	token_open(&token);
	token_close(&token);
	assert_err(init_second(), E_ALREADY_INITIALISED);
}

static void dying_at_any_step_loses_no_key(UNUSED void **state)
{
	static const char *const scripts[] = {
		"C_Login kill=1",
		"C_Login kill=1 late=1",
		"C_GenerateKey kill=1 from=5",
		"C_GenerateKey kill=1 late=1 from=5",
	};
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		die_in(scripts[i]);
		opens_with_its_keys();
		token_close(&token);
	}
}

static void a_key_is_whole_or_not_there_after_dying(UNUSED void **state)
{
	die_in("C_GenerateKey kill=1 late=1 from=5");
	token_open(&token);
	struct hsm_op op = op_of(HSM_KEY_FIND);
	op.object.id = id_of(9);
	assert_ok(hsm_call(token.hsm, &op));
	assert_true(op.object.sound);
}

static void no_token_directory_is_a_setting_error(UNUSED void **state)
{
	struct p11_softhsm softhsm = {0};
	char path[96];
	assert_ok(text_format(path, sizeof(path), "%s/nowhere.conf", token.dir));
	assert_int_equal(setenv("SOFTHSM2_CONF", path, 1), 0);
	assert_err(p11_softhsm_init(&softhsm, MODULE_SOFTHSM), E_SETTINGS);
	assert_ok(p11_softhsm_init(&softhsm, MODULE_NSS));
	assert_false(softhsm.active);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_emptied_token_object_is_restored),
		TEST(a_torn_token_object_is_restored),
		TEST(a_zeroed_token_object_is_restored),
		TEST(a_missing_token_object_is_restored),
		TEST(a_whole_token_object_is_left_alone),
		TEST(a_token_object_being_written_is_left_alone),
		TEST(a_broken_token_is_not_initialised_beside),
		TEST(a_clock_set_back_leaves_nothing_unsynced),
		TEST(what_was_written_is_synced_and_nothing_else),
		TEST(files_in_plenty_are_all_synced),
		TEST(a_directory_in_the_place_of_another_is_read),
		TEST(what_was_written_last_is_synced_at_the_start),
		TEST(a_creation_looks_at_three_files),
		TEST(a_broken_copy_is_not_restored),
		TEST(a_token_that_was_begun_is_finished),
		TEST(dying_at_any_step_loses_no_key),
		TEST(a_key_is_whole_or_not_there_after_dying),
		TEST(no_token_directory_is_a_setting_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
