/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rotation_plot.h"

#include "base/text.h"
#include "cli/html.h"
#include "codec/timestamp.h"

/* User units, which the page scales to its width. */
#define WIDTH 1000
#define LEFT 268  /* names end here */
#define RIGHT 985 /* the last moment */
#define TOP 30
#define ROW 24
#define BOTTOM 14
#define TICKS 6
#define NAME_CELLS 36 /* of the width of a digit */
#define NAME_END 14   /* of them behind what is left out */
#define CHART_ROWS 45 /* with its axis: what a printed page has room for */
#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define DATE_LEN 10 /* 2026-11-22 */
#define MINUTE_LEN 16

struct axis {
	int64_t from_ms, to_ms, now_ms;
	size_t rows; /* of all charts */
};

static int64_t time_of(const struct json *object, const char *member)
{
	int64_t ms = 0;
	struct err e = timestamp_parse_iso(json_string_of(json_member(object, member)), &ms);
	return err_failed(e) ? 0 : ms;
}

static int64_t next_of(const struct json *key)
{
	return time_of(json_member(key, "RotationSettings"), "Next");
}

static void widen(struct axis *axis, int64_t ms)
{
	if (ms == 0)
		return;
	axis->from_ms = MIN_OF(axis->from_ms, ms);
	axis->to_ms = MAX_OF(axis->to_ms, ms);
}

static void find_span(const struct json *keys, struct axis *axis)
{
	axis->from_ms = axis->to_ms = axis->now_ms;
	for (size_t i = 0; i < axis->rows; i++) {
		const struct json *key = json_element(keys, i);
		const struct json *versions = json_member(key, "Versions");
		widen(axis, next_of(key));
		for (size_t j = 0; j < json_count(versions); j++)
			widen(axis, time_of(json_element(versions, j), "Created"));
	}
	/* A day at least, and room at both ends for the marks. */
	int64_t span = MAX_OF(axis->to_ms - axis->from_ms, DAY_MS);
	axis->from_ms -= span / 40;
	axis->to_ms = axis->from_ms + span + span / 20;
}

/* In tenths, as the drawing needs no more. */
static int64_t x_of(const struct axis *axis, int64_t ms)
{
	int64_t span = axis->to_ms - axis->from_ms;
	int64_t within = MIN_OF(MAX_OF(ms - axis->from_ms, INT64_C(0)), span);
	/* In seconds: a span of ten thousand years times 7,170 fits. */
	return LEFT * 10 + within / 1000 * ((RIGHT - LEFT) * 10) / MAX_OF(span / 1000, INT64_C(1));
}

static void put_x(struct writer *w, const char *name, int64_t tenths)
{
	writer_format(w, " %s=\"%lld.%lld\"", name, (long long)(tenths / 10),
		      (long long)(tenths % 10));
}

static void put_date(struct writer *w, int64_t ms, size_t len)
{
	char text[TIMESTAMP_ISO_TEXT];
	timestamp_iso(ms, false, text);
	if (len > DATE_LEN)
		text[DATE_LEN] = ' ';
	writer_bytes(w, view_part(view_of_text(text), 0, len));
}

static void put_line(struct writer *w, const char *class, int64_t tenths, int64_t height)
{
	writer_format(w, "<line class=\"%s\"", class);
	put_x(w, "x1", tenths);
	put_x(w, "x2", tenths);
	writer_format(w, " y1=\"%d\" y2=\"%lld\"/>\n", TOP - 6, (long long)(height - BOTTOM));
}

