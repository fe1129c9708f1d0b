/* SPDX-License-Identifier: Apache-2.0 */
/* Proleptic Gregorian dates from 1970 to 9999, by own arithmetic: libc's depends on TZ and locale.
 */
#include "codec/timestamp.h"

#define YEAR_MIN 1970
#define YEAR_MAX 9999
#define MS_PER_S 1000
#define S_PER_DAY 86400
#define MS_PER_DAY ((int64_t)S_PER_DAY * MS_PER_S)
#define DAYS_PER_400_YEARS 146097
#define MONTHS 12

struct civil {
	int32_t year, month, day, hour, minute, second, ms;
};

static bool is_leap(int32_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int32_t days_in_month(int32_t year, int32_t month)
{
	static const int8_t days[MONTHS] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Leap years from year 1 to `year`. */
static int32_t leap_years(int32_t year)
{
	return year / 4 - year / 100 + year / 400;
}

/* Days from 1970-01-01 to the first of January. */
static int32_t days_before_year(int32_t year)
{
	return 365 * (year - YEAR_MIN) + leap_years(year - 1) - leap_years(YEAR_MIN - 1);
}

static int64_t ms_of_civil(const struct civil *c)
{
	int64_t days = days_before_year(c->year) + c->day - 1;
	for (int32_t month = 1; month < c->month; month++)
		days += days_in_month(c->year, month);
	int64_t seconds = (c->hour * 60 + c->minute) * 60 + c->second;
	return (days * S_PER_DAY + seconds) * MS_PER_S + c->ms;
}

static void civil_of_days(int32_t days, struct civil *c)
{
	/* The mean year is at most one off, in either direction. */
	c->year = YEAR_MIN + (int32_t)((int64_t)days * 400 / DAYS_PER_400_YEARS);
	while (days_before_year(c->year) > days)
		c->year--;
	while (days_before_year(c->year + 1) <= days)
		c->year++;
	c->day = days - days_before_year(c->year) + 1;
	c->month = 1;
	while (c->day > days_in_month(c->year, c->month)) {
		c->day -= days_in_month(c->year, c->month);
		c->month++;
	}
}

static struct civil civil_of_ms(int64_t unix_ms)
{
	int64_t last = (int64_t)days_before_year(YEAR_MAX + 1) * MS_PER_DAY - 1;
	int64_t clamped = MAX_OF((int64_t)0, MIN_OF(unix_ms, last));
	int32_t in_day = (int32_t)(clamped % MS_PER_DAY);
	struct civil c = {
		.hour = in_day / (3600 * MS_PER_S),
		.minute = in_day / (60 * MS_PER_S) % 60,
		.second = in_day / MS_PER_S % 60,
		.ms = in_day % MS_PER_S,
	};
	civil_of_days((int32_t)(clamped / MS_PER_DAY), &c);
	return c;
}

/*
 * A form is a pattern: a digit of the field for each Y, M, D, h, m, s, f; everything else stands
 * for itself.
 */
static const char basic_form[] = "YYYYMMDDThhmmssZ";
static const char iso_form[] = "YYYY-MM-DDThh:mm:ssZ";
static const char iso_ms_form[] = "YYYY-MM-DDThh:mm:ss.fffZ";

_Static_assert(sizeof basic_form == TIMESTAMP_BASIC_TEXT, "room for the basic form");
_Static_assert(sizeof iso_ms_form == TIMESTAMP_ISO_TEXT, "room for the longest ISO form");

static int32_t *field_of(struct civil *c, char letter)
{
	switch (letter) {
	case 'Y':
		return &c->year;
	case 'M':
		return &c->month;
	case 'D':
		return &c->day;
	case 'h':
		return &c->hour;
	case 'm':
		return &c->minute;
	case 's':
		return &c->second;
	case 'f':
		return &c->ms;
	default:
		return NULL;
	}
}

/* From the right, so that each field gives up its digits from the last to the first. */
static void write_form(struct civil c, struct view form, char *out)
{
	out[form.len] = '\0';
	for (size_t i = form.len; i > 0; i--) {
		int32_t *field = field_of(&c, (char)form.ptr[i - 1]);
		out[i - 1] = (char)form.ptr[i - 1];
		if (field != NULL) {
			out[i - 1] = (char)('0' + *field % 10);
			*field /= 10;
		}
	}
}

static NODISCARD struct err read_form(struct view text, struct view form, struct civil *out)
{
	struct civil c = {0};
	REQUIRE(text.len == form.len, E_FORMAT);
	for (size_t i = 0; i < form.len; i++) {
		int32_t *field = field_of(&c, (char)form.ptr[i]);
		uint8_t symbol = text.ptr[i];
		if (field == NULL) {
			REQUIRE(symbol == form.ptr[i], E_FORMAT);
			continue;
		}
		REQUIRE(symbol >= '0' && symbol <= '9', E_FORMAT);
		*field = *field * 10 + (symbol - '0');
	}
	*out = c;
	return OK;
}

static bool civil_exists(const struct civil *c)
{
	return c->year >= YEAR_MIN && c->month >= 1 && c->month <= MONTHS && c->day >= 1 &&
	       c->day <= days_in_month(c->year, c->month) && c->hour < 24 && c->minute < 60 &&
	       c->second < 60;
}

static NODISCARD struct err parse_form(struct view text, struct view form, int64_t *unix_ms)
{
	struct civil c;
	TRY(read_form(text, form, &c));
	REQUIRE(civil_exists(&c), E_FORMAT);
	*unix_ms = ms_of_civil(&c);
	return OK;
}

void timestamp_iso(int64_t unix_ms, bool with_ms, char out[TIMESTAMP_ISO_TEXT])
{
	write_form(civil_of_ms(unix_ms), view_of_text(with_ms ? iso_ms_form : iso_form), out);
}

void timestamp_basic(int64_t unix_ms, char out[TIMESTAMP_BASIC_TEXT])
{
	write_form(civil_of_ms(unix_ms), view_of_text(basic_form), out);
}

NODISCARD struct err timestamp_parse_basic(struct view text, int64_t *unix_ms)
{
	return parse_form(text, view_of_text(basic_form), unix_ms);
}

NODISCARD struct err timestamp_parse_iso(struct view text, int64_t *unix_ms)
{
	bool with_ms = text.len == sizeof iso_ms_form - 1;
	return parse_form(text, view_of_text(with_ms ? iso_ms_form : iso_form), unix_ms);
}
