/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, times and networks as policies and requests write them. */
#include <arpa/inet.h>

#include "auth/policy_local.h"
#include "base/ascii.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/timestamp.h"

#define FRACTION_DIGITS 18
#define MS_PER_S 1000
#define MS_PER_MINUTE ((int64_t)60 * MS_PER_S)
#define FRACTION_PER_MS ((int64_t)1000000000000000)
#define MAPPED_BITS 96 /* RFC 4291 §2.5.5.2: ::ffff:0:0/96 */

static NODISCARD struct err parse_fraction(struct view digits, int64_t *out)
{
	*out = 0;
	REQUIRE(digits.len > 0 && digits.len <= FRACTION_DIGITS, E_FORMAT);
	for (size_t i = 0; i < FRACTION_DIGITS; i++) {
		uint8_t c = i < digits.len ? digits.ptr[i] : '0';
		REQUIRE(ascii_is(c, ASCII_DIGIT), E_FORMAT);
		*out = *out * 10 + (c - '0');
	}
	return OK;
}

/* Exactly, without floating point: 0.1 is a tenth. */
NODISCARD struct err policy_number_parse(struct view text, struct policy_number *out)
{
	struct policy_number number = {0};
	bool negative = text.len > 0 && text.ptr[0] == '-';
	bool sign = negative || (text.len > 0 && text.ptr[0] == '+');
	struct view fraction = view_part(text, sign ? 1 : 0, text.len);
	struct view whole = view_cut(&fraction, '.');
	REQUIRE(whole.len > 0 && ascii_is(whole.ptr[0], ASCII_DIGIT), E_FORMAT);
	TRY(text_parse_integer(whole, 0, INT64_MAX, &number.whole));
	if (fraction.ptr != NULL)
		TRY(parse_fraction(fraction, &number.fraction));
	out->whole = negative ? -number.whole : number.whole;
	out->fraction = negative ? -number.fraction : number.fraction;
	return OK;
}

/* Seconds since 1970. Four digits alone would be a year to some and seconds to others. */
static NODISCARD struct err parse_epoch(struct view text, int64_t *unix_ms)
{
	struct policy_number number;
	REQUIRE(text.len != 4, E_FORMAT);
	TRY(policy_number_parse(text, &number));
	REQUIRE(number.whole >= 0 && number.whole <= INT64_MAX / MS_PER_S - 1, E_BOUNDS);
	*unix_ms = number.whole * MS_PER_S + number.fraction / FRACTION_PER_MS;
	return OK;
}

/* Z, +hh:mm, -hh:mm, +hhmm, +hh at the end; *text is cut before it. */
static NODISCARD struct err take_offset(struct view *text, int64_t *offset_ms)
{
	size_t at = view_find(*text, '+');
	at = at < text->len ? at : view_find(*text, '-');
	*offset_ms = 0;
	if (text->len > 0 && text->ptr[text->len - 1] == 'Z') {
		text->len--;
		return OK;
	}
	REQUIRE(at < text->len, E_FORMAT);
	struct view offset = view_part(*text, at + 1, text->len);
	bool colon = offset.len == 5 && offset.ptr[2] == ':';
	int64_t hours, minutes = 0;
	REQUIRE(colon || offset.len == 4 || offset.len == 2, E_FORMAT);
	REQUIRE(ascii_is(offset.ptr[0], ASCII_DIGIT), E_FORMAT);
	TRY(text_parse_integer(view_part(offset, 0, 2), 0, 23, &hours));
	if (offset.len > 2) {
		struct view rest = view_part(offset, colon ? 3 : 2, 2);
		REQUIRE(ascii_is(rest.ptr[0], ASCII_DIGIT), E_FORMAT);
		TRY(text_parse_integer(rest, 0, 59, &minutes));
	}
	*offset_ms = (hours * 60 + minutes) * MS_PER_MINUTE * (text->ptr[at] == '-' ? -1 : 1);
	text->len = at;
	return OK;
}