static void put_axis(struct writer *w, const struct axis *axis, int64_t height)
{
	int64_t span = axis->to_ms - axis->from_ms;
	size_t len = span < 4 * DAY_MS ? MINUTE_LEN : DATE_LEN;
	for (int64_t i = 0; i < TICKS; i++) {
		int64_t ms = axis->from_ms + span / (2 * TICKS) * (2 * i + 1);
		put_line(w, "grid", x_of(axis, ms), height);
		writer_text(w, "<text class=\"tick\"");
		put_x(w, "x", x_of(axis, ms));
		writer_format(w, " y=\"%d\" text-anchor=\"middle\">", TOP - 14);
		put_date(w, ms, len);
		writer_text(w, "</text>\n");
	}
	put_line(w, "now", x_of(axis, axis->now_ms), height);
}

/* The first alias, else the id: what people call the key. */
static struct view name_of(const struct json *key)
{
	struct view alias = json_string_of(json_element(json_member(key, "Aliases"), 0));
	return alias.len > 0 ? alias : json_string_of(json_member(key, "KeyId"));
}

/* What East Asian characters need twice. */
static size_t cells_of(size_t bytes)
{
	return bytes >= 3 ? 2 : 1;
}

static size_t step(struct view name, size_t at)
{
	return MAX_OF(text_character(view_part(name, at, name.len)), (size_t)1);
}

/* Behind as much of it as so many cells have room for. */
static size_t fit(struct view name, size_t cells)
{
	size_t at = 0;
	for (size_t used = 0; at < name.len; at += step(name, at)) {
		used += cells_of(step(name, at));
		if (used > cells)
			break;
	}
	return at;
}

/* Where its last so many cells begin. */
static size_t end_of(struct view name, size_t cells)
{
	size_t all = 0;
	for (size_t at = 0; at < name.len; at += step(name, at))
		all += cells_of(step(name, at));
	size_t at = fit(name, all - MIN_OF(cells, all));
	return at < name.len ? at : name.len;
}

/* Names that are told apart by their ends stay so. */
static void put_name(struct writer *w, struct view name)
{
	if (fit(name, NAME_CELLS) >= name.len) {
		html_text(w, name);
		return;
	}
	html_text(w, view_part(name, 0, fit(name, NAME_CELLS - NAME_END - 1)));
	writer_text(w, "\xe2\x80\xa6");
	html_text(w, view_part(name, end_of(name, NAME_END), name.len));
}

static void put_title(struct writer *w, const struct json *version)
{
	writer_text(w, "<title>version ");
	writer_format(w, "%lld, ", (long long)json_integer_of(json_member(version, "Number")));
	html_text(w, json_string_of(json_member(version, "MadeBy")));
	writer_text(w, ", ");
	html_text(w, json_string_of(json_member(version, "Created")));
	writer_text(w, "</title>");
}

/* A ring: made with the key; a disc: rotated by itself, whatever for; a diamond: on demand. */
static void put_mark(struct writer *w, const struct json *version, int64_t tenths, int64_t y)
{
	struct view made = json_string_of(json_member(version, "MadeBy"));
	if (view_equal_text(made, "ON_DEMAND")) {
		long long x = tenths / 10;
		writer_format(w, "<path class=\"demand\" d=\"M%lld %lldl6 6-6 6-6-6z\">", x,
			      (long long)y - 6);
		put_title(w, version);
		writer_text(w, "</path>\n");
		return;
	}
	bool first = view_equal_text(made, "CREATION");
	writer_format(w, "<circle class=\"%s\" r=\"5\" cy=\"%lld\"", first ? "first" : "auto",
		      (long long)y);
	put_x(w, "cx", tenths);
	writer_u8(w, '>');
	put_title(w, version);
	writer_text(w, "</circle>\n");
}

static void put_next(struct writer *w, const struct axis *axis, int64_t ms, int64_t y)
{
	if (ms == 0)
		return;
	writer_format(w, "<circle class=\"next\" r=\"4\" cy=\"%lld\"", (long long)y);
	put_x(w, "cx", x_of(axis, ms));
	writer_text(w, "><title>next rotation ");
	put_date(w, ms, DATE_LEN);
	writer_text(w, "</title></circle>\n");
}

