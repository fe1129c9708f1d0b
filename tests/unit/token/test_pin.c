/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "hsm/token/pin.h"

struct place {
	char directory[32];
	char path[64];
	char source[80];
	char message[SETTINGS_MESSAGE_MAX];
};

static int setup(void **state)
{
	struct place *place = NULL;
	assert_false(err_failed(MEM_NEW(&place)));
	assert_false(err_failed(text_copy(place->directory, sizeof place->directory,
					  VIEW_LITERAL("/tmp/holdfast-pin-XXXXXX"))));
	assert_non_null(mkdtemp(place->directory));
	assert_false(err_failed(
		text_format(place->path, sizeof place->path, "%s/pin", place->directory)));
	assert_false(err_failed(
		text_format(place->source, sizeof place->source, "file:%s", place->path)));
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = (struct place *)*state;
	(void)unlink(place->path);
	(void)rmdir(place->path);
	(void)rmdir(place->directory);
	mem_free(place);
	return 0;
}

static void put(const struct place *place, struct view bytes, mode_t mode)
{
	int fd = open(place->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static void assert_pin(struct place *place, const char *source, const char *expected)
{
	struct secret *pin = NULL;
	assert_false(err_failed(pin_read(source, &pin, place->message)));
	assert_true(view_equal_text(secret_view(pin), expected));
	secret_free(&pin);
}

static void assert_refused(struct place *place, const char *source, const char *word)
{
	struct secret *pin = NULL;
	assert_true(err_is(pin_read(source, &pin, place->message), E_SETTINGS));
	assert_null(pin);
	assert_non_null(strstr(place->message, word));
}

static void test_file(void **state)
{
	struct place *place = (struct place *)*state;
	put(place, VIEW_LITERAL("1234"), 0600);
	assert_pin(place, place->source, "1234");
	put(place, VIEW_LITERAL("1234\n"), 0400);
	assert_pin(place, place->source, "1234");
	put(place, VIEW_LITERAL("1234 \n\n"), 0600);
	assert_pin(place, place->source, "1234 \n");
}

static void test_file_open_to_others_is_refused(void **state)
{
	struct place *place = (struct place *)*state;
	static const mode_t modes[] = {0640, 0604, 0620, 0602};
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		put(place, VIEW_LITERAL("1234"), modes[i]);
		assert_refused(place, place->source, "chmod 600");
	}
}

static void test_file_of_another_user_is_refused(void **state)
{
	struct place *place = (struct place *)*state;
	if (geteuid() != 0)
		skip();
	put(place, VIEW_LITERAL("1234"), 0600);
	assert_int_equal(chown(place->path, 65534, 65534), 0);
	assert_refused(place, place->source, "another user");
}

static void test_other_things_than_a_file_are_refused(void **state)
{
	struct place *place = (struct place *)*state;
	assert_refused(place, place->source, "no such file");
	assert_int_equal(mkfifo(place->path, 0600), 0);
	assert_refused(place, place->source, "regular file");
	assert_int_equal(unlink(place->path), 0);
	assert_int_equal(mkdir(place->path, 0700), 0);
	assert_refused(place, place->source, "regular file");
}

static void test_length_is_bounded(void **state)
{
	struct place *place = (struct place *)*state;
	static uint8_t bytes[PIN_MAX + 2];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = 'x';
	put(place, view_of(bytes, PIN_MAX), 0600);
	struct secret *pin = NULL;
	assert_false(err_failed(pin_read(place->source, &pin, place->message)));
	assert_int_equal(pin->len, PIN_MAX);
	secret_free(&pin);
	put(place, view_of(bytes, PIN_MAX + 1), 0600);
	assert_refused(place, place->source, "longer");
	put(place, VIEW_LITERAL("\n"), 0600);
	assert_refused(place, place->source, "empty");
	put(place, VIEW_LITERAL(""), 0600);
	assert_refused(place, place->source, "empty");
}

static void test_descriptor_is_read_and_closed(void **state)
{
	struct place *place = (struct place *)*state;
	int ends[2];
	char source[16];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "4321\n", 5), 5);
	(void)close(ends[1]);
	assert_false(err_failed(text_format(source, sizeof source, "fd:%d", ends[0])));
	assert_pin(place, source, "4321");
	assert_int_equal(fcntl(ends[0], F_GETFD), -1);
}

static void test_credential(void **state)
{
	struct place *place = (struct place *)*state;
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	assert_refused(place, "credential:pin", "LoadCredential");
	put(place, VIEW_LITERAL("5678\n"), 0400);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", place->directory, 1), 0);
	assert_pin(place, "credential:pin", "5678");
	assert_refused(place, "credential:../pin", "credential:NAME");
	(void)unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_no_source_is_no_pin(void **state)
{
	struct place *place = (struct place *)*state;
	struct secret *pin = NULL;
	assert_false(err_failed(pin_read("", &pin, place->message)));
	assert_null(pin);
}

static void test_wrong_sources_are_refused_without_repeating_them(void **state)
{
	struct place *place = (struct place *)*state;
	static const char *const sources[] = {"1234", "pin:1234", "file:relative", "fd:0",
					      "fd:x", "fd:",      "credential:"};
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		struct secret *pin = NULL;
		assert_true(err_is(pin_source_check(sources[i], place->message), E_SETTINGS));
		assert_true(err_is(pin_read(sources[i], &pin, place->message), E_SETTINGS));
	}
	/* Somebody may have written the PIN itself. */
	assert_true(err_is(pin_source_check("98761234", place->message), E_SETTINGS));
	assert_null(strstr(place->message, "98761234"));
}

static void test_a_pin_is_made_once(void **state)
{
	struct place *place = (struct place *)*state;
	struct secret *first = NULL;
	struct secret *second = NULL;
	struct stat st;
	bool made = false;
	assert_false(err_failed(pin_read_or_make(place->path, &first, &made, place->message)));
	assert_true(made);
	assert_int_equal(first->len, PIN_MADE_LEN);
	assert_int_equal(stat(place->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_false(err_failed(pin_read_or_make(place->path, &second, &made, place->message)));
	assert_false(made);
	assert_true(secret_equal(first, second));
	secret_free(&first);
	secret_free(&second);
}

static void test_two_pins_differ(void **state)
{
	struct place *place = (struct place *)*state;
	struct secret *first = NULL;
	struct secret *second = NULL;
	bool made = false;
	assert_false(err_failed(pin_read_or_make(place->path, &first, &made, place->message)));
	assert_int_equal(unlink(place->path), 0);
	assert_false(err_failed(pin_read_or_make(place->path, &second, &made, place->message)));
	assert_false(secret_equal(first, second));
	secret_free(&first);
	secret_free(&second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file),
		TEST(test_file_open_to_others_is_refused),
		TEST(test_file_of_another_user_is_refused),
		TEST(test_other_things_than_a_file_are_refused),
		TEST(test_length_is_bounded),
		TEST(test_descriptor_is_read_and_closed),
		TEST(test_credential),
		TEST(test_no_source_is_no_pin),
		TEST(test_wrong_sources_are_refused_without_repeating_them),
		TEST(test_a_pin_is_made_once),
		TEST(test_two_pins_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
