/* SPDX-License-Identifier: Apache-2.0 */
/* One value against its row: a small function per type. Messages say what is wrong; what to do. */
#include <arpa/inet.h>

#include "base/ascii.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/table.h"

#define PORT_MAX 65535
#define HOST_TEXT_MAX 64
#define ID_LEN 32

/* Says the same as `format` and fails; a message that is too long is replaced by a short one. */
#define WRONG(...)                                                                        \
	do {                                                                              \
		if (err_failed(text_format(message, SETTINGS_MESSAGE_MAX, __VA_ARGS__)))  \
			(void)!err_failed(text_format(message, SETTINGS_MESSAGE_MAX,      \
						      "the value is wrong; correct it")); \
		return ERR(E_SETTINGS);                                                   \
	} while (0)

static struct err check_text(const struct setting *row, const char *value, char *message)
{
	(void)row, (void)value, (void)message;
	return OK;
}

static struct err check_word(const struct setting *row, const char *value, char *message)
{
	struct view word = view_of_text(value);
	for (size_t i = 0; i < word.len; i++)
		if (word.ptr[i] <= 0x20 || word.ptr[i] >= 0x7f)
			WRONG("%s must be one word of printable ASCII; leave out blanks and "
			      "accents",
			      row->name);
	return OK;
}

/* As holdfastd prints it: it is compared as text. */
static struct err check_id(const struct setting *row, const char *value, char *message)
{
	struct view text = view_of_text(value);
	if (text.len != ID_LEN || !ascii_consists_of(text, ASCII_DIGIT, VIEW_LITERAL("abcdef")))
		WRONG("%s must be 32 hex digits in lower case, not \"%s\"; holdfast status --json "
		      "has the id",
		      row->name, value);
	return OK;
}

static struct err check_path(const struct setting *row, const char *value, char *message)
{
	if (value[0] != '/')
		WRONG("%s must be an absolute path, not \"%s\"; begin it with /", row->name, value);
	return OK;
}