static void put_life(struct writer *w, const struct axis *axis, const struct json *versions,
		     int64_t y)
{
	if (json_count(versions) == 0)
		return;
	writer_text(w, "<line class=\"life\"");
	put_x(w, "x1", x_of(axis, time_of(json_element(versions, 0), "Created")));
	put_x(w, "x2", x_of(axis, axis->now_ms));
	writer_format(w, " y1=\"%lld\" y2=\"%lld\"/>\n", (long long)y, (long long)y);
}

static void put_key(struct writer *w, const struct axis *axis, const struct json *key, size_t row)
{
	const struct json *versions = json_member(key, "Versions");
	int64_t y = TOP + (int64_t)row * ROW + ROW / 2;
	writer_format(w, "<text class=\"name\" x=\"%d\" y=\"%lld\" text-anchor=\"end\">", LEFT - 14,
		      (long long)y + 4);
	put_name(w, name_of(key));
	writer_text(w, "</text>\n");
	put_life(w, axis, versions, y);
	put_next(w, axis, next_of(key), y);
	for (size_t i = 0; i < json_count(versions); i++) {
		const struct json *version = json_element(versions, i);
		put_mark(w, version, x_of(axis, time_of(version, "Created")), y);
	}
}

static void put_legend(struct writer *w, size_t left_out)
{
	writer_text(w, "<p class=\"legend\"><svg viewBox=\"0 0 14 14\" "
		       "aria-hidden=\"true\"><circle class=\"first\" "
		       "cx=\"7\" cy=\"7\" r=\"5\"/></svg>made with the key "
		       "<svg viewBox=\"0 0 14 14\" aria-hidden=\"true\"><circle class=\"auto\" "
		       "cx=\"7\" cy=\"7\" "
		       "r=\"5\"/></svg>rotated automatically "
		       "<svg viewBox=\"0 0 14 14\" aria-hidden=\"true\"><path class=\"demand\" "
		       "d=\"M7 1l6 6-6 6-6-6z\"/>"
		       "</svg>rotated on demand "
		       "<svg viewBox=\"0 0 14 14\" aria-hidden=\"true\"><circle class=\"next\" "
		       "cx=\"7\" cy=\"7\" "
		       "r=\"4\"/></svg>next rotation. The dashed line is the time of this "
		       "report.");
	if (left_out > 0)
		writer_format(w, " %zu more keys are not drawn here; evidence.json has them all.",
			      left_out);
	writer_text(w, "</p>\n");
}

static void put_chart(struct writer *w, const struct axis *axis, const struct json *keys,
		      size_t first)
{
	size_t rows = MIN_OF(axis->rows - first, (size_t)CHART_ROWS);
	int64_t height = TOP + (int64_t)rows * ROW + BOTTOM;
	writer_format(w,
		      "<svg class=\"plot\" viewBox=\"0 0 %d %lld\" role=\"img\" "
		      "aria-label=\"Rotations over time, keys %zu to %zu, ",
		      WIDTH, (long long)height, MIN_OF(first + 1, axis->rows), first + rows);
	put_date(w, axis->from_ms, DATE_LEN);
	writer_text(w, " to ");
	put_date(w, axis->to_ms, DATE_LEN);
	writer_text(w, "; the versions of each key are listed below\">\n");
	put_axis(w, axis, height);
	for (size_t i = 0; i < rows; i++)
		put_key(w, axis, json_element(keys, first + i), i);
	writer_text(w, "</svg>\n");
}

void rotation_plot_write(struct writer *w, const struct json *keys, int64_t now_ms)
{
	size_t count = json_count(keys), first = 0;
	struct axis axis = {.now_ms = now_ms, .rows = MIN_OF(count, ROTATION_PLOT_KEYS_MAX)};
	find_span(keys, &axis);
	put_legend(w, count - axis.rows);
	do {
		put_chart(w, &axis, keys, first);
		first += CHART_ROWS;
	} while (first < axis.rows);
}
