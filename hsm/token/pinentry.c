/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/token/pinentry.h"

#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "hsm/token/pin.h"

#define INTERRUPT 0x03 /* Ctrl-C, which does not become a signal while a PIN is typed */
#define DELETE 0x7f
#define BACKSPACE 0x08

static struct err complain(char message[SETTINGS_MESSAGE_MAX], const char *what)
{
	TRY(text_copy(message, SETTINGS_MESSAGE_MAX, view_of_text(what)));
	return ERR(E_SETTINGS);
}

static struct err wrong_usage(char message[SETTINGS_MESSAGE_MAX], const char *what)
{
	(void)!err_failed(complain(message, what));
	return ERR(E_USAGE);
}

/* --- The terminal. --- */

struct terminal {
	int fd;
	struct termios before;
};

static void terminal_close(struct terminal *t)
{
	if (t->fd < 0)
		return;
	(void)tcsetattr(t->fd, TCSAFLUSH, &t->before);
	(void)close(t->fd);
}

/* No echo, no line of its own, no signals: what is typed comes here and nowhere else. */
static struct err terminal_open(struct terminal *t, char message[SETTINGS_MESSAGE_MAX])
{
	t->fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (t->fd < 0 || tcgetattr(t->fd, &t->before) != 0)
		return wrong_usage(message, "there is no terminal to ask for the new PIN; use "
					    "--new-pin file:PATH, fd:N or random");
	struct termios quiet = t->before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG);
	return tcsetattr(t->fd, TCSAFLUSH, &quiet) == 0 ? OK : ERR_DETAIL(E_SYSTEM, errno);
}

static void show(const struct terminal *t, const char *text)
{
	ssize_t n = write(t->fd, text, view_of_text(text).len);
	(void)n;
}

/* One byte at a time into locked memory, up to the end of the line. */
static struct err type_in(const struct terminal *t, const char *prompt, struct secret *pin)
{
	show(t, prompt);
	pin->len = 0;
	for (;;) {
		uint8_t *c = &pin->ptr[pin->len];
		ssize_t n = read(t->fd, c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != 1 || *c == INTERRUPT)
			return ERR(E_CANCELLED);
		if (*c == '\n' || *c == '\r')
			break;
		if (*c == DELETE || *c == BACKSPACE)
			pin->len -= pin->len > 0;
		else if (pin->len < PIN_MAX)
			pin->len++;
	}
	show(t, "\n");
	return OK;
}

static struct err ask(struct secret **out, char message[SETTINGS_MESSAGE_MAX])
{
	CLEANUP(terminal_close) struct terminal t = {.fd = -1};
	CLEANUP(secret_free) struct secret *first = NULL;
	CLEANUP(secret_free) struct secret *second = NULL;
	TRY(secret_new(PIN_MAX + 1, &first));
	TRY(secret_new(PIN_MAX + 1, &second));
	TRY(terminal_open(&t, message));
	TRY(type_in(&t, "New PIN: ", first));
	TRY(type_in(&t, "The same once more: ", second));
	if (!secret_equal(first, second))
		return complain(message, "the two were not alike; nothing was changed");
	*out = TAKE(first);
	return OK;
}

/* --- All of them. --- */

static struct err random_pin(const struct pinentry_limits *limits, struct secret **out)
{
	size_t len = MAX_OF((size_t)PIN_MADE_LEN, limits->min);
	return pin_make(limits->max > 0 ? MIN_OF(len, limits->max) : len, out);
}

static struct err check(const struct secret *pin, const struct pinentry_limits *limits,
			char message[SETTINGS_MESSAGE_MAX])
{
	size_t max = limits->max > 0 ? MIN_OF(limits->max, (size_t)PIN_MAX) : PIN_MAX;
	if (pin->len >= MAX_OF(limits->min, (size_t)1) && pin->len <= max)
		return OK;
	(void)!err_failed(text_format(message, SETTINGS_MESSAGE_MAX,
				      "the new PIN has %zu bytes; the token takes %zu to %zu",
				      pin->len, MAX_OF(limits->min, (size_t)1), max));
	return ERR(E_SETTINGS);
}

NODISCARD struct err pinentry_read(const char *source, const struct pinentry_limits *limits,
				   struct secret **out, char message[SETTINGS_MESSAGE_MAX])
{
	CLEANUP(secret_free) struct secret *pin = NULL;
	struct view text = view_of_text(source);
	if (view_equal_text(text, "ask"))
		TRY(ask(&pin, message));
	else if (view_equal_text(text, "random"))
		TRY(random_pin(limits, &pin));
	else if (view_starts_with(text, VIEW_LITERAL("file:")) ||
		 view_starts_with(text, VIEW_LITERAL("fd:")))
		TRY(pin_read(source, &pin, message));
	else
		return wrong_usage(message,
				   "--new-pin takes file:/PATH, fd:N, ask or random; the PIN "
				   "itself does not belong on the command line");
	TRY(check(pin, limits, message));
	*out = TAKE(pin);
	return OK;
}