/* The port behind the last colon, and the host before it. */
static bool split_listen(const char *value, char host[HOST_TEXT_MAX], int64_t *port)
{
	struct view text = view_of_text(value);
	size_t colon = text.len;
	while (colon > 0 && text.ptr[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return false;
	struct view digits = view_part(text, colon, text.len);
	return digits.len > 0 && digits.ptr[0] != '-' &&
	       !err_failed(text_parse_integer(digits, 0, PORT_MAX, port)) &&
	       !err_failed(text_copy(host, HOST_TEXT_MAX, view_part(text, 0, colon - 1)));
}

static bool is_address(const char *host)
{
	uint8_t address[sizeof(struct in6_addr)];
	char inner[HOST_TEXT_MAX];
	struct view text = view_of_text(host);
	if (text.len < 2 || text.ptr[0] != '[')
		return inet_pton(AF_INET, host, address) == 1;
	return text.ptr[text.len - 1] == ']' &&
	       !err_failed(text_copy(inner, sizeof inner, view_part(text, 1, text.len - 2))) &&
	       inet_pton(AF_INET6, inner, address) == 1;
}

static struct err check_paths(const struct setting *row, const char *value, char *message)
{
	struct view rest = view_of_text(value);
	while (rest.ptr != NULL) {
		struct view path = view_trim(view_cut(&rest, ' '));
		if (path.len > 0 && path.ptr[0] != '/')
			WRONG("%s must be absolute paths with blanks between them, not \"%s\"",
			      row->name, value);
	}
	return OK;
}

static struct err check_listen(const struct setting *row, const char *value, char *message)
{
	char host[HOST_TEXT_MAX] = "";
	int64_t port = 0;
	if (!split_listen(value, host, &port) || !is_address(host))
		WRONG("%s must be a numeric address and a port of 0 to %d, not \"%s\"; write it "
		      "as 127.0.0.1:4599 or [::1]:4599",
		      row->name, PORT_MAX, value);
	return OK;
}

static struct err check_choice(const struct setting *row, const char *value, char *message)
{
	struct view rest = view_of_text(row->choices);
	while (rest.ptr != NULL)
		if (view_equal_text(view_cut(&rest, ' '), value))
			return OK;
	WRONG("%s cannot be \"%s\"; choose one of: %s", row->name, value, row->choices);
}

/* A user name as useradd(8) takes it, or a uid: [A-Za-z0-9_.-]. That the users exist is asked when
 * they are needed, settings_user(). */
static bool is_user_byte(char c)
{
	return ascii_is((uint8_t)c, ASCII_ALPHANUMERIC) || c == '_' || c == '-' || c == '.';
}

static struct err check_users(const struct setting *row, const char *value, char *message)
{
	for (const char *at = value; *at != '\0'; at++)
		if (!is_user_byte(*at) && *at != ' ' && *at != '\t')
			WRONG("%s has the character '%c', which no user name has; write names or "
			      "uids with blanks between them",
			      row->name, (*at & 0x80) ? '?' : *at);
	return OK;
}

static struct err check_uri(const struct setting *row, const char *value, char *message)
{
	/* RFC 7512 §2.3, pin-value: the settings file is no place for a PIN. */
	struct view text = view_of_text(value);
	for (struct view rest = text; rest.len > 0; rest = view_part(rest, 1, rest.len))
		if (view_starts_with(rest, VIEW_LITERAL("pin-value")))
			WRONG("%s carries a PIN (pin-value); take it out, change the PIN, and name "
			      "its file in pin_source",
			      row->name);
	if (!view_starts_with(text, VIEW_LITERAL("pkcs11:")))
		WRONG("%s must be a PKCS#11 URI, not \"%s\"; write it as pkcs11:token=holdfast",
		      row->name, value);
	return OK;
}

/* RFC 3986 §3.2. The value is not repeated in these messages: a password may stand in it. */
static struct err check_http_url(const struct setting *row, const char *value, char *message)
{
	struct view rest = view_of_text(value);
	size_t scheme = view_starts_with(rest, VIEW_LITERAL("https://"))  ? 8
			: view_starts_with(rest, VIEW_LITERAL("http://")) ? 7
									  : 0;
	if (scheme == 0)
		WRONG("%s must begin with https:// or http://; write it as https://host/path",
		      row->name);
	for (size_t i = 0; i < rest.len; i++)
		if (rest.ptr[i] <= ' ' || rest.ptr[i] >= 0x7f)
			WRONG("%s has a blank or a character that no URL has; encode it as %%20 "
			      "and "
			      "the like",
			      row->name);
	struct view authority = view_part(rest, scheme, rest.len);
	for (size_t i = 0; i < 3; i++)
		authority.len = view_find(authority, (uint8_t) "/?#"[i]);
	if (authority.len == 0 || authority.ptr[0] == ':')
		WRONG("%s names no host; write it as https://host/path", row->name);
	if (view_find(authority, '@') != authority.len)
		WRONG("%s carries a user or password; take it out, and name a file with a bearer "
		      "token in token_file",
		      row->name);
	return OK;
}

/* The value is not repeated in these messages: it may be a PIN in the wrong place. */
static struct err check_pin_source(const struct setting *row, const char *value, char *message)
{
	struct view text = view_of_text(value);
	int64_t fd = 0;
	if (view_starts_with(text, VIEW_LITERAL("file:")) && text.len > 6 && text.ptr[5] == '/')
		return OK;
	if (view_starts_with(text, VIEW_LITERAL("fd:")) &&
	    !err_failed(text_parse_integer(view_part(text, 3, text.len), 3, 1 << 20, &fd)))
		return OK;
	struct view credential = view_part(text, sizeof "credential:" - 1, text.len);
	if (view_starts_with(text, VIEW_LITERAL("credential:")) && credential.len > 0 &&
	    view_find(credential, '/') == credential.len && credential.ptr[0] != '.')
		return OK;
	WRONG("%s names no source of a PIN; write file:/absolute/path, fd:3 or credential:NAME",
	      row->name);
}

static struct err (*const checks[])(const struct setting *row, const char *value, char *message) = {
	[SETTING_TEXT] = check_text,
	[SETTING_WORD] = check_word,
	[SETTING_ID] = check_id,
	[SETTING_PATH] = check_path,
	[SETTING_PATHS] = check_paths,
	[SETTING_LISTEN] = check_listen,
	[SETTING_CHOICE] = check_choice,
	[SETTING_USERS] = check_users,
	[SETTING_URI] = check_uri,
	[SETTING_HTTP_URL] = check_http_url,
	[SETTING_PIN_SOURCE] = check_pin_source,
};

static struct err set_integer(const struct setting *row, const char *value, struct settings *out,
			      char *message)
{
	int64_t number = 0;
	struct err e = text_parse_integer(view_of_text(value), row->min, row->max, &number);
	if (err_is(e, E_BOUNDS))
		WRONG("%s = %s is out of range; choose %lld to %lld", row->name, value,
		      (long long)row->min, (long long)row->max);
	if (err_failed(e))
		WRONG("%s must be a whole number in decimal digits, not \"%s\"; choose %lld to "
		      "%lld",
		      row->name, value, (long long)row->min, (long long)row->max);
	mem_copy((char *)out + row->offset, sizeof *out - row->offset, &number, sizeof number);
	return OK;
}

NODISCARD struct err setting_set(const struct setting *row, struct view value, struct settings *out,
				 char message[SETTINGS_MESSAGE_MAX])
{
	settings_text text = "";
	if (err_failed(text_copy(text, sizeof text, value)))
		WRONG("%s is longer than %d bytes; shorten it", row->name, SETTINGS_TEXT_MAX - 1);
	if (row->type == SETTING_INTEGER)
		return set_integer(row, text, out, message);
	if ((int64_t)value.len > row->max)
		WRONG("%s has %zu bytes, at most %lld are possible; shorten it", row->name,
		      value.len, (long long)row->max);
	if (value.len == 0 && row->min > 0)
		WRONG("%s has no value; write one, or remove the line for the default %s",
		      row->name, row->initial);
	if (value.len > 0)
		TRY(checks[row->type](row, text, message));
	mem_copy((char *)out + row->offset, sizeof *out - row->offset, text, sizeof text);
	return OK;
}