/* hh:mm, hh:mm:ss, hh:mm:ss.f... as hh:mm:ss.fff; further digits are dropped. */
static NODISCARD struct err write_clock(struct writer *w, struct view clock)
{
	struct view fraction = clock;
	struct view whole = view_cut(&fraction, '.');
	int64_t parts;
	bool seconds = whole.len == 8;
	REQUIRE(seconds || (whole.len == 5 && fraction.ptr == NULL), E_FORMAT);
	writer_bytes(w, whole);
	writer_text(w, seconds ? "" : ":00");
	if (fraction.ptr == NULL) {
		writer_text(w, ".000Z");
		return OK;
	}
	TRY(parse_fraction(fraction, &parts));
	writer_format(w, ".%03dZ", (int)(parts / FRACTION_PER_MS));
	return OK;
}

/* W3C's profile of ISO 8601, which the IAM User Guide points to. */
NODISCARD struct err policy_time_parse(struct view text, int64_t *unix_ms)
{
	char whole[TIMESTAMP_ISO_TEXT + 8];
	struct writer w;
	struct view clock = text;
	struct view date = view_cut(&clock, 'T');
	int64_t offset_ms = 0, local_ms;
	if (clock.ptr == NULL && (view_find(text, '-') == text.len || text.ptr[0] == '-'))
		return parse_epoch(text, unix_ms);
	REQUIRE(date.len == 10 || (date.len == 7 && clock.ptr == NULL), E_FORMAT);
	writer_init(&w, whole, sizeof whole);
	writer_bytes(&w, date);
	writer_text(&w, date.len == 7 ? "-01T" : "T");
	if (clock.ptr == NULL)
		clock = VIEW_LITERAL("00:00Z");
	TRY(take_offset(&clock, &offset_ms));
	TRY(write_clock(&w, clock));
	TRY(writer_end(&w));
	TRY(timestamp_parse_iso(view_of(whole, w.len), &local_ms));
	*unix_ms = local_ms - offset_ms;
	return OK;
}

/* IPv4 becomes ::ffff:a.b.c.d, so that both kinds of writing it are one. */
static NODISCARD struct err parse_address(struct view text, uint8_t out[16], bool *mapped)
{
	char copy[INET6_ADDRSTRLEN];
	TRY(text_copy(copy, sizeof copy, text));
	*mapped = view_find(text, ':') == text.len;
	mem_zero(out, 16);
	if (!*mapped) {
		REQUIRE(inet_pton(AF_INET6, copy, out) == 1, E_FORMAT);
		return OK;
	}
	out[10] = out[11] = 0xff;
	REQUIRE(inet_pton(AF_INET, copy, out + 12) == 1, E_FORMAT);
	return OK;
}

/* The first bits of both are the same. */
static bool begins_alike(const uint8_t a[16], const uint8_t b[16], uint8_t bits)
{
	uint8_t rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);
	if (!mem_equal(a, b, bits / 8))
		return false;
	return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0;
}

NODISCARD struct err policy_network_parse(struct view text, struct policy_network *out)
{
	struct view bits = text;
	struct view address = view_cut(&bits, '/');
	bool mapped;
	TRY(parse_address(address, out->bytes, &mapped));
	int64_t most = mapped ? 32 : 128, count = most;
	if (bits.ptr != NULL) {
		REQUIRE(bits.len > 0 && ascii_is(bits.ptr[0], ASCII_DIGIT), E_FORMAT);
		TRY(text_parse_integer(bits, 0, most, &count));
	}
	out->bits = (uint8_t)(count + (mapped ? MAPPED_BITS : 0));
	return OK;
}

static bool is_mapped(const uint8_t bytes[16])
{
	static const uint8_t start[16] = {[10] = 0xff, [11] = 0xff};
	return begins_alike(bytes, start, MAPPED_BITS);
}

/* A network of IPv6, ::/0 included, has no IPv4 addresses. */
bool policy_network_has(const struct policy_network *network, struct view address)
{
	uint8_t bytes[16];
	bool mapped;
	if (err_failed(parse_address(address, bytes, &mapped)))
		return false;
	if (is_mapped(bytes) && network->bits < MAPPED_BITS)
		return false;
	return begins_alike(network->bytes, bytes, network->bits);
}
